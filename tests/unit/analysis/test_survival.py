from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from memscope_daemon.analysis.survival import NORMAL_95, quantile, survival
from memscope_daemon.model import lifetimes
from memscope_daemon.model.columns import Floats, Integers


def binned(bins: Integers, weights: Floats, count: int) -> Floats:
    found: Floats = np.bincount(bins, weights, count)
    return found


def test_without_live_blocks_it_is_the_share_that_lives_longer() -> None:
    ended = np.array([0.0, 3.0, 0.0, 5.0, 2.0])
    found = survival(ended, np.zeros(5), 0.0)
    assert found.share.tolist() == pytest.approx([1.0, 0.7, 0.7, 0.2, 0.0])
    assert found.low.tolist() == found.high.tolist() == found.share.tolist()


def test_it_is_the_product_limit_estimate_and_greenwoods_interval() -> None:
    """Held against an independent implementation, where ages lie in other bins than ends do."""
    rng = np.random.default_rng(20_261)
    times, is_live = rng.integers(1, 90, 400) * 2, rng.random(400) < 0.3
    times = times + is_live  # ends at even times, ages at odd ones
    data = stats.CensoredData.right_censored(times, is_live)
    wanted = stats.ecdf(data).sf
    span = wanted.confidence_interval(method="linear")
    ended = binned(times[~is_live], np.ones((~is_live).sum()), 182)
    live = binned(times[is_live], np.ones(is_live.sum()), 182)
    found = survival(ended, live, 400.0)
    at = [int(time) for time in wanted.quantiles if ended[int(time)]]
    where = np.isin(wanted.quantiles, at)
    assert len(at) > 50
    np.testing.assert_allclose(found.share[at], wanted.probabilities[where], rtol=1e-12)
    inside = found.share[at] > 0.05  # beyond, either is cut off its own way
    np.testing.assert_allclose(found.low[at][inside], span.low.probabilities[where][inside], rtol=1e-9)
    np.testing.assert_allclose(found.high[at][inside], span.high.probabilities[where][inside], rtol=1e-9)
    assert pytest.approx(stats.norm.ppf(0.975)) == NORMAL_95


def exponential(
    rng: np.random.Generator, median_ns: float, watched_ns: float, weight: float
) -> tuple[Floats, Floats]:
    """Ended and live blocks by bin, of a program that has been watched for so long."""
    lived = rng.exponential(median_ns / np.log(2.0), 800)
    age = rng.uniform(0.0, watched_ns, 800)
    is_live = lived > age
    count = int(lifetimes.bins_of(np.array([1e15]))[0])
    weights = np.full(800, weight)
    ended = binned(lifetimes.bins_of(lived[~is_live]), weights[~is_live], count)
    return ended, binned(lifetimes.bins_of(age[is_live]), weights[is_live], count)


@pytest.mark.parametrize("watched_s", [10.0, 2.0, 0.7])
def test_the_interval_of_the_median_holds_the_true_one_however_short_we_watched(watched_s: float) -> None:
    """Over samples with weights. Those that ended while we watched have a median of 0.2 s at 0.7 s."""
    rng, held, weight = np.random.default_rng(49), 0, 7.3
    for _ in range(300):
        ended, live = exponential(rng, 0.5e9, watched_s * 1e9, weight)
        found = survival(ended, live, 800 * weight**2)
        low, high = quantile(found.low, 0.5), quantile(found.high, 0.5)
        truth = lifetimes.PER_DECADE * np.log10(0.5e9)
        held += low is not None and low - 0.5 <= truth and (high is None or truth <= high + 0.5)
    assert held >= 300 * 0.95 - 3 * np.sqrt(300 * 0.95 * 0.05)


def test_what_most_blocks_outlive_is_not_known() -> None:
    ended, live = np.array([0.0, 10.0, 0.0]), np.array([0.0, 0.0, 90.0])
    assert quantile(survival(ended, live, 0.0).share, 0.5) is None
    assert quantile(survival(ended, live, 0.0).share, 0.95) == pytest.approx(0.5)


def test_nothing_at_all_is_nothing() -> None:
    found = survival(np.zeros(1), np.zeros(1), 0.0)
    assert found.share.tolist() == [1.0]
    assert quantile(found.share, 0.5) is None
