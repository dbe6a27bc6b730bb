"""Estimates and intervals from samples, a second time, by another hand: SciPy and the textbook, no memscope.

Input is what was sampled: for each block its size in bytes, and the setting (mean interval R in bytes, or
rate p). Method: Horvitz-Thompson; blocks with a probability above 0.99 count as seen for sure; for the rest
the gamma interval of M. P. Fay and E. J. Feuer, "Confidence intervals for directly standardized rates",
Statistics in Medicine 16 (1997), 791-801.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

SURE = 0.99


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


def probability(
    sizes: npt.ArrayLike, *, interval_bytes: float = 0.0, rate: float = 0.0
) -> npt.NDArray[np.float64]:
    """With which a block of each size is sampled. A request of zero bytes counts as one."""
    size = np.maximum(np.asarray(sizes, dtype=np.float64), 1.0)
    return np.full(size.shape, rate) if rate else -np.expm1(-size / interval_bytes)


def bytes_interval(sizes: npt.ArrayLike, *, interval_bytes: float = 0.0, rate: float = 0.0) -> Interval:
    """Bytes that the sampled blocks stand for, 95 %."""
    size = np.asarray(sizes, dtype=np.float64)
    chance = probability(size, interval_bytes=interval_bytes, rate=rate)
    known, rest = size[chance > SURE].sum(), (size / chance)[chance <= SURE]
    largest = interval_bytes or (rest.max() if len(rest) else 0.0)
    return _gamma(float(known), rest, float(largest))


def count_interval(sizes: npt.ArrayLike, *, interval_bytes: float = 0.0, rate: float = 0.0) -> Interval:
    """Blocks that the sampled ones stand for, 95 %."""
    chance = probability(sizes, interval_bytes=interval_bytes, rate=rate)
    rest = (1.0 / chance)[chance <= SURE]
    return _gamma(float((chance > SURE).sum()), rest, float(rest.max()) if len(rest) else 0.0)


def _gamma(known: float, weights: npt.NDArray[np.float64], largest: float) -> Interval:
    if len(weights) == 0:
        return Interval(known, known, known)
    y, v = float(weights.sum()), float((weights**2).sum())
    low = v / (2 * y) * chi2.ppf(0.025, 2 * y * y / v)
    above, spread = y + largest, v + largest * largest
    high = spread / (2 * above) * chi2.ppf(0.975, 2 * above * above / spread)
    return Interval(known + y, known + low, known + high)
