"""Medians with intervals that suppose nothing about how the values are spread.

Each value lies above the true median with probability 1/2, as a coin falls. So the true median lies between
the k-th smallest and the k-th largest of n values unless fewer than k lie on one side of it, which has a
probability of 2·P(Bin(n, 1/2) < k). (The sign test, turned round.) Of five values even the smallest and the
largest hold it in 93.75 % of all cases only; from six on 95 % can be had.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """A median of ``count`` values. ``coverage``: how often such an interval holds the true one."""

    median: float
    low: float
    high: float
    coverage: float
    count: int


def coverage(count: int, rank: int) -> float:
    """How often the true median lies between the ``rank``-th smallest and largest of ``count`` values."""
    return 1.0 - 2.0 * sum(math.comb(count, less) for less in range(rank)) / 2.0**count


def of_median(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The narrowest such interval that promises ``confidence``; the widest there is where none does.

    :raises ValueError: no values.
    """
    if not values:
        raise ValueError("no values")
    ordered, count = sorted(values), len(values)
    ranks = range(1, (count + 1) // 2 + 1)
    rank = max((each for each in ranks if coverage(count, each) >= confidence), default=1)
    return Interval(
        statistics.median(ordered), ordered[rank - 1], ordered[count - rank], coverage(count, rank), count
    )


def noise(null: Interval) -> float:
    """How far nothing differs from itself: the farther end of its interval, as a factor (>= 1)."""
    return max(null.high, 1.0 / null.low, 1.0)


def can_tell(ratio: Interval, null: Interval) -> bool:
    """Whether a ratio differs from 1: by more than nothing differs from itself, and by its own interval. One
    value has no spread, so nothing can be told by it."""
    if not ratio.coverage or not null.coverage:
        return False
    is_larger = max(ratio.median, 1.0 / ratio.median) > noise(null)
    return is_larger and not ratio.low <= 1.0 <= ratio.high
