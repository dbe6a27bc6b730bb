"""The sampling is changed a thousand times while a program works whose every allocation is known.

``scripts/soak sampling``: rounds, each with an interpreter and settings of its own, quietly or while
something else happens to the session. Judged by ``tests.support.unbiased``, round by round and over all.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import random
import secrets
import signal
import statistics
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from memscope_client import Estimate, Report, Sampling, Session
from memscope_daemon.query.quality import ONLY_NAMES
from tests.support import unbiased
from tests.support.daemon import Serving
from tests.support.drills.rig import OF_SHIPPERS, Rig, any_interpreter, check_counts
from tests.support.rings import RingView, kill_all
from tests.support.targets import Target
from tests.support.truth import FILE, KnownSite, known_sites, probability
from tests.support.unbiased import Error
from tests.support.waiting import until

CHANGES = 1000
SCALE = 1.0
WAYS = ("quiet", "shippers", "overflow", "forks")
#: So long a change is waited for. A target that allocates nothing just then never sees it.
IN_FORCE_S = 0.05
SHIPPERS_KILLED = 3  # five in a minute end a session
STOPPED_S = (0.05, 0.5)  # a shipper that stands still; more than a second and the hooks are quiet
FORKS = 3  # in each run of the program
FAR = 5.0
HELD_AT_LEAST = 0.9  # of the intervals; promised are 95 of 100


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """What came of one session: errors of its sites if nothing was lost, intervals that hold the truth."""

    errors: tuple[Error, ...]
    held: int
    intervals: int
    text: str


@dataclasses.dataclass(slots=True)
class Changer:
    """Changes a session's sampling in a thread of its own until it has done so ``wanted`` times."""

    daemon: Serving
    session: Session
    rings: RingView
    dice: random.Random
    way: str
    wanted: int
    commanded: list[Sampling] = dataclasses.field(default_factory=list)
    _thread: threading.Thread = dataclasses.field(init=False)

    def __enter__(self) -> Changer:
        self._thread = threading.Thread(target=self._run, name="changer")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        for _ in range(self.wanted):
            sampling = any_sampling(self.way, self.dice)
            self.daemon.client.set_sampling(self.session.session_id, sampling)
            self.commanded.append(sampling)
            in_force = functools.partial(self.rings.is_in_force, sampling.value)
            with contextlib.suppress(AssertionError):
                until(in_force, "it to be in force", IN_FORCE_S)


def any_sampling(way: str, dice: random.Random) -> Sampling:
    """As dense as a shipper can follow; where rings are to overflow, up to every single allocation."""
    depth, densest = dice.randint(1, 20), 0.0 if way == "overflow" else -0.7
    if dice.random() < 0.5:
        return Sampling.rate(10 ** dice.uniform(-2.0, densest), depth=depth)
    return Sampling.bytes(int(2 ** dice.uniform(14, 19)), depth=depth)


def first_sampling(way: str, dice: random.Random) -> Sampling:
    """Whether the session begins with much room or with little decides how soon its rings are full."""
    return Sampling.bytes(512 << 10) if way == "overflow" else Sampling.rate(dice.uniform(0.1, 0.2), depth=20)


@contextlib.contextmanager
def meanwhile(way: str, rig: Rig, dice: random.Random) -> Iterator[None]:
    """What else happens, in a thread of its own, until the block is left."""
    over = threading.Event()
    does = {"shippers": kill_shippers, "overflow": stop_shippers}.get(way)
    thread = threading.Thread(target=does, args=(rig, dice, over)) if does else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread:
            thread.join()


def kill_shippers(rig: Rig, dice: random.Random, over: threading.Event) -> None:
    for _ in range(SHIPPERS_KILLED):
        if over.wait(dice.uniform(0.5, 2.5)):
            return
        (shipper,) = until(lambda: rig.shippers, "a shipper")
        kill_all([shipper])
        until(lambda gone=shipper: rig.shippers not in ([], [gone]), "another shipper")


def stop_shippers(rig: Rig, dice: random.Random, over: threading.Event) -> None:
    (shipper,) = rig.shippers
    while not over.wait(dice.uniform(0.1, 0.5)):
        os.kill(shipper, signal.SIGSTOP)
        over.wait(dice.uniform(*STOPPED_S))
        os.kill(shipper, signal.SIGCONT)


def sampling(rig: Rig, dice: random.Random, changes: int = CHANGES, way: str = "quiet") -> Round:
    """One session: changed so many times; the changes stand in the report, its figures are right."""
    with Target(any_interpreter(dice), "truth") as target:
        known = known_sites(target, SCALE)
        first = first_sampling(way, dice)
        # every event is read from the session's file
        session = rig.daemon.client.attach(target.pid, first, history="unbounded").result()
        with RingView(target.pid) as rings:
            changer = Changer(rig.daemon, session, rings, dice, way, changes)
            runs = 0
            with changer, meanwhile(way, rig, random.Random(dice.random())):
                while not changer.is_done:
                    runs += run(target, way)
            until(lambda: rings.is_written(changer.commanded[-1].value), "the last setting to be told")
            runs += run(target, way)
            rig.daemon.client.detach(session.session_id)
            report = rig.daemon.client.report(session.session_id)
            counts = check_counts(report, rings)
        assert target.errors == 0
        target.end()
    settings = [first, *changer.commanded]
    told = check_told(rig, session.session_id, settings)
    errors = judge(report, known, runs, settings)
    hits = held(errors, known, report)
    text = (
        f"{changes} changes, {told} in force, {runs} runs; {told_of(errors, report)}, {hits} intervals hold"
    )
    unlost = () if lost_bytes(report) else tuple(errors)
    return Round(unlost, hits, len(known), f"{target.python}: {text}; {counts}")


def run(target: Target, way: str) -> int:
    target.ask("prepare", SCALE)
    if way == "forks":
        target.ask("work_forking", FORKS, deadline_s=120.0)
    else:
        target.ask("work", deadline_s=120.0)
    return 1


def check_told(rig: Rig, session_id: str, commanded: list[Sampling]) -> int:
    """The report has the changes, in their order, each as it was commanded, the last one last. Those that
    were overtaken before the target came by never were in force."""
    content = json.loads(rig.daemon.client.export(session_id, "json")[1])
    rows = content["sampling_settings"]
    assert [one["since_ns"] for one in rows] == sorted(one["since_ns"] for one in rows)
    told = [(one["mode"], one["value"], one["depth"]) for one in rows]
    wanted = [(one.mode, one.value, one.depth) for one in commanded]
    at = 0
    for number, setting in enumerate(told):
        if number and setting == told[number - 1]:
            continue  # told again to a shipper that had taken over
        assert setting in wanted[at:], f"row {number} was never commanded, or not then: {setting}"
        at = wanted.index(setting, at)
    assert told[-1] == wanted[-1], (told[-1], wanted[-1])
    return len(told)


def lost_bytes(report: Report) -> float:
    """That allocations stood for that were not recorded; of some nobody knows, they are taken for average."""
    losses = [loss for loss in report.quality.losses if loses_allocations(loss.cause)]
    weighed = sum(loss.weighted_bytes for loss in losses)
    unknown = sum(loss.record_count for loss in losses if loss.cause in OF_SHIPPERS)
    recorded = max(report.quality.recorded_count, 1)
    return weighed + 2 * unknown * report.figures.allocated_bytes.value / recorded


def loses_allocations(cause: str) -> bool:
    return not cause.startswith("free_") and cause not in ONLY_NAMES


def judge(report: Report, known: tuple[KnownSite, ...], runs: int, settings: list[Sampling]) -> list[Error]:
    """No bias; where samples were lost, none beyond what was counted. No interval far from the truth."""
    found = unbiased.read_sites(report.session.store_path, FILE)
    errors = unbiased.errors_of(
        found, [(one.function, one.largest_block_bytes, float(one.bytes * runs)) for one in known]
    )
    lost = lost_bytes(report)
    if lost:
        check_total(errors, lost, sum(one.estimate_bytes for one in found.values()), settings)
    else:
        assert abs(unbiased.z_of(errors)) <= FAR, told_of(errors, report)
    return errors


def check_total(errors: list[Error], lost: float, recorded: float, settings: list[Sampling]) -> None:
    """What was recorded and what was lost are together the truth, and what the rest of the program did: the
    same share of that will have been lost, half as much, or half as much again.

    How far chance can take the sum is told from the truth: the few largest blocks are a third of it, and
    samples among which by chance there are none of these do not know how much they spread.
    """
    sites = sum(one.found.estimate_bytes for one in errors)
    true = sum(one.true_bytes for one in errors)
    spread = sum(one.true_bytes * one.size_bytes * odds(one.size_bytes, settings) for one in errors) ** 0.5
    others = recorded - sites
    above = recorded + lost - true - others * (1 + lost / recorded)
    may_be = FAR * spread + others * lost / recorded / 2
    assert abs(above) <= may_be, (recorded, lost, true, spread, others)


def odds(size_bytes: int, settings: list[Sampling]) -> float:
    """Against a block of that size being drawn, (1 - p) / p, on average over settings of which each was in
    force for about as long as the others."""
    return statistics.fmean(1.0 / probability(size_bytes, each) - 1.0 for each in settings)


def held(errors: list[Error], known: tuple[KnownSite, ...], report: Report) -> int:
    """How many intervals of the report hold the truth."""
    told = {one.function: one.allocated_bytes for one in report.sites if one.file == FILE}
    nothing = Estimate(0.0, 0.0, report.quality.unseen_bound_bytes, 0, False)
    found = [told.get(one.function, nothing) for one in known]
    return sum(each.low <= one.true_bytes <= each.high for one, each in zip(errors, found, strict=True))


def told_of(errors: list[Error], report: Report) -> str:
    truth = [one.true_bytes for one in errors]
    lost = lost_bytes(report) / sum(truth)
    return f"mean/true {unbiased.ratio_of(errors):.5f}, Z {unbiased.z_of(errors):+.2f}, lost {lost:.2%}"


def main(arguments: list[str]) -> int:
    """The sampling changed 1,000 times under load: no bias, the changes told (--rounds N, --way W)"""
    parser = argparse.ArgumentParser(prog="scripts/soak sampling", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=len(WAYS))
    parser.add_argument("--changes", type=int, default=CHANGES)
    parser.add_argument("--way", choices=WAYS, help="all in turn, if not told")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="a random one, printed")
    args = parser.parse_args(arguments)
    print(f"seed {args.seed}", flush=True)
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="memscope-soak-") as folder:
        rig = Rig(Path(folder))
        for number in range(args.rounds):
            way = args.way or WAYS[number % len(WAYS)]
            done = sampling(rig, random.Random(f"{args.seed}/{way}/{number}"), args.changes, way)
            rounds.append(done)
            print(f"round {number}, {way}, {done.text}", flush=True)
        rig.close()
    return int(not tell(rounds))


def tell(rounds: list[Round]) -> bool:
    """Says what all rounds together come to, and whether that is as it should be."""
    errors = [error for one in rounds for error in one.errors]
    hits, intervals = sum(one.held for one in rounds), sum(one.intervals for one in rounds)
    z, unlost = unbiased.z_of(errors), sum(bool(one.errors) for one in rounds)
    print(
        f"{len(rounds)} rounds: {hits} of {intervals} intervals hold the truth; {unlost} rounds without"
        f" losses together: mean/true {unbiased.ratio_of(errors):.5f}, Z {z:+.2f}",
        flush=True,
    )
    return abs(z) <= unbiased.TOO_FAR and hits >= HELD_AT_LEAST * intervals
