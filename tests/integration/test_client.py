"""The client library against a real daemon and real targets: what is watched, paused and marked stays so."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_client import AsyncClient, Client, DaemonError, Report, Sampling, Session, WatchPoint
from tests.support.daemon import ROOT, Serving
from tests.support.drills.rig import Rig
from tests.support.interpreters import supported_interpreters
from tests.support.rings import RingView, kill_all
from tests.support.samples import read_samples
from tests.support.targets import PROGRAMS, Target
from tests.support.waiting import until

EXAMPLES = ROOT / "docs" / "examples"
EVERYTHING = Sampling.rate(1.0, depth=20)
HOARD = str(PROGRAMS / "hoard.py")
NAP_S = 0.01
LENGTHS = (10_007, 20_011, 40_009)  # before, in, and after a pause


@pytest.fixture
def target() -> Iterator[Target]:
    """Allocates some hundred times a second."""
    with Target(supported_interpreters()[-1], "steady") as found:
        found.ask("nap", NAP_S)
        found.ask("go")
        yield found
        found.ask("halt")
        found.end()


@pytest.fixture
def session(daemon: Serving, target: Target) -> Session:
    return daemon.client.attach(target.pid, EVERYTHING).result()


def example(daemon: Serving, name: str, *arguments: object) -> subprocess.Popen[bytes]:
    """An example of the manual, on its way. Its pipe is read without a buffer: a line now, the rest later."""
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, arguments)],
        env={**os.environ, "MEMSCOPE_DAEMON": daemon.address, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


def finished(process: subprocess.Popen[bytes]) -> str:
    """What it printed, to its end."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.decode()


def lines_of(process: subprocess.Popen[bytes], count: int) -> list[str]:
    """The first lines that it prints."""
    assert process.stdout is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        return [process.stdout.readline().decode() for _ in range(count)]
    finally:
        watchdog.cancel()


def told(point: WatchPoint) -> list[str]:
    """A point as the example prints it."""
    live = point.figures.live_bytes
    return [str(point.number), *(f"{value:.0f}" for value in (live.value, live.low, live.high))]


def test_a_client_that_is_killed_and_comes_back_misses_nothing(
    daemon: Serving, target: Target, session: Session
) -> None:
    seen_by_another: list[WatchPoint] = []
    another = threading.Thread(target=lambda: seen_by_another.extend(daemon.client.watch(session.session_id)))
    another.start()
    killed = example(daemon, "watch_figures", target.pid)
    lines = lines_of(killed, 2)
    killed.kill()
    lines += killed.communicate(timeout=60)[0].decode().splitlines()
    last = int(lines[-1].split()[0])
    until(lambda: seen_by_another and seen_by_another[-1].number > last + 1, "two points that nobody reads")
    again = example(daemon, "watch_figures", target.pid, last)
    lines += lines_of(again, 3)
    daemon.detach(session)
    lines += finished(again).splitlines()
    another.join()
    assert [line.split()[:4] for line in lines] == [told(point) for point in seen_by_another]
    assert [point.number for point in seen_by_another] == list(range(1, len(seen_by_another) + 1))
    final = daemon.client.figures(session.session_id).figures
    assert seen_by_another[-1].figures.allocated_bytes == final.allocated_bytes
    assert seen_by_another[-1].is_last


@pytest.fixture
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A daemon that may be killed."""
    found = Rig(tmp_path_factory.mktemp("r"))
    yield found
    found.close()


def kept_count(report: Report) -> float:
    """Blocks that stand at the line which keeps them; those of the list that holds them, too."""
    return sum(
        one.live_count.value for one in report.sites if (one.function, one.file) == ("keep_one", HOARD)
    )


def blocks(ended: Session) -> dict[int, tuple[int, int]]:
    """By the length asked for: how many of our blocks are in the session's events, and how many are freed."""
    header = sys.getsizeof(b"")
    mine = [one for one in read_samples(ended.store_path) if one.function == "keep_one"]
    by_length = {length: [one for one in mine if one.size_bytes == length + header] for length in LENGTHS}
    return {length: (len(some), sum(one.is_freed for one in some)) for length, some in by_length.items()}


def test_what_is_allocated_in_a_pause_is_in_no_figure_and_a_pause_outlives_shipper_and_daemon(
    rig: Rig,
) -> None:
    with Target(supported_interpreters()[-1], "hoard") as target:
        client = rig.daemon.client
        session_id = client.attach(target.pid, EVERYTHING).result().session_id
        with RingView(target.pid) as rings:
            target.ask("keep", 101, LENGTHS[0])
            until(lambda: kept_count(client.report(session_id)) > 101, "its blocks")
            mark = client.mark(session_id, "before the pause")
            assert client.pause(session_id).paused
            until(lambda: rings.is_paused, "the pause")
            target.ask("keep", 53, LENGTHS[1])

            (shipper,) = rig.shippers
            kill_all([shipper])
            until(lambda: "another has taken over" in rig.daemon.log.read_text(), "another shipper")
            target.ask("keep", 53, LENGTHS[1])

            rig.daemon.process.kill()
            rig.daemon.process.wait()
            client = rig.daemon.client
            until(lambda: client.sessions(), "the shipper to come to the new daemon")
            assert client.session(target.pid).paused
            target.ask("keep", 53, LENGTHS[1])
            assert rings.is_paused
            target.ask("drop")

            assert not client.resume(session_id).paused
            until(lambda: not rings.is_paused, "the end of the pause")
            target.ask("keep", 31, LENGTHS[2])
        target.end()
    until(lambda: client.session(session_id).is_ended, "the end of the session")
    report = client.report(session_id)
    found = blocks(report.session)
    assert (found[LENGTHS[0]], found[LENGTHS[1]]) == ((101, 101), (0, 0))
    assert found[LENGTHS[2]][0] == 31
    (pause,) = report.pauses
    assert 0 < mark.time_ns <= pause.since_ns < pause.until_ns < report.session.duration_ns
    assert pause.by == "user"
    assert report.marks == (mark,)
    assert not client.session(session_id).paused


