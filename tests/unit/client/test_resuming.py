"""A watch that lost its daemon: when it tries again, and when it gives up. Without a daemon."""

from __future__ import annotations

import pytest

from memscope_client import DaemonError, WatchPoint
from memscope_client import resuming as resuming_module
from memscope_client._pb import query_service_pb2
from memscope_client.convert import from_message
from memscope_client.resuming import Resumption


def point(number: int) -> WatchPoint:
    return from_message(WatchPoint, query_service_pb2.WatchResponse(number=number))


def error(code: str) -> DaemonError:
    return DaemonError(code, "it is so", "do something")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(resuming_module.time, "monotonic", lambda: now[0])
    return now


def test_points_that_were_seen_are_not_new() -> None:
    seen = Resumption("unix:x", 7, 60.0)
    assert [seen.is_new(point(number)) for number in (7, 8, 8, 3, 9)] == [False, True, False, False, True]
    assert seen.after == 9


def test_from_now_on_takes_whatever_comes_first() -> None:
    seen = Resumption("unix:x", None, 60.0)
    assert seen.is_new(point(4711))
    assert seen.after == 4711


def test_it_tries_again_at_growing_intervals_and_gives_up(clock: list[float]) -> None:
    seen = Resumption("unix:x", 3, 10.0)
    rests = [seen.rest_after(error("client.unavailable")) for _ in range(5)]
    assert rests == [0.1, 0.2, 0.4, 0.8, 1.0]
    clock[0] += 10.0
    with pytest.raises(DaemonError, match="could not be watched for 10 s: it is so") as lost:
        seen.rest_after(error("client.unavailable"))
    assert lost.value.code == "client.watch-lost"
    assert "after=3" in lost.value.next_step


def test_each_point_begins_the_patience_anew(clock: list[float]) -> None:
    seen = Resumption("unix:x", 0, 10.0)
    for number in range(1, 4):
        assert seen.rest_after(error("daemon.stopping")) == 0.1
        clock[0] += 9.0
        assert seen.is_new(point(number))


def test_an_answer_is_no_reason_to_try_again() -> None:
    for code in (
        "session.not-found",
        "daemon.too-many-watchers",
        "watch.bad-interval",
        "client.unimplemented",
    ):
        with pytest.raises(DaemonError) as refused:
            Resumption("unix:x", 0, 10.0).rest_after(error(code))
        assert refused.value.code == code


def test_what_was_watched_before_may_be_unknown_for_a_while() -> None:
    seen = Resumption("unix:x", 0, 10.0)
    seen.is_new(point(1))
    assert seen.rest_after(error("session.not-found")) == 0.1
    with pytest.raises(DaemonError):
        seen.rest_after(error("watch.bad-interval"))
