"""Work that nobody waits for is done, once, and not all the time."""

from __future__ import annotations

import threading

import pytest

from memscope_daemon.server.chore import Chore
from tests.support.waiting import until


class Work:
    """What a chore does; ``count``: how often it has begun."""

    def __init__(self) -> None:
        self.count = 0
        self.may_end = threading.Event()
        self.error: Exception | None = None

    def __call__(self) -> None:
        self.count += 1
        assert self.may_end.wait(60)
        if self.error is not None:
            raise self.error


def test_however_often_it_is_wanted_meanwhile_it_is_done_once_more() -> None:
    work = Work()
    chore = Chore("chore", work)
    chore.want()
    until(lambda: work.count == 1, "it to begin")
    for _ in range(5):
        chore.want()
    work.may_end.set()
    until(lambda: work.count == 2, "it to be done again")
    chore.stop()
    assert work.count == 2


def test_an_error_is_told_and_is_not_the_end(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    work.error = OSError("no such folder")
    work.may_end.set()
    chore = Chore("chore", work)
    chore.want()
    until(lambda: "no such folder" in caplog.text, "the error to be told")
    chore.want()
    until(lambda: work.count == 2, "it to be tried again")
    chore.stop()


def test_a_stop_waits_for_what_is_under_way_and_nothing_is_done_after() -> None:
    work = Work()
    chore = Chore("chore", work)
    chore.want()
    until(lambda: work.count == 1, "it to begin")
    stopping = threading.Thread(target=chore.stop)
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive(), "it does not wait"
    work.may_end.set()
    stopping.join(60)
    assert not stopping.is_alive()
    chore.want()
    assert work.count == 1


def test_one_that_was_never_wanted_can_be_stopped() -> None:
    Chore("chore", Work()).stop()
