from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

import numpy as np
import pytest

from memscope_daemon.model.columns import Array
from memscope_daemon.model.system import FIGURES, HOST, HOST_FIGURES, ROW
from memscope_daemon.store import capture as capture_module
from memscope_daemon.store import looks
from memscope_daemon.store.capture import FEW_LOOKS, Capture

SECOND_NS = 1_000_000_000
NAMES = (*FIGURES, *(HOST + name for name in HOST_FIGURES))


def some_looks(count: int, each_ns: int = 100_000_000, first_ns: int = 0) -> Array:
    """Every figure is known, but of the GPU none."""
    rows = np.zeros(count, ROW)
    for at, name in enumerate(NAMES):
        rows[name] = np.nan if "gpu" in name else np.arange(count) + at / 8
    for name in ("timestamp", f"{HOST}timestamp"):
        rows[name] = first_ns + each_ns * np.arange(count) + 7
    return rows


def everything(capture: Capture) -> Array:
    return looks.after(capture, "timestamp", -1, 1 << 30)


def same(one: Array, other: Array) -> bool:
    """NaN is NaN."""
    return bool(one.tobytes() == other.tobytes())


def test_what_was_seen_is_read_back_and_what_is_not_known_is_null_in_the_file(tmp_path: Path) -> None:
    rows = some_looks(23)
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        capture.append((), (), (), {}, rows[:10])
        capture.append((), (), (), {}, rows[10:])
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        assert same(everything(capture), rows)
        assert same(looks.after(capture, f"{HOST}timestamp", int(rows[4]["timestamp"]), 3), rows[5:8])
        sql = "SELECT count(*), count(gpu_memory_used), count(host_thread_count) FROM system_samples"
        assert capture.rows(sql) == [(23, 0, 23)]


def test_many_looks_at_once_are_all_stored(tmp_path: Path) -> None:
    rows = some_looks(2 * FEW_LOOKS + 3)
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        capture.append((), (), (), {}, rows)
        assert same(everything(capture), rows)


MALLINFO = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class Heap(ctypes.Structure):
    """What mallinfo2 of glibc tells."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in MALLINFO.split())


def malloc_bytes() -> int:
    """In use, of all that malloc has given to this process."""
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Heap
    return int(mallinfo().uordblks)


def test_memory_does_not_grow_with_the_number_of_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "SETTLE_EACH_NS", 0)
    monkeypatch.setattr(capture_module, "_some", int)

    def append(count: int) -> None:
        for _ in range(count):
            capture.append((), (), (), {"last_batch": "7"}, some_looks(10))
            capture.settle_if_due()
        while capture._rows_to_come < capture_module.SETTLE_ROWS:  # until it has just been settled
            capture.append((), (), (), {}, some_looks(10))
            capture.settle_if_due()

    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        append(300)
        before = malloc_bytes()
        append(1000)
        assert malloc_bytes() - before < 1000 * 100, "bytes that are remembered of each append"


def test_a_capture_that_is_older_than_the_table_gets_it(tmp_path: Path) -> None:
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        capture.rows("DROP TABLE system_samples")
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        assert len(everything(capture)) == 0
        capture.append((), (), (), {}, some_looks(3))
        assert len(everything(capture)) == 3


def test_looks_and_events_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        capture.rows("DROP TABLE system_samples")
        with pytest.raises(Exception, match="could not be written"):
            capture.append((), (), (), {"last_batch": "7"}, some_looks(3))
        assert "last_batch" not in capture.meta()


def test_a_series_has_all_points_or_means_of_equal_times_and_says_so(tmp_path: Path) -> None:
    rows = some_looks(601)
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        assert len(looks.series(capture, 600).rows) == 0
        capture.append((), (), (), {}, rows[:600])
        whole = looks.series(capture, 600)
        assert same(whole.rows, rows[:600]) and whole.mean_over_ns == 0
        assert "timestamp" not in whole.scopes
        capture.append((), (), (), {}, rows[600:])
        found = looks.series(capture, 100)
    assert 99 <= len(found.rows) <= 100
    width_ns = found.mean_over_ns
    assert width_ns == 600 * 100_000_000 // 100 + 1 and f"{width_ns / 1e9:.3g} s" in found.scopes["timestamp"]
    group = (rows["timestamp"] - rows["timestamp"][0]) // width_ns
    for at, point in enumerate(found.rows):
        part = rows[group == at]
        assert point["timestamp"] == part["timestamp"][-1]
        assert point["cpu_usage_percent"] == pytest.approx(part["cpu_usage_percent"].mean())
        assert point[f"{HOST}memory_usage_bytes"] == pytest.approx(part[f"{HOST}memory_usage_bytes"].mean())
        assert point["peak_memory"] == part["peak_memory"].max()
        assert np.isnan(point["gpu_usage_percent"])


def test_what_is_older_than_an_hour_is_kept_as_means_of_seconds_and_then_of_minutes(tmp_path: Path) -> None:
    now_ns = 26 * looks.HOUR_NS
    old = some_looks(3_600, 2 * SECOND_NS)  # two hours, a look each two seconds
    middle = some_looks(4_000, SECOND_NS // 4, now_ns - 2 * looks.HOUR_NS)
    young = some_looks(500, SECOND_NS // 10, now_ns - 100 * SECOND_NS)
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        for rows in (old, middle, young):
            capture.append((), (), (), {}, rows)
        thinning = looks.Thinning(capture)
        thinning.do_if_due(now_ns)
        found = everything(capture)
        assert same(found[-500:], young)
        minutes, seconds = found[:120], found[120:1120]
        assert len(found) == 120 + 1000 + 500
        assert (
            minutes["cpu_usage_percent"].tolist()
            == old["cpu_usage_percent"].reshape(120, 30).mean(1).tolist()
        )
        assert minutes["timestamp"].tolist() == old["timestamp"].reshape(120, 30)[:, -1].tolist()
        means = middle["memory_usage_bytes"].reshape(1000, 4).mean(1)
        assert seconds["memory_usage_bytes"].tolist() == means.tolist()
        again = looks.Thinning(capture)  # as after the daemon was started again
        again.do_if_due(now_ns)
        assert same(everything(capture), found), "what is thinned stays as it is"


def test_thinning_goes_on_from_where_it_was_and_not_all_the_time(tmp_path: Path) -> None:
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        capture.append((), (), (), {}, some_looks(100))
        thinning = looks.Thinning(capture)
        thinning.do_if_due(looks.THIN_EACH_NS - 1)
        thinning.do_if_due(looks.HOUR_NS)
        assert len(everything(capture)) == 100
        thinning.do_if_due(looks.HOUR_NS + looks.THIN_EACH_NS - 1)
        assert len(everything(capture)) == 100, "not due"
        thinning.do_if_due(looks.HOUR_NS + looks.THIN_EACH_NS)
        assert len(everything(capture)) == 10
