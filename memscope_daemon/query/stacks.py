"""What was allocated under each call stack."""

from __future__ import annotations

import dataclasses

import numpy as np

from memscope_daemon.metadata.origin import origin_of
from memscope_daemon.metadata.tables import FrameNames
from memscope_daemon.model import sums
from memscope_daemon.model.columns import Floats
from memscope_daemon.model.stacks import Amount, Frame, StackFigures
from memscope_daemon.model.sums import Sums
from memscope_daemon.query.evidence import Evidence, active


def stack_figures(evidence: Evidence) -> tuple[StackFigures, ...]:
    """Every stack that has a sample. Stacks with the same frames are one; in the order of their frames."""
    known: dict[FrameNames, Frame] = {}
    numbers: dict[tuple[Frame, ...], int] = {}
    stacks = active(evidence.stacks)
    group = [numbers.setdefault(_frames(evidence, int(stack), known), len(numbers)) for stack in stacks]
    joined, count = np.array(group, np.int64), len(numbers)

    def part(whole: Sums) -> Sums:
        return sums.regroup(whole.take(stacks), joined, count)

    live, allocated = part(evidence.stacks.live), part(evidence.stacks.allocated)
    # Stacks that are younger than the peak held nothing then.
    peak = part(sums.padded(evidence.peak.by_stack, evidence.stacks.allocated.count))
    columns = (_bytes(live), _counts(live), _bytes(allocated), _counts(allocated), _bytes(peak))
    found = [
        StackFigures(frames, *(column.at(index) for column in columns)) for frames, index in numbers.items()
    ]
    return tuple(sorted(found, key=lambda row: row.texts))


@dataclasses.dataclass(frozen=True, slots=True)
class _Column:
    value: Floats
    variance: Floats
    samples: Floats

    def at(self, index: int) -> Amount:
        return Amount(float(self.value[index]), float(self.variance[index]), int(self.samples[index]))


def _bytes(part: Sums) -> _Column:
    """Of the sums that the interval is made of (``analysis/estimate.py``): the variance of the partial
    samples, and of what was missed where nearly all were taken."""
    missed = np.maximum(part.row("sure_bytes") - part.row("sure_sizes"), 0.0) * part.top("sure_size")
    return _Column(part.weighted_bytes, part.row("squared_bytes") + missed, part.row("samples"))


def _counts(part: Sums) -> _Column:
    missed = np.maximum(part.row("sure_weights") - part.row("sure_samples"), 0.0)
    value = part.row("sure_weights") + part.row("weights")
    return _Column(value, part.row("squared_weights") + missed, part.row("samples"))


def _frames(evidence: Evidence, stack: int, known: dict[FrameNames, Frame]) -> tuple[Frame, ...]:
    names = evidence.tables.outermost_first(stack)
    return tuple(known.get(name) or known.setdefault(name, _frame(name)) for name in names)


def _frame(name: FrameNames) -> Frame:
    return Frame(name.function, name.file, name.line, origin_of(name.file))
