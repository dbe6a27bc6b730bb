"""Something runs out: memory, room on a disk; or somebody stands still."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from memscope_client import DaemonError, Sampling
from tests.support.cgroups import memory_group
from tests.support.daemon import Serving, serving
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
from tests.support.targets import Target
from tests.support.waiting import until

BLOCK_BYTES = 100_003
HEADROOM_BYTES = 24 << 20
NEARLY_FULL = 0.99
SMALL_DISK, LARGER_DISK = "12m", "400m"
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
        (site,) = (one for one in report.sites if one.function == "keep_one")
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
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of a few MiB there."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=0700", "memscope-drill", str(folder)]
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
