"""A thread that owns things, and is there only while there is something to own."""

from __future__ import annotations

import threading

import pytest

from memscope_daemon.errors import SystemFailure
from memscope_daemon.server.actor import Actor
from tests.support.waiting import until


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_work_is_done_in_order_in_a_thread_of_its_own():
    done: list[int] = []
    actor = Actor("a1", lambda: True, 10.0)
    for number in range(100):
        actor.post(lambda number=number: done.append(number))
    assert actor.call(lambda: threading.current_thread().name) == "a1"
    assert done == list(range(100))
    actor.stop()
    assert not threads("a1")


def test_what_the_work_raises_is_the_callers():
    actor = Actor("a2", lambda: True, 10.0)
    with pytest.raises(ZeroDivisionError):
        actor.call(lambda: 1 // 0)
    assert actor.call(lambda: 7) == 7
    actor.stop()


def test_an_actor_with_nothing_to_come_back_for_has_no_thread_until_it_gets_work():
    actor = Actor("a3", lambda: False, 0.001)
    assert not threads("a3")
    assert actor.call(lambda: 1) == 1
    until(lambda: not threads("a3"), "the thread to end")
    assert actor.call(lambda: 2) == 2
    actor.stop()
    assert not threads("a3")


def test_no_work_is_lost_while_the_thread_ends():
    actor, count = Actor("a4", lambda: False, 0.0001), 2000
    assert sum(actor.call(lambda: 1) for _ in range(count)) == count
    actor.stop()


def test_an_idle_actor_with_something_to_do_is_called_again_and_again():
    calls, enough = [0], threading.Event()

    def idle() -> bool:
        calls[0] += 1
        if calls[0] == 5:
            enough.set()
        return True

    actor = Actor("a5", idle, 0.001)
    actor.post(lambda: None)
    assert enough.wait(10)
    actor.stop()


def test_a_stopped_actor_takes_no_work():
    actor = Actor("a6", lambda: False, 0.001)
    actor.stop()
    actor.stop()
    actor.post(lambda: pytest.fail("it was stopped"))
    with pytest.raises(SystemFailure) as caught:
        actor.call(lambda: 1)
    assert caught.value.code == "daemon.stopping"
