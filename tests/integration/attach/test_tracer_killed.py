"""The tracer dies at a hundred moments of an attach, before or after any of its steps in the target."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from memscope_daemon.attach import injection
from memscope_daemon.errors import AttachFailed
from memscope_daemon.shim.layout import Outcome
from tests.integration.attach.conftest import Running
from tests.support.injecting import BOMB, inject
from tests.support.interpreters import supported_interpreters

PROGRAMS = ("busy", "floats", "storm", "wait_sleep", "wait_epoll_for_ever", "main_blocked", "signals")
MOMENTS, STEPS = 15, 60


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_target_lives_is_right_and_the_next_attach_works(
    program: str,
    running: Callable[..., Running],
    stub: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose = random.Random(program)
    interpreters = supported_interpreters()
    target = running(interpreters[choose.randrange(len(interpreters))], program)
    killed = 0
    for _ in range(MOMENTS):
        bomb = BOMB.format(at=choose.randrange(1, STEPS), after=choose.random() < 0.5)
        monkeypatch.setattr(injection, "TRACER_PROGRAM", bomb)
        try:
            inject(target.pid, stub)
        except AttachFailed as failure:
            killed += failure.code == "attach.tracer-died"
        assert target.process.poll() is None
    monkeypatch.undo()
    assert killed > MOMENTS // 2
    assert inject(target.pid, stub).outcome is Outcome.OK
    assert target.ended_right()
