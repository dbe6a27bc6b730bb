"""Reports that the daemon writes by itself: real targets, real ends, disks that are full or read only."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_client import AutoExport, Sampling, Session
from tests.support.daemon import Serving, command, environment
from tests.support.drills.auto_export import ENDS, WAIT_S, live, stage_of
from tests.support.drills.bounds import small_disk
from tests.support.drills.rig import Rig
from tests.support.export_sets import Found, latest, leftovers, read_sets
from tests.support.interpreters import supported_interpreters
from tests.support.targets import Target
from tests.support.waiting import until

EVERYTHING = Sampling.rate(1.0, depth=20)
BOTH = ("json", "collapsed")
KILLS, KILLS_SLOW = 1, 20


@pytest.fixture
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("a"))
    yield made
    made.close()


@pytest.fixture
def target() -> Iterator[Target]:
    with Target(supported_interpreters()[-1], "busy") as found:
        yield found


def end_of(out: Path, session_id: str) -> Found:
    """The newest set, once it tells of an end."""

    def look() -> Found | None:
        found = latest(out, session_id)
        return found if found and found.report["session"]["end_reason"] else None

    found = until(look, "the report of the end", WAIT_S)
    assert found is not None
    return found


def test_ctrl_c_of_a_command_that_carries_its_daemon_leaves_a_report(tmp_path: Path, target: Target) -> None:
    words = ("--auto-export", "out", "--every", "0.3", "--export-format", ",".join(BOTH))
    process = subprocess.Popen(
        command("attach", str(target.pid), "--json", "--out", "r", *words, "--keep-exports", "2"),
        env=environment(tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: list(tmp_path.glob("out/*/latest")), "a set while it runs", WAIT_S)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130, said
    (folder,) = (tmp_path / "out").iterdir()
    session_id = folder.name.rpartition("-")[2]
    found = end_of(tmp_path / "out", session_id)
    assert found.report["session"]["end_reason"] == "detached"
    assert found.files == ("report.json", "stacks.collapsed")
    assert len(read_sets(tmp_path / "out", session_id)) == 2
    target.works()


def test_a_read_only_disk_is_told_once_and_written_to_when_it_is_none_any_more(
    rig: Rig, target: Target, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a disk")
    out = tmp_path / "out"
    with small_disk(out):
        session = attached(rig.daemon, target, AutoExport(str(out), 0.2))
        until(lambda: read_sets(out, session.session_id), "a set", WAIT_S)
        subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
        until(lambda: status_of(rig, session).error_code == "export.not-written", "it to be told", WAIT_S)
        assert "Read-only file system" in status_of(rig, session).error_message
        skipped = status_of(rig, session).skipped_count
        until(lambda: status_of(rig, session).skipped_count > skipped + 2, "some more times to pass", WAIT_S)
        assert rig.daemon.log.read_text().count("Read-only file system") == 1
        subprocess.run(["mount", "-o", "remount,rw", str(out)], check=True)
        until(lambda: not status_of(rig, session).error_code, "it to go on", WAIT_S)
        rig.daemon.detach(session)
        assert end_of(out, session.session_id).report["session"]["end_reason"] == "detached"
        assert leftovers(out) == set()
    target.works()


def attached(daemon: Serving, target: Target, order: AutoExport) -> Session:
    return daemon.client.attach(target.pid, EVERYTHING, auto_export=order).result()


def status_of(rig: Rig, session: Session):
    (found,) = (one for one in rig.daemon.client.sessions() if one.session_id == session.session_id)
    return found.auto_export_status


@pytest.mark.parametrize("number", range(len(ENDS)), ids=[how.__name__ for how in ENDS])
def test_no_kill_of_the_daemon_leaves_half_a_report_and_every_end_leaves_a_whole_one(
    rig: Rig, number: int, slow: bool
) -> None:
    with stage_of(rig, random.Random(f"4217/{number}"), BOTH) as (stage, can_fill):
        live(stage, KILLS_SLOW if slow else KILLS, number, full=can_fill and slow)
