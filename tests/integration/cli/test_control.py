"""``memscoped status, set, pause, resume, mark`` on a session of a served daemon."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memscope_client import Sampling, Session
from tests.support.daemon import Serving, memscoped
from tests.support.interpreters import supported_interpreters
from tests.support.targets import Target
from tests.support.waiting import until

Command = Callable[..., str]


@pytest.fixture
def target() -> Iterator[Target]:
    with Target(supported_interpreters()[-1], "hoard") as found:
        yield found
        found.end()


@pytest.fixture
def session(daemon: Serving, target: Target) -> Iterator[Session]:
    found = daemon.client.attach(target.pid, Sampling.rate(1.0, depth=20)).result()
    yield found
    daemon.detach(found)


@pytest.fixture
def run(daemon: Serving, tmp_path: Path) -> Command:
    """Runs a command to its end; what it printed."""

    def command(*arguments: object, code: int = 0) -> str:
        done = memscoped(tmp_path, *map(str, arguments), "--daemon", daemon.address)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return command


def sessions(run: Command, *arguments: object) -> list[Any]:
    document = json.loads(run("status", *arguments, "--json"))
    assert document["schema"] == "memscope.status/1"
    found: list[Any] = document["sessions"]
    return found


def test_status_tells_how_sessions_are(
    daemon: Serving, run: Command, target: Target, session: Session
) -> None:
    target.ask("keep", 101, 4099)
    figures = daemon.client.figures
    until(lambda: figures(session.session_id).figures.live_bytes.value > 101 * 4099, "its blocks")
    told = run("status", target.pid)
    head, sampling, found = told.splitlines()
    assert head.startswith(f"{target.pid}  ")
    assert " · active · " in head
    assert head.endswith(f"session {session.session_id}")
    assert sampling.strip() == "every allocation, 20 frames"
    assert found.strip().startswith("live = ")
    assert " · quality exact" in found
    (one,) = [row for row in sessions(run) if row["session_id"] == session.session_id]
    assert one["daemon"] == daemon.address
    assert (one["state"], one["paused"], one["target"]["pid"]) == ("active", False, target.pid)
    assert one["figures"]["live_bytes"]["value"] > 101 * 4099
    assert one["quality"]["grade"] == "exact"


def test_set_changes_what_is_named_and_nothing_else(run: Command, target: Target, session: Session) -> None:
    assert "one sample each 64.0 KiB allocated, 20 frames" in run("set", target.pid, "--bytes", "64K")
    assert "one sample each 64.0 KiB allocated, 5 frames" in run("set", session.session_id, "--depth", 5)
    assert "(production), 64 frames" in run("set", target.pid, "--preset", "production")
    (one,) = sessions(run, session.session_id)
    assert (one["sampling"]["preset"], one["sampling"]["value"]) == ("production", 524_288.0)


def test_pause_resume_and_mark_are_in_the_report(
    daemon: Serving, run: Command, target: Target, session: Session
) -> None:
    assert f"memscoped resume {target.pid}" in run("pause", target.pid)
    assert "\n    paused · every allocation" in run("status", target.pid)
    assert "is sampled: every allocation" in run("resume", session.session_id)
    assert "noted down at " in run("mark", target.pid, "deploy 2.4.1")
    report = daemon.client.report(session.session_id)
    assert [pause.by for pause in report.pauses] == ["user"]
    assert [mark.label for mark in report.marks] == ["deploy 2.4.1"]


def test_a_session_that_is_over_is_listed_when_asked_for(daemon: Serving, run: Command) -> None:
    with Target(supported_interpreters()[-1], "hoard") as target:
        ended = daemon.detach(daemon.client.attach(target.pid, Sampling.bytes(65_536)).result())
        target.end()
    assert ended.session_id not in [one["session_id"] for one in sessions(run)]
    assert ended.session_id in [one["session_id"] for one in sessions(run, "--all")]
    assert "ended (detached)" in run("status", ended.session_id)
    assert "session.no-shipper" in run("pause", ended.session_id, code=1)
    assert "session.has-ended" in run("mark", ended.session_id, "late", code=1)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("status", "4194303"), 1, "session.not-found"),
        (("pause", "00000000000000ff"), 1, "session.not-found"),
        (("set", "4194303"), 2, "config.nothing-to-set"),
        (("set", "4194303", "--rate", "2"), 2, "config.bad-rate"),
        (("set", "4194303", "--rate", "1"), 1, "session.not-found"),
        (("mark", "4194303", "x"), 1, "session.not-found"),
        (("resume", "nonsense"), 2, "neither the id of a process nor of a session"),
    ],
)
def test_what_cannot_be_done_says_why(
    run: Command, arguments: tuple[str, ...], code: int, named: str
) -> None:
    assert named in run(*arguments, code=code)
