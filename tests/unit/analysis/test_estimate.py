from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from memscope_daemon.analysis import estimate
from memscope_daemon.analysis.estimate import Intervals, Unseen
from memscope_daemon.model import sums
from memscope_daemon.model.columns import Flags, Floats
from memscope_daemon.model.sums import Sums
from tests.unit.analysis.simulation import INTERVAL, Blocks, by_interval, sampled, sums_of, uniform_sites

BOUND = Unseen(3.0 * INTERVAL, 3.0 * INTERVAL)
SEEDS = 300


def samples(size: list[float], weight: list[float], by_bytes: bool = True) -> Sums:
    each = sums.statistics(np.array(size), np.array(weight), np.full(len(size), by_bytes))
    return sums.total(each)


def both(part: Sums) -> tuple[Intervals, Intervals]:
    return estimate.bytes_of(part, part, BOUND), estimate.counts_of(part, part, BOUND)


def holds(found: Intervals, truth: Floats) -> Flags:
    return (found.low <= truth) & (truth <= found.high)


# --- the formulas ------------------------------------------------------------------------------------


def test_the_interval_of_equal_weights_is_that_of_garwood() -> None:
    for count in (1, 2, 5, 23, 401, 9973):
        found = both(samples([37.0] * count, [1000.0] * count, by_bytes=False))[1]
        assert found.low[0] == pytest.approx(1000.0 * stats.chi2.ppf(0.025, 2 * count) / 2, rel=1e-9)
        assert found.high[0] == pytest.approx(1000.0 * stats.chi2.ppf(0.975, 2 * count + 2) / 2, rel=1e-9)


def test_the_interval_is_that_of_fay_and_feuer_computed_by_another_hand() -> None:
    random = np.random.default_rng(11)
    size = random.integers(1, 1_000_000, 53).astype(float)
    weight = 1.0 / by_interval(size, INTERVAL)
    found = both(samples(list(size), list(weight)))[0]
    b = weight * size
    y, v, m = b.sum(), (b**2).sum(), INTERVAL
    low = v / (2 * y) * stats.chi2.ppf(0.025, 2 * y * y / v)
    high = (v + m * m) / (2 * (y + m)) * stats.chi2.ppf(0.975, 2 * (y + m) ** 2 / (v + m * m))
    assert found.value[0] == pytest.approx(y)
    assert found.low[0] == pytest.approx(low, rel=1e-8)
    assert found.high[0] == pytest.approx(high, rel=1e-6)


def test_the_sampling_interval_is_recovered_from_size_and_weight() -> None:
    size = np.array([1.0, 31.0, 4099.0, 1_000_003.0])
    weight = (1.0 / by_interval(size, INTERVAL)).astype(np.float32).astype(np.float64)
    reach = sums.reach(size, weight, np.ones(4, np.bool_))
    assert reach == pytest.approx([INTERVAL] * 4, rel=1e-5)


def test_a_zero_byte_request_counts_as_one_byte() -> None:
    weight = float(1.0 / by_interval(np.array([0.0]), INTERVAL)[0])
    bytes_found, counts_found = both(samples([0.0], [weight]))
    assert counts_found.value[0] == pytest.approx(INTERVAL, rel=1e-5)
    assert bytes_found.value[0] == 0.0
    assert math.isfinite(bytes_found.high[0])


def test_at_rate_one_every_figure_is_exact() -> None:
    bytes_found, counts_found = both(samples([31.0, 37.0, 41.0], [1.0] * 3, by_bytes=False))
    for found, truth in ((bytes_found, 109.0), (counts_found, 3.0)):
        assert found.at(0) == estimate.Estimate(truth, truth, truth, 3, exact=True)


def test_large_blocks_are_exact_and_small_ones_beside_them_are_not() -> None:
    large, small = 16_777_259.0, 31.0
    weights = [float(1.0 / by_interval(np.array([size]), INTERVAL)[0]) for size in (large, large, small)]
    alone = both(samples([large, large], weights[:2]))
    assert alone[0].at(0).exact and alone[0].value[0] == 2 * large and alone[1].value[0] == 2
    mixed = both(samples([large, large, small], weights))[0]
    assert not mixed.at(0).exact
    assert mixed.low[0] > 2 * large and mixed.high[0] < 2 * large + 6 * INTERVAL


def test_blocks_that_are_hardly_ever_missed_are_not_called_exact() -> None:
    size = 4_194_319.0  # missed once in three thousand
    weight = float(1.0 / by_interval(np.array([size]), INTERVAL)[0])
    found = both(samples([size] * 3, [weight] * 3))[0].at(0)
    assert (found.low, found.value, found.high, found.exact) == (3 * size, 3 * size, 3 * size, False)


def test_many_nearly_sure_samples_are_not_called_exact() -> None:
    size = INTERVAL * math.log(200.0)  # missed once in two hundred
    blocks = uniform_sites([int(size)], [10_007])
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        part = sampled(blocks, by_interval(blocks.size, INTERVAL), True, random)
        bytes_found, counts_found = both(part)
        assert not counts_found.at(0).exact
        hits += int(holds(bytes_found, blocks.bytes())[0]) + int(holds(counts_found, blocks.counts())[0])
    assert hits >= 0.94 * 400


