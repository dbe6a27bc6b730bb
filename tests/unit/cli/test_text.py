"""Figures as words."""

from __future__ import annotations

import pytest

from memscope_client.figures import Estimate
from memscope_daemon.cli import text

SIZES = {
    0: "0 B",
    997: "997 B",
    1009: "0.99 KiB",
    10_007: "9.77 KiB",
    104_729: "102 KiB",
    7_340_033: "7.00 MiB",
}


@pytest.mark.parametrize(("value", "expected"), SIZES.items())
def test_sizes_have_three_digits_and_a_unit(value: float, expected: str) -> None:
    assert text.bytes_text(value) == expected


def test_an_estimate_shows_its_interval_in_the_unit_of_its_value() -> None:
    shown = text.bytes_estimate(Estimate(1_572_864, 524_288, 3_145_728, 7, False))
    assert shown == "1.50 MiB (0.50\u20133.00)"


def test_an_end_far_from_its_value_has_a_unit_of_its_own() -> None:
    shown = text.bytes_estimate(Estimate(144.0, 144.0, 166_345_878.0, 1, False))
    assert shown == "144 B (144 B\u2013159 MiB)"
    assert text.count_estimate(Estimate(3.0, 3.0, 1_570_000.0, 3, False)) == "3 (3\u20131.57M)"


def test_an_exact_figure_is_shown_as_exact() -> None:
    assert text.bytes_estimate(Estimate(104_729, 104_729, 104_729, 3, True)) == "= 102 KiB"
    assert text.count_estimate(Estimate(31, 31, 31, 31, True)) == "= 31"


def test_nothing_seen_still_shows_its_bound() -> None:
    assert text.bytes_estimate(Estimate(0, 0, 1_572_867, 0, False)) == "0 (0\u20131.50 MiB)"


def test_counts_have_units_of_1000() -> None:
    assert text.count_estimate(Estimate(12_345, 10_000, 15_000, 9, False)) == "12.3k (10.0k\u201315.0k)"
