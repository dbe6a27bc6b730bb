"""``memscoped report`` and ``export``: which session is meant, and where the files go."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import environment, memscoped
from tests.unit.cli.fake_daemon import COLLAPSED, HTML, JSON, SESSION_ID, FakeDaemon, Serving

ACTIVE, ENDED = 2, 3
PID = str(os.getpid())


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The folder of the sockets at which daemons are looked for."""
    folder = Path(environment(tmp_path)["XDG_RUNTIME_DIR"]) / "memscope"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def daemon(known: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(pid=os.getpid())
    fake.session.state = ACTIVE
    with Serving(fake, f"unix:{known}/daemon.sock"):
        yield fake


def other(known: Path, state: int, started_unix_ns: int) -> Serving:
    """A second daemon, with another session of the same process."""
    fake = FakeDaemon(pid=os.getpid(), program="other.py")
    fake.session.session_id = "0" * 15 + "1"
    fake.session.state = state
    fake.session.started_unix_ns = started_unix_ns
    return Serving(fake, f"unix:{known}/attach-104729.sock")


@pytest.mark.parametrize("selector", [PID, SESSION_ID])
def test_a_report_of_a_session_under_way_does_not_end_it(
    daemon: FakeDaemon, tmp_path: Path, selector: str
) -> None:
    done = memscoped(tmp_path, "report", selector)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("RSS 31 MiB; 7 before\n")
    assert "leak (app/app.py:7)" in done.stdout
    assert not daemon.detaching.is_set()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("memscope")] == []


def test_the_json_report_stands_alone_on_standard_output(daemon: FakeDaemon, tmp_path: Path) -> None:
    done = memscoped(tmp_path, "report", PID, "--json")
    assert json.loads(done.stdout) == json.loads(JSON)


@pytest.mark.parametrize(
    ("state", "started_unix_ns", "program"),
    [(ACTIVE, 5, "other.py"), (ENDED, 9, "app.py")],
    ids=["the newer of two that are under way", "one that is under way, not one that is over"],
)
def test_of_several_sessions_of_a_process_it_is(
    daemon: FakeDaemon, known: Path, tmp_path: Path, state: int, started_unix_ns: int, program: str
) -> None:
    daemon.session.started_unix_ns = 3
    with other(known, state, started_unix_ns):
        done = memscoped(tmp_path, "report", PID)
    assert f"{program} · pid" in done.stdout, done.stderr


def test_a_session_that_is_over_is_found_by_its_process(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.end("END_REASON_TARGET_EXITED")
    assert "leak (app/app.py:7)" in memscoped(tmp_path, "report", PID).stdout


@pytest.mark.parametrize("selector", ["104729", "0123456789abcdef"])
def test_a_session_that_nobody_knows_is_an_error_with_a_next_step(
    daemon: FakeDaemon, tmp_path: Path, selector: str
) -> None:
    done = memscoped(tmp_path, "export", selector)
    assert (done.returncode, done.stdout) == (1, "")
    assert selector in done.stderr
    assert "code: session.not-found" in done.stderr
    assert "memscoped attach" in done.stderr


def test_a_daemon_that_was_named_and_is_not_there_is_an_error(daemon: FakeDaemon, tmp_path: Path) -> None:
    done = memscoped(tmp_path, "report", PID, "--daemon", f"unix:{tmp_path}/nobody.sock")
    assert done.returncode == 1
    assert "code: client.unavailable" in done.stderr


@pytest.mark.parametrize("selector", ["0", "-7", "app.py", "0123456789ABCDEF"])
def test_what_names_no_session_is_a_usage_error(tmp_path: Path, selector: str) -> None:
    assert memscoped(tmp_path, "report", "--", selector).returncode == 2


def test_files_go_into_the_folder_and_their_names_to_standard_output(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    done = memscoped(tmp_path, "export", PID, "--format", "json,collapsed", "--out", "deep/r")
    assert done.stdout.split() == ["deep/r/report.json", "deep/r/stacks.collapsed"]
    assert (tmp_path / "deep/r/report.json").read_bytes() == JSON
    assert (tmp_path / "deep/r/stacks.collapsed").read_bytes() == COLLAPSED


def test_a_single_format_may_be_given_the_name_of_its_file(daemon: FakeDaemon, tmp_path: Path) -> None:
    memscoped(tmp_path, "export", PID, "--out", "leak.html")
    assert (tmp_path / "leak.html").read_bytes() == HTML


def test_a_folder_with_a_dot_in_its_name_stays_a_folder(daemon: FakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "v1.2").mkdir()
    memscoped(tmp_path, "export", PID, "--out", "v1.2")
    assert (tmp_path / "v1.2/report.html").read_bytes() == HTML


def test_without_a_folder_it_is_one_named_after_the_target(daemon: FakeDaemon, tmp_path: Path) -> None:
    memscoped(tmp_path, "export", PID)
    (folder,) = tmp_path.glob(f"memscope-app.py-{PID}-*")
    assert [path.name for path in folder.iterdir()] == ["report.html"]


def test_one_format_may_go_to_standard_output(daemon: FakeDaemon, tmp_path: Path) -> None:
    done = memscoped(
        tmp_path, "export", PID, "--format", "collapsed", "--measure", "peak_bytes", "--out", "-"
    )
    assert done.stdout.encode() == COLLAPSED
    assert daemon.measure == "peak_bytes"


def test_several_formats_are_too_many_for_standard_output(daemon: FakeDaemon, tmp_path: Path) -> None:
    done = memscoped(tmp_path, "export", PID, "--format", "collapsed,json", "--out", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "code: config.several-to-stdout" in done.stderr


@pytest.mark.parametrize("command", ["export", "attach", "detach", "serve"])
def test_a_format_that_there_is_not_is_a_usage_error_that_names_those_there_are(
    tmp_path: Path, command: str
) -> None:
    selector = [PID] if command != "serve" else []
    done = memscoped(tmp_path, command, *selector, "--format", "html,cuneiform")
    assert done.returncode == 2
    assert "no format 'cuneiform'; choose from json, collapsed, speedscope, svg, html" in done.stderr


def test_what_an_older_daemon_cannot_write_is_said_and_the_rest_is_written(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    done = memscoped(tmp_path, "export", PID, "--format", "svg,json", "--out", "r")
    assert done.returncode == 5
    assert "does not write svg" in done.stderr
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["report.json"]


def test_detach_writes_the_formats_that_were_asked_for(daemon: FakeDaemon, tmp_path: Path) -> None:
    done = memscoped(tmp_path, "detach", PID, "--format", "html", "--out", "r")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["report.html"]
    assert done.stdout.startswith("RSS 31 MiB; 7 before\n"), "the report is printed all the same"
