"""Sums over sets of samples: all that an estimate and its interval need, for many sets at once.

A sample whose probability was above 0.99 is *sure*, any other one is *partial*; ``analysis/estimate.py``
tells why, and what is made of the sums. Sums of disjoint sets add, the largest values take the maximum, so
sets can be joined (stacks to a site) without going back to the samples. The same formulas stand here twice:
for numpy columns, and as SQL over the table of events.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from memscope_daemon.model.columns import Array, Flags, Floats, Integers

#: Weight (1/probability) below which a sample is sure.
SURE_WEIGHT = 1.0 / 0.99

#: The rows of ``Sums.added``.
ADDED = (
    "samples",
    "sure_samples",
    "sure_sizes",  # bytes, not weighted
    "sure_weights",
    "sure_bytes",  # weighted
    "weights",
    "squared_weights",
    "bytes",  # weighted
    "squared_bytes",
)
#: The rows of ``Sums.largest``: weight; reach (see :func:`reach`); size of a sure sample; size of any, and
#: 1/size, which is largest for the smallest one (a block without any bytes counts as one byte).
LARGEST = ("weight", "reach", "sure_size", "size", "inverse_size")


@dataclasses.dataclass(frozen=True, slots=True)
class Sums:
    """Sums over k sets: ``added`` is (9, k), ``largest`` is (5, k), rows named above."""

    added: Floats
    largest: Floats

    @property
    def count(self) -> int:
        """Number of sets."""
        return int(self.added.shape[1])

    def row(self, name: str) -> Floats:
        """The sums of one name, one for each set."""
        found: Floats = self.added[ADDED.index(name)]
        return found

    def top(self, name: str) -> Floats:
        """The largest values of one name, one for each set."""
        found: Floats = self.largest[LARGEST.index(name)]
        return found

    def take(self, sets: Integers) -> Sums:
        """The sets with these indices, in this order."""
        return Sums(self.added[:, sets], self.largest[:, sets])

    @property
    def weighted_bytes(self) -> Floats:
        """The unbiased estimate of the bytes of each set."""
        return self.row("sure_bytes") + self.row("bytes")


def zero(count: int) -> Sums:
    """Sums over ``count`` empty sets."""
    return Sums(np.zeros((len(ADDED), count)), np.zeros((len(LARGEST), count)))


def reach(size_bytes: Floats, weight: Floats, by_bytes: Flags) -> Floats:
    """The largest weighted bytes that a missed neighbour of each partial sample could have had.

    In bytes mode that is the sampling interval, which size and weight give away; by rate it is the sample's
    own.
    """
    interval = -np.maximum(size_bytes, 1.0) / np.log1p(-1.0 / np.maximum(weight, SURE_WEIGHT))
    return np.where(by_bytes, interval, weight * size_bytes)


def statistics(size_bytes: Array, weight: Array, by_bytes: Flags) -> Sums:
    """One set for each sample."""
    size, w = size_bytes.astype(np.float64), weight.astype(np.float64)
    sure = w < SURE_WEIGHT
    partial_w = np.where(sure, 0.0, w)
    sure_w = w - partial_w
    sure_size = np.where(sure, size, 0.0)
    partial_b = partial_w * size
    added = np.stack(
        [
            np.ones(len(w)),
            sure.astype(np.float64),
            sure_size,
            sure_w,
            sure_w * size,
            partial_w,
            partial_w * partial_w,
            partial_b,
            partial_b * partial_b,
        ]
    )
    partial_reach = np.where(sure, 0.0, reach(size, w, by_bytes))
    inverse = 1.0 / np.maximum(size, 1.0)
    return Sums(added, np.stack([partial_w, partial_reach, sure_size, size, inverse]))


def regroup(sums: Sums, group: Integers, count: int) -> Sums:
    """Joins sets: set i goes to ``group[i]`` of ``count`` (0 <= group[i] < count)."""
    added, largest = zero(count).added, zero(count).largest
    for index, values in enumerate(sums.added):
        added[index] = np.bincount(group, values, count)
    for row, values in zip(largest, sums.largest, strict=True):
        np.maximum.at(row, group, values)
    return Sums(added, largest)


def padded(some: Sums, count: int) -> Sums:
    """The same with ``count`` sets at least; those that are added are empty."""
    pad = ((0, 0), (0, max(count - some.count, 0)))
    return Sums(np.pad(some.added, pad), np.pad(some.largest, pad))


def joined(parts: Sequence[Sums]) -> Sums:
    """The sets of all, one after the other."""
    added = np.concatenate([part.added for part in parts], axis=1)
    return Sums(added, np.concatenate([part.largest for part in parts], axis=1))


def total(sums: Sums) -> Sums:
    """All sets joined to one."""
    return Sums(sums.added.sum(axis=1, keepdims=True), sums.largest.max(axis=1, keepdims=True, initial=0.0))


def difference(whole: Sums, part: Sums) -> Sums:
    """What is left of each set of ``whole`` when its subset in ``part`` is taken away.

    The largest values are those of the whole: an upper bound, so intervals can only be too wide. Sums over
    nothing are exactly zero, whatever rounding has left.
    """
    added = whole.added - part.added
    partial = added[ADDED.index("samples")] > added[ADDED.index("sure_samples")]
    sure = added[ADDED.index("sure_samples")] > 0
    added[ADDED.index("sure_sizes") : ADDED.index("sure_bytes") + 1] *= sure
    added[ADDED.index("weights") :] *= partial
    np.maximum(added, 0.0, out=added)
    return Sums(added, whole.largest * (added[0] > 0))


def sql_aggregates(by_bytes: str) -> str:
    """The rows of ``added``, then of ``largest``, as SQL aggregates over columns ``size`` (DOUBLE) and
    ``weight``.

    ``by_bytes`` is a boolean expression: the sample was taken in bytes mode.
    """
    sure, partial = f"weight < {SURE_WEIGHT!r}", f"weight >= {SURE_WEIGHT!r}"
    interval = "-greatest(size, 1.0) / ln(1.0 - 1.0 / weight)"
    wanted = [
        ("sum(1.0)", "true"),
        *((f"sum({item})", sure) for item in ("1.0", "size", "weight", "weight * size")),
        *((f"sum({item})", partial) for item in ("weight", "weight * weight", "weight * size")),
        ("sum(weight * size * weight * size)", partial),
        ("max(weight)", partial),
        (f"max(CASE WHEN {by_bytes} THEN {interval} ELSE weight * size END)", partial),
        ("max(size)", sure),
        ("max(size)", "true"),
        ("max(1.0 / greatest(size, 1.0))", "true"),
    ]
    return ", ".join(f"coalesce({item} FILTER ({where}), 0.0)::DOUBLE" for item, where in wanted)
