"""Drills for as long as you like: ``scripts/soak DRILL [--seconds N | --rounds N] [--seed S]``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import secrets
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.bench.yardstick import command as bench
from tests.support.drills import (
    attach_soak,
    auto_export,
    bounds,
    clocks,
    ctrl_c,
    forks,
    fuzz,
    held_gil,
    hostile,
    kills,
    many,
    own_tests,
    prefork,
    sampling,
    versions,
    view,
)
from tests.support.drills.rig import Drill, Rig

DRILLS: dict[str, Drill] = {
    "kill-target": kills.kill_target,
    "kill-shipper": kills.kill_shipper,
    "kill-daemon": kills.kill_daemon,
    "kill-all": kills.kill_everything,
    "oom": bounds.oom,
    "nearly-full": bounds.nearly_full,
    "full-disk": bounds.full_disk,
    "suspended": bounds.suspended,
    "full-table": bounds.full_table,
    "full-export": bounds.full_export,
    "clock-jumps": clocks.clock_jumps,
    "ctrl-c": ctrl_c.ctrl_c,
    "hostile-clients": hostile.hostile_clients,
    "other-version": versions.other_version,
}
#: Not rounds but runs of their own, with options of their own (``scripts/soak NAME --help``).
RUNS: dict[str, Callable[[list[str]], int]] = {
    "attach": attach_soak.main,
    "auto-export": auto_export.main,
    "bench": bench.main,
    "cpython-tests": own_tests.main,
    "forks": forks.main,
    "gunicorn": prefork.main,
    "fuzz": fuzz.main,
    "held-gil": held_gil.main,
    "many": many.main,
    "sampling": sampling.main,
    "view": view.main,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """``rounds``: that many, or as many as fit into ``seconds`` (None)."""

    seconds: float
    rounds: int | None

    def is_over(self, done: int, elapsed_s: float) -> bool:
        return elapsed_s >= self.seconds if self.rounds is None else done >= self.rounds


def dice(seed: int, name: str, number: int) -> random.Random:
    """Each round has dice of its own, so that it can be repeated alone."""
    return random.Random(f"{seed}/{name}/{number}")


def rounds(name: str, seed: int, first: int, plan: Plan) -> int:
    """Runs rounds as planned; returns how many failed. Each begins in a folder of its own after one that
    failed."""
    began, number, failed = time.monotonic(), first, 0
    with (
        tempfile.TemporaryDirectory(prefix="memscope-soak-") as folder,
        contextlib.closing(Rig(Path(folder))) as rig,
    ):
        while number == first or not plan.is_over(number - first, time.monotonic() - began):
            try:
                print(f"{name} round {number}: {DRILLS[name](rig, dice(seed, name, number))}", flush=True)
            except Exception:
                failed += 1
                traceback.print_exc()
                print(rig.daemon.log.read_text()[-2000:])
                print(f"{name} round {number} FAILED: again with --seed {seed} --round {number}", flush=True)
            number += 1
    took_s = time.monotonic() - began
    print(f"{name}: {number - first} rounds, {failed} failed, {took_s:.0f} s, seed {seed}", flush=True)
    return failed


def main(arguments: list[str]) -> int:
    # a drill that is told to end (by a time limit, say) takes its daemons and targets with it
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if arguments and arguments[0] in RUNS:
        return RUNS[arguments[0]](arguments[1:])
    listed = "\n".join(f"  {name:<16}{drill.__doc__}" for name, drill in {**DRILLS, **RUNS}.items())
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Hurts memscope and its targets at moments that a seed decides; checks what must follow.",
        epilog=f"drills:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("drill", choices=[*DRILLS, "all"], metavar="DRILL")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each drill (60)")
    parser.add_argument("--rounds", type=int, help="so many of each drill, however long they take")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="a random one, printed")
    parser.add_argument("--round", type=int, default=0, help="the first round: to repeat one that failed")
    args = parser.parse_args(arguments)
    names = list(DRILLS) if args.drill == "all" else [args.drill]
    print(f"seed {args.seed}", flush=True)
    plan = Plan(args.seconds, args.rounds)
    return int(sum(rounds(name, args.seed, args.round, plan) for name in names) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
