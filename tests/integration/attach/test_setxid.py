"""A program that changes its user or group while we attach: glibc then waits for every thread it knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memscope_daemon.shim.layout import Outcome
from tests.integration.attach.conftest import Running
from tests.support.injecting import inject
from tests.support.interpreters import Interpreter, supported_interpreters

TIMES, TIMES_SLOW = 30, 400


@pytest.mark.parametrize("interpreter", supported_interpreters(), ids=lambda each: each.name)
def test_neither_waits_for_the_other_for_ever(
    interpreter: Interpreter, running: Callable[[Interpreter, str], Running], stub: Path, slow: bool
) -> None:
    target = running(interpreter, "drops_privileges")

    for _ in range(TIMES_SLOW if slow else TIMES):
        result = inject(target.pid, stub)
        assert result.outcome is Outcome.OK
    assert target.ended_right()
