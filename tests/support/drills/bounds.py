"""Something runs out: memory, room on a disk; or somebody stands still."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from memscope_client import DaemonError, Report, Sampling, Site
from tests.support.cgroups import memory_group
from tests.support.daemon import Serving, memscoped, serving
from tests.support.drills.rig import (
    SAMPLINGS,
    Rig,
    any_interpreter,
    any_target,
    check_counts,
    ended,
    some_time,
)
from tests.support.rings import RingView
from tests.support.targets import PROGRAMS, Target
from tests.support.waiting import until

BLOCK_BYTES = 100_003
HEADROOM_BYTES = 24 << 20
NEARLY_FULL = 0.99
TINY_DISK, SMALL_DISK, LARGER_DISK = "64k", "12m", "400m"
TABLE_FULL = "alloc_table_full"
MORE_THAN_FITS, PIECE = 40_000, 2_000
STORE_WAITS = "events wait to be stored"
STORED_AGAIN = "stored again"
RETRY_S = 60.0


def oom(rig: Rig, dice: random.Random) -> str:
    """The kernel kills the target for want of memory: the last report is complete."""
    group = memory_group()
    if group is None:
        return "not run: no memory cgroup can be made here"
    with contextlib.closing(group), Target(any_interpreter(dice), "hoard") as target:
        group.take_in(target.pid)
        session = rig.daemon.client.attach(target.pid, Sampling.rate(1.0, depth=20)).result()
        with RingView(target.pid) as rings:
            target.ask("keep", 5, BLOCK_BYTES)
            beats = target.beats + 1  # the command to hoard is one
            group.limit(group.used_bytes + HEADROOM_BYTES)
            target.ask("hoard", BLOCK_BYTES)
            code = target.process.wait(60)
            assert (code, group.oom_kills) == (-signal.SIGKILL, 1), (code, group.oom_kills)
            found = ended(rig, session)
            assert found.end_reason == "target_exited", found
            report = rig.daemon.client.report(session.session_id)
            counts = check_counts(report, rings)
        site = _site_of_blocks(report)
        kept = 5 + target.beats - beats
        assert kept > 10
        # The list has a block of its own; the block that it died of was allocated, and never filled.
        assert site.live_count.exact, site
        assert site.live_count.value in (kept + 1, kept + 2), (site.live_count, kept)
    return f"cgroup {group.kind}, {kept} blocks kept, {site.live_count.value:.0f} told: {counts}"


def nearly_full(rig: Rig, dice: random.Random) -> str:
    """Its cgroup is 99 % full: declined, or attached to without harm; nobody is killed."""
    group = memory_group()
    if group is None:
        return "not run: no memory cgroup can be made here"
    with contextlib.closing(group), Target(any_interpreter(dice), "hoard") as target:
        group.take_in(target.pid)
        target.ask("keep", 1000, BLOCK_BYTES)
        group.limit(int(group.used_bytes / NEARLY_FULL))
        try:
            session = rig.daemon.client.attach(target.pid, dice.choice(SAMPLINGS)).result()
        except DaemonError as refused:
            assert refused.code.startswith("attach."), refused
            assert refused.next_step
            what = f"declined: {refused.code}"
        else:
            target.works()
            rig.daemon.client.detach(session.session_id)
            what = "attached to and left"
        target.works()
        assert group.oom_kills == 0
        target.end()
    return f"cgroup {group.kind}, {what}"


@contextlib.contextmanager
def small_disk(folder: Path, size: str = SMALL_DISK) -> Iterator[None]:
    """A disk of that size there."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "memscope-drill", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,size={LARGER_DISK}", str(folder)], check=True)


def full_disk(rig: Rig, dice: random.Random) -> str:
    """The store's disk is full: said, live figures go on, and it goes on when there is room."""
    if os.geteuid() != 0:
        return "not run: only root can make a disk"
    with (
        tempfile.TemporaryDirectory(prefix="memscope-full-", ignore_cleanup_errors=True) as name,
        small_disk(Path(name) / "state"),
        serving(Path(name)) as daemon,
        Target(any_interpreter(dice), "storm") as target,
    ):
        return _fill(daemon, target)


def _fill(daemon: Serving, target: Target) -> str:
    session = daemon.client.attach(target.pid, Sampling.rate(1.0, depth=20)).result()
    with RingView(target.pid) as rings:
        until(lambda: STORE_WAITS in daemon.log.read_text(), "the store to refuse", RETRY_S)
        target.works()
        assert daemon.client.figures(session.session_id).quality.recorded_count > 0
        waited = check_waits(daemon, session.session_id)
        enlarge(daemon.folder / "state")
        until(lambda: STORED_AGAIN in daemon.log.read_text(), "it to store again", RETRY_S)
        target.works()
        found = daemon.detach(session)
        assert found.end_reason == "detached", found
        counts = check_counts(daemon.client.report(session.session_id), rings)
    target.works()
    target.end()
    return f"{waited}; then {counts}"


def check_waits(daemon: Serving, session_id: str) -> str:
    """A client that asks while the store refuses is answered, from the live state."""
    first = daemon.client.figures(session_id).figures
    assert first.live_bytes.value >= 0
    return f"at {first.time_ns / 1e9:.1f} s nothing could be stored"


