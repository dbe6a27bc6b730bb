from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memscope_daemon.attach import procfs
from memscope_daemon.model.system import HOST, ROW_NAMES
from memscope_daemon.monitor.gpu import GpuWatch
from memscope_daemon.monitor.nvml import Nvml
from memscope_daemon.monitor.sampler import Sampler
from tests.support.libraries import compiled
from tests.support.waiting import until
from tests.unit.monitor.test_gpu import SOURCE


class Subject:
    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.is_over = False
        self.fault: Exception | None = None

    def live(self) -> tuple[float, float]:
        return 31.0, 104_729.0

    def put(self, row: tuple[float, ...]) -> None:
        if self.fault is not None:
            raise self.fault
        self.rows.append(dict(zip(ROW_NAMES, row, strict=True)))


@pytest.fixture
def sampler() -> Iterator[Sampler]:
    made = Sampler(GpuWatch(lambda: Nvml("libno-such-driver.so.1")))
    yield made
    made.stop()


def watch(sampler: Sampler, subject: Subject, pid: int = 0) -> None:
    pid = pid or os.getpid()
    assert sampler.watch(pid, procfs.start_time_ticks(pid), subject)


def test_each_look_has_the_target_and_the_host(sampler: Sampler) -> None:
    subject = Subject()
    watch(sampler, subject)
    until(lambda: len(subject.rows) >= 3, "three looks")
    first, *later = subject.rows[:3]
    assert math.isnan(first["cpu_usage_percent"]) and math.isnan(first[f"{HOST}cpu_usage_percent"])
    for before, row in zip((first, *later), later, strict=False):
        assert row["timestamp"] > before["timestamp"] and row[f"{HOST}timestamp"] > before[f"{HOST}timestamp"]
        assert row["cpu_usage_percent"] >= 0 and row[f"{HOST}cpu_usage_percent"] >= 0
        assert row["thread_count"] >= threading.active_count() - 1
        assert row["memory_usage_bytes"] < row[f"{HOST}memory_usage_bytes"]
        assert (row["active_allocations"], row["peak_memory"]) == (31.0, 104_729.0)
        assert math.isnan(row["gpu_usage_percent"]) and math.isnan(row[f"{HOST}gpu_memory_total"])


def test_a_target_that_ends_or_is_over_is_left_and_the_thread_rests(sampler: Sampler) -> None:
    over, gone = Subject(), Subject()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        watch(sampler, over)
        watch(sampler, gone, process.pid)
        until(lambda: over.rows and gone.rows, "a look at both")
        process.kill()
        process.wait()
        until(lambda: len(sampler._watched) == 1, "the one that ended to be left")
        over.is_over = True
        until(lambda: not sampler._watched, "the other to be left")
    assert not sampler.watch(process.pid, 1, gone)
    again = Subject()
    watch(sampler, again)
    until(lambda: len(again.rows) >= 2, "looks at the next")


def test_one_that_cannot_be_looked_at_does_not_keep_the_others(sampler: Sampler) -> None:
    good, bad = Subject(), Subject()
    bad.fault = ValueError("no room")
    watch(sampler, bad)
    watch(sampler, good)
    until(lambda: len(good.rows) >= 2, "looks at the other")
    assert bad not in sampler._watched


def test_a_target_is_watched_once_however_often_its_shipper_comes_again(sampler: Sampler) -> None:
    subject = Subject()
    watch(sampler, subject)
    watch(sampler, subject)
    assert len(sampler._watched) == 1


def test_looks_keep_to_their_share_of_a_processor(sampler: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that took 20 ms is followed by 180 ms of rest: by the timestamps, not by our clock."""
    clock = iter(range(0, 10**6, 20))
    monkeypatch.setattr("memscope_daemon.monitor.sampler.time.thread_time", lambda: next(clock) / 1e3)
    subject = Subject()
    watch(sampler, subject)
    until(lambda: len(subject.rows) >= 3, "three looks")
    times: list[Any] = [row["timestamp"] for row in subject.rows]
    assert all(later - before > 170e6 for before, later in itertools.pairwise(times))


def test_a_process_on_a_gpu_has_its_figures_in_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NVML_PID", str(os.getpid()))
    library = str(compiled(SOURCE.read_text(), tmp_path))
    made, subject = Sampler(GpuWatch(lambda: Nvml(library))), Subject()
    try:
        watch(made, subject)
        found = until(
            lambda: next((row for row in subject.rows if row["gpu_memory_used"] > 0), None),
            "a look at the GPU",
        )
    finally:
        made.stop()
    assert (found["gpu_usage_percent"], found["gpu_memory_used"]) == (50.0, 503 << 20)
    assert (found[f"{HOST}gpu_usage_percent"], found[f"{HOST}gpu_memory_used"]) == (50.0, 1040 << 20)
