"""Rates and sums with their intervals."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from memscope_client import Estimate
from memscope_client.figures import Mark
from memscope_daemon.cli.live.moment import NOTHING, Trail, rate, total
from tests.unit.cli.live.recorded import MEAN, MIB, point, site


def poisson(count: int, weight: float) -> Estimate:
    """As the daemon makes them of so many equal samples, roughly."""
    half = 1.959964 * math.sqrt(count) * weight
    return Estimate(count * weight, count * weight - half, count * weight + half, count, False)


@pytest.mark.parametrize("mean", [0.5, 3.0, 40.0])
def test_a_rate_lies_in_its_interval_as_often_as_it_says(mean: float) -> None:
    draw = np.random.default_rng(7)
    rounds, weight, seconds = 4000, 1009.0, 4.0
    true = mean * weight / seconds
    held = 0
    for before, more in zip(draw.poisson(30.0, rounds), draw.poisson(mean, rounds), strict=True):
        found = rate(poisson(int(before), weight), poisson(int(before + more), weight), seconds)
        held += found.low <= true <= found.high
    assert held / rounds > 0.94


def test_a_rate_of_exact_figures_is_exact() -> None:
    found = rate(Estimate(31, 31, 31, 31, True), Estimate(131, 131, 131, 131, True), 4.0)
    assert (found.value, found.low, found.high, found.exact) == (25.0, 25.0, 25.0, True)


def test_where_nothing_came_the_upper_end_says_what_could_have() -> None:
    now = poisson(50, 1000.0)
    found = rate(now, now, 10.0)
    assert (found.value, found.low, found.sample_count) == (0.0, 0.0, 0)
    assert 300 < found.high < 400  # 3.69 samples of 1000 bytes in 10 s


def test_the_first_rate_is_that_since_the_attach() -> None:
    now = poisson(50, 1000.0)
    assert rate(NOTHING, now, 10.0) == Estimate(now.value / 10, now.low / 10, now.high / 10, 50, False)


def test_an_interval_without_an_upper_end_stays_one() -> None:
    open_ended = Estimate(0.0, 0.0, math.inf, 3, False)
    assert rate(open_ended, open_ended, 1.0).high == math.inf


def test_a_sum_is_surer_than_its_parts() -> None:
    one = Estimate(100.0, 70.0, 140.0, 9, False)
    assert total([one]) is one
    found = total([one] * 4)
    assert (found.value, found.low, found.high, found.sample_count) == (400.0, 340.0, 480.0, 36)
    assert not total([one, Estimate(5, 5, 5, 5, True)]).exact


def test_rates_go_by_the_last_ten_seconds() -> None:
    trail = Trail(100)
    moments = [trail.take(point(second)) for second in range(1, 31)]
    first, last = moments[0], moments[-1]
    assert first is not None
    assert last is not None
    assert (first.since_start, first.window_s) == (True, 1.0)
    assert (last.since_start, last.window_s) == (False, 10.0)
    assert last.byte_rate.value == pytest.approx(62 * MEAN)
    assert last.site_rates["Shop.remember", "/srv/shop/programs/demo_leak.py", 52].value == 6 * MEAN
    assert last.thread_rates[2].value == 51 * MEAN


def test_points_that_are_not_the_newest_count_for_the_rates_too() -> None:
    trail = Trail(100)
    for second in range(1, 6):
        old = dataclasses.replace(
            point(second), sites=(), threads=(), quality=None, cost=None, session=None
        )
        assert trail.take(old) is None
    found = trail.take(point(6))
    assert found is not None
    assert found.window_s == 5.0
    assert not found.since_start


def test_of_a_site_that_was_left_out_a_moment_ago_no_rate_is_told() -> None:
    trail = Trail(6)  # a point with six sites may have left some out
    trail.take(point(1))
    more = dataclasses.replace(point(2), sites=(*point(2).sites, site("new", "/n.py", 1, 1, 1)))
    found = trail.take(more)
    assert found is not None
    assert ("new", "/n.py", 1) not in found.site_rates
    assert ("Shop.remember", "/srv/shop/programs/demo_leak.py", 52) in found.site_rates


def test_marks_add_up_and_what_was_missed_is_counted() -> None:
    trail = Trail(100)
    trail.take(dataclasses.replace(point(1), marks=(Mark(1, "a"),), missed_count=3))
    found = trail.take(dataclasses.replace(point(2), marks=(Mark(2, "b"),)))
    assert found is not None
    assert [mark.label for mark in found.marks] == ["a", "b"]
    assert found.missed_count == 3
    assert found.quality.unseen_bound_bytes == 1.5 * MIB
