"""The live view on a terminal, held against golden screens. Real command, real gRPC, real terminal; only what
the daemon tells was recorded.

After a change of the view that is meant: ``MEMSCOPE_GOLDEN=write scripts/test tests/unit/cli/live``, and look
at the difference.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.daemon import command, environment
from tests.support.terminals import Terminal, check_given_back, drain
from tests.support.waiting import until
from tests.unit.cli.fake_daemon import Serving
from tests.unit.cli.live.recorded import SESSION, point
from tests.unit.cli.live.watched_daemon import WatchedDaemon

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "live"
SIZES = ((80, 24), (200, 50))
Start = Callable[..., Terminal]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[WatchedDaemon]:
    fake = WatchedDaemon()
    with Serving(fake, f"unix:{tmp_path}/d.sock"):
        yield fake


@pytest.fixture
def start(tmp_path: Path, daemon: WatchedDaemon) -> Iterator[Start]:
    """Begins ``attach`` on a terminal, with the figures of seven seconds."""
    opened: list[Terminal] = []

    def begin(width: int = 80, height: int = 24, *words: str, seconds: int = 7, **env: str) -> Terminal:
        arguments = words or ("attach", str(SESSION.target.pid), "--out", "r")
        told = {**environment(tmp_path), **env}
        terminal = Terminal(
            command(*arguments, "--daemon", f"unix:{tmp_path}/d.sock"), width, height, told, tmp_path
        )
        opened.append(terminal)
        terminal.shows("waiting for the first figures")
        daemon.show(*(point(second) for second in range(1, seconds + 1)))
        terminal.shows(f"CPython 3.11.7 · 0:{seconds:02}")
        terminal.shows("RSS 43.5 MiB: ")
        return terminal

    yield begin
    for terminal in opened:
        terminal.__exit__()


def check(terminal: Terminal, name: str) -> None:
    """The screen becomes the golden one of that name: a frame may still be on its way."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("MEMSCOPE_GOLDEN") == "write":
        drain(terminal, 1.0)
        path.write_text(terminal.text)
    golden = path.read_text()
    with contextlib.suppress(AssertionError):  # the comparison says more
        until(lambda: terminal.read() is None and terminal.text == golden, "the golden frame", 10.0)
    assert terminal.text == golden


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_view_is_the_golden_one(start: Start, width: int, height: int) -> None:
    check(start(width, height), f"attach-{width}x{height}")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_keys_sort_group_and_help(start: Start, width: int, height: int) -> None:
    terminal = start(width, height)
    for keys, shown, name in (
        ("s", "allocated ▼", "sort-allocated"),
        ("sS", "allocated ▼", "sort-allocated"),
        ("ss", "rate ▼", "sort-rate"),
        ("g", "function", "sort-rate-group-function"),
        ("g", "file", "sort-rate-group-file"),
        ("gSSS", "live ▼", "group-thread"),
        ("h", "this help", "help"),
    ):
        terminal.press(keys)
        terminal.shows(shown)
        check(terminal, f"attach-{width}x{height}-{name}")


def test_space_holds_the_view_and_not_the_session(start: Start, daemon: WatchedDaemon) -> None:
    terminal = start()
    terminal.press(" ")
    terminal.shows("VIEW HELD")
    daemon.show(point(8), point(9))
    terminal.shows("CPython 3.11.7 · 0:09")
    check(terminal, "attach-80x24-held")
    terminal.press(" ")
    terminal.shows_no_more("VIEW HELD")
    terminal.shows("22.5 MiB")  # what is live by now


def test_p_pauses_the_sampling_and_says_so_in_capitals(start: Start, daemon: WatchedDaemon) -> None:
    terminal = start()
    terminal.press("p")
    terminal.shows("sampling is paused")
    terminal.shows("SAMPLING PAUSED")
    check(terminal, "attach-80x24-paused")
    terminal.press("p")
    terminal.shows_no_more("SAMPLING PAUSED")
    assert [one.paused for one in daemon.asked_for] == [True, False]


def test_plus_and_minus_change_the_sampling_by_two(start: Start, daemon: WatchedDaemon) -> None:
    terminal = start()
    terminal.press("+")
    until(lambda: len(daemon.asked_for) == 1, "the first change")
    terminal.shows("one sample each 256 KiB allocated, 64 frames · +/-: 4.00 KiB to 64.0 MiB")
    terminal.press("--")
    until(lambda: len(daemon.asked_for) == 3, "two more")
    assert [one.sampling.value for one in daemon.asked_for][:1] == [262144.0]


def test_a_mark_asks_for_its_label_on_the_last_line(start: Start, daemon: WatchedDaemon) -> None:
    terminal = start()
    terminal.press("mbefore q")
    terminal.shows("mark: before q")
    check(terminal, "attach-80x24-mark")
    terminal.press("\x7fdeploy\r")
    terminal.shows("marked 0:07: before deploy")
    assert [one.label for one in daemon.asked_for] == ["before deploy"]
    terminal.press("mnever\x1b")
    terminal.shows("no mark")
    assert len(daemon.asked_for) == 1


