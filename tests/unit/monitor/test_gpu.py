"""NVML through a library of our own: a machine with GPUs is not asked for."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from memscope_daemon.monitor.gpu import NOTHING, GpuWatch
from memscope_daemon.monitor.nvml import Nvml
from memscope_daemon.monitor.reading import Gpu
from tests.support.libraries import compiled
from tests.support.waiting import until

SOURCE = Path(__file__).resolve().parents[2] / "support" / "fake_nvml.c"
PID = 104_729
UNTOLD_PID = 999_983
TOTAL = 2.0 * (16 << 30)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FAKE_NVML_PID", str(PID))
    return str(compiled(SOURCE.read_text(), tmp_path))


def test_gpus_are_told_together_and_each_process_for_itself(library: str) -> None:
    nvml = Nvml(library)
    first, second = nvml.look(), nvml.look()
    assert first.host == Gpu(50.0, 1040.0 * (1 << 20), TOTAL)
    assert first.of(PID) == Gpu(50.0, 503.0 * (1 << 20), TOTAL)
    assert second.of(PID).usage_percent == 0.0, "it computed nothing since, and the driver says so"
    nvml.close()


def test_what_the_driver_does_not_tell_is_not_known(library: str) -> None:
    look = Nvml(library).look()
    untold, stranger = look.of(UNTOLD_PID), look.of(31)
    assert math.isnan(untold.memory_used) and untold.usage_percent == 0.0
    assert math.isnan(stranger.memory_used) and math.isnan(stranger.usage_percent)
    assert stranger.memory_total == TOTAL


@pytest.mark.parametrize("lack", ["FAKE_NVML_NO_DRIVER", "FAKE_NVML_NO_GPU"])
def test_a_library_without_a_driver_or_a_gpu_is_as_none(
    library: str, lack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(lack, "1")
    with pytest.raises(OSError, match="finds no"):
        Nvml(library)


def test_a_library_that_offers_less_leaves_the_rest_unknown(tmp_path: Path) -> None:
    source = """
    int nvmlInit_v2(void) { return 0; }
    int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return 0; }
    int nvmlDeviceGetHandleByIndex_v2(unsigned at, void **device) { *device = 0; return 0; }
    """
    look = Nvml(str(compiled(source, tmp_path))).look()
    assert all(math.isnan(value) for value in (*look.host, *look.of(PID)))


def test_without_a_library_there_is_no_figure_and_no_thread() -> None:
    watch = GpuWatch(lambda: Nvml("libno-such-driver.so.1"))
    watch.start()
    assert watch._thread is not None
    watch._thread.join(30)
    assert not watch._thread.is_alive()
    assert watch.latest is NOTHING


def test_a_look_is_told_until_it_is_stale(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = GpuWatch(lambda: Nvml(library))
    watch.start()
    try:
        until(lambda: watch.latest is not NOTHING, "a look at the GPUs")
        assert watch.latest.of(os.getpid()).memory_total == TOTAL
    finally:
        watch.stop()
    monkeypatch.setattr("memscope_daemon.monitor.gpu.STALE_NS", 0)
    assert watch.latest is NOTHING
