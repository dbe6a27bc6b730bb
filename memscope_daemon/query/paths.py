"""Of each site, the stacks that matter: what the names of variables are told from."""

from __future__ import annotations

import numpy as np

from memscope_daemon.metadata.variables import frames_of
from memscope_daemon.model.report import Site
from memscope_daemon.model.variables import SitePath
from memscope_daemon.query.evidence import Evidence, active

SITES_MAX = 100  # of a report, from the first on
PATHS_MAX = 4  # of a site


def site_paths(evidence: Evidence, sites: tuple[Site, ...]) -> tuple[tuple[SitePath, ...], ...]:
    """For each of the first sites its heaviest stacks: by live or, where nothing lives, allocated bytes."""
    stacks = active(evidence.stacks)
    by_site: dict[tuple[str, str, int], list[int]] = {}
    for stack in stacks.tolist():
        names = evidence.tables.site(stack)
        by_site.setdefault((names.function, names.file, names.line), []).append(stack)
    return tuple(
        _heaviest(evidence, by_site[(site.function, site.file, site.line)]) for site in sites[:SITES_MAX]
    )


def _heaviest(evidence: Evidence, stacks: list[int]) -> tuple[SitePath, ...]:
    chosen = np.array(stacks, np.int64)
    weights = evidence.stacks.live.take(chosen).weighted_bytes
    if not weights.sum() > 0.0:
        weights = evidence.stacks.allocated.take(chosen).weighted_bytes
    total = float(weights.sum())
    if not total > 0.0:
        return ()
    order = np.argsort(-weights, kind="stable")[:PATHS_MAX].tolist()
    return tuple(
        SitePath(float(weights[at]) / total, tuple(frames_of(evidence.tables, stacks[at]))) for at in order
    )
