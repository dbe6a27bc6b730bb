"""The ring of points, without a session."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from memscope_daemon.query.figures import Totals, figures, figures_of, totals
from memscope_daemon.server import messages
from memscope_daemon.server import points as points_module
from memscope_daemon.server.points import Held, Points, Room
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


def test_points_are_numbered_without_gaps_and_asked_for_by_the_last_one_seen() -> None:
    points = Points(Room())
    assert points.after(0) == ([], None)
    filled(points, 5)
    assert numbers(points, 0) == [1, 2, 3, 4, 5]
    assert numbers(points, 3) == [4, 5]
    assert numbers(points, 5) == []
    found, before = points.after(3)
    assert before is not None
    assert (before.number, [point.time_ns for point in found]) == (3, [40, 50])


def test_of_a_number_that_never_was_only_the_newest_is_told() -> None:
    points = Points(Room())
    filled(points, 5)
    found, before = points.after(2**64 - 1)
    assert ([point.number for point in found], before) == ([5], None)


def test_the_oldest_go_and_the_numbers_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points_module, "POINTS_MAX", 3)
    points = Points(Room())
    filled(points, 5)
    assert numbers(points, 0) == [3, 4, 5]
    assert points.after(1)[1] is None
    points.let_go()
    assert numbers(points, 0) == [5]


def test_the_room_is_shared_by_those_that_have_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points_module, "POINTS_ALTOGETHER", 10)
    room = Room()
    one, other = Points(room), Points(room)
    filled(one, 8)
    assert len(numbers(one, 0)) == 8
    filled(other, 8)
    assert len(numbers(other, 0)) == 5
    one.add(1, 90, 0, Held(some_totals(1)))
    assert numbers(one, 0) == [5, 6, 7, 8, 9]
    other.let_go()
    other.let_go()
    filled(one, 8)
    assert len(numbers(one, 0)) == 10


def test_figures_are_made_once_and_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    points = Points(Room())
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


def test_what_nobody_has_asked_for_is_made_at_once_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points_module, "MADE_AT_ONCE", 3)
    held = filled(Points(Room()), 5)
    assert [one.totals is None for one in held] == [True, True, True, False, False]


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
