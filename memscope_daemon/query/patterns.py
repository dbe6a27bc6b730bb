"""How the allocations of sites lie in time."""

from __future__ import annotations

import numpy as np

from memscope_daemon.analysis.pattern import pattern
from memscope_daemon.model.columns import Flags, Floats, Integers
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.query.pauses import pauses
from memscope_daemon.store.questions import Slices


def patterns(evidence: Evidence, stacks: Integers, group: Integers, count: int) -> list[str]:
    """The word for each of ``count`` sites; ``group[i]`` is the site of ``stacks[i]``. Empty: not known."""
    if evidence.ages is None:
        return [""] * count
    slices = evidence.ages.slices
    watched = _watched(evidence, slices)
    site_of = dict(zip(stacks.tolist(), group.tolist(), strict=True))
    rows = np.array([site_of.get(stack, count) for stack in slices.stacks.tolist()], np.int64)
    amounts, variances = (
        _by_site(part[:, watched], rows, count) for part in (slices.amounts, slices.variances)
    )
    samples = np.bincount(rows, slices.samples, count + 1)
    return [pattern(amounts[at], variances[at], int(samples[at])) for at in range(count)]


def _by_site(part: Floats, rows: Integers, count: int) -> Floats:
    found = np.zeros((count + 1, part.shape[1]))
    np.add.at(found, rows, part)
    return found


def _watched(evidence: Evidence, slices: Slices) -> Flags:
    """Which slices were sampled from their beginning to their end."""
    begins = slices.first_ns + slices.span_ns * np.arange(slices.amounts.shape[1])
    found = np.ones(len(begins), np.bool_)
    for pause in pauses(evidence):
        found &= (begins >= pause.until_ns) | (begins + slices.span_ns <= pause.since_ns)
    return found
