"""A daemon does not fill the disk with what is over."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from memscope_client import Client
from memscope_daemon.model.session import EndReason
from memscope_daemon.store import retention
from memscope_daemon.store.retention import NEWEST_KEPT
from tests.support.waiting import until
from tests.unit.server.mini_shipper import MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import Serving


def run(serving: Serving, number: int, *, ends: bool = True) -> MiniShipper:
    """A session with one event."""
    shipper = MiniShipper(serving.address, hello(f"{number:016x}"))
    shipper.send(batch(1, events(size_bytes=[31], stack_id=[1]), dictionary=dictionary(1)))
    if ends:
        shipper.goodbye()
    else:
        shipper.await_ack(1)
    return shipper


def on_disk(folder: Path) -> set[int]:
    return {int(path.name.partition(".")[0], 16) for path in folder.glob("*.duckdb")}


def listed(client: Client) -> set[int]:
    return {int(one.session_id, 16) for one in client.sessions(include_ended=True)}


def test_the_oldest_sessions_that_are_over_go_and_one_under_way_stays(folder: Path) -> None:
    with Serving(folder, keep_bytes=0) as serving, Client(serving.address) as client:
        first = run(serving, 1, ends=False)
        count = 2 * NEWEST_KEPT + 10
        for number in range(2, count):
            run(serving, number)
        newest = set(range(count - NEWEST_KEPT, count))
        until(lambda: not on_disk(folder) & set(range(2, NEWEST_KEPT)), "the oldest that are over to go")
        assert {1, *newest} <= on_disk(folder)
        until(lambda: on_disk(folder) == listed(client), "files and sessions to be the same")
        first.goodbye()
        until(lambda: not client.sessions(), "the first to be over")
        assert client.report(f"{1:016x}").figures.live_bytes.value == 31


def test_a_capture_is_as_old_as_its_sessions_end(folder: Path) -> None:
    """However late its file was closed: those that ended last are kept."""
    with Serving(folder) as serving, Client(serving.address) as client:
        for number in (1, 2, 3):
            run(serving, number)
        ended_ns = time.time_ns()
        for number in (3, 1, 2):
            entry = serving.book.get(f"{number:016x}")
            entry.rest()
            until(lambda entry=entry: not entry.is_open, "its file to be closed")
            assert client.report(f"{number:016x}").figures.live_bytes.value == 31
    ages = [(folder / f"{number:016x}.duckdb").stat().st_mtime_ns for number in (1, 2, 3)]
    assert ages == sorted(ages)
    assert ages[-1] <= ended_ns


def test_what_is_within_the_limit_stays(folder: Path) -> None:
    with Serving(folder) as serving:
        for number in range(1, NEWEST_KEPT + 4):
            run(serving, number)
        assert on_disk(folder) == set(range(1, NEWEST_KEPT + 4))


def test_nobody_waits_for_a_look_at_thousands_of_captures(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, goes_on = threading.Event(), threading.Event()

    def slow(folder: Path) -> list[retention.CaptureFile]:
        looked.set()
        assert goes_on.wait(60)
        return []

    monkeypatch.setattr(retention, "captures_in", slow)
    with Serving(folder) as serving, Client(serving.address) as client:
        run(serving, 1)
        assert looked.wait(60)
        run(serving, 2)
        assert len(client.sessions(include_ended=True)) == 2
        goes_on.set()


def test_the_stamp_tells_what_is_under_way_and_what_ended_by_itself(folder: Path) -> None:
    with Serving(folder) as serving:
        assert serving.book.stamp == (set(), set())
        first, second = run(serving, 1, ends=False), run(serving, 2, ends=False)
        under_way = {f"{1:016x}", f"{2:016x}"}
        assert serving.book.stamp == (under_way, set())
        first.goodbye(EndReason.TARGET_EXITED)
        until(lambda: serving.book.stamp == ({f"{2:016x}"}, {f"{1:016x}"}), "the first to be over")
        second.goodbye(EndReason.DETACHED)
        until(lambda: serving.book.stamp == (set(), {f"{1:016x}"}), "the second to be over")
