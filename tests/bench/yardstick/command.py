"""``scripts/bench``: options in, tables out."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.bench.yardstick import environment
from tests.bench.yardstick.about import about
from tests.bench.yardstick.contestants import CONTESTANTS
from tests.bench.yardstick.runner import Runner, say
from tests.bench.yardstick.runs import NOTHING, NOTHING_AGAIN, Outcome, Plan
from tests.bench.yardstick.summary import Summary, summed_up
from tests.bench.yardstick.table import as_markdown, as_text
from tests.bench.yardstick.workloads import WORKLOADS
from tests.support.daemon import serving

ROUNDS, SECONDS = 6, 1.0
QUICK_ROUNDS, QUICK_SECONDS = 3, 0.4
QUICK_CONTESTANTS = ("production", "full", "tracemalloc-1", "memray-python")
KEEP = "1G"  # of captures, while it runs
EXAMPLES = """\
examples:
  scripts/bench                                      everything
  scripts/bench --quick                              a first impression
  scripts/bench --rounds 9 --contestants production --workloads storm,json_both_ways,flask_sqlite
  scripts/bench --json bench.json --markdown > table.md
  scripts/bench --python python3.13 --quick          targets under another interpreter
  scripts/bench attach|hooks|ingest [...]            three small benches of our own parts

Run it on a machine that does nothing else. Nothing here passes or fails.
"""


def main(arguments: list[str]) -> int:
    """what memscope costs a program, beside what others cost it (``scripts/bench``)"""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs behind "&"
    args = parser().parse_args(arguments)
    python, refused = (args.python, {}) if args.as_it_is else environment.made(args.python, say)
    plan = Plan(python, args.workloads, args.contestants, args.rounds, args.seconds, args.seed)
    facts = about(" ".join(["scripts/bench", *arguments]), python)
    summary = summed_up(measured(plan, absent(plan, refused), facts))
    if args.json:
        args.json.write_text(json.dumps(as_json(summary), indent=1))
    print(as_markdown(summary) if args.markdown else as_text(summary))
    return 0 if summary.outcome.is_whole else 128 + signal.SIGINT


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/bench",
        description="What memscope costs a program, beside what others cost it, in one interleaved run.",
        epilog=f"{EXAMPLES}\n{listed()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--rounds", type=positive_count, metavar="N", default=ROUNDS, help=f"({ROUNDS})")
    made.add_argument(
        "--seconds", type=positive_seconds, metavar="S", default=SECONDS,
        help=f"of processor time that a measured run takes beside nothing ({SECONDS:g})",
    )  # fmt: skip
    chosen = [name for name in CONTESTANTS if name not in (NOTHING, NOTHING_AGAIN)]
    add_names(made, "--workloads", list(WORKLOADS))
    add_names(made, "--contestants", chosen)
    made.add_argument(
        "--quick", action=Quick, nargs=0,
        help=f"{QUICK_ROUNDS} rounds of {QUICK_SECONDS:g} s, {', '.join(QUICK_CONTESTANTS)}",
    )  # fmt: skip
    made.add_argument("--seed", type=int, metavar="N", default=secrets.randbits(32), help="of the order")
    made.add_argument(
        "--python", type=program, metavar="PATH", default=Path(sys.executable), help="runs the targets"
    )
    made.add_argument(
        "--as-it-is", action="store_true", help="install nothing: the targets have what PATH has"
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="every run and every figure")
    made.add_argument("--markdown", action="store_true", help="tables for a document")
    return made


class Quick(argparse.Action):
    """Sets several options; those after it on the command line win."""

    def __call__(self, _parser: object, namespace: argparse.Namespace, *_: object) -> None:
        namespace.rounds, namespace.seconds = QUICK_ROUNDS, QUICK_SECONDS
        namespace.contestants = QUICK_CONTESTANTS


def add_names(made: argparse.ArgumentParser, option: str, known: list[str]) -> None:
    def names(text: str) -> tuple[str, ...]:
        wanted = tuple(text.split(","))
        if unknown := [name for name in wanted if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return wanted

    made.add_argument(option, type=names, metavar="A,B", default=tuple(known), help="only these")


def positive_count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError("there must be one at least")
    return count


def positive_seconds(text: str) -> float:
    if not 0 < (value := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds above 0")
    return value


def program(text: str) -> Path:
    """As a shell finds it."""
    found = shutil.which(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is no program")
    return Path(found).absolute()


def listed() -> str:
    lines = ["workloads, and what an operation is:"]
    lines += [f"  {each.name:<18}{each.operation}" for each in WORKLOADS.values()]
    lines += ["contestants:"]
    lines += [f"  {each.name:<18}{each.what}" for each in CONTESTANTS.values()]
    return "\n".join(lines)


def absent(plan: Plan, refused: dict[str, str]) -> dict[str, str]:
    """Workloads and contestants whose package the targets do not have, and why not."""
    there = environment.packages_of(plan.python)
    needs = {name: WORKLOADS[name].needs for name in plan.workloads}
    needs |= {name: CONTESTANTS[name].needs for name in plan.contestants}
    return {
        name: refused.get(package, f"{package} is not installed")
        for name, package in needs.items()
        if package and package not in there
    }


def measured(plan: Plan, missing: dict[str, str], facts: dict[str, str]) -> Outcome:
    """Ctrl-C ends it early, with what there is until then."""
    runs, is_whole = [], False
    for name, why in missing.items():
        say(f"{name} is not to be had: {why}")
    say(f"seed {plan.seed}")
    with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="yardstick-") as folder:
        with serving(Path(folder), extra={"MEMSCOPE_KEEP": KEEP}) as daemon:
            for run in Runner(plan, daemon, tuple(missing)).runs():
                runs.append(run)
        is_whole = True
    return Outcome(plan, tuple(runs), missing, is_whole, facts)


def as_json(summary: Summary) -> dict[str, object]:
    """Every run, and what was made of them; names as in ``runs.py`` and ``summary.py``."""
    outcome = summary.outcome
    plan = {**dataclasses.asdict(outcome.plan), "python": os.fspath(outcome.plan.python)}
    cells = [
        {name: value for name, value in dataclasses.asdict(cell).items() if name != "runs"}
        for cell in summary.cells.values()
    ]
    return {
        "about": outcome.about,
        "plan": plan,
        "absent": outcome.absent,
        "is_whole": outcome.is_whole,
        "cells": cells,
        "versus": [dataclasses.asdict(each) for each in summary.versus],
        "runs": [dataclasses.asdict(run) for run in outcome.runs],
    }
