"""The workloads, and one of them that runs."""

from __future__ import annotations

import contextlib
import dataclasses
import mmap
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.bench.yardstick.programs import pace
from tests.support.waiting import DEADLINE_S, until

PROGRAMS = Path(__file__).parent / "programs"
SLICES_DEADLINE_S = 600.0
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", ""),
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # each process lays out its dicts and sets alike
    "PYTHONDONTWRITEBYTECODE": "1",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_ENABLED": "false",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Workload:
    """A program of ours. ``needs``: a package; ``is_served``: it answers requests of a load."""

    name: str
    operation: str
    needs: str = ""
    is_served: bool = False


WORKLOADS = {
    each.name: each
    for each in (
        Workload("storm", "an order of some 20 objects is made, one is dropped"),
        Workload("json_both_ways", "211 items decoded and encoded"),
        Workload("aiohttp_server", "a request to an aiohttp server", "aiohttp", is_served=True),
        Workload("flask_sqlite", "three requests to Flask over SQLite", "flask"),
        Workload("threads", "149 rows parsed, encoded, compressed, hashed, by one of four threads"),
        Workload("floats", "a step of five bodies"),
        Workload("calls", "some 1,200 calls"),
    )
}


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """``done`` slices were done: the program's processor time, and a clock, in nanoseconds."""

    done: int
    cpu_ns: int
    clock_ns: int


class Running:
    """A workload's process, and the page that it tells its slices in."""

    def __init__(self, process: subprocess.Popen[bytes], page: mmap.mmap, log: Path) -> None:
        self._process, self._page, self._log = process, page, log
        self.pid = process.pid

    @property
    def done(self) -> int:
        return self._word(pace.DONE_AT)

    @property
    def operations(self) -> int:
        """In a slice."""
        return self._word(pace.OPERATIONS_AT)

    @property
    def port(self) -> int:
        return self._word(pace.PORT_AT)

    def moment(self, done: int) -> Moment:
        where = pace.RECORDS_AT + done % pace.RECORDS * pace.RECORD.size
        return Moment(done, *pace.RECORD.unpack_from(self._page, where))

    def begin_inside(self) -> None:
        """Has the profiler begin that it was started with."""
        pace.WORD.pack_into(self._page, pace.WISH_AT, 1)
        self.wait(lambda: self._word(pace.BEGUN_AT), "the profiler inside to begin")

    def warm_up(self, seconds: float) -> None:
        """Lets it work for so long, and for two slices at least."""
        before, ends = self.done, time.monotonic() + seconds
        self.wait(lambda: self.done >= before + 2 and time.monotonic() >= ends, "it to warm up")

    def next_moment(self) -> Moment:
        """Waits for the end of the slice that it is in."""
        before = self.done
        self.wait(lambda: self.done > before, "its next slice")
        return self.moment(self.done)

    def moment_after(self, first: Moment, slices: int, at_most_s: float) -> Moment:
        """Waits for so many slices more, or, once there is one, for so much processor time of its own."""

        def enough() -> bool:
            done = self.done - first.done
            took_ns = self.moment(self.done).cpu_ns - first.cpu_ns
            return done >= slices or (done >= 1 and took_ns >= at_most_s * 1e9)

        self.wait(enough, "its slices", SLICES_DEADLINE_S)
        return self.moment(min(self.done, first.done + slices))

    def wait(self, condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
        """:raises AssertionError: it ended instead, or the time is over."""

        def met() -> bool:
            if self._process.poll() is not None:
                said = self._log.read_text(errors="replace").strip()[-500:]
                raise AssertionError(f"the program ended with {self._process.returncode}: {said}")
            return bool(condition())

        until(met, what, deadline_s)

    def resident_bytes(self) -> int:
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * mmap.PAGESIZE

    def _word(self, where: int) -> int:
        return int(pace.WORD.unpack_from(self._page, where)[0])


@contextlib.contextmanager
def running(
    workload: Workload, python: Path, folder: Path, *, before: Sequence[str] = (), inside: str = ""
) -> Iterator[Running]:
    """The program under ``python``, at work. ``before``: the interpreter's arguments before the program's
    name; ``inside``: the profiler that can be begun in it. At the end it is killed, as its load is."""
    log = folder / "target.log"
    with tempfile.TemporaryFile() as file, log.open("wb") as errors, contextlib.ExitStack() as stack:
        os.ftruncate(file.fileno(), pace.LENGTH)
        page = stack.enter_context(contextlib.closing(mmap.mmap(file.fileno(), pace.LENGTH)))
        program = str(PROGRAMS / f"{workload.name}.py")
        process = subprocess.Popen(
            [str(python), *before, program, str(file.fileno()), inside],
            pass_fds=[file.fileno()], stdin=subprocess.PIPE, stdout=errors, stderr=errors,
            cwd=folder, env=ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
        stack.callback(_end, process)
        target = Running(process, page, log)
        if workload.is_served:
            target.wait(lambda: target.port, "the port of the server")
            load = [sys.executable, str(PROGRAMS / "load.py"), str(target.port)]
            stack.callback(_end, subprocess.Popen(load, stderr=errors, start_new_session=True))
        target.wait(lambda: target.done, "its first slice")
        yield target


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