def suspended(rig: Rig, dice: random.Random) -> str:
    """The target is stopped (SIGSTOP), at work and when it is left: nothing is lost, it goes on as before."""
    with any_target(dice) as target:
        session = rig.daemon.client.attach(target.pid, dice.choice(SAMPLINGS)).result()
        with RingView(target.pid) as rings:
            some_time(dice)
            os.kill(target.pid, signal.SIGSTOP)
            until(lambda: _state(target.pid) == "T", "it to stand still")
            some_time(dice)
            assert not session.is_ended
            said = _leave_stopped(rig, session.session_id)
            os.kill(target.pid, signal.SIGCONT)
            target.works()
            if said:
                rig.daemon.client.detach(session.session_id)
            found = ended(rig, session)
            assert found.end_reason == "detached", found
            counts = check_counts(rig.daemon.client.report(session.session_id), rings)
        target.works()
        target.end()
    return f"{target.program}, {said or 'left while it stood still'}: {counts}"


def _leave_stopped(rig: Rig, session_id: str) -> str:
    """Detaches; what was said if that could not be done."""
    try:
        rig.daemon.client.detach(session_id)
    except DaemonError as refused:
        assert refused.next_step, refused
        return f"not left while it stood still ({refused.code})"
    return ""


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def full_table(rig: Rig, dice: random.Random) -> str:
    """More blocks are sampled than the live table holds: counted by cause, told; room is used again."""
    with Target(any_interpreter(dice), "hoard") as target:
        session = rig.daemon.client.attach(target.pid, Sampling.bytes(512 << 10)).result()
        with RingView(target.pid) as rings:
            rig.daemon.client.set_sampling(session.session_id, Sampling.rate(1.0, depth=5))
            until(lambda: target.ask("keep", 50, BLOCK_BYTES) and rings.is_in_force(1.0), "the setting")
            kept = _keep(target, rings, MORE_THAN_FITS)
            assert rings.losses[TABLE_FULL] > 0, rings.losses
            target.ask("drop")
            full = rings.losses[TABLE_FULL]
            _keep(target, rings, PIECE)
            assert rings.losses[TABLE_FULL] == full, "there was room again"
            rig.daemon.client.detach(session.session_id)
            report = rig.daemon.client.report(session.session_id)
            counts = check_counts(report, rings)
        lost = sum(loss.record_count for loss in report.quality.losses if loss.cause.startswith("alloc_"))
        site = _site_of_blocks(report)
        made = site.allocated_count
        assert made.value < kept + PIECE <= made.high, (made, kept)
        assert not made.exact
        assert report.quality.grade != "exact"
        assert lost >= full
        target.works()
        target.end()
    return f"{kept} blocks of 101 bytes kept, {full} beyond the table: {counts}"


def _site_of_blocks(report: Report) -> Site:
    """The line that keeps them. That of the ``def``, where the interpreter allocates a little for itself, is
    another site."""
    lines = (PROGRAMS / "hoard.py").read_text().splitlines()
    (site,) = (one for one in report.sites if one.function == "keep_one" and "append" in lines[one.line - 1])
    return site


def _keep(target: Target, rings: RingView, count: int) -> int:
    """In pieces that the rings take."""
    for _ in range(0, count, PIECE):
        target.ask("keep", PIECE, 101)
        until(lambda: rings.is_drained, "the rings to be drained")
    return count


def full_export(rig: Rig, dice: random.Random) -> str:
    """The disk for the report is full: said, no half of a file, the session can still be asked."""
    if os.geteuid() != 0:
        return "not run: only root can make a disk"
    with (
        tempfile.TemporaryDirectory(prefix="memscope-out-", ignore_cleanup_errors=True) as name,
        small_disk(Path(name), TINY_DISK),
        any_target(dice) as target,
    ):
        session = rig.daemon.client.attach(target.pid, dice.choice(SAMPLINGS)).result()
        with RingView(target.pid) as rings:
            some_time(dice)
            free = _fill_up(Path(name), dice)
            done = _detach_into(rig, target.pid, Path(name) / "r")
            check_files(Path(name) / "r", done)
            assert free or done.returncode == 1, done.stderr
            found = ended(rig, session)
            assert found.end_reason == "detached", found
            counts = check_counts(rig.daemon.client.report(session.session_id), rings)
        target.works()
        target.end()
    return f"{free} bytes free, exit code {done.returncode}: {counts}"


def _fill_up(folder: Path, dice: random.Random) -> int:
    """Leaves some pages at most, often none; how many bytes."""
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    pages = dice.choice((0, 0, 1, 2))
    os.truncate(folder / "filler", max((folder / "filler").stat().st_size - 4096 * pages, 0))
    return 4096 * pages


def _detach_into(rig: Rig, pid: int, folder: Path) -> subprocess.CompletedProcess[str]:
    (rig.folder / "run").mkdir(exist_ok=True)
    words = ("detach", str(pid), "--daemon", rig.daemon.address, "--out", str(folder))
    return memscoped(rig.folder, *words)


def check_files(folder: Path, done: subprocess.CompletedProcess[str]) -> None:
    """What is there is whole; the exit code says whether that is all, some of it, or nothing."""
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    assert not [name for name in found if name.endswith(".part")], found
    if "report.json" in found:
        json.loads((folder / "report.json").read_bytes())
    assert done.returncode == {0: 1, 1: 5, 2: 0}[len(found)], (found, done.returncode, done.stderr)
    if done.returncode:
        assert "could not be written" in done.stderr, done.stderr
        assert "choose another folder" in done.stderr, done.stderr
