"""What the system monitor tells of a program under load, held against another reader of /proc."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from memscope_client import Sampling, Session, SystemSample
from memscope_daemon.model.columns import Array
from tests.support.daemon import Serving
from tests.support.interpreters import supported_interpreters
from tests.support.proc_reader import Readings
from tests.support.targets import Target
from tests.support.waiting import until

SAMPLING = Sampling.bytes(524288)
#: How long, and how far the two may be apart: the shorter, the more a reading a few ms later counts.
SHORT, LONG = (4.0, 0.10), (60.0, 0.02)
HELD = 64 << 20
THREADS = 17
MIB = 1 << 20
#: Figure, and the counter that it is the rate of.
RATES = {
    "cpu_usage_percent": ("cpu_s", 100.0),
    "disk_read_bps": ("disk_read", 1.0),
    "disk_write_bps": ("disk_written", 1.0),
    "network_rx_bps": ("received", 1.0),
    "network_tx_bps": ("sent", 1.0),
}
#: Figure, and what stood there at the time.
LEVELS = {"memory_usage_bytes": "memory", "thread_count": "threads"}
#: Differences that say nothing: so many bytes, or percent of a processor for a second.
SMALL = {"cpu_usage_percent": 5.0, "memory_usage_bytes": 2.0 * MIB, "thread_count": 0.5}


class Series:
    """Samples that both readers were there for. ``times_ns``: monotonic."""

    def __init__(self, session: Session, samples: tuple[SystemSample, ...], readings: Readings) -> None:
        zero_ns = time.monotonic_ns() - (time.time_ns() - session.started_unix_ns)
        first_ns, last_ns = readings.span_ns
        self.samples = [one for one in samples if first_ns < zero_ns + one.timestamp_ns < last_ns]
        self.times_ns: Array = np.array([zero_ns + one.timestamp_ns for one in self.samples])

    def figure(self, name: str) -> Array:
        """Fails where one is not known."""
        return np.array([float(getattr(one, name)) for one in self.samples])

    def total(self, name: str) -> float:
        """Of a rate: what it says came together from the first sample to the last."""
        return float(np.sum(self.figure(name)[1:] * np.diff(self.times_ns) / 1e9))


def differences(series: Series, readings: Readings, host: str, bound: float, figures: list[str]) -> list[str]:
    """Where the two are further apart than ``bound`` of the independent one."""
    wrong = []
    for name, (counter, scale) in RATES.items():
        if host and name == "cpu_usage_percent":
            ours, theirs = series.total(name), 100.0 * busy_s(series, readings)
        else:
            first, last = readings.at(host + counter, series.times_ns[[0, -1]])
            ours, theirs = series.total(name), scale * (last - first)
        wrong += apart(host + name, ours, theirs, bound, SMALL.get(name, 1.0 * MIB), figures)
    for name, level in LEVELS.items():
        ours = float(series.figure(name).mean())
        theirs = float(readings.at(host + level, series.times_ns).mean())
        wrong += apart(host + name, ours, theirs, bound, SMALL[name], figures)
    return wrong


def busy_s(series: Series, readings: Readings) -> float:
    """Of the machine: seconds that all its processors together were busy."""
    ends = series.times_ns[[0, -1]]
    busy, whole = (np.diff(readings.at(name, ends))[0] for name in ("host_busy_s", "host_whole_s"))
    return float(busy / whole * (ends[1] - ends[0]) / 1e9)


def apart(name: str, ours: float, theirs: float, bound: float, small: float, figures: list[str]) -> list[str]:
    share = (ours - theirs) / theirs if theirs else 0.0
    line = f"{name}: {ours:.6g}, read independently {theirs:.6g} ({share:+.2%})"
    figures.append(f"monitor, {line}")
    return [line] if abs(ours - theirs) > max(bound * abs(theirs), small) else []


def test_figures_under_load_are_those_of_another_reader_of_the_kernel(
    daemon: Serving, tmp_path: Path, slow: bool, figures: list[str]
) -> None:
    seconds, bound = LONG if slow else SHORT
    with Target(supported_interpreters()[-1], "loads") as target:
        session = daemon.client.attach(target.pid, SAMPLING).result()
        target.ask("load", str(tmp_path), HELD, THREADS)
        with Readings(target.pid) as readings:
            sampled_for(daemon, session, seconds / 2)
            target.ask("grow", HELD)
            sampled_for(daemon, session, seconds / 2)
        of_target = daemon.client.system_samples(session.session_id)
        of_host = daemon.client.system_samples(session.session_id, host=True)
        snapshot = daemon.client.figures(session.session_id)
        daemon.detach(session)
        target.works()
        target.end()
    ours, host = (Series(session, one.samples, readings) for one in (of_target, of_host))
    assert len(ours.samples) > 5 * seconds, "a sample each 100 ms, on a machine that has other work"
    wrong = differences(ours, readings, "", bound, figures)
    wrong += differences(host, readings, "host_", bound, figures)
    assert not wrong, "\n".join(wrong)
    assert ours.samples[-1].memory_usage_bytes - ours.samples[0].memory_usage_bytes > HELD / 2
    assert all(
        one.gpu_memory_total is None or one.gpu_memory_total > 0 for one in (*ours.samples, *host.samples)
    )
    assert snapshot.system is not None and snapshot.system.timestamp_ns >= ours.samples[0].timestamp_ns
    assert ours.samples[-1].active_allocations is not None and host.samples[-1].active_allocations is None


def sampled_for(daemon: Serving, session: Session, seconds: float) -> None:
    """Until there are samples of so long: by their own clock."""
    first_ns = latest_ns(daemon, session)
    until(
        lambda: latest_ns(daemon, session) >= first_ns + seconds * 1e9,
        "samples of the target",
        deadline_s=3 * seconds + 60,
    )


def latest_ns(daemon: Serving, session: Session) -> int:
    time.sleep(0.05)  # between two questions
    sample = daemon.client.figures(session.session_id).system
    return sample.timestamp_ns if sample else 0


def test_samples_are_there_after_the_daemon_was_killed_and_go_on_on_the_same_clock(tmp_path: Path) -> None:
    with Target(supported_interpreters()[-1], "sleep") as target:
        daemon = Serving(tmp_path)
        try:
            session = daemon.client.attach(target.pid, Sampling.rate(1.0)).result()
            until(lambda: latest_ns(daemon, session) > 500_000_000, "samples")
            before = daemon.client.system_samples(session.session_id).samples
            daemon.process.kill()
            daemon.process.wait()
            daemon.client.close()
            daemon = Serving(tmp_path)
            until(lambda: daemon.client.sessions(), "the shipper to come to the new daemon")
            until(lambda: latest_ns(daemon, session) > before[-1].timestamp_ns, "a sample by the new daemon")
            after = daemon.client.system_samples(session.session_id).samples
            ended = daemon.client.detach(session.session_id)
        finally:
            daemon.stop()
        target.end()
    assert after[: len(before)] == before
    times = [one.timestamp_ns for one in after]
    assert times == sorted(set(times)) and len(times) > len(before)
    assert times[-1] <= ended.duration_ns + 1_000_000_000
