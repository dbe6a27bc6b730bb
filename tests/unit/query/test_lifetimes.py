from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from memscope_daemon.model import lifetimes, sums
from memscope_daemon.model.columns import Integers
from memscope_daemon.model.report import SamplingPause
from memscope_daemon.model.sums import Sums
from memscope_daemon.query import figures, report
from memscope_daemon.query.evidence import Ages, Evidence
from memscope_daemon.store.questions import Slices
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import events

MS = 1_000_000
NO_SLICES = Slices(0, 1, np.zeros(0, np.int64), np.zeros((0, 24)), np.zeros((0, 24)), np.zeros(0, np.int64))


def by_bin(times_ns: list[int], size: int = 64, weight: float = 1.0) -> Sums:
    bins = lifetimes.bins_of(np.array(times_ns, np.int64))
    each = sums.statistics(
        np.full(len(bins), size), np.full(len(bins), weight), np.zeros(len(bins), np.bool_)
    )
    return sums.regroup(each, bins, 1 + int(bins.max(initial=0)))


def told(freed_ns: list[int], live_ns: list[int], weight: float = 1.0) -> report.Report:
    ages = Ages(by_bin(freed_ns, weight=weight), by_bin(live_ns, weight=weight), NO_SLICES)
    return report.report(dataclasses.replace(evidence(events(size_bytes=[31])), ages=ages))


def test_a_class_ends_where_it_says() -> None:
    ends = [1 * MS, 1 * MS + 1, 10 * MS, 10 * MS + 1, 1000 * MS, 1000 * MS + 1, 0, -5]
    found = lifetimes.class_of_bins(1000)[lifetimes.bins_of(np.array(ends))]
    assert found.tolist() == [0, 1, 1, 2, 3, 4, 0, 0]


def test_percentiles_and_classes_of_what_is_all_freed() -> None:
    found = told([MS // 2] * 50 + [7 * MS] * 45 + [5000 * MS] * 5, []).lifetimes
    assert found is not None
    by_percent = {each.percent: each for each in found.percentiles}
    for percent, wanted in ((50, MS / 2), (90, 7 * MS), (95, 7 * MS), (99, 5000 * MS)):
        one = by_percent[percent]
        assert one.lifetime_ns == pytest.approx(wanted, rel=0.07)
        assert one.low_ns == one.high_ns == one.lifetime_ns, "nothing was estimated"
    assert [each.freed_count.value for each in found.classes] == [50, 45, 0, 0, 5]
    assert [each.freed_bytes.value for each in found.classes] == [3200, 2880, 0, 0, 320]
    assert [each.up_to_ms for each in found.classes] == [1, 10, 100, 1000, 0]
    assert (found.freed_samples, found.live_samples) == (100, 0)


def test_what_is_live_still_counts_for_as_long_as_it_was_seen_to_live() -> None:
    found = told([MS] * 10, [60_000 * MS] * 90).lifetimes
    assert found is not None
    assert [each.lifetime_ns for each in found.percentiles] == [None] * 4
    assert (found.freed_samples, found.live_samples) == (10, 90)


def test_an_estimated_one_stands_within_its_interval() -> None:
    found = told([MS] * 40 + [100 * MS] * 60, [50 * MS] * 10, weight=9.0).lifetimes
    assert found is not None
    median = found.percentiles[0]
    assert median.lifetime_ns and median.low_ns and median.high_ns
    assert median.low_ns < median.lifetime_ns <= median.high_ns


def test_where_nobody_asked_there_is_none() -> None:
    assert report.report(evidence(events(size_bytes=[31]))).lifetimes is None


def at_sites(amounts: list[list[float]], stacks: list[int]) -> Evidence:
    matrix = np.array(amounts)
    counts: Integers = np.full(len(stacks), 400, np.int64)
    slices = Slices(0, 1000 * MS // 12, np.array(stacks, np.int64), matrix, matrix**2 / 20, counts)
    found = evidence(events(size_bytes=[31] * 8 + [37] * 3, stack_id=[1] * 8 + [2] * 3))
    return dataclasses.replace(found, ages=Ages(by_bin([]), by_bin([]), slices))


def test_a_site_says_how_hot_it_is_and_how_its_allocations_lie_in_time() -> None:
    growing = [float(at + 1) for at in range(24)]
    first, second = figures.sites(at_sites([growing, [1.0] * 24], [1, 2]))
    assert (first.pattern, second.pattern) == ("increasing", "constant")
    assert (first.impact, second.impact) == (8 * 248, 3 * 111)
    assert (first.is_hot, second.is_hot) == (True, False)
    assert first.peak_share == pytest.approx(248 / 359)
    assert second.peak_share == pytest.approx(111 / 359)


def test_a_pause_is_no_pattern() -> None:
    half = [1.0] * 12 + [0.0] * 12
    (paused, _) = figures.sites(
        dataclasses.replace(
            at_sites([half, half], [1, 2]), pauses=(SamplingPause(1000 * MS, 2000 * MS, "user"),)
        )
    )
    assert paused.pattern == "constant"
    (ended, _) = figures.sites(at_sites([half, half], [1, 2]))
    assert ended.pattern == "decreasing"
