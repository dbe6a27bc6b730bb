"""The daemon is killed again and again while it writes reports by itself.

``scripts/soak auto-export``: kill -9 at moments that a seed decides. After each, every set under a final name
must be whole; the next daemon removes what was half written, and writes on. Now and then the disk of the
reports is full, or the session comes to an end of some kind.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import random
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from memscope_client import AutoExport, AutoExportStatus, DaemonError, Session
from memscope_daemon.server.export_sets import sets_in
from tests.support.drills.bounds import small_disk
from tests.support.drills.rig import SAMPLINGS, Rig, any_interpreter, any_target, ended
from tests.support.export_sets import Found, leftovers, read_if_there, session_folder
from tests.support.targets import Target
from tests.support.waiting import until

KILLS, A_LIFE = 200, 20
EVERY_S, KEPT = 0.3, 4
LONGEST_WAIT_S = 1.0
AIMED_SHARE, AIM_S = 0.5, 3.0
WAIT_S = 600.0  # for what takes a moment on a machine that has nothing else to do
NAP_S = 0.01
OUT_DISK = "64m"
SAID = "No space left"


@dataclasses.dataclass(slots=True)
class Tally:
    """What was seen."""

    kills: int = 0
    sets: int = 0
    half_sets: int = 0
    full_disks: int = 0
    ends: list[str] = dataclasses.field(default_factory=list)


class Sets:
    """Looks at every set once: under one name there is one content."""

    def __init__(self, out: Path, tally: Tally) -> None:
        self.out, self._tally = out, tally
        self._seen: dict[Path, Found] = {}

    def look(self, session: Session) -> list[Found]:
        """All of the session's, the oldest first; an AssertionError names one that is not whole."""
        where = session_folder(self.out, session.session_id)
        paths = [where / name for name in sets_in(where)] if where else []
        for path in paths:
            if path not in self._seen and (found := read_if_there(path)) is not None:
                self._seen[path] = found
                self._tally.sets += 1
        known = [self._seen[path] for path in paths if path in self._seen]
        assert all(one.report["session"]["session_id"] == session.session_id for one in known)
        return known


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    rig: Rig
    dice: random.Random
    sets: Sets
    formats: tuple[str, ...]
    tally: Tally

    def attach(self, target: Target) -> Session:
        order = AutoExport(str(self.sets.out), EVERY_S, self.formats, KEPT)
        client = self.rig.daemon.client
        session = client.attach(target.pid, self.dice.choice(SAMPLINGS), auto_export=order).result()
        assert session.auto_export == order
        return session

    def kill(self) -> None:
        """At any moment, or as it is just writing: that takes a few milliseconds, and is seldom met."""
        if self.dice.random() < AIMED_SHARE:
            with contextlib.suppress(AssertionError):  # so quick that it is not seen
                until(lambda: leftovers(self.sets.out), "it to be writing", AIM_S)
        else:
            threading.Event().wait(self.dice.uniform(0.0, LONGEST_WAIT_S))
        self.rig.daemon.process.kill()
        self.rig.daemon.process.wait()
        self.tally.kills += 1


def strike(stage: Stage, session: Session) -> None:
    stage.kill()
    before = stage.sets.look(session)
    half = leftovers(stage.sets.out)
    stage.tally.half_sets += len(half)
    until(lambda: _written(stage, session) >= 1, "the next daemon to write a set", WAIT_S)
    until(lambda: not half & leftovers(stage.sets.out), "what was half written to go", WAIT_S)
    after = stage.sets.look(session)
    assert after[-1].path.name not in {one.path.name for one in before}
    assert after[-1].report["session"]["state"] == "active"
    assert set(after[-1].files) == set(after[0].files)


def _status(stage: Stage, session: Session) -> AutoExportStatus:
    """As of the daemon that runs; all 0 where its shipper has not come yet, or it has no time to answer."""
    listed: tuple[Session, ...] = ()
    with contextlib.suppress(DaemonError):
        listed = stage.rig.daemon.client.sessions()
    found = (one.auto_export_status for one in listed if one.session_id == session.session_id)
    return next(found, AutoExportStatus())


def _written(stage: Stage, session: Session) -> int:
    return _status(stage, session).written_count


def fill_up(stage: Stage, session: Session) -> None:
    """The disk of the reports is full, for this daemon and the next: each says so once, and goes on after."""
    filler = stage.sets.out / "filler"
    seen = _said(stage, session)
    _told_once(stage, session, filler, seen)
    stage.kill()
    _told_once(stage, session, filler, seen + 1)
    filler.unlink()
    until(lambda: _written(stage, session) >= 1, "it to go on", WAIT_S)
    stage.tally.full_disks += 1


