"""Estimates of what a target allocated, from samples, with 95 % intervals.

Theory of operation
===================

A block of size s is sampled with a probability π that depends on nothing but s and the setting in force:
1 - exp(-s/R) in bytes mode, p in rate mode; independently of every other block. Its weight is w = 1/π. Over
any set of blocks (a site, a thread, what is live) the number of blocks is estimated by Σ w and their bytes
by Σ w·s, summed over the samples in the set: the Horvitz-Thompson estimator, unbiased whatever the set and
however often R or p changed, because each sample carries its own weight.

The interval has two parts, added up.

*Partial* samples (π <= 0.99). A sum y = Σ b of weighted Poisson counts has the gamma interval of Fay and
Feuer (Statistics in Medicine 16, 1997), with v = Σ b² and m the largest weight that one more sample could
have had::

    low  = v / 2y · χ²(0.025; 2y²/v)
    high = (v + m²) / 2(y + m) · χ²(0.975; 2(y + m)²/(v + m²))

For counts b = w and m is the largest weight among the samples. For bytes b = w·s; m is R in bytes mode, where
w·s < R + s, recovered from w and s as -s / ln(1 - 1/w), and the largest b in rate mode. With equal weights
this is the exact (Garwood) interval of a Poisson count. It is a little too wide when π nears 1.
The interval of a count speaks of blocks that are not smaller than the smallest one sampled: of tiny blocks
among large ones a thousand may hide behind no sample, and hardly change the bytes.

*Several settings* in force, one after the other: nobody knows how much of a set fell into the time of the
coarsest one. So m is at least what a sample under that one would have weighed, with R for bytes, or the
largest block of the set over p by rate; also where no partial sample was taken at all. It does not matter for
a set whose smallest block that one would have sampled surely: it had nothing to miss.

*Sure* samples (π > 0.99). What was counted is a lower bound, and the number missed is all but a Poisson count
with mean μ = Σ (w - 1): it lies within μ ± (1.96·sqrt(μ) + 1), and never below zero. Is the chance that any
was missed below 2.5 % (μ < 0.0253), then what was counted is both ends of the interval. Only where μ < 1e-5
the figure is called exact. At rate 1 every weight is 1, so μ is 0 and every figure is exact.

*No sample* in a set still bounds it, since -ln 0.05 = 3.0: less than 3·R bytes, or 3/p blocks, with 95 %.
A set that is part of a sampled one (the live blocks of a site) is bounded by the site's own largest weight.

*Losses*: samples that were taken and could not be recorded make no set smaller than it is in truth by more
than their weighted sum. Nobody knows in which set they were, so each interval that they may belong to grows
by all of it: allocations lost raise the upper end of what was allocated and of what is live; frees lost
raise the upper end of what was freed and lower the lower end of what is live. An estimate so widened is not
exact.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from memscope_daemon.analysis import chi_square
from memscope_daemon.model.columns import Flags, Floats, Integers
from memscope_daemon.model.report import Estimate
from memscope_daemon.model.sums import SURE_WEIGHT, Sums

LOW, HIGH = 0.025, 0.975
NORMAL = 1.959963984540054  # the 97.5 % quantile
NOTHING_MISSED = -math.log(HIGH)  # mean of a Poisson count that is zero with 97.5 %
CERTAIN = 1e-5  # mean number of missed blocks below which a figure is called exact
TINY = 1e-300  # instead of nothing, where it is divided by
UNSEEN = -math.log(0.05)  # mean of a Poisson count that is zero with 5 %


@dataclasses.dataclass(frozen=True, slots=True)
class Unseen:
    """Upper bounds (95 %) of a set without any sample. Zero: every allocation is sampled.

    ``interval_bytes``: the largest R that was in force, 0 = none; ``rate``: the smallest p, 1 = none.
    """

    bytes: float
    count: float
    interval_bytes: float = 0.0
    rate: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Intervals:
    """Estimates of k sets, as columns."""

    value: Floats
    low: Floats
    high: Floats
    samples: Integers
    exact: Flags

    def at(self, index: int) -> Estimate:
        """One of them, as a value."""
        return Estimate(
            float(self.value[index]),
            float(self.low[index]),
            float(self.high[index]),
            int(self.samples[index]),
            bool(self.exact[index]),
        )

    def widen(self, below: float | Floats, above: float | Floats) -> Intervals:
        """The same with losses of at most ``below`` under and ``above`` over each estimate: the same for all
        of them, or one for each."""
        lost = np.logical_or(np.greater(below, 0.0), np.greater(above, 0.0))
        if not lost.any():
            return self
        low, high = np.maximum(self.low - below, 0.0), self.high + above
        return Intervals(self.value, low, high, self.samples, self.exact & ~lost)


@dataclasses.dataclass(frozen=True, slots=True)
class _Measure:
    """The sums that one measure (bytes or count) is estimated from."""

    observed: Floats  # sure samples as they are
    sure: Floats  # sure samples, weighted
    step: Floats  # what one missed sure sample adds at most
    y: Floats
    v: Floats
    m: Floats


def bytes_of(part: Sums, whole: Sums, unseen: Unseen) -> Intervals:
    """The bytes of each set of ``part``. ``whole``: the sets that these are part of, or ``part`` itself."""
    step = np.maximum(part.top("sure_size"), 1.0)
    measure = _Measure(
        part.row("sure_sizes"),
        part.row("sure_bytes"),
        step,
        part.row("bytes"),
        part.row("squared_bytes"),
        _byte_reach(part, unseen),
    )
    return _estimate(part, measure, _bound(whole, _byte_reach(whole, unseen), unseen.bytes))


def counts_of(part: Sums, whole: Sums, unseen: Unseen) -> Intervals:
    """The number of blocks of each set of ``part``; arguments as for :func:`bytes_of`."""
    measure = _Measure(
        part.row("sure_samples"),
        part.row("sure_weights"),
        np.ones(part.count),
        part.row("weights"),
        part.row("squared_weights"),
        _count_reach(part, unseen),
    )
    return _estimate(part, measure, _bound(whole, _count_reach(whole, unseen), unseen.count))


def unseen_bound(interval_bytes: float, rate: float, largest_bytes: float) -> Unseen:
    """What a set without a sample may hold.

    ``interval_bytes``: the largest R in force, 0 = none; ``rate``: the smallest p in force, 1 or more = none;
    ``largest_bytes``: the largest block sampled so far, which bounds the sizes in rate mode (nothing else
    does).
    """
    missed_per_rate = UNSEEN / rate if 0.0 < rate < 1.0 else 0.0
    by_rate = missed_per_rate * (largest_bytes or math.inf) if missed_per_rate else 0.0
    by_interval = UNSEEN * interval_bytes
    found_bytes, found_count = max(by_interval, by_rate), max(by_interval, missed_per_rate)
    return Unseen(found_bytes, found_count, interval_bytes, rate if missed_per_rate else 1.0)


def _by_interval(sets: Sums, unseen: Unseen) -> Floats:
    """The weight that the smallest block of each set would have had under R; 0 where it was sure."""
    smallest_in_interval = sets.top("inverse_size") * unseen.interval_bytes
    chance = -np.expm1(-1.0 / np.maximum(smallest_in_interval, TINY))
    return np.where(chance < 1.0 / SURE_WEIGHT, 1.0 / np.maximum(chance, TINY), 0.0)


def _byte_reach(sets: Sums, unseen: Unseen) -> Floats:
    """The largest weighted bytes that one more partial sample of each set could have had."""
    by_interval = np.where(_by_interval(sets, unseen) > 0.0, unseen.interval_bytes, 0.0)
    by_rate = sets.top("size") / unseen.rate if unseen.rate < 1.0 / SURE_WEIGHT else 0.0
    return _of_sampled(sets, np.maximum(by_interval, by_rate), sets.top("reach"))


def _count_reach(sets: Sums, unseen: Unseen) -> Floats:
    """The largest weight that one more partial sample of each set could have had."""
    by_rate = 1.0 / unseen.rate if unseen.rate < 1.0 / SURE_WEIGHT else 0.0
    return _of_sampled(sets, np.maximum(_by_interval(sets, unseen), by_rate), sets.top("weight"))


def _of_sampled(sets: Sums, coarsest: Floats, seen: Floats) -> Floats:
    return np.where(sets.row("samples") > 0, np.maximum(coarsest, seen), 0.0)


def _bound(whole: Sums, largest: Floats, unseen: float) -> Floats:
    return np.where(whole.row("samples") > 0, UNSEEN * largest, unseen)


def _estimate(part: Sums, measure: _Measure, bound: Floats) -> Intervals:
    sure_value, sure_low, sure_high = _sure(part, measure)
    low, high = _partial(measure)
    empty = part.row("samples") == 0
    value = sure_value + measure.y
    low = np.where(empty, 0.0, sure_low + low)
    high = np.where(empty, bound, sure_high + high)
    exact = (low == value) & (high == value) & (_missed(part) < CERTAIN)
    return Intervals(value, low, high, part.row("samples").astype(np.int64), exact)


def _missed(part: Sums) -> Floats:
    """The mean number of blocks that were missed where nearly all were sampled."""
    return np.maximum(part.row("sure_weights") - part.row("sure_samples"), 0.0)


def _sure(part: Sums, measure: _Measure) -> tuple[Floats, Floats, Floats]:
    none_missed = _missed(part) < NOTHING_MISSED
    mean = np.maximum(measure.sure - measure.observed, 0.0)
    margin = NORMAL * np.sqrt(mean * measure.step) + measure.step
    value = np.where(none_missed, measure.observed, measure.sure)
    low = np.where(none_missed, value, measure.observed + np.maximum(mean - margin, 0.0))
    high = np.where(none_missed, value, measure.observed + mean + margin)
    return value, low, high


def _partial(measure: _Measure) -> tuple[Floats, Floats]:
    """Fay and Feuer's interval of the partial samples; zero where there are none and could be none."""
    low, high = np.zeros_like(measure.y), np.zeros_like(measure.y)
    some = measure.y > 0.0
    y, v = measure.y[some], measure.v[some]
    # Σb squared is never below Σb²; rounding must not take the degrees of freedom below two.
    low[some] = v / (2.0 * y) * chi_square.quantile(LOW, np.maximum(2.0 * y * y / v, 2.0))
    some = measure.y + measure.m > 0.0
    y, v, m = measure.y[some], measure.v[some], measure.m[some]
    reach, spread = y + m, v + m * m
    degrees = np.maximum(2.0 * reach * reach / spread, 2.0)
    high[some] = spread / (2.0 * reach) * chi_square.quantile(HIGH, degrees)
    return low, high