def test_a_watch_goes_on_when_the_daemon_was_killed(rig: Rig, target: Target) -> None:
    with Client(rig.daemon.address) as client:
        session_id = client.attach(target.pid, EVERYTHING).result().session_id
        points = client.watch(session_id)
        before = list(itertools.islice(points, 2))
        rig.daemon.process.kill()
        rig.daemon.process.wait()
        until(rig.daemon.client.sessions, "the shipper to come to the new daemon")
        after = list(itertools.islice(points, 2))
        client.detach(session_id)
        after += points
    numbers = [point.number for point in before + after]
    assert numbers == sorted(set(numbers))
    gaps = [now.number - last.number - 1 for last, now in itertools.pairwise(before + after)]
    assert gaps == [point.missed_count for point in (before + after)[1:]]
    assert sum(gaps) > 0  # it takes longer than a second to start a daemon
    assert after[-1].is_last


def test_everything_can_be_awaited(daemon: Serving, target: Target) -> None:
    asyncio.run(asyncio.wait_for(whole_life(daemon.address, target.pid), 60))


async def whole_life(address: str, pid: int) -> None:
    async with AsyncClient(address) as client:
        assert (await client.require_protocol()).protocol_version == 1
        attachment = client.attach(pid, EVERYTHING)
        progress = [text async for text in attachment]
        session = await attachment.result()
        assert (session.target.pid, session.state) == (pid, "active"), progress
        session_id = session.session_id
        with pytest.raises(DaemonError) as refused:
            await client.attach(pid, EVERYTHING).result()
        assert refused.value.code == "session.already-attached"

        seen = []
        async for point in client.watch(session_id, site_count=2):
            seen.append(point)
            if point.number == 2:
                assert (await client.pause(session_id)).paused
                assert not (await client.resume(session_id)).paused
                mark = await client.mark(session_id, "awaited")
                changed = await client.set_sampling(session_id, Sampling.bytes(65_536))
                assert (changed.sampling.mode, changed.sampling.value) == ("bytes", 65_536)
                assert (await client.figures(session_id)).figures.allocated_bytes.value > 0
                ended = await client.detach(session_id)
        assert [point.number for point in seen] == list(range(1, len(seen) + 1))
        assert seen[-1].is_last
        assert ended.end_reason == "detached"
        assert [one.session_id for one in await client.sessions() if one.session_id == session_id] == []
        assert (await client.session(pid)).session_id == session_id
        report = await client.report(session_id, site_count=1)
        assert (report.marks, len(report.pauses)) == ((mark,), 1)
        name, content = await client.export(session_id, "json")
        assert (name, b"urn:memscope:report:1" in content) == ("report.json", True)


def test_the_example_attaches_reports_and_detaches(daemon: Serving, target: Target) -> None:
    out = finished(example(daemon, "attach_report_detach", target.pid, 1))
    assert "stayed, most of them from:" in out
    assert "steady.py:" in out
    assert daemon.client.session(target.pid).end_reason == "detached"


def test_the_example_watches_several_at_once(daemon: Serving, target: Target) -> None:
    with Target(supported_interpreters()[-1], "wait_read") as idle:
        out = finished(example(daemon, "watch_many_asyncio", 2, target.pid, idle.pid))
    assert f"{target.pid}: " in out
    assert f"{idle.pid}: " in out
    assert "has grown most" in out.splitlines()[-1]


def test_the_example_compares_before_and_after_a_mark(
    daemon: Serving, target: Target, session: Session
) -> None:
    out = finished(example(daemon, "deploy_marker", target.pid, "deploy 7", 2))
    assert "'deploy 7' at " in out
    assert out.count("bytes a second") == 2
    daemon.detach(session)
    assert [mark.label for mark in daemon.client.report(session.session_id).marks] == ["deploy 7"]


def test_every_example_is_run_by_a_test() -> None:
    source = Path(__file__).read_text()
    by_others = {"leaky_flask"}  # the README attaches to it: test_first_minute
    found = {path.stem for path in EXAMPLES.glob("*.py")} - by_others
    assert [name for name in sorted(found) if f'"{name}"' not in source] == []


def test_an_example_that_finds_no_daemon_says_what_to_do(tmp_path: Path) -> None:
    env = {**os.environ, "MEMSCOPE_DAEMON": f"unix:{tmp_path}/nobody.sock", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "watch_figures.py"), "1"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "memscoped serve" in done.stderr
