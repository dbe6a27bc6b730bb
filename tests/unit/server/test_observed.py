"""What the system monitor sees, from the monitor's hands to the client's."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import pytest

from memscope_client import Client, DaemonError, Sampling, SystemSample
from memscope_daemon import clock
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import SessionInfo, SessionState, Target
from memscope_daemon.model.system import ROW_NAMES
from memscope_daemon.server import observed
from memscope_daemon.server.observed import Observed
from memscope_daemon.server.sessions import Entry
from memscope_daemon.store.capture import Capture
from tests.support.waiting import until
from tests.unit.server.mini_shipper import SESSION_ID, MiniShipper, batch, dictionary, events, hello
from tests.unit.server.serving import Serving

STARTED_NS = 7_000_000_000


def look(entry: Entry, time_ns: int, **figures: float) -> None:
    """Puts one as the monitor does; what is not given is not known. ``time_ns``: session time."""
    monotonic_ns = entry.observed.started_monotonic_ns + time_ns
    given = {"timestamp": monotonic_ns, "host_timestamp": monotonic_ns - 1, **figures}
    entry.observed.put(tuple(given.get(name, math.nan) for name in ROW_NAMES))


def looked_at(serving: Serving, count: int = 3) -> tuple[MiniShipper, Entry]:
    shipper = MiniShipper(serving.address, hello())
    entry = serving.book.get(SESSION_ID)
    for at in range(count):
        look(entry, 100 * (at + 1), cpu_usage_percent=at + 0.5, host_thread_count=31, disk_read_bps=0.0)
    return shipper, entry


def test_samples_of_target_and_host_come_to_the_client_with_what_they_are_of(
    serving: Serving, client: Client
) -> None:
    looked_at(serving)
    found = client.system_samples(SESSION_ID)
    assert [one.timestamp_ns for one in found.samples] == [100, 200, 300]
    assert found.samples[1] == SystemSample(200, cpu_usage_percent=1.5, disk_read_bps=0.0)
    host = client.system_samples(SESSION_ID, host=True, after_ns=100)
    assert host.samples == (SystemSample(199, thread_count=31), SystemSample(299, thread_count=31))
    assert "of the target" in found.scopes["network_rx_bps"]
    assert "of the daemon" in host.scopes["network_rx_bps"]
    assert client.system_samples(SESSION_ID, after_ns=300).samples == ()
    with pytest.raises(DaemonError, match="no session"):
        client.system_samples("00000000000000aa")


def test_long_series_come_whole(serving: Serving, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memscope_daemon.server.query_service.SAMPLES_AT_ONCE", 7)
    looked_at(serving, 21)
    found = client.system_samples(SESSION_ID).samples
    assert [one.timestamp_ns for one in found] == [100 * (at + 1) for at in range(21)]
    assert len(client.system_samples(SESSION_ID, after_ns=700).samples) == 14


def test_the_latest_sample_comes_with_the_figures(serving: Serving, client: Client) -> None:
    shipper = MiniShipper(serving.address, hello())
    before = client.figures(SESSION_ID)
    assert before.system is before.host is None
    look(serving.book.get(SESSION_ID), 31, memory_usage_bytes=1009.0, host_memory_usage_percent=12.5)
    after = client.figures(SESSION_ID)
    assert after.system == SystemSample(31, memory_usage_bytes=1009)
    assert after.host == SystemSample(30, memory_usage_percent=12.5)
    shipper.close()


def test_live_figures_of_the_session_are_in_its_samples(serving: Serving) -> None:
    shipper, entry = looked_at(serving)
    assert all(math.isnan(value) for value in entry.observed.live())
    shipper.send(batch(1, events(size_bytes=[31, 37, 101]), dictionary=dictionary(1)))
    shipper.send(batch(2, events(size_bytes=[37], kind=[2], allocation_id=[2])))
    shipper.await_ack(2)
    assert entry.observed.live() == (2.0, 169.0)
    shipper.close()


def test_a_report_has_the_samples_and_so_has_its_file(serving: Serving, client: Client) -> None:
    shipper, _ = looked_at(serving)
    shipper.goodbye()
    found = client.report(SESSION_ID)
    assert [one.cpu_usage_percent for one in found.system_snapshots] == [0.5, 1.5, 2.5]
    assert [one.thread_count for one in found.host_snapshots] == [31, 31, 31]
    assert "namespace" in found.system_scopes["host.network_rx_bps"]
    document = json.loads(client.export(SESSION_ID, "json")[1])
    assert [one["timestamp"] for one in document["system_snapshots"]] == [100, 200, 300]


def test_samples_are_there_after_the_daemon_was_lost_and_session_time_goes_on(folder: Path) -> None:
    with Serving(folder) as serving, Client(serving.address) as client:
        session_id = client.attach(31, Sampling.rate(1.0)).result().session_id
        entry = serving.book.get(session_id)
        started_ns = serving.made[0].started_monotonic_ns
        assert entry.observed.started_monotonic_ns == started_ns
        look(entry, 101)
        before = client.system_samples(session_id).samples
        serving.crash()
    with Serving(folder) as serving, Client(serving.address) as client:
        shipper = MiniShipper(serving.address, hello(session_id))
        assert client.system_samples(session_id).samples == before == (SystemSample(101),)
        assert serving.book.get(session_id).observed.started_monotonic_ns == started_ns
        look(serving.book.get(session_id), 307)
        assert [one.timestamp_ns for one in client.system_samples(session_id).samples] == [101, 307]
        shipper.close()


def test_samples_of_a_target_at_rest_are_stored_by_and_by(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observed, "STORE_ALONE_NS", 0)
    shipper, entry = looked_at(serving)
    until(lambda: not entry.observed.due(with_events=False), "the samples to be stored")
    shipper.close()
    serving.close()
    capture = Capture.open(serving.folder / f"{SESSION_ID}.duckdb")
    assert capture.rows("SELECT timestamp FROM system_samples ORDER BY 1") == [(100,), (200,), (300,)]
    capture.close()


def session(started_unix_ns: int) -> SessionInfo:
    sampling = SamplingConfig(SamplingMode.RATE, 1.0)
    return SessionInfo(SESSION_ID, Target(31), SessionState.ACTIVE, sampling, started_unix_ns)


def test_not_every_look_is_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [STARTED_NS]
    monkeypatch.setattr(clock, "monotonic_ns", lambda: now[0])
    seen = Observed(session(0), threading.Event())
    assert len(seen.waiting()) == 0
    for _ in range(49):
        now[0] += 100_000_000
        seen.put((now[0], *(0,) * (len(ROW_NAMES) - 1)))
        assert not seen.due(with_events=True)
    now[0] += 100_000_000
    assert seen.due(with_events=True) and not seen.due(with_events=False), "with the events, not alone yet"
    now[0] += 5_000_000_000
    assert seen.due(with_events=False)
    rows = seen.waiting()
    assert rows["timestamp"].tolist() == [100_000_000 * (at + 1) for at in range(49)]
    assert len(seen.waiting()) == 49, "until they are stored"
    seen.stored()
    assert len(seen.waiting()) == 0 and not seen.due(with_events=False)


def test_session_time_begins_when_the_shipper_says_it_began() -> None:
    began_ns = clock.monotonic_ns()
    seen = Observed(session(clock.unix_ns() - 31_000_000_000), threading.Event())
    assert -1e9 < began_ns - 31_000_000_000 - seen.started_monotonic_ns <= 1e9
    untold = Observed(session(0), threading.Event())
    assert untold.started_monotonic_ns >= began_ns
    other = Observed(session(0), threading.Event())
    other.recall(untold.notes)
    assert other.started_monotonic_ns == untold.started_monotonic_ns
