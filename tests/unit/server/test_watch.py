"""Watching a session over real gRPC: every point once and in order, for whoever comes back."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_client import Client, DaemonError, WatchPoint
from memscope_daemon import clock
from memscope_daemon.server import course, watching
from memscope_daemon.server import points as points_module
from tests.support.waiting import until
from tests.unit.server.mini_shipper import SESSION_ID, MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import Serving


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is a fiftieth of one."""
    monkeypatch.setattr(course, "SECOND_NS", 20_000_000)
    monkeypatch.setattr(watching, "EVERY_S", 0.02)
    monkeypatch.setattr(watching, "LOOK_EACH_S", 0.01)


class Busy:
    """Allocates 31 bytes in each batch, some hundred times a second, since ``began_ns``."""

    def __init__(self, address: str, began_ns: int | None = None) -> None:
        self.began_ns = began_ns or clock.unix_ns()
        greeting = hello()
        greeting.started_unix_ns = self.began_ns
        self.wire = MiniShipper(address, greeting)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self.wire.close()

    def end(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        for number in itertools.count(1):
            sent = batch(number, events(size_bytes=[31], allocation_id=[number]))
            sent.time_ns = clock.unix_ns() - self.began_ns
            if number == 1:
                sent.dictionary.CopyFrom(dictionary(1))
            self.wire.send(sent)
            if self._ending.wait(0.005):
                return


@pytest.fixture
def busy(serving: Serving, client: Client) -> Iterator[Busy]:
    with Busy(serving.address) as found:
        until(lambda: client.sessions(), "the session")
        yield found


def watch(client: Client, **options: object) -> Iterator[WatchPoint]:
    return client.watch(SESSION_ID, **options)  # type: ignore[arg-type]


def take(points: Iterator[WatchPoint], count: int) -> list[WatchPoint]:
    return list(itertools.islice(points, count))


def totals(points: list[WatchPoint]) -> list[object]:
    return [(point.number, point.figures) for point in points]


def test_points_come_in_order_from_the_first_and_end_with_the_session(client: Client, busy: Busy) -> None:
    points = watch(client, site_count=1)
    seen = take(points, 7)
    busy.end()
    busy.wire.goodbye()
    seen += points
    assert [point.number for point in seen] == list(range(1, len(seen) + 1))
    assert {point.missed_count for point in seen} == {0}
    allocated = [point.figures.allocated_bytes.value for point in seen]
    assert allocated == sorted(allocated)
    assert allocated[-1] == client.figures(SESSION_ID).figures.allocated_bytes.value
    assert [point.is_last for point in seen] == [False] * (len(seen) - 1) + [True]
    newest = seen[-1]
    assert newest.session is not None
    assert newest.quality is not None
    assert (newest.session.end_reason, newest.sites[0].function) == ("detached", "allocate_1")
    assert (newest.threads[0].native_id, newest.quality.grade) == (101, "exact")


def test_two_who_watch_see_the_same(client: Client, busy: Busy) -> None:
    one, other = watch(client), watch(client)
    first = take(one, 5)
    assert totals(take(other, 5)) == totals(first)


def test_who_comes_back_gets_what_was_missed_once_and_in_order(client: Client, busy: Busy) -> None:
    whole = watch(client)
    seen = take(watch(client), 3)
    seen_meanwhile = take(whole, 9)
    seen += take(watch(client, after=seen[-1].number), 6)
    assert totals(seen) == totals(seen_meanwhile)
    old = [point for point in seen if not point.is_newest]
    assert len(old) >= 3
    assert {(point.quality, point.sites, point.session) for point in old} == {(None, (), None)}


def test_what_the_daemon_has_let_go_of_is_told(
    client: Client, busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points_module, "KEPT", 2)
    monkeypatch.setattr(points_module, "POINTS_MAX", 2)
    newest = watch(client, after=None)
    until(lambda: next(newest).number > 9, "nine points")
    late = next(watch(client, after=2))
    assert late.number > 5
    assert late.missed_count == late.number - 3


def test_from_now_on_is_without_what_was_before(client: Client, busy: Busy) -> None:
    take(watch(client), 5)
    first, second = take(watch(client, after=None), 2)
    assert (first.number >= 5, first.is_newest, first.missed_count) == (True, True, 0)
    assert second.number == first.number + 1


def test_each_mark_comes_once_with_the_next_point(client: Client, busy: Busy) -> None:
    points = watch(client)
    seen = take(points, 2)
    client.mark(SESSION_ID, "deploy")
    first = up_to_a_mark(points)
    client.mark(SESSION_ID, "again")
    second = up_to_a_mark(points)
    seen += first + second + take(points, 3)
    assert [mark.label for point in seen for mark in point.marks] == ["deploy", "again"]
    back = take(watch(client, after=first[-1].number), len(second) + 3)
    assert [mark.label for point in back for mark in point.marks] == ["again"]
    assert [mark.label for mark in next(watch(client, after=None)).marks] == ["deploy", "again"]


def up_to_a_mark(points: Iterator[WatchPoint]) -> list[WatchPoint]:
    """The points up to one that has any."""
    seen = [next(points)]
    while not seen[-1].marks:
        seen.append(next(points))
    return seen


def test_while_nothing_happens_points_share_their_sums(serving: Serving, client: Client) -> None:
    wire = MiniShipper(serving.address, hello())
    wire.send(batch(1, events(size_bytes=[31]), dictionary=dictionary(1)))
    wire.await_ack(1)
    until(lambda: len(serving.book.get(SESSION_ID).course.points.after(0)[0]) >= 5, "five points")
    found, _ = serving.book.get(SESSION_ID).course.points.after(0)
    assert len({id(point.held) for point in found}) <= 2
    wire.close()


def test_a_session_that_is_over_gives_its_points_and_ends(client: Client, busy: Busy) -> None:
    seen = take(watch(client), 3)
    busy.end()
    busy.wire.goodbye()
    rest = list(watch(client, after=seen[-1].number))
    assert rest[-1].is_last
    assert list(watch(client, after=rest[-1].number)) == []


def test_no_more_than_so_many_watch_at_once_and_one_who_leaves_makes_room(client: Client, busy: Busy) -> None:
    watchers = [watch(client) for _ in range(watching.WATCHERS_MAX)]
    for one in watchers:
        next(one)
    with pytest.raises(DaemonError) as refused:
        next(watch(client))
    assert refused.value.code == "daemon.too-many-watchers"
    assert client.figures(SESSION_ID).figures.allocated_bytes.value > 0
    watchers.pop().close()  # type: ignore[attr-defined]
    until(lambda: can_watch(client), "room for another")


def can_watch(client: Client) -> bool:
    try:
        next(watch(client))
    except DaemonError:
        return False
    return True


@pytest.mark.parametrize("every_s", [-1.0, math.nan, math.inf, 3601.0])
def test_an_interval_that_makes_no_sense_is_refused(client: Client, busy: Busy, every_s: float) -> None:
    with pytest.raises(DaemonError) as refused:
        next(watch(client, every_s=every_s))
    assert refused.value.code == "watch.bad-interval"


def test_who_asks_seldom_gets_all_points_at_once(
    client: Client, busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = watch(client, every_s=0.3)
    seen = take(points, 12)
    assert [point.number for point in seen] == list(range(1, 13))
    assert sum(point.is_newest for point in seen) < 12


def test_nobody_watches_what_is_not_there(client: Client) -> None:
    with pytest.raises(DaemonError) as refused:
        next(watch(client))
    assert refused.value.code == "session.not-found"


def test_a_watch_goes_on_with_the_next_daemon_by_itself(folder: Path) -> None:
    serving = Serving(folder)
    client = Client(serving.address)
    with Busy(serving.address) as busy:
        points = watch(client)
        before = take(points, 3)
        serving.crash()
    with Serving(folder) as serving, Busy(serving.address, busy.began_ns):
        after = take(points, 3)
    numbers = [point.number for point in before + after]
    assert numbers == sorted(set(numbers))
    assert after[0].missed_count == after[0].number - before[-1].number - 1
    client.close()


def test_a_watch_gives_up_after_a_while_and_says_so(folder: Path) -> None:
    serving = Serving(folder)
    client = Client(serving.address)
    with Busy(serving.address):
        points = watch(client, patience_s=0.2)
        seen = take(points, 2)
        serving.close()
    with pytest.raises(DaemonError) as lost:
        seen += points
    assert lost.value.code == "client.watch-lost"
    assert f"after={seen[-1].number}" in lost.value.next_step
    client.close()
