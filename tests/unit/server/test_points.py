"""The ring of points, without a session."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from memscope_daemon.query.figures import Totals, figures, figures_of, totals
from memscope_daemon.server import messages
from memscope_daemon.server import points as points_module
from memscope_daemon.server.old_points import RECORD_BYTES, OldPoint, OldPoints
from memscope_daemon.server.points import Held, Points
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import BYTES, events


def some_totals(count: int, **fields: object) -> Totals:
    sizes = np.arange(1, count + 1) * 997
    found = events(size_bytes=sizes, weight=np.full(count, 523.7), stack_id=np.arange(count) % 7 + 1)
    return dataclasses.replace(totals(evidence(found, mode=BYTES, value=524_288.0)), **fields)  # type: ignore[arg-type]


def filled(points: Points, count: int) -> list[Held]:
    """Points at 10, 20, 30, ...: each with sums of its own."""
    held = [Held(some_totals(number)) for number in range(1, count + 1)]
    for number, one in enumerate(held, 1):
        points.add(1, number * 10, number - 1, one)
    return held


def numbers(points: Points, after: int) -> list[int]:
    return [point.number for point in points.after(after)[0]]


def test_points_are_numbered_without_gaps_and_asked_for_by_the_last_one_seen(tmp_path: Path) -> None:
    points = Points(tmp_path)
    assert points.after(0) == ([], None)
    filled(points, 5)
    assert numbers(points, 0) == [1, 2, 3, 4, 5]
    assert numbers(points, 3) == [4, 5]
    assert numbers(points, 5) == []
    found, before = points.after(3)
    assert before is not None
    assert (before.number, [point.time_ns for point in found]) == (3, [40, 50])


def test_of_a_number_that_never_was_only_the_newest_is_told(tmp_path: Path) -> None:
    points = Points(tmp_path)
    filled(points, 5)
    found, before = points.after(2**64 - 1)
    assert ([point.number for point in found], before) == ([5], None)


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_the_oldest_go_to_a_file_and_then_for_good_and_the_numbers_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(points_module, "KEPT", kept)
    monkeypatch.setattr(points_module, "POINTS_MAX", 7)
    points = Points(tmp_path)
    held = filled(points, 23)
    in_memory = sum(one.totals is not None for one in held)
    assert kept <= in_memory < 2 * kept
    found, before = points.after(0)
    assert before is None
    assert [point.number for point in found] == list(range(24 - 7 - in_memory, 24))
    for number in range(23):
        later, before = points.after(number)
        assert [one.number for one in later] == [one.number for one in found if one.number > number]
        assert (before.number if before else 0) == (number if number >= found[0].number else 0)
    points.make(found)
    wanted = figures_of([some_totals(point.number, time_ns=point.time_ns) for point in found])
    assert [point.message() for point in found] == [messages.figures_to(one) for one in wanted]
    assert [point.mark_count for point in found] == [point.number - 1 for point in found]
    assert list(tmp_path.iterdir()) == [], "a file without a name"
    points.let_go()
    assert numbers(points, 0) == [23]


def test_points_that_the_disk_does_not_take_are_missed_and_later_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points_module, "KEPT", 2)
    monkeypatch.setattr(points_module, "POINTS_MAX", 1000)
    points = Points(tmp_path / "away")
    filled(points, 9)
    assert numbers(points, 0) == [7, 8, 9]
    (tmp_path / "away").mkdir()
    for number in range(10, 15):
        points.add(1, number * 10, 0, Held(some_totals(number)))
    assert numbers(points, 0) == [7, 8, 9, 10, 11, 12, 13, 14]
    points.let_go()


def test_old_points_come_back_as_they_were_put_and_a_record_too_long_loses_its_own(tmp_path: Path) -> None:
    old = OldPoints(tmp_path, 5)
    assert old.after(0) == []
    sent = [OldPoint(number, number * 7, number // 2, bytes([number]) * number) for number in range(31, 48)]
    for start in range(0, 15, 3):
        old.put(sent[start : start + 3])
        assert old.after(0) == sent[max(start + 3 - 5, 0) : start + 3]
    old.put([*sent[15:16], sent[16]._replace(figures=b"x" * RECORD_BYTES)])
    assert old.after(0) == []
    old.put([OldPoint(48, 1, 0, b"")])
    assert old.after(0) == [OldPoint(48, 1, 0, b"")]
    old.put([OldPoint(number, 2, 0, b"") for number in range(49, 62)])
    assert [one.number for one in old.after(58)] == [59, 60, 61]
    assert [one.number for one in old.after(0)] == [57, 58, 59, 60, 61]
    old.close()
    assert old.after(0) == []


def test_figures_are_made_once_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = Points(tmp_path)
    held = filled(points, 4)
    points.add(1, 50, 0, held[-1])  # nothing has happened since
    made: list[int] = []
    real = points_module.figures_of

    def counted(found: list[Totals]) -> object:
        made.append(len(found))
        return real(found)

    monkeypatch.setattr(points_module, "figures_of", counted)
    some, _ = points.after(0)
    points.make(some[2:])
    points.make(some)
    points.make(some)
    assert made == [2, 2]
    assert [one.totals for one in held] == [None] * 4
    told = [point.message() for point in some]
    assert [message.time_ns for message in told] == [10, 20, 30, 40, 50]
    assert told[3].live_bytes == told[4].live_bytes
    assert told[0].live_bytes != told[1].live_bytes


def test_figures_made_together_are_those_made_alone() -> None:
    lost = evidence(events(size_bytes=[31]), losses=()).losses
    assert lost == ()
    various = [some_totals(count, time_ns=count) for count in (0, 1, 2, 40, 900)]
    lossy = [
        dataclasses.replace(one, lost=dataclasses.replace(one.lost, allocated_bytes=17.0, freed_count=3.0))
        for one in various
    ]
    exact = totals(evidence(events(size_bytes=[31, 37])))
    everything = [*various, *lossy, exact]
    for one, together in zip(everything, figures_of(everything), strict=True):
        (alone,) = figures_of([one])
        assert_alike(messages.figures_to(together), messages.figures_to(alone))


def assert_alike(one: object, other: object) -> None:
    """Values, samples and whether they are exact are the same; ends of intervals to nine digits."""
    for field in one.DESCRIPTOR.fields:  # type: ignore[attr-defined]
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.message_type is None:
            assert a == b
        else:
            assert (a.value, a.sample_count, a.exact) == (b.value, b.sample_count, b.exact), field.name
            assert (a.low, a.high) == pytest.approx((b.low, b.high), rel=1e-9), field.name


def test_losses_widen_each_figure_by_what_may_be_missing_in_it() -> None:
    from memscope_daemon.model.dictionary import LossRow

    program = events(kind=[1, 1, 2], allocation_id=[1, 2, 1], size_bytes=[31, 37, 31])
    losses = (LossRow("alloc_ring_full", 2, 2.0, 50.0), LossRow("free_ring_full", 3, 3.0, 70.0))
    told = figures(evidence(program, losses=losses))
    assert (told.allocated_bytes.low, told.allocated_bytes.high) == (68.0, 118.0)
    assert (told.freed_bytes.low, told.freed_bytes.high) == (31.0, 101.0)
    assert (told.live_bytes.low, told.live_bytes.high) == (0.0, 87.0)
    assert (told.live_count.low, told.live_count.high) == (0.0, 3.0)
    assert (told.peak_bytes.low, told.peak_bytes.high) == (0.0, 118.0)
    assert not told.live_bytes.exact
