"""``scripts/soak attach``: the whole matrix, for as long as it takes."""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from pathlib import Path

from tests.support import roots
from tests.support.daemon import serving
from tests.support.drills import matrix
from tests.support.drills.matrix import Cell, Plan, Tally
from tests.support.interpreters import every_interpreter

HOLD_S = 0.2


def main(arguments: list[str]) -> int:
    """Every state on every interpreter, attached to many times: nobody dies, nobody is changed."""
    parser = argparse.ArgumentParser(prog="scripts/soak attach", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="attaches to each target (50)")
    parser.add_argument("--at-once", type=int, default=4, help="targets at a time (4)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a state or interpreter")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="a random one, printed")
    args = parser.parse_args(arguments)
    plan = Plan(args.rounds, args.at_once, HOLD_S, args.seed)
    return int(attach_everywhere(plan, args.only) > 0)


def attach_everywhere(plan: Plan, only: list[str]) -> int:
    """Runs it and prints what came of it; returns how many cells were not perfect. ``only``: states and
    interpreters by name, of each kind those named or, with none of its kind named, all."""
    chosen = selected(only)
    began = time.monotonic()
    if reason := roots.why_not():
        print(f"not tried: CPython 3.14 and 3.15: {reason}")
    print(f"{len(chosen)} cells, {plan.rounds} rounds each, {plan.at_once} at once; median/longest times")

    def tell(cell: Cell, tally: Tally) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {cell!s:<32} {tally}", flush=True)
        for failure in tally.failures:
            print(f"FAILED: {failure}\n  again with: {matrix.command(plan, cell)}", flush=True)

    with tempfile.TemporaryDirectory(prefix="memscope-soak-") as folder, serving(Path(folder)) as daemon:
        found = matrix.run(daemon.address, chosen, plan, tell)
        alive = daemon.process.poll() is None
    print("\n".join(matrix.summary(found)))
    failed = sum(not tally.is_perfect for tally in found.values())
    print(f"{len(found)} cells, {failed} not perfect, {time.monotonic() - began:.0f} s, seed {plan.seed}")
    return failed + (not alive)


def selected(only: list[str]) -> list[Cell]:
    """:raises SystemExit: a name is no state and no interpreter."""
    names = {each.name: each for each in every_interpreter()}
    if unknown := [name for name in only if name not in names and name not in matrix.STATES]:
        raise SystemExit(f"no such state or interpreter: {', '.join(unknown)}; there are"
                         f" {', '.join([*matrix.STATES, *names])}")  # fmt: skip
    states = [state for state in matrix.STATES if state in only] or list(matrix.STATES)
    interpreters = [each for name, each in names.items() if name in only] or list(names.values())
    return matrix.cells(interpreters, states)
