from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import roots
from tests.support.injecting import build_stub
from tests.support.interpreters import Interpreter

PROGRAM = Path(__file__).parents[1] / "programs" / "attach_target.py"


class Running:
    """A target that can tell whether it went right."""

    def __init__(self, interpreter: Interpreter, name: str) -> None:
        command = interpreter.command(str(PROGRAM), name, shows=[PROGRAM.parent])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        self.pid = roots.pid_inside(self.process, interpreter.isolated)

    def ended_right(self) -> bool:
        """Ends it and asks it."""
        os.kill(self.pid, signal.SIGUSR1)
        return self.process.communicate(timeout=30)[0] == b"right\n"


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_stub(tmp_path_factory.mktemp("stub"))


@pytest.fixture
def running() -> Iterator[Callable[[Interpreter, str], Running]]:
    with contextlib.ExitStack() as stack:

        def start(interpreter: Interpreter, name: str) -> Running:
            target = Running(interpreter, name)
            stack.callback(target.process.wait)
            stack.callback(target.process.kill)
            return target

        yield start
