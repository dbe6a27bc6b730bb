"""How long blocks live, in words of a report."""

from __future__ import annotations

import numpy as np

from memscope_daemon.analysis import estimate
from memscope_daemon.analysis.survival import Survival, quantile, survival
from memscope_daemon.model import lifetimes, sums
from memscope_daemon.model.report import LifetimeClass, Lifetimes, Percentile
from memscope_daemon.model.sums import Sums
from memscope_daemon.query.evidence import Ages, Evidence, unseen
from memscope_daemon.query.quality import margins


def lifetimes_of(evidence: Evidence) -> Lifetimes | None:
    """None: the evidence does not say."""
    ages = evidence.ages
    if ages is None:
        return None
    freed, live = _same_length(ages)
    found = survival(_counts(freed), _counts(live), _squared_weights(freed, live))
    percentiles = tuple(_percentile(percent, found) for percent in lifetimes.PERCENTS)
    return Lifetimes(percentiles, _classes(evidence, freed), _samples(freed), _samples(live))


def _same_length(ages: Ages) -> tuple[Sums, Sums]:
    count = max(ages.freed.count, ages.live.count, 1)
    return sums.padded(ages.freed, count), sums.padded(ages.live, count)


def _counts(part: Sums) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return part.row("sure_weights") + part.row("weights")


def _squared_weights(*parts: Sums) -> float:
    """0: nothing is estimated. Of the sure ones each is nearly 1."""
    partial = sum(float(part.row("squared_weights").sum()) for part in parts)
    sure = sum(float(part.row("sure_weights").sum()) for part in parts)
    return partial + sure if partial else 0.0


def _samples(part: Sums) -> int:
    return int(part.row("samples").sum())


def _percentile(percent: int, found: Survival) -> Percentile:
    at, low, high = (quantile(share, 1.0 - percent / 100.0) for share in (found.share, found.low, found.high))
    return Percentile(percent, _end_ns(at), _end_ns(low), _end_ns(high))


def _end_ns(at: float | None) -> float | None:
    return None if at is None else float(lifetimes.ends_ns(np.array(at)))


def _classes(evidence: Evidence, freed: Sums) -> tuple[LifetimeClass, ...]:
    ends = (*lifetimes.CLASSES_MS, 0)
    by_class = sums.regroup(freed, lifetimes.class_of_bins(freed.count), len(ends))
    bound, lost = unseen(evidence), margins(evidence)
    count = estimate.counts_of(by_class, by_class, bound).widen(0.0, lost.freed_count)
    size = estimate.bytes_of(by_class, by_class, bound).widen(0.0, lost.freed_bytes)
    return tuple(LifetimeClass(end, count.at(at), size.at(at)) for at, end in enumerate(ends))
