"""The live view of real sessions on a real terminal, and what scripts get of them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_client import Sampling, Session, WatchPoint
from tests.support.daemon import Serving, command, environment, memscoped, serving
from tests.support.outside import image_words, shim_mappings
from tests.support.targets import PROGRAMS
from tests.support.terminals import Terminal, check_given_back
from tests.support.waiting import until

DEMO = PROGRAMS / "demo_leak.py"
LEAK = "        self.receipts[key] = text.encode() * 2  # the leak"


class Demo:
    """The demonstration, with its standard streams in files."""

    def __init__(self, folder: Path) -> None:
        self.out, self.err = folder / "out", folder / "err"
        told = {**os.environ, "DEMO_SECONDS": "3600"}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen([sys.executable, str(DEMO)], stdout=out, stderr=err, env=told)
        until(lambda: self.out.read_bytes().endswith(b"\n"), "the program to begin")
        self.pid = self.process.pid

    def check_streams(self) -> None:
        """Nobody but the program has written there."""
        assert self.out.read_text() == f"{self.pid}\n"
        assert self.err.read_bytes() == b""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    found = Demo(tmp_path)
    yield found
    found.process.kill()
    found.process.wait()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a short path, for sockets."""
    return tmp_path_factory.mktemp("m")


@pytest.fixture
def daemon(folder: Path) -> Iterator[Serving]:
    with serving(folder) as found:
        yield found


def on_terminal(folder: Path, *arguments: str) -> Terminal:
    return Terminal(command(*arguments), 100, 30, environment(folder), folder)


def test_attach_on_a_terminal_shows_the_line_that_leaks_and_never_writes_to_the_target(
    folder: Path, demo: Demo
) -> None:
    with on_terminal(folder, "attach", str(demo.pid), "--bytes", "64K", "--out", "r") as terminal:
        line = DEMO.read_text().splitlines().index(LEAK) + 1
        terminal.shows(f"Shop.remember (programs/demo_leak.py:{line})")
        assert re.search(r"^RSS [\d.]+ MiB: ", terminal.shows("RSS "), re.MULTILINE)
        terminal.press("mhalf-way\r")
        terminal.shows("marked ")
        terminal.press("p")
        terminal.shows("SAMPLING PAUSED")
        terminal.press("p")
        terminal.shows_no_more("SAMPLING PAUSED")
        terminal.press("q")
        assert terminal.ends() == 0
        check_given_back(terminal)
        assert "Shop.remember" in terminal.text
    report = json.loads((folder / "r" / "report.json").read_text())
    assert report["session"]["end_reason"] == "detached"
    assert [mark["label"] for mark in report["marks"]] == ["half-way"]
    assert not image_words(demo.pid).pointing_into(shim_mappings(demo.pid))
    assert demo.process.poll() is None
    demo.check_streams()


def newest_point(daemon: Serving, session: Session) -> WatchPoint:
    with contextlib.closing(daemon.client.watch(session.session_id, after=None)) as points:
        return next(points)


def test_top_once_says_what_the_client_is_told(daemon: Serving, folder: Path, demo: Demo) -> None:
    session = daemon.client.attach(demo.pid, sampling()).result()
    # the view has points of each second, the newest of which is older than what is asked for now
    until(lambda: newest_point(daemon, session).figures.allocated_bytes.value, "a point with figures")
    before = daemon.client.figures(session.session_id)
    told = json.loads(once(folder, daemon, str(demo.pid), "--json"))
    after = daemon.client.figures(session.session_id)
    assert told["session"]["session_id"] == session.session_id
    assert told["target"]["pid"] == demo.pid
    # a point is up to a second older than what was asked for before it
    assert before.figures.time_ns - 1_500_000_000 <= told["time_ns"] <= after.figures.time_ns
    assert 0 < told["total_allocated_bytes"] <= after.figures.allocated_bytes.value
    assert told["total_allocations"] <= after.figures.allocated_count.value
    assert "Shop.remember" in [one["location"]["function"] for one in told["hotspots"]]


def test_when_nothing_happens_top_and_client_agree_to_the_digit(
    daemon: Serving, folder: Path, demo: Demo
) -> None:
    session = daemon.client.attach(demo.pid, sampling()).result()
    until(lambda: daemon.client.figures(session.session_id, site_count=1).sites, "the first sites")
    daemon.client.pause(session.session_id)
    demo.process.send_signal(signal.SIGSTOP)  # figures stand still
    try:
        told = {}

        def agrees() -> bool:
            told.update(json.loads(once(folder, daemon, session.session_id[:8], "--json")))
            figures = daemon.client.figures(session.session_id).figures
            return bool(told["total_allocated_bytes"] == figures.allocated_bytes.value)

        until(agrees, "the same figures")
        figures = daemon.client.figures(session.session_id, site_count=100)
        assert told["current_memory_bytes"] == figures.figures.live_bytes.value
        assert told["current_memory_bytes_low"] == figures.figures.live_bytes.low
        assert told["current_memory_bytes_high"] == figures.figures.live_bytes.high
        assert told["total_allocations_samples"] == figures.figures.allocated_count.sample_count
        live = [one.live_bytes.value for one in figures.sites]
        assert [one["live_size"] for one in told["hotspots"]] == live
        assert told["session"]["paused"]
    finally:
        demo.process.send_signal(signal.SIGCONT)
    assert daemon.detach(session).end_reason == "detached"


def test_top_shows_a_session_lets_choose_and_ends_nothing(daemon: Serving, folder: Path, demo: Demo) -> None:
    session = daemon.client.attach(demo.pid, sampling()).result()
    with on_terminal(folder, "top", "--daemon", daemon.address) as terminal:
        terminal.shows("Shop.remember (")
        terminal.press("q")
        assert terminal.ends() == 0
        check_given_back(terminal)
    other = Demo(folder)
    try:
        second = daemon.client.attach(other.pid, sampling()).result()
        with on_terminal(folder, "top", "--daemon", daemon.address) as terminal:
            terminal.shows("2 sessions: which one?")
            terminal.press("\x1b[B\r")
            terminal.shows(f"pid {other.pid} ")
            terminal.press("\x03")
            assert terminal.ends() == 130
            check_given_back(terminal)
        listed = json.loads(once(folder, daemon, "--json"))
        assert [row["target"]["pid"] for row in listed["sessions"]] == [demo.pid, other.pid]
        assert session.session_id in once(folder, daemon)
        assert "Shop.remember" in once(folder, daemon, second.session_id)
    finally:
        other.process.kill()
        other.process.wait()
    assert demo.pid in {one.target.pid for one in daemon.client.sessions()}


def test_what_top_cannot_show_has_a_code(daemon: Serving, folder: Path) -> None:
    done = memscoped(folder, "top", "4194303", "--once", "--daemon", daemon.address)
    assert (done.returncode, done.stdout) == (2, "")
    assert "top.no-session" in done.stderr
    assert "config.no-terminal" in memscoped(folder, "top").stderr
    assert "config.json-once" in memscoped(folder, "top", "--json").stderr


def sampling() -> Sampling:
    return Sampling.bytes(64 << 10)


def once(folder: Path, daemon: Serving, *arguments: str) -> str:
    done = memscoped(folder, "top", "--once", "--daemon", daemon.address, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout
