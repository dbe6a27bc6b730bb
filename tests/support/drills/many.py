"""Many targets under one daemon, for long: memory stays flat, the figures of every one are right.

Each target works, allocates some MB a second, and knows what it has allocated and what it holds. The daemon's
resident memory is looked at all the time; its slope is that of a line laid through the medians of each minute
after the first minutes, with the uncertainty of that slope. Each session's part of the memory goes up and
down like a saw with what is not yet in its file: looks of one minute see the same teeth, and are one witness.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import secrets
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from memscope_client import Report, Sampling, Session
from memscope_daemon.monitor.process import cpu_ns, resident_bytes
from tests.support import unbiased
from tests.support.daemon import Serving, serving
from tests.support.drills.rig import check_counts
from tests.support.interpreters import every_interpreter
from tests.support.rings import RingView, children
from tests.support.targets import PROGRAMS, Target
from tests.support.unbiased import Error

TARGETS, SECONDS = 24, 900.0
LOOKS = 180
WARM_SHARE = 1 / 3
MINUTE_S = 60.0
FLAT_BYTES_PER_MINUTE = 128 << 10
KINDS = ("steady", "threads", "deep", "leaky")
SAMPLING = Sampling.bytes(512 << 10)  # the default
FILE = str(PROGRAMS / "knows.py")
FAR = 5.0
HELD_AT_LEAST = 0.88  # of the intervals; of 72 or more promised at 95 %, once in ten thousand runs by chance
MIB = float(1 << 20)


@dataclasses.dataclass(frozen=True, slots=True)
class Watched:
    target: Target
    session: Session
    rings: RingView


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """One target at its end: errors of its sites if nothing was lost, and how many of its intervals hold the
    truth."""

    errors: tuple[Error, ...]
    held: int
    intervals: int
    lost_count: int


@dataclasses.dataclass(slots=True)
class Curve:
    """Resident bytes over time, of the daemon and of all its children together."""

    times_s: list[float] = dataclasses.field(default_factory=list)
    daemon: list[int] = dataclasses.field(default_factory=list)
    shippers: list[int] = dataclasses.field(default_factory=list)
    worked_ns: list[int] = dataclasses.field(default_factory=list)

    @property
    def share(self) -> float:
        """Of a processor that the daemon took."""
        return (self.worked_ns[-1] - self.worked_ns[0]) / 1e9 / (self.times_s[-1] - self.times_s[0])

    def look(self, pid: int) -> None:
        self.worked_ns.append(cpu_ns(pid) or 0)
        self.times_s.append(time.monotonic())
        self.daemon.append(resident_bytes(pid) or 0)
        self.shippers.append(sum(resident_bytes(child) or 0 for child in children(pid)))


def slope(times_s: Sequence[float], sizes: Sequence[int]) -> tuple[float, float]:
    """Bytes a minute and the standard error of that, by least squares, the first third left out."""
    begin = int(len(times_s) * WARM_SHARE)
    times, seen = np.array(times_s[begin:]), np.array(sizes[begin:])
    minute = ((times - times_s[0]) // MINUTE_S).astype(np.int64)
    minutes = np.unique(minute)
    if len(minutes) < 4:
        return 0.0, 0.0
    middles = np.array([times[minute == each].mean() for each in minutes])
    medians = np.array([np.median(seen[minute == each]) for each in minutes])
    line, spread = np.polyfit(middles, medians, 1, cov=True)
    return float(line[0] * MINUTE_S), float(np.sqrt(spread[0, 0]) * MINUTE_S)


def watch_many(
    daemon: Serving, dice: random.Random, targets: int, seconds: float
) -> tuple[Curve, list[Judged]]:
    """Attaches to all, lets them work, holds every one's figures against what it knows, lets them go."""
    curve, interpreters = Curve(), every_interpreter()
    first = dice.randrange(len(interpreters))
    with contextlib.ExitStack() as stack:
        watched = []
        for number in range(targets):
            interpreter = interpreters[(first + number) % len(interpreters)]
            target = stack.enter_context(Target(interpreter, "knows", KINDS[number % len(KINDS)]))
            session = daemon.client.attach(target.pid, SAMPLING).result()
            watched.append(Watched(target, session, stack.enter_context(RingView(target.pid))))
        for one in watched:
            one.target.ask("begin")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            curve.look(daemon.process.pid)
            check_all_there(daemon, watched)
            threading.Event().wait(seconds / LOOKS)
        curve.look(daemon.process.pid)
        judged = [check_one(daemon, one) for one in watched]
    return curve, judged


def check_all_there(daemon: Serving, watched: list[Watched]) -> None:
    """No session has ended before it was told to."""
    ended = [one for one in daemon.client.sessions(include_ended=True) if one.is_ended]
    assert not ended, (ended, daemon.log.read_text()[-4000:])
    assert all(one.target.process.poll() is None for one in watched)


def check_one(daemon: Serving, one: Watched) -> Judged:
    one.target.works()
    truth = one.target.ask("halt", deadline_s=120.0)
    ended = daemon.detach(one.session)
    assert ended.end_reason == "detached", (one.target.python, ended, daemon.log.read_text()[-4000:])
    report = daemon.client.report(one.session.session_id)
    check_counts(report, one.rings)
    found = unbiased.read_sites(report.session.store_path, FILE)
    errors = unbiased.errors_of(found, [(name, size, float(made)) for name, size, made, _ in truth])
    lost = sum(loss.record_count for loss in report.quality.losses)
    if lost:  # on a machine that is too busy; intervals are wider for it
        errors = []
    assert abs(unbiased.z_of(errors)) <= FAR, (one.target.python, errors)
    held = sum(holds(report, name, made, live) for name, _, made, live in truth)
    one.target.works()
    one.target.end()
    return Judged(tuple(errors), held, 2 * len(truth), lost)


def holds(report: Report, function: str, made: int, live: int) -> int:
    """How many of the two intervals of a site hold the truth; none may be far off. A site that is not listed
    holds less than the report's bound."""
    sites = [one for one in report.sites if (one.function, one.file) == (function, FILE)]
    if not sites:
        assert made < 4 * report.quality.unseen_bound_bytes, (function, made)
        return 2 * int(made < report.quality.unseen_bound_bytes)
    (site,) = sites
    hits = 0
    for told, true in ((site.allocated_bytes, made), (site.live_bytes, live)):
        half = max(told.high - told.value, told.value - told.low)
        assert abs(told.value - true) <= FAR / 1.96 * half, (function, true, told)
        hits += told.low <= true <= told.high
    return hits


def main(arguments: list[str]) -> int:
    """24 targets under one daemon: memory stays flat, figures are right (--targets N, --seconds S)"""
    parser = argparse.ArgumentParser(prog="scripts/soak many", description=main.__doc__)
    parser.add_argument("--targets", type=int, default=TARGETS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    args = parser.parse_args(arguments)
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="memscope-many-") as folder, serving(Path(folder)) as daemon:
        curve, judged = watch_many(daemon, random.Random(args.seed), args.targets, args.seconds)
        idle = resident_bytes(daemon.process.pid) or 0
    steep = False
    for name, sizes, count in (("daemon", curve.daemon, 1), ("shippers", curve.shippers, args.targets)):
        a_minute, uncertain = slope(curve.times_s, sizes)
        steep |= a_minute - 2 * uncertain > FLAT_BYTES_PER_MINUTE * count
        print(
            f"{name}: {sizes[0] / MIB:.1f} MiB at first, {sizes[int(len(sizes) * WARM_SHARE)] / MIB:.1f}"
            f" after a third, {sizes[-1] / MIB:.1f} at the end, at most {max(sizes) / MIB:.1f};"
            f" {a_minute / 1024:+.1f} ± {2 * uncertain / 1024:.1f} KiB a minute after the first third",
            flush=True,
        )
    print(f"daemon, all sessions ended: {idle / MIB:.1f} MiB; {curve.share:.0%} of a processor", flush=True)
    return int(tell(judged) or steep)


def tell(judged: list[Judged]) -> bool:
    """Says how right the figures were; True: not right enough."""
    errors = [error for one in judged for error in one.errors]
    held, intervals = sum(one.held for one in judged), sum(one.intervals for one in judged)
    z, lost = unbiased.z_of(errors), sum(one.lost_count for one in judged)
    print(
        f"{len(judged)} targets, {sum(one.true_bytes for one in errors) / 1e9:.1f} GB allocated: mean/true"
        f" {unbiased.ratio_of(errors):.4f}, Z {z:+.2f}, {held} of {intervals} intervals hold the truth,"
        f" {lost} samples lost",
        flush=True,
    )
    return abs(z) > unbiased.TOO_FAR or held < HELD_AT_LEAST * intervals