def test_a_terminal_of_another_size_is_drawn_anew_without_a_wrapped_line(
    start: Start, daemon: WatchedDaemon
) -> None:
    terminal = start(200, 50)
    for width, height in ((80, 24), (200, 50)):
        golden = (GOLDEN / f"attach-{width}x{height}.txt").read_text()
        terminal.resize(width, height)
        until(lambda golden=golden: terminal.read() is None and terminal.text == golden, "the other size")
    terminal.resize(20, 5)
    daemon.show(point(8))
    until(lambda: terminal.read() is None and len(terminal.text.splitlines()) <= 5, "a small one")


def test_arrows_scroll_a_table_that_is_longer_than_the_screen(start: Start, daemon: WatchedDaemon) -> None:
    terminal = start(seconds=2)
    daemon.show(point(8, sites=40))
    terminal.shows("site · 1\u2013")
    terminal.press("\x1b[B\x1b[B\x1b[6~")
    terminal.shows("of 40")
    terminal.press("\x1b[F")
    terminal.shows("\u201340 of 40")
    terminal.press("\x1b[H")
    terminal.shows("site · 1\u2013")
    terminal.shows("Shop.remember")


def test_without_colours_the_same_can_be_read(start: Start) -> None:
    terminal = start(80, 24, NO_COLOR="1")
    check(terminal, "attach-80x24")
    assert b"\x1b[1m" in terminal.sent  # bold is no colour
    for colour in range(30, 38):
        assert b"\x1b[%dm" % colour not in terminal.sent


def test_only_what_changes_is_written(start: Start, daemon: WatchedDaemon) -> None:
    terminal = start()
    written = len(terminal.sent)
    terminal.press("h")
    terminal.shows("this help")
    terminal.press("h")
    terminal.shows("marks")
    drawn = len(terminal.sent)
    terminal.press("\x0c")  # all of it
    until(lambda: terminal.read() is None and len(terminal.sent) > drawn, "a whole screen")
    assert b"\x1b[2J" not in terminal.sent[written:]  # it is never empty in between


# --- the terminal is given back --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (lambda terminal: terminal.press("q"), 0),
        (lambda terminal: terminal.press("\x03"), 130),
        (lambda terminal: terminal.process.send_signal(signal.SIGTERM), 143),
        (lambda terminal: terminal.process.send_signal(signal.SIGHUP), 129),
    ],
    ids=["q", "ctrl-c", "sigterm", "sighup"],
)
def test_the_terminal_is_as_before_and_the_report_is_printed(
    start: Start, daemon: WatchedDaemon, leave: Callable[[Terminal], None], code: int, tmp_path: Path
) -> None:
    terminal = start()
    assert terminal.settings != terminal.before
    leave(terminal)
    assert terminal.ends() == code
    check_given_back(terminal)
    assert daemon.detaching.is_set()
    assert (tmp_path / "r" / "report.json").exists()
    assert "leak (app/app.py:7)" in terminal.text


def test_keys_that_would_stop_the_command_do_nothing(start: Start) -> None:
    terminal = start()
    terminal.press("\x1a\x1c")  # Ctrl-Z, Ctrl-backslash
    terminal.press("h")
    terminal.shows("this help")
    terminal.press("q")
    assert terminal.ends() == 0
    check_given_back(terminal)


def test_the_terminal_is_as_before_when_the_daemon_is_lost(tmp_path: Path) -> None:
    fake = WatchedDaemon()
    with Serving(fake, f"unix:{tmp_path}/d.sock"):
        arguments = command("attach", "4242", "--daemon", f"unix:{tmp_path}/d.sock")
        terminal = Terminal(arguments, 80, 24, environment(tmp_path), tmp_path)
        terminal.shows("waiting for the first figures")
    with terminal:
        assert terminal.ends() == 1
        check_given_back(terminal)
        assert "client.unavailable" in terminal.text


def test_a_target_that_ends_ends_the_view(start: Start, daemon: WatchedDaemon) -> None:
    terminal = start()
    daemon.end("END_REASON_TARGET_EXITED", "killed by SIGKILL")
    assert terminal.ends() == 4
    check_given_back(terminal)
    assert "killed by SIGKILL" in terminal.text


def test_top_leaves_the_session_alone(start: Start, daemon: WatchedDaemon) -> None:
    daemon.session.state = 2
    terminal = start(80, 24, "top", "4242")
    check(terminal, "top-80x24")
    terminal.press("q")
    assert terminal.ends() == 0
    check_given_back(terminal)
    assert not daemon.detaching.is_set()
