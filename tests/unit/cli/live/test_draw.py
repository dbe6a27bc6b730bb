"""Frames: as many lines as there are, none too wide; and what they say."""

from __future__ import annotations

import dataclasses

import pytest
from rich.text import Text

from memscope_client import Session
from memscope_daemon.cli.live import choose
from memscope_daemon.cli.live.draw import Frame, Size, frame
from memscope_daemon.cli.live.moment import Moment, Trail
from memscope_daemon.cli.live.rows import rows_of
from memscope_daemon.cli.live.screen import Screen
from memscope_daemon.cli.live.view import Group, Sort, View
from tests.unit.cli.live.recorded import SESSION, moment, point, quality, site

SIZES = [Size(80, 24), Size(200, 50), Size(40, 12), Size(120, 15), Size(1, 1), Size(7, 3), Size(300, 100)]
HOSTILE = "\x1b[2J\x07evil\r\n" + "名前" * 60


def draw(found: Moment | None, view: View = View(), size: Size = SIZES[0]) -> Frame:  # noqa: B008 (frozen)
    return frame(found.session if found else SESSION, found, view, size, "detach and report")


def shown(drawn: Frame) -> str:
    return "\n".join(line.plain.rstrip() for line in drawn.lines)


def hostile() -> Moment:
    """Names that a target can choose."""
    where = dataclasses.replace(
        point(2), sites=tuple(site(HOSTILE, HOSTILE, number, 1, 2) for number in range(30))
    )
    target = dataclasses.replace(SESSION.target, program=HOSTILE, python_version=HOSTILE)
    session = dataclasses.replace(SESSION, target=target)
    threads = tuple(dataclasses.replace(one, name=HOSTILE) for one in where.threads)
    found = Trail(100).take(dataclasses.replace(where, session=session, threads=threads))
    assert found is not None
    return found


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("group", Group)
@pytest.mark.parametrize("sort", Sort)
def test_a_frame_fills_the_screen_and_no_line_is_wider(size: Size, group: Group, sort: Sort) -> None:
    for found in (moment(3), moment(3, sites=100, threads=40), hostile(), None):
        for view in (View(sort, group), View(sort, group, helps=True), View(sort, typed="x" * 64)):
            lines = draw(found, view, size).lines
            assert len(lines) == size.height
            assert [line.plain for line in lines if line.cell_len > size.width] == []
            assert all(line.plain.isprintable() for line in lines)


def test_the_first_lines_say_what_is_not_seen() -> None:
    told = " ".join(shown(draw(moment())).splitlines()[1:4])
    assert told.startswith("RSS 43.5 MiB: 17.5 MiB (11.6\u201323.9) allocated since the attach")
    assert "26.0 MiB was there before or is of another kind" in told
    assert "A site without a sample allocated less than 1.50 MiB" in told
    without = dataclasses.replace(moment(), system=None)
    told = " ".join(shown(draw(without)).split())
    assert "RSS" not in told
    assert "what was there before, or is of another kind, is not seen" in told


def test_losses_are_told_by_cause() -> None:
    lossy = dataclasses.replace(moment(), quality=quality(1123, lost=17))
    assert "1,123 samples, 17 lost (1.5%) · alloc_ring_full 17" in shown(draw(lossy))


@pytest.mark.parametrize(
    ("changes", "badge"),
    [
        ({"paused": True}, "SAMPLING PAUSED"),
        ({"step": "counters_only", "max_overhead_percent": 2.0}, "BUDGET: COUNTERS ONLY"),
        ({"state": "ended", "end_reason": "target_exited"}, "ENDED: target exited"),
        ({"paused": True, "state": "ended"}, "ENDED"),
    ],
)
def test_what_nobody_should_overlook_stands_in_the_first_line(changes: dict[str, object], badge: str) -> None:
    found = dataclasses.replace(moment(), session=dataclasses.replace(SESSION, **changes))  # type: ignore[arg-type]
    assert badge in shown(draw(found)).splitlines()[0]


def test_a_group_is_the_sum_of_its_sites() -> None:
    rows = rows_of(moment(), Group.FILE, Sort.ALLOCATED)
    assert [row.where(60) for row in rows][:2] == ["programs/demo_leak.py", "json/encoder.py"]
    assert rows[0].allocated.value == sum((6, 14, 7)) * 7 * 512 * 1024
    assert rows[0].allocated.sample_count == sum((6, 14, 7)) * 7


def test_a_place_keeps_its_line_when_there_is_little_room() -> None:
    row = rows_of(moment(), Group.SITE, Sort.LIVE)[0]
    assert row.where(60) == "Shop.remember (programs/demo_leak.py:52)"
    assert row.where(34) == "Shop.remember (demo_leak.py:52)"
    assert row.where(24) == "Shop.… (demo_leak.py:52)"
    assert row.where(5) == "Shop…"


def test_the_sorted_column_comes_first_with_the_samples_it_rests_on() -> None:
    lines = shown(draw(moment(), View(Sort.SAMPLES))).splitlines()
    heading = next(at for at, line in enumerate(lines) if "samples ▼" in line)
    assert lines[heading].split()[:3] == ["allocated", "samples", "▼"]
    assert lines[heading + 1].split()[3:] == ["161", "JSONEncoder.iterencode", "(json/encoder.py:258)"]


def test_a_line_that_fills_the_width_is_not_cleared_behind() -> None:
    screen, size = Screen(), Size(10, 2)
    sent = screen.changes([Text("0123456789"), Text("short")], size).decode()
    full, short = sent.split("\x1b[2;1H")
    assert "0123456789" in full
    assert "\x1b[K" not in full
    assert "\x1b[K" in short
    assert screen.changes([Text("0123456789"), Text("short")], size) == b""
    assert b"\x1b[1;1H" not in screen.changes([Text("0123456789"), Text("other")], size)


def test_sessions_to_choose_from_fit_the_screen() -> None:
    sessions = [dataclasses.replace(SESSION, session_id=f"{n:016x}", paused=n == 3) for n in range(40)]
    assert check_choice(sessions, choose.Choice(), 0)
    last = choose.press(choose.Choice(), "end", 40)
    assert check_choice(sessions, last, 39)
    assert choose.press(last, "down", 40) == last
    assert choose.press(choose.press(last, "up", 40), "home", 40) == choose.Choice(0)


def check_choice(sessions: list[Session], choice: choose.Choice, marked: int) -> bool:
    lines = [line.plain for line in choose.lines(sessions, choice, Size(80, 24))]
    assert len(lines) == 24
    assert max(map(len, lines)) <= 80
    (row,) = [line for line in lines if line.startswith(">")]
    return f"{marked:016x}" in row