def _told_once(stage: Stage, session: Session, filler: Path, seen: int) -> None:
    def is_told() -> bool:
        _top_up(filler)  # a set that was being written has left some room
        return _said(stage, session) > seen

    until(is_told, "the full disk to be told", WAIT_S)
    tried = _skipped(stage, session)
    until(lambda: _skipped(stage, session) > tried + 1, "it to be tried again", WAIT_S)
    assert _said(stage, session) == seen + 1, stage.rig.daemon.log.read_text()[-2000:]
    stage.sets.look(session)


def _top_up(filler: Path) -> None:
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def _said(stage: Stage, session: Session) -> int:
    """By all daemons so far."""
    lines = stage.rig.daemon.log.read_text().splitlines()
    return sum(SAID in line and session.session_id in line for line in lines)


def _skipped(stage: Stage, session: Session) -> int:
    return _status(stage, session).skipped_count


def by_detach(stage: Stage, session: Session, target: Target) -> str:
    stage.rig.daemon.client.detach(session.session_id)
    return "detached"


def by_kill(stage: Stage, session: Session, target: Target) -> str:
    target.process.kill()
    target.process.wait()
    return "target_exited"


def by_kill_of_both(stage: Stage, session: Session, target: Target) -> str:
    """The target dies while no daemon lives."""
    stage.kill()
    return by_kill(stage, session, target)


def by_stop(stage: Stage, session: Session, target: Target) -> str:
    """Told while it serves the session."""
    until(lambda: stage.rig.daemon.client.sessions(), "the session", WAIT_S)
    stage.rig.daemon.process.terminate()
    stage.rig.daemon.process.wait(WAIT_S)
    return "detached"


ENDS: tuple[Callable[[Stage, Session, Target], str], ...] = (by_detach, by_kill, by_kill_of_both, by_stop)


def end(stage: Stage, session: Session, target: Target, how: Callable[[Stage, Session, Target], str]) -> None:
    reason = how(stage, session, target)

    def is_there() -> bool:
        found = stage.sets.look(session)
        return bool(found) and found[-1].report["session"]["end_reason"] == reason

    if how is not by_stop:
        ended(stage.rig, session)
    until(is_there, f"the report of an end {how.__name__}", WAIT_S)
    until(lambda: not leftovers(stage.sets.out), "nothing to be left over", WAIT_S)
    stage.tally.ends.append(how.__name__)


def calm_target(dice: random.Random) -> Target:
    """It leaves the processors to those who are killed and started again."""
    target = Target(any_interpreter(dice), "steady")
    target.ask("nap", NAP_S)
    target.ask("go")
    return target


def live(stage: Stage, kills: int, number: int, *, full: bool) -> None:
    """One session from attach to its end. Every fourth target works without pause."""
    busy = number % len(ENDS) == 0 and kills > 1
    with any_target(stage.dice) if busy else calm_target(stage.dice) as target:
        session = stage.attach(target)
        for _ in range(kills):
            strike(stage, session)
            target.works()
        if full:
            fill_up(stage, session)
        end(stage, session, target, ENDS[number % len(ENDS)])
        if target.process.poll() is None:
            target.works()
            target.end()


@contextlib.contextmanager
def stage_of(rig: Rig, dice: random.Random, formats: tuple[str, ...]) -> Iterator[tuple[Stage, bool]]:
    """With a disk of its own for the reports, where one can be made; whether it has."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="memscope-sets-", ignore_cleanup_errors=True) as name:
        is_root = os.geteuid() == 0
        with small_disk(Path(name), OUT_DISK) if is_root else contextlib.nullcontext():
            yield Stage(rig, dice, Sets(Path(name), tally), formats, tally), is_root


def main(arguments: list[str]) -> int:
    """kill -9 of the daemon while it writes reports by itself: never half of one (--kills N)"""
    parser = argparse.ArgumentParser(prog="scripts/soak auto-export", description=main.__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--formats", default="json,collapsed")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    args = parser.parse_args(arguments)
    print(f"seed {args.seed}", flush=True)
    formats = tuple(args.formats.split(","))
    with (
        tempfile.TemporaryDirectory(prefix="memscope-soak-") as folder,
        contextlib.closing(Rig(Path(folder))) as rig,
        stage_of(rig, random.Random(args.seed), formats) as (stage, can_fill),
    ):
        number = 0
        while stage.tally.kills < args.kills:
            live(stage, min(A_LIFE, args.kills - stage.tally.kills), number, full=can_fill)
            print(f"session {number}: {stage.tally}", flush=True)
            number += 1
    return 0
