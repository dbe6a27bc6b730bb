"""Prints how long targets stand still at an attach and a detach, and how soon the first event is there.

    .venv/bin/python -m tests.bench.attach_figures [ROUNDS]

One daemon, every interpreter found; programs that compute, allocate, wait, and beat once in a millisecond.
Run it on a quiet machine: the figures are of the tracer *and* of whoever else wants its processor.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.daemon import Serving, serving
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.measuring import (
    command_to_first_event_ns,
    gaps_with_and_without,
    round_trip,
    stop_lines,
    told,
)
from tests.support.targets import Target

PROGRAMS = ("busy", "storm", "wait_read", "wait_epoll", "fifty_threads", "main_blocked")


def show_stops(daemon: Serving, interpreter: Interpreter, rounds: int) -> None:
    for program in PROGRAMS:
        with Target(interpreter, program) as target:
            sessions = [round_trip(daemon, target) for _ in range(rounds)]
        print("\n".join(stop_lines(f"{interpreter.name} {program}", sessions)))
        attaches = told([one.attach.total_ns for one in sessions])
        print(f"all  {interpreter.name + ' ' + program:<26} attach    {attaches}", flush=True)


def show_gaps(daemon: Serving, interpreter: Interpreter, rounds: int) -> None:
    with Target(interpreter, "heartbeat") as target:
        gaps, noise = zip(*[gaps_with_and_without(daemon, target) for _ in range(rounds)], strict=True)
    print(f"gap  {interpreter.name:<26} none      {told(noise)}")
    print(f"gap  {interpreter.name:<26} attached  {told(gaps)}", flush=True)


def show_first_event(daemon: Serving, interpreter: Interpreter, rounds: int) -> None:
    with Target(interpreter, "storm") as target:
        for sampling in ((), ("--rate", "1")):
            took = [command_to_first_event_ns(daemon, target, *sampling) for _ in range(rounds)]
            words = " ".join(sampling) or "default sampling"
            print(f"command to first event, {interpreter.name}, storm, {words}: {told(took)}", flush=True)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as daemon:
        for interpreter in supported_interpreters():
            show_stops(daemon, interpreter, rounds)
            show_gaps(daemon, interpreter, rounds)
        show_first_event(daemon, supported_interpreters()[-1], rounds)


if __name__ == "__main__":
    main()
