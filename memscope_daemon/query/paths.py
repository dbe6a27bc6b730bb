"""Of each site, the stacks that matter: what the names of variables are told from."""

from __future__ import annotations

import numpy as np

from memscope_daemon.metadata.variables import frames_of
from memscope_daemon.model.columns import Integers
from memscope_daemon.model.dictionary import FrameNames
from memscope_daemon.model.report import Site
from memscope_daemon.model.variables import SitePath
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.query.figures import StacksBySite

SITES_MAX = 100  # of a report, from the first on
PATHS_MAX = 4  # of a site


def site_paths(
    evidence: Evidence, sites: tuple[Site, ...], grouped: StacksBySite
) -> tuple[tuple[SitePath, ...], ...]:
    """For each of the first sites its heaviest stacks: by live or, where nothing lives, allocated bytes."""
    names, group, stacks = grouped
    numbers = {each: number for number, each in enumerate(names)}
    chosen = (numbers[FrameNames(site.function, site.file, site.line)] for site in sites[:SITES_MAX])
    return tuple(_heaviest(evidence, stacks[group == number]) for number in chosen)


def _heaviest(evidence: Evidence, stacks: Integers) -> tuple[SitePath, ...]:
    weights = evidence.stacks.live.take(stacks).weighted_bytes
    if not weights.sum() > 0.0:
        weights = evidence.stacks.allocated.take(stacks).weighted_bytes
    total = float(weights.sum())
    if not total > 0.0:
        return ()
    order = np.argsort(-weights, kind="stable")[:PATHS_MAX].tolist()
    return tuple(
        SitePath(float(weights[at]) / total, frames_of(evidence.tables, int(stacks[at]))) for at in order
    )
