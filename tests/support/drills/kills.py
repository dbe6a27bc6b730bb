"""Somebody is killed with SIGKILL, at any moment."""

from __future__ import annotations

import random
import time
from pathlib import Path

from memscope_client import Sampling
from memscope_daemon.shim import layout
from tests.support.drills.rig import SAMPLINGS, Rig, any_target, check_counts, ended, some_time
from tests.support.outside import image_words, shim_mappings
from tests.support.rings import RingView, kill_all
from tests.support.targets import Target
from tests.support.waiting import until

RECORDS_OF_A_CALL = 2  # a realloc is a free and an allocation


def kill_target(rig: Rig, dice: random.Random) -> str:
    """All that it wrote is stored, and the session says how it ended."""
    with any_target(dice) as target:
        session = rig.daemon.client.attach(target.pid, dice.choice(SAMPLINGS)).result()
        with RingView(target.pid) as rings:
            waited_s = some_time(dice)
            target.process.kill()
            target.process.wait()
            found = ended(rig, session)
            assert found.end_reason == "target_exited", found
            assert found.end_detail in ("killed by SIGKILL", "exit status not known"), found
            counts = check_counts(rig.daemon.client.report(session.session_id), rings)
    return f"{target.program} killed after {waited_s:.3f} s: {counts}"


def kill_shipper(rig: Rig, dice: random.Random) -> str:
    """Another takes over; what is lost is counted; the target never notices."""
    kills = dice.randint(1, 3)
    with any_target(dice) as target:
        session = rig.daemon.client.attach(target.pid, dice.choice(SAMPLINGS)).result()
        with RingView(target.pid) as rings:
            for _ in range(kills):
                some_time(dice)
                (shipper,) = rig.shippers
                kill_all([shipper])
                until(lambda gone=shipper: rig.shippers not in ([], [gone]), "another shipper")
                target.works()
            some_time(dice)
            found = rig.daemon.client.detach(session.session_id)
            assert found.end_reason == "detached", found
            counts = check_counts(rig.daemon.client.report(session.session_id), rings)
        target.works()
        target.end()
    return f"{target.program}, {kills} shippers: {counts}"


def kill_daemon(rig: Rig, dice: random.Random) -> str:
    """The shipper waits for another daemon; nothing is lost and nothing counted twice."""
    with any_target(dice) as target:
        session = rig.daemon.client.attach(target.pid, dice.choice(SAMPLINGS)).result()
        with RingView(target.pid) as rings:
            some_time(dice)
            rig.daemon.process.kill()
            rig.daemon.process.wait()
            some_time(dice)
            client = rig.daemon.client
            until(lambda: client.sessions(), "the shipper to come to the new daemon")
            some_time(dice)
            found = client.detach(session.session_id)
            assert found.end_reason == "detached", found
            counts = check_counts(client.report(session.session_id), rings)
        target.works()
        target.end()
    return f"{target.program}: {counts}"


def kill_everything(rig: Rig, dice: random.Random) -> str:
    """The hooks are quiet within a second; detach takes them out; nothing of the old session is left."""
    with any_target(dice) as target:
        rig.daemon.client.attach(target.pid, dice.choice(SAMPLINGS)).result()
        with RingView(target.pid) as rings:
            some_time(dice)
            rig.kill_everything()
            quiet_at_ns = rings.heartbeat_ns + layout.READER_TIMEOUT_NS
            until(lambda: time.monotonic_ns() > quiet_at_ns, "the heartbeat to be a second old")
            check_quiet(target, rings)
            said = rig.detach_by_hand(target.pid)
            assert "the hooks are out" in said, said
            assert rings.state is layout.State.DETACHED
        assert not image_words(target.pid).pointing_into(shim_mappings(target.pid))
        target.works()
        again = rig.daemon.client.attach(target.pid, Sampling.rate(1.0)).result()
        target.works()
        rig.daemon.client.detach(again.session_id)
        target.end()
    return target.program


def check_quiet(target: Target, rings: RingView) -> None:
    """Whatever it allocates, nothing is written; but a hook that had looked at the heartbeat while it was
    young, and then had to wait for a processor, still ends its record."""
    threads, before = len(list(Path(f"/proc/{target.pid}/task").iterdir())), rings.written_count
    go_on(target)
    written = rings.written_count
    assert written - before <= RECORDS_OF_A_CALL * threads, (before, written, threads)
    go_on(target)
    target.works()
    assert rings.written_count == written


def go_on(target: Target) -> None:
    """Until it has done something more."""
    beats = target.beats
    until(lambda: target.beats >= beats + 3 or target.ask("square", 3) != 9, "the target to go on")
