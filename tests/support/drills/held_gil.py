"""The GIL is held by one call of C: what is waited for is said, and who gives up has changed nothing."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.daemon import Serving, command, environment, serving
from tests.support.interpreters import Interpreter, every_interpreter
from tests.support.outside import image_words, process_state, shim_mappings
from tests.support.pools import workers
from tests.support.targets import Target
from tests.support.unharmed import settle
from tests.support.waiting import until

HOWS, WHERES = ("regex", "sort"), ("main", "worker")
LONGEST_S = 600.0
SAID = "waiting for"


@dataclasses.dataclass(frozen=True, slots=True)
class Hold:
    """``how``: regex, sort or byte; ``where``: in the main thread or a worker; ``seconds``: at least, and for
    a byte after Ctrl-C."""

    how: str
    where: str
    seconds: float = 0.0


class Attaching:
    """``memscoped attach PID`` in the foreground, and what it has said."""

    def __init__(self, daemon: Serving, pid: int) -> None:
        self._said = daemon.folder / f"attach-{pid}.log"
        arguments = ("attach", str(pid), "--duration", "0.5", "--daemon", daemon.address)
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                command(*arguments), env=environment(daemon.folder), cwd=daemon.folder,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._said.read_text()

    def waits(self) -> str:
        """What it says it waits for."""
        until(lambda: SAID in self.said or self.process.poll() is not None, "word of what is waited for")
        assert SAID in self.said, self.said
        return next(line for line in self.said.splitlines() if SAID in line).removeprefix("memscoped: ")


@contextlib.contextmanager
def held(target: Target, hold: Hold) -> Iterator[Callable[[], None]]:
    """While entered the GIL is held; what is given lets go of it, where that can be done."""
    number = target.ask("hold", hold.how, hold.seconds, hold.where, deadline_s=LONGEST_S)
    let_go = [] if hold.how != "byte" else [os.open(f"/proc/{target.pid}/fd/{number}", os.O_WRONLY)]

    def release() -> None:
        while let_go:
            os.write(let_go[-1], b"x")
            os.close(let_go.pop())

    try:
        yield release
    finally:
        release()


def attaches_when_it_ends(daemon: Serving, target: Target, hold: Hold) -> str:
    """Says what it waits for; attaches when the call is over."""
    before = process_state(target.pid)
    with held(target, hold) as release:
        attaching = Attaching(daemon, target.pid)
        said = attaching.waits()
        assert "tracking" not in attaching.said, attaching.said
        assert not image_words(target.pid).pointing_into(shim_mappings(target.pid))
        release()
        assert attaching.process.wait(LONGEST_S) == 0, attaching.said
    took_s = checked(target, hold)
    assert "tracking" in attaching.said, attaching.said
    settle(target, before)
    return f"held for {took_s:.1f} s: {said!r}, then tracking"


def is_left_on_ctrl_c(daemon: Serving, target: Target, hold: Hold) -> str:
    """Ctrl-C while it waits: no hook ever was in, and once the call is over the target is as it was."""
    inside, before = target.ask("state"), process_state(target.pid)
    with held(target, hold) as release:
        attaching = Attaching(daemon, target.pid)
        said = attaching.waits()
        attaching.process.send_signal(signal.SIGINT)
        assert attaching.process.wait(LONGEST_S) == 128 + signal.SIGINT, attaching.said
        assert not image_words(target.pid).pointing_into(shim_mappings(target.pid))
        if hold.how == "byte":
            threading.Event().wait(hold.seconds)
        release()
    took_s = checked(target, hold)
    assert "tracking" not in attaching.said, attaching.said
    settle(target, before)
    assert target.ask("state") == inside
    assert not image_words(target.pid).pointing_into(shim_mappings(target.pid))
    return f"held for {took_s:.1f} s: {said!r}, Ctrl-C, as it was"


def checked(target: Target, hold: Hold) -> float:
    """How long it was held, seconds; its result was right."""
    took_s = float(target.ask("held", deadline_s=LONGEST_S))
    assert took_s >= hold.seconds, f"held for {took_s:g} s only"
    target.works()
    return took_s


def main(arguments: list[str]) -> int:
    """A call of C holds the GIL: the command says what it waits for; Ctrl-C leaves the target as it was."""
    parser = argparse.ArgumentParser(prog="scripts/soak held-gil", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long it is held, at least (20)")
    parser.add_argument("--only", help="interpreters whose name begins so: 3.12")
    parser.add_argument("--jobs", type=int, default=2, help="so many interpreters at a time (2)")
    args = parser.parse_args(arguments)
    chosen = [one for one in every_interpreter() if one.name.startswith(args.only or "")]
    if not chosen:
        parser.error(f"no interpreter's name begins with {args.only}")
    with (
        tempfile.TemporaryDirectory(prefix="memscope-soak-") as folder,
        serving(Path(folder)) as daemon,
        workers(args.jobs) as pool,
    ):
        failed = sum(pool.map(lambda one: _all_ways(daemon, one, args.seconds), chosen))
    print(f"{failed} failed")
    return int(failed > 0)


def _all_ways(daemon: Serving, interpreter: Interpreter, seconds: float) -> int:
    failed = 0
    with Target(interpreter, "held") as target:
        for how, where, drill in itertools.product(HOWS, WHERES, (attaches_when_it_ends, is_left_on_ctrl_c)):
            try:
                told = drill(daemon, target, Hold(how, where, seconds))
            except AssertionError as error:
                failed, told = failed + 1, f"FAILED: {error}"
            print(f"{interpreter.name} {how} in {where}: {told}", flush=True)
        target.end()
    return failed