def test_a_set_without_samples_is_bounded_by_three_intervals() -> None:
    found = estimate.bytes_of(sums.zero(1), sums.zero(1), estimate.unseen_bound(INTERVAL, 1.0, 0.0))
    assert found.at(0).value == found.at(0).low == 0.0
    assert found.at(0).high == pytest.approx(3.0 * INTERVAL, rel=2e-3)


def test_a_set_without_samples_is_empty_when_everything_is_sampled() -> None:
    nothing = estimate.unseen_bound(0.0, 1.0, 0.0)
    assert estimate.counts_of(sums.zero(1), sums.zero(1), nothing).at(0).exact


def test_by_rate_nothing_but_the_sizes_seen_bounds_unseen_bytes() -> None:
    assert estimate.unseen_bound(0.0, 0.1, 1009.0).bytes == pytest.approx(30 * 1009, rel=2e-3)
    assert estimate.unseen_bound(0.0, 0.1, 0.0).bytes == math.inf
    assert estimate.unseen_bound(0.0, 0.1, 0.0).count == pytest.approx(30, rel=2e-3)


def test_nothing_live_of_a_sampled_site_is_bounded_by_that_site() -> None:
    whole = samples([31.0] * 3, [10.0] * 3, by_bytes=False)
    found = estimate.bytes_of(sums.zero(1), whole, Unseen(math.inf, math.inf)).at(0)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(3.0 * 310, rel=2e-3)


def test_losses_widen_and_never_leave_a_figure_exact() -> None:
    found = both(samples([31.0], [1.0], by_bytes=False))[0].widen(100.0, 1000.0).at(0)
    assert (found.low, found.value, found.high, found.exact) == (0.0, 31.0, 1031.0, False)
    assert both(samples([31.0], [1.0], by_bytes=False))[0].widen(0.0, 0.0).at(0).exact


# --- simulations ---------------------------------------------------------------------------------------

