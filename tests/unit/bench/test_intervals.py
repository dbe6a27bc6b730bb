"""Medians, their intervals, and when the yardstick says that it cannot tell."""

from __future__ import annotations

import random

import pytest

from tests.bench.yardstick.intervals import Interval, can_tell, coverage, noise, of_median


@pytest.mark.parametrize(
    ("count", "rank", "expected"),
    [(2, 1, 0.5), (5, 1, 0.9375), (6, 1, 0.96875), (9, 2, 0.9609375), (9, 3, 0.8203125), (20, 6, 0.9586105)],
)
def test_coverage_is_that_of_the_sign_test(count: int, rank: int, expected: float) -> None:
    assert coverage(count, rank) == pytest.approx(expected, abs=1e-7)


def test_nine_values_have_an_interval_from_the_second_to_the_last_but_one() -> None:
    values = [1.07, 1.01, 9.0, 1.02, 1.03, 0.2, 1.05, 1.04, 1.06]
    assert of_median(values) == Interval(1.04, 1.01, 1.07, 0.9609375, 9)


def test_five_values_have_their_range_and_say_that_it_holds_less_often() -> None:
    assert of_median([3.0, 1.0, 2.0, 5.0, 4.0]) == Interval(3.0, 1.0, 5.0, 0.9375, 5)


def test_an_even_count_has_its_median_between_the_middle_two() -> None:
    assert of_median([4.0, 1.0, 2.0, 3.0, 6.0, 5.0]) == Interval(3.5, 1.0, 6.0, 0.96875, 6)


def test_one_value_is_its_own_interval_and_promises_nothing() -> None:
    assert of_median([1.5]) == Interval(1.5, 1.5, 1.5, 0.0, 1)


def test_no_values_have_no_median() -> None:
    with pytest.raises(ValueError, match="no values"):
        of_median([])


@pytest.mark.parametrize("count", [6, 9, 15])
def test_the_true_median_lies_within_as_often_as_promised(count: int) -> None:
    """Of a distribution that is anything but symmetric: the true median of exp(N(0, 1)) is 1."""
    dice = random.Random(20089)
    draws = 4001
    found = [of_median([dice.lognormvariate(0, 1) for _ in range(count)]) for _ in range(draws)]
    held = sum(each.low <= 1.0 <= each.high for each in found) / draws
    assert held == pytest.approx(found[0].coverage, abs=0.012)  # four standard errors
    assert found[0].coverage >= 0.95


@pytest.mark.parametrize(
    ("ratio", "null", "expected"),
    [
        ((1.10, 1.08, 1.12), (1.00, 0.99, 1.01), True),
        ((0.90, 0.88, 0.92), (1.00, 0.99, 1.01), True),
        ((1.10, 1.08, 1.12), (1.00, 0.90, 1.02), False),  # nothing against itself: as far off as a ninth
        ((1.10, 1.08, 1.12), (1.00, 0.98, 1.11), False),
        ((1.10, 0.99, 1.12), (1.00, 0.99, 1.01), False),  # 1 is among what it may be
        ((1.005, 1.001, 1.009), (1.00, 0.99, 1.01), False),
    ],
)
def test_a_difference_is_told_only_above_the_noise_and_away_from_one(
    ratio: tuple[float, float, float], null: tuple[float, float, float], expected: bool
) -> None:
    assert can_tell(Interval(*ratio, 0.96, 9), Interval(*null, 0.96, 9)) is expected


def test_one_round_tells_nothing() -> None:
    once, often = Interval(1.5, 1.5, 1.5, 0.0, 1), Interval(1.5, 1.4, 1.6, 0.96, 9)
    same = Interval(1.0, 1.0, 1.0, 0.96, 9)
    assert can_tell(often, same)
    assert not can_tell(once, same)
    assert not can_tell(often, Interval(1.0, 1.0, 1.0, 0.0, 1))


def test_noise_is_the_farther_end_as_a_factor() -> None:
    assert noise(Interval(1.0, 0.8, 1.1, 0.96, 9)) == pytest.approx(1.25)
    assert noise(Interval(1.1, 1.05, 1.2, 0.96, 9)) == pytest.approx(1.2)
    assert noise(Interval(1.0, 1.0, 1.0, 0.96, 9)) == 1.0
