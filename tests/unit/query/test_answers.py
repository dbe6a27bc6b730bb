from __future__ import annotations

import pytest

from memscope_daemon.model.columns import Domain
from memscope_daemon.model.dictionary import LossRow
from memscope_daemon.model.report import Estimate, Resident
from memscope_daemon.query import figures, quality, report
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import BYTES, events

#: Site 1 allocates 31 and 37, and frees 31; site 2 allocates 101; the last block has no Python frame.
PROGRAM = events(
    kind=[1, 1, 1, 2, 1],
    allocation_id=[1, 2, 3, 1, 4],
    size_bytes=[31, 37, 101, 31, 13],
    stack_id=[1, 1, 2, 1, 0],
    thread_id=[1, 1, 2, 2, 1],
    domain=[2, 2, 1, 2, 0],
)
RING_FULL = LossRow("alloc_ring_full", 5, 5.0, 1000.0)
FREE_LOST = LossRow("free_ring_full", 2, 2.0, 50.0)


def exactly(value: float, count: int) -> Estimate:
    return Estimate(value, value, value, count, exact=True)


def test_at_rate_one_figures_are_what_happened() -> None:
    found = figures.figures(evidence(PROGRAM))
    assert found.allocated_bytes == exactly(182, 4)
    assert found.allocated_count == exactly(4, 4)
    assert found.freed_bytes == exactly(31, 1)
    assert found.live_bytes == exactly(151, 3)
    assert found.live_count == exactly(3, 3)
    assert found.peak_bytes == exactly(169, 3)
    assert found.peak_time_ns == 2


def test_sites_are_ordered_by_live_bytes_and_named() -> None:
    found = figures.sites(evidence(PROGRAM))
    assert [(site.function, site.file, site.line) for site in found] == [
        ("allocate_2", "file_2.py", 2),
        ("allocate_1", "file_1.py", 1),
        ("", "", 0),
    ]
    assert [site.live_bytes.value for site in found] == [101, 37, 13]
    assert found[1].allocated_bytes == exactly(68, 2)
    assert found[1].freed_count == exactly(1, 1)
    assert [site.peak_bytes.value for site in found] == [101, 68, 0]


def test_stacks_that_end_in_the_same_line_are_one_site() -> None:
    made = evidence(events(stack_id=[1, 2, 3], size_bytes=[31, 37, 41]))
    made.tables.stacks[3] = made.tables.stacks[1]
    found = {site.function: site.live_bytes.value for site in figures.sites(made)}
    assert found == {"allocate_1": 72, "allocate_2": 37}


def test_a_limit_cuts_the_list_and_not_the_figures() -> None:
    found = figures.sites(evidence(PROGRAM), 1)
    assert [site.function for site in found] == ["allocate_2"]
    assert found[0].live_bytes == exactly(101, 1)


def test_threads_and_domains_have_their_own_figures() -> None:
    made = evidence(PROGRAM)
    threads = {row.native_id: row for row in figures.threads(made)}
    assert threads[101].name == "MainThread"
    assert threads[103].name == ""
    assert threads[101].allocated_bytes == exactly(81, 3)
    domains = {row.domain: row.allocated_bytes.value for row in figures.domains(made)}
    assert domains == {Domain.RAW: 13, Domain.MEM: 101, Domain.OBJECT: 68}


def test_a_session_without_events_is_bounded_and_not_empty() -> None:
    made = evidence(events(size_bytes=[]), mode=BYTES, value=65_536.0)
    found = figures.figures(made)
    assert found.allocated_bytes.value == 0.0
    assert found.allocated_bytes.high == pytest.approx(3 * 65_536, rel=2e-3)
    assert figures.sites(made) == ()


def test_at_rate_one_a_session_without_events_is_exactly_empty() -> None:
    assert figures.figures(evidence(events(size_bytes=[]))).allocated_bytes == exactly(0, 0)


# --- quality ---------------------------------------------------------------------------------------------


def test_quality_is_exact_when_all_is_sampled_and_nothing_lost() -> None:
    found = quality.assess(evidence(PROGRAM))
    assert (found.grade, found.drop_rate, found.recorded_count, found.lost_count) == ("exact", 0.0, 5, 0)


@pytest.mark.parametrize(("lost", "grade"), [(4, "good"), (5, "fair"), (14, "fair"), (16, "poor")])
def test_the_grade_follows_the_drop_rate(lost: int, grade: str) -> None:
    made = evidence(
        events(size_bytes=[31] * (100 - lost)), losses=(LossRow("alloc_ring_full", lost, lost, 31.0 * lost),)
    )
    found = quality.assess(made)
    assert found.drop_rate == pytest.approx(lost / 100)
    assert found.grade == grade


def test_lost_names_are_no_lost_events() -> None:
    found = quality.assess(evidence(PROGRAM, losses=(LossRow("stack_lost", 9, 9.0, 900.0),)))
    assert (found.grade, found.lost_count) == ("exact", 0)
    assert found.losses[0].record_count == 9


def test_lost_allocations_raise_the_upper_ends_only() -> None:
    found = figures.figures(evidence(PROGRAM, losses=(RING_FULL,)))
    assert (found.allocated_bytes.low, found.allocated_bytes.value, found.allocated_bytes.high) == (
        182,
        182,
        1182,
    )
    assert (found.live_bytes.low, found.live_bytes.high) == (151, 1151)
    assert found.freed_bytes == exactly(31, 1)
    assert not found.allocated_count.exact


def test_lost_frees_lower_what_is_live_and_raise_what_was_freed() -> None:
    found = figures.figures(evidence(PROGRAM, losses=(FREE_LOST,)))
    assert (found.live_bytes.low, found.live_bytes.value, found.live_bytes.high) == (101, 151, 151)
    assert (found.freed_bytes.low, found.freed_bytes.high) == (31, 81)
    assert found.allocated_bytes == exactly(182, 4)


def test_lost_records_of_unknown_weight_count_like_those_that_came() -> None:
    died = LossRow("shipper_died", 10, 10.0, 0.0)
    found = figures.figures(evidence(PROGRAM, losses=(died,)))
    average_bytes = found.allocated_bytes.value / found.allocated_count.value  # all weights are 1
    assert found.allocated_bytes.high == pytest.approx(found.allocated_bytes.value + 10 * average_bytes)
    assert found.allocated_count.high == found.allocated_count.value + 10
    assert found.live_bytes.low < found.live_bytes.value < found.live_bytes.high


def test_a_loss_may_be_at_any_site() -> None:
    for site in figures.sites(evidence(PROGRAM, losses=(RING_FULL,))):
        assert site.allocated_bytes.high == site.allocated_bytes.value + 1000.0


# --- the report ------------------------------------------------------------------------------------------


def test_the_first_lines_say_what_the_report_cannot_see() -> None:
    made = evidence(PROGRAM, resident=Resident(8 << 30, 7 << 30), losses=(RING_FULL,))
    lines = report.report(made).preface
    assert lines[0].startswith("RSS 8.0 GiB; 151 B (151 B to 1.1 KiB) allocated since the attach")
    assert "8.0 GiB was there before" in lines[0]
    assert any("5 samples (50.0%) were lost" in line for line in lines)


def test_a_resident_size_that_nobody_measured_is_not_made_up() -> None:
    assert report.report(evidence(PROGRAM)).preface[0].startswith("RSS is not known")


def test_the_bound_of_what_does_not_appear_is_said() -> None:
    made = evidence(events(weight=[16_913.3]), mode=BYTES, value=524_288.0)
    assert "A site that does not appear allocated less than 1.5 MiB (95 %)." in report.report(made).preface
