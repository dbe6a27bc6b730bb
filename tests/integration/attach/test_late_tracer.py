"""A tracer that comes too late to a thread it sent to a function: the thread is at home by then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memscope_daemon.attach import injection
from memscope_daemon.shim.layout import Outcome
from tests.integration.attach.conftest import Running
from tests.support.injecting import inject, leftovers
from tests.support.interpreters import Interpreter, supported_interpreters

PROGRAMS = ("wait_read", "wait_sleep", "wait_poll", "wait_select", "wait_lock", "wait_epoll_for_ever")
LATE = """
import time
from memscope_daemon.attach import stop
from memscope_daemon.attach.tracer import main
in_time = stop.StoppedThread._await_parked
def late(self, park):
    result = in_time(self, park)
    time.sleep(0.1)
    return result
stop.StoppedThread._await_parked = late
"""
NEVER = """
from memscope_daemon.attach import stop
from memscope_daemon.attach.tracer import main
def never(self, park):
    raise stop.Stuck
stop.StoppedThread._await_parked = never
"""
Start = Callable[[Interpreter, str], Running]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("tracer", [LATE, NEVER], ids=["late", "never"])
def test_the_thread_comes_home_by_its_frame_and_the_call_still_runs(
    tracer: str, program: str, running: Start, stub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(injection, "TRACER_PROGRAM", tracer)
    for interpreter in supported_interpreters()[::2]:
        target = running(interpreter, program)
        result = inject(target.pid, stub)
        assert (result.outcome, result.route) == (Outcome.OK, "P")
        assert not leftovers(target.pid) or result.region_left
        assert target.ended_right()