SIZES = [17, 61, 257, 1009, 4099, 16_411, 65_537, 131_101, 262_147]
COUNTS = [3_500_000 // size + 11 for size in SIZES]


def coverage(blocks: Blocks, probability: Floats, by_bytes: bool, seed: int) -> tuple[float, float]:
    """Share of the (site, seed) pairs whose interval holds the truth: bytes, counts."""
    random = np.random.default_rng(seed)
    bytes_hits, counts_hits = 0, 0
    for _ in range(SEEDS):
        part = sampled(blocks, probability, by_bytes, random)
        bytes_found, counts_found = both(part)
        bytes_hits += int(holds(bytes_found, blocks.bytes()).sum())
        counts_hits += int(holds(counts_found, blocks.counts()).sum())
    pairs = SEEDS * blocks.sites
    return bytes_hits / pairs, counts_hits / pairs


def test_intervals_hold_the_truth_as_often_as_they_promise_in_bytes_mode() -> None:
    blocks = uniform_sites(SIZES, COUNTS)
    probability = by_interval(blocks.size, INTERVAL)
    assert probability.max() <= 0.5
    shares = coverage(blocks, probability, True, 17)
    assert min(shares) >= 0.94, shares


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_intervals_hold_the_truth_as_often_as_they_promise_by_rate(rate: float) -> None:
    blocks = uniform_sites([31, 1009, 65_537], [997, 499, 251])
    shares = coverage(blocks, np.full(len(blocks.size), rate), False, 19)
    assert min(shares) >= 0.94, shares


def test_intervals_hold_for_sites_that_mix_sizes() -> None:
    """Bytes do; counts do for blocks that are not smaller than the smallest one sampled."""
    random = np.random.default_rng(23)
    size = np.exp(random.uniform(np.log(16), np.log(350_000), 40_009)).round()
    blocks = Blocks(size, random.integers(0, 23, len(size)))
    probability = by_interval(size, INTERVAL)
    bytes_hits, counts_hits = [], []
    for _ in range(SEEDS):
        taken = random.random(len(size)) < probability
        part = sums_of(Blocks(size[taken], blocks.site[taken]), probability[taken], True)
        smallest = np.full(blocks.sites, np.inf)
        np.minimum.at(smallest, blocks.site[taken], size[taken])
        seen = np.bincount(blocks.site, size >= smallest[blocks.site], blocks.sites)
        bytes_found, counts_found = both(part)
        bytes_hits.append(holds(bytes_found, blocks.bytes()))
        counts_hits.append(holds(counts_found, seen))
    assert np.mean(bytes_hits) >= 0.94
    assert np.mean(counts_hits) >= 0.94


def test_the_estimate_of_every_site_is_unbiased() -> None:
    blocks = uniform_sites([64, 65_537, 4_194_319, 524_309], [40_009, 389, 7, 47])
    random = np.random.default_rng(31)
    found = [sampled(blocks, by_interval(blocks.size, INTERVAL), True, random) for _ in range(2 * SEEDS)]
    values = np.array([estimate.bytes_of(part, part, BOUND).value for part in found])
    error = values.mean(axis=0) / blocks.bytes() - 1.0
    spread = values.std(axis=0) / blocks.bytes() / math.sqrt(len(values))
    assert (np.abs(error) <= np.maximum(4.0 * spread, 1e-6)).all(), (error, spread)


def test_a_change_of_the_interval_in_mid_course_biases_nothing() -> None:
    blocks = uniform_sites(SIZES[:6], COUNTS[:6])
    half = np.random.default_rng(37).random(len(blocks.size)) < 0.5
    probability = np.where(half, by_interval(blocks.size, INTERVAL), by_interval(blocks.size, 65_536.0))
    random = np.random.default_rng(41)
    found = [both(sampled(blocks, probability, True, random))[0] for _ in range(SEEDS)]
    values = np.array([one.value for one in found])
    error = values.mean(axis=0) / blocks.bytes() - 1.0
    assert (np.abs(error) <= 4.0 * values.std(axis=0) / blocks.bytes() / math.sqrt(SEEDS)).all(), error
    share = np.mean([holds(one, blocks.bytes()) for one in found])
    assert share >= 0.94


def test_what_was_exact_is_not_once_a_coarser_setting_was_in_force() -> None:
    part = samples([31.0, 37.0, 41.0], [1.0] * 3, by_bytes=False)
    coarse = estimate.unseen_bound(INTERVAL, 1.0, 41.0)
    bytes_found = estimate.bytes_of(part, part, coarse).at(0)
    counts_found = estimate.counts_of(part, part, coarse).at(0)
    assert (bytes_found.low, bytes_found.value, bytes_found.exact) == (109.0, 109.0, False)
    assert bytes_found.high == pytest.approx(109 + -math.log(0.025) * INTERVAL, rel=1e-6)
    assert counts_found.high == pytest.approx(3 + -math.log(0.025) * INTERVAL / 31.0, rel=1e-3)
    nothing_live = estimate.bytes_of(sums.zero(1), part, coarse).at(0)
    assert nothing_live.high == pytest.approx(-math.log(0.05) * INTERVAL)


def test_blocks_that_every_setting_samples_surely_stay_exact() -> None:
    part = samples([16_777_259.0] * 2, [1.0] * 2)
    assert estimate.bytes_of(part, part, estimate.unseen_bound(INTERVAL, 1.0, 16_777_259.0)).at(0).exact


def test_intervals_hold_the_truth_of_few_blocks_under_settings_that_change() -> None:
    """A dozen large blocks: surely sampled in one half of the time, hardly ever in the other."""
    blocks = uniform_sites([31, 4099, 3_145_739], [40_009, 997, 12])
    order = np.random.default_rng(47).permutation(len(blocks.size))
    late = np.empty(len(order), np.bool_)
    late[order] = np.arange(len(order)) < len(order) // 2
    by_bytes, rate = by_interval(blocks.size, 65_536.0), 0.03
    random = np.random.default_rng(53)
    bound = estimate.unseen_bound(65_536.0, rate, 3_145_739.0)
    hits = []
    for _ in range(SEEDS):
        parts = [
            sampled(blocks, np.where(late, by_bytes, 0.0), True, random),
            sampled(blocks, np.where(late, 0.0, rate), False, random),
        ]
        joined = Sums(parts[0].added + parts[1].added, np.maximum(parts[0].largest, parts[1].largest))
        hits.append(
            np.concatenate(
                [
                    holds(estimate.bytes_of(joined, joined, bound), blocks.bytes()),
                    holds(estimate.counts_of(joined, joined, bound), blocks.counts()),
                ]
            )
        )
    assert np.mean(hits, axis=0).min() >= 0.94, np.mean(hits, axis=0)


def test_live_subsets_are_estimated_as_truly_as_the_whole() -> None:
    blocks = uniform_sites(SIZES, COUNTS)
    random = np.random.default_rng(43)
    is_live = random.random(len(blocks.size)) < np.linspace(0.9, 0.05, blocks.sites)[blocks.site]
    probability = by_interval(blocks.size, INTERVAL)
    live_bytes = np.bincount(blocks.site[is_live], blocks.size[is_live], blocks.sites)
    hits = []
    for _ in range(SEEDS):
        taken = random.random(len(blocks.size)) < probability
        each = sums.statistics(blocks.size[taken], 1.0 / probability[taken], np.ones(taken.sum(), np.bool_))
        whole = sums.regroup(each, blocks.site[taken], blocks.sites)
        gone = ~is_live[taken]
        freed = sums.regroup(each.take(np.flatnonzero(gone)), blocks.site[taken][gone], blocks.sites)
        hits.append(holds(estimate.bytes_of(sums.difference(whole, freed), whole, BOUND), live_bytes))
    assert np.mean(hits) >= 0.94
