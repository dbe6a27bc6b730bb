"""The attach matrix: every interpreter in every kind of wait and work, attached to many times, once each.

A cell is one program under one interpreter. One target serves all rounds of its cell: each round must leave
it as it was, so the next one finds what the first one found; after a failure the next has a new target.
"""

from __future__ import annotations

import collections
import dataclasses
import random
import statistics
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from memscope_client import Client, DaemonError, Sampling, Session
from tests.support.interpreters import Interpreter
from tests.support.pools import workers
from tests.support.targets import Target
from tests.support.unharmed import attach_and_leave

STATES = (
    "busy", "storm", "sleep", "wait_select", "wait_poll", "wait_epoll", "wait_lock", "wait_condition",
    "wait_join", "wait_read", "wait_accept", "wait_child", "wait_asyncio", "fifty_threads", "deep_recursion",
    "generators", "exceptions", "wait_signal", "signals", "fork_storm", "thread_storm", "floats",
    "main_blocked",
)  # fmt: skip
DEFAULT = (Sampling.bytes(512 << 10),)
LONGEST_PAUSE_S = 0.02
FAILURES_BORNE = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    state: str
    interpreter: Interpreter

    def __str__(self) -> str:
        return f"{self.state} {self.interpreter.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """``hold_s``: how long the hooks stay in. ``samplings``: used in turn."""

    rounds: int
    at_once: int
    hold_s: float
    seed: int
    samplings: Sequence[Sampling] = DEFAULT


@dataclasses.dataclass(slots=True)
class Tally:
    """What came of the rounds of one cell, or of several. Times in nanoseconds, one for each success."""

    tried: int = 0
    refusals: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    failures: list[str] = dataclasses.field(default_factory=list)
    longest_stops_ns: list[int] = dataclasses.field(default_factory=list)
    attaches_ns: list[int] = dataclasses.field(default_factory=list)

    @property
    def is_perfect(self) -> bool:
        return self.tried > 0 and not self.failures and len(self.attaches_ns) == self.tried

    def note(self, session: Session) -> None:
        stops = [stop.duration_ns for half in (session.attach, session.detach) for stop in half.stops]
        self.longest_stops_ns.append(max(stops, default=0))
        self.attaches_ns.append(session.attach.total_ns)

    def add(self, other: Tally) -> None:
        self.tried += other.tried
        self.refusals += other.refusals
        self.failures += other.failures
        self.longest_stops_ns += other.longest_stops_ns
        self.attaches_ns += other.attaches_ns

    def __str__(self) -> str:
        refused = ", ".join(f"{count} {code}" for code, count in sorted(self.refusals.items())) or "none"
        return (
            f"tried {self.tried:>4}  first try {len(self.attaches_ns):>4}  refused {refused}  "
            f"stop {_told(self.longest_stops_ns)}  attach {_told(self.attaches_ns)}"
        )


def _told(values_ns: list[int]) -> str:
    if not values_ns:
        return "-"
    return f"{statistics.median(values_ns) / 1e6:.2f}/{max(values_ns) / 1e6:.2f} ms"


def cells(interpreters: Iterable[Interpreter], states: Iterable[str] = STATES) -> list[Cell]:
    chosen = list(states)
    return [Cell(state, interpreter) for interpreter in interpreters for state in chosen]


def run(
    address: str, chosen: Sequence[Cell], plan: Plan, on_cell: Callable[[Cell, Tally], None]
) -> dict[Cell, Tally]:
    """Visits every cell, ``plan.at_once`` at a time, in an order the seed decides. ``on_cell`` is told of
    each as it ends, by one thread at a time."""
    order = list(chosen)
    random.Random(plan.seed).shuffle(order)
    found: dict[Cell, Tally] = {}
    one_at_a_time = threading.Lock()

    def one(cell: Cell) -> None:
        tally = visit(address, cell, plan)
        with one_at_a_time:
            found[cell] = tally
            on_cell(cell, tally)

    with workers(plan.at_once) as pool:
        for done in [pool.submit(one, cell) for cell in order]:
            done.result()
    return found


def visit(address: str, cell: Cell, plan: Plan) -> Tally:
    """All rounds of one cell; whatever goes wrong in it is in the tally."""
    tally, client = Tally(), Client(address)
    dice = random.Random(f"{plan.seed}/{cell}")
    try:
        while tally.tried < plan.rounds and len(tally.failures) < FAILURES_BORNE:
            try:
                _rounds_on_one_target(client, cell, plan, dice, tally)
            except DaemonError as error:
                tally.refusals[error.code] += 1
                tally.failures.append(f"{cell} round {tally.tried}: {error.code}: {error}")
            except Exception as error:
                tally.tried = max(tally.tried, 1)
                tally.failures.append(f"{cell} round {tally.tried}: {_where(error)}")
    finally:
        client.close()
    return tally


def _rounds_on_one_target(client: Client, cell: Cell, plan: Plan, dice: random.Random, tally: Tally) -> None:
    with Target(cell.interpreter, cell.state) as target:
        target.works()
        while tally.tried < plan.rounds:
            sampling = plan.samplings[tally.tried % len(plan.samplings)]
            tally.tried += 1
            time.sleep(dice.uniform(0.0, LONGEST_PAUSE_S))  # at any moment of its loop
            tally.note(attach_and_leave(client, target, sampling, plan.hold_s))
        target.works()
        target.end()


def _where(error: Exception) -> str:
    """The error and the lines that led to it: most assertions say nothing more than where they stand."""
    steps = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__}: {error} at " + " > ".join(
        f"{Path(step.filename).name}:{step.lineno} {step.line}" for step in steps
    )


def summary(found: dict[Cell, Tally]) -> list[str]:
    """A line for each state, for each interpreter, and for the whole."""
    rows: dict[str, Tally] = {}
    by_interpreter: dict[str, Tally] = {}
    total = Tally()
    for cell in sorted(found, key=str):
        rows.setdefault(cell.state, Tally()).add(found[cell])
        by_interpreter.setdefault(cell.interpreter.name, Tally()).add(found[cell])
        total.add(found[cell])
    named = {**rows, **by_interpreter, "all": total}
    return [f"{name:<16} {tally}" for name, tally in named.items()]


def command(plan: Plan, cell: Cell) -> str:
    """What repeats a cell alone."""
    return (
        f"scripts/soak attach --rounds {plan.rounds} --at-once {plan.at_once} --seed {plan.seed}"
        f" --only {cell.state} --only {cell.interpreter.name}"
    )
