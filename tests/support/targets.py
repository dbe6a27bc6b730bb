"""Target programs: started under an interpreter, talked to, and held to their word.

The programs of ``tests/integration/programs`` speak through ``talk.py``: commands go in through one pipe,
answers come back through another, and a file both map shared carries heartbeats. So a target can be asked
whether it is alive and right without a signal, a port or a byte on its standard streams.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import select
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support import roots
from tests.support.interpreters import Interpreter
from tests.support.waiting import DEADLINE_S, until

PROGRAMS = Path(__file__).resolve().parents[1] / "integration" / "programs"
PULSE = struct.Struct("<QQQ")  # beats, errors, longest gap in nanoseconds


class Target:
    """A program of ours that runs. ``closed``: its standard streams are closed before it starts. ``shows``:
    folders that it must see besides that of the programs."""

    def __init__(
        self,
        interpreter: Interpreter,
        program: str,
        *arguments: str,
        closed: bool = False,
        shows: Sequence[Path] = (),
    ) -> None:
        self.program, self._interpreter = program, interpreter
        self._replies = b""
        with tempfile.TemporaryFile() as pulse, contextlib.ExitStack() as passed:
            os.ftruncate(pulse.fileno(), mmap.PAGESIZE)
            self._pulse = mmap.mmap(pulse.fileno(), mmap.PAGESIZE)
            theirs_in, self._commands = os.pipe()
            self._answers, theirs_out = os.pipe()
            passed.callback(os.close, theirs_in)
            passed.callback(os.close, theirs_out)
            descriptors = (theirs_in, theirs_out, pulse.fileno())
            self.process = _start(interpreter, program, descriptors, arguments, closed, shows)
        try:
            self.ready = self._reply(DEADLINE_S)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return roots.pid_inside(self.process, self._interpreter.isolated)

    @property
    def python(self) -> str:
        """The interpreter that runs it."""
        return self._interpreter.name

    @property
    def beats(self) -> int:
        """How often its loops have gone round."""
        return int(PULSE.unpack_from(self._pulse)[0])

    @property
    def errors(self) -> int:
        """How often it found a result of its own wrong."""
        return int(PULSE.unpack_from(self._pulse)[1])

    @property
    def longest_gap_ns(self) -> int:
        return int(PULSE.unpack_from(self._pulse)[2])

    def reset_gap(self) -> None:
        struct.pack_into("<Q", self._pulse, 16, 0)

    def ask(self, command: str, *arguments: Any, deadline_s: float = DEADLINE_S) -> Any:
        """What the program answers to a command."""
        try:
            os.write(self._commands, (json.dumps([command, *arguments]) + "\n").encode())
        except BrokenPipeError:
            raise AssertionError(
                f"{self.program} (pid {self.pid}) ended with {self.process.wait()}"
            ) from None
        return self._reply(deadline_s)

    def works(self) -> None:
        """Holds the program to its work: it answers, rightly, it goes on, and it has found no error."""
        number = time.monotonic_ns() % 1_000_003
        assert self.ask("square", number) == number * number
        beats = self.beats
        until(lambda: self.beats > beats or self.ask("square", 3) != 9, f"{self.program} to go on")
        assert self.errors == 0, f"{self.program} found {self.errors} wrong results"

    def end(self) -> None:
        """Asks it to end: it must do so by itself, with its final check passed and exit code 0."""
        assert self.ask("quit") == "bye"
        assert self.process.wait(DEADLINE_S) == 0, f"{self.program} ended with {self.process.returncode}"

    def close(self) -> None:
        """Ends it in any case."""
        self.process.kill()
        self.process.wait()
        for descriptor in (self._commands, self._answers):
            os.close(descriptor)
        self._pulse.close()

    def __enter__(self) -> Target:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reply(self, deadline_s: float) -> Any:
        ends = time.monotonic() + deadline_s
        while b"\n" not in self._replies:
            left_s = ends - time.monotonic()
            if left_s <= 0 or not select.select([self._answers], [], [], left_s)[0]:
                raise AssertionError(f"{self.program} (pid {self.pid}) did not answer in {deadline_s:g} s")
            piece = os.read(self._answers, 1 << 20)
            if not piece:
                code = self.process.wait()
                raise AssertionError(f"{self.program} ended with {code} instead of answering")
            self._replies += piece
        line, self._replies = self._replies.split(b"\n", 1)
        return json.loads(line)


def _start(
    interpreter: Interpreter,
    program: str,
    descriptors: tuple[int, ...],
    arguments: tuple[str, ...],
    closed: bool,
    shows: Sequence[Path],
) -> subprocess.Popen[bytes]:
    script = str(PROGRAMS / f"{program}.py")
    command = interpreter.command(script, *map(str, descriptors), *arguments, shows=[PROGRAMS, *shows])
    if closed:  # by a shell: between fork and exec of a process with threads, less is safer
        command = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]
    environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, pass_fds=descriptors, stdin=subprocess.DEVNULL, env=environment)
