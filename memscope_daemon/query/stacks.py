"""What was allocated under each call stack."""

from __future__ import annotations

import dataclasses

import numpy as np

from memscope_daemon.metadata.origin import origin_of
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model import sums
from memscope_daemon.model.columns import Floats
from memscope_daemon.model.dictionary import FrameNames
from memscope_daemon.model.stacks import Amount, Frame, StackFigures
from memscope_daemon.model.sums import Sums
from memscope_daemon.query.evidence import Evidence, active


def stack_figures(evidence: Evidence) -> tuple[StackFigures, ...]:
    """Every stack that has a sample, in the order in which they were first seen; those that read the same are
    one.
    """
    names = _Names(evidence.tables)
    numbers: dict[tuple[int, ...], int] = {}
    stacks = active(evidence.stacks)
    group = [numbers.setdefault(names.outermost_first(int(stack)), len(numbers)) for stack in stacks]
    joined, count = np.array(group, np.int64), len(numbers)

    def part(whole: Sums) -> Sums:
        return sums.regroup(whole.take(stacks), joined, count)

    live, allocated = part(evidence.stacks.live), part(evidence.stacks.allocated)
    # Stacks that are younger than the peak held nothing then.
    peak = part(sums.padded(evidence.peak.by_stack, evidence.stacks.allocated.count))
    columns = (_bytes(live), _counts(live), _bytes(allocated), _counts(allocated), _bytes(peak))
    return tuple(
        StackFigures(
            tuple(names.frames[number] for number in stack), *(column.at(index) for column in columns)
        )
        for stack, index in numbers.items()
    )


class _Names:
    """Frames by number. There may be a hundred thousand stacks of the same few frames: each frame is put into
    words once, and stacks are told apart by numbers."""

    def __init__(self, tables: Tables) -> None:
        self.frames: list[Frame] = []
        self._tables = tables
        self._by_id: dict[int, int] = {}
        self._by_names: dict[FrameNames, int] = {}

    def outermost_first(self, stack_id: int) -> tuple[int, ...]:
        stack = self._tables.stacks.get(stack_id)
        if stack is None:
            return ()
        return tuple(self._number(frame_id) for frame_id in reversed(stack.frame_ids))

    def _number(self, frame_id: int) -> int:
        number = self._by_id.get(frame_id)
        if number is None:
            names = self._tables.frame(frame_id)
            number = self._by_id[frame_id] = self._by_names.setdefault(names, len(self.frames))
            if number == len(self.frames):
                self.frames.append(Frame(names.function, names.file, names.line, origin_of(names.file)))
        return number


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
