from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pytest

from memscope_daemon.errors import SystemFailure
from memscope_daemon.ingest import columns as wire_columns
from memscope_daemon.ingest import dictionary as wire_dictionary
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model import lifetimes, sums
from memscope_daemon.model.columns import COLUMN_TYPES, Columns
from memscope_daemon.model.dictionary import DictionaryRows, FrameRow, LossRow
from memscope_daemon.model.sampling import SamplingMode
from memscope_daemon.store import capture as capture_module
from memscope_daemon.store import questions, schema
from memscope_daemon.store.capture import FEW_ROWS, Capture
from memscope_daemon.store.engine import Engines
from memscope_daemon.store.questions import Key, Subset
from tests.unit.server import mini_shipper

LOSS = LossRow("alloc_ring_full", 3, 30.0, 900.0)


def some_events(count: int, seed: int = 3) -> Columns:
    """Allocations and frees, of many sizes and both modes."""
    random = np.random.default_rng(seed)
    size = random.integers(0, 3_000_000, count)
    ids = np.arange(1, count + 1)
    kind = np.where(random.random(count) < 0.3, 2, 1)
    ids[kind == 2] = (
        random.permutation(count)[: (kind == 2).sum()] + 1
    )  # some of blocks that are, some that are not
    return wire_columns.decode(
        mini_shipper.events(
            size_bytes=size,
            weight=1.0 / -np.expm1(-np.maximum(size, 1) / 524_288.0),
            stack_id=random.integers(0, 23, count),
            thread_id=random.integers(0, 3, count),
            domain=random.integers(0, 3, count),
            sampling_id=random.integers(0, 3, count),
            allocation_id=ids,
            kind=kind,
            time_ns=np.sort(random.integers(0, 1 << 40, count)),
        )
    )


def filled(path: Path) -> Capture:
    capture = Capture.open(path)
    rows = wire_dictionary.decode(mini_shipper.dictionary(23, mode=1, value=524_288.0), Tables())
    rate = dataclasses.replace(rows.settings[1], mode=SamplingMode.RATE, value=0.5)
    rows.settings[2] = rate
    capture.append([some_events(2503), some_events(499, 5)], [rows], [LOSS], {"last_batch": "2"})
    return capture


def test_what_was_committed_is_read_back_in_the_same_order(tmp_path: Path) -> None:
    filled(tmp_path / "a.duckdb").close()
    capture = Capture.open(tmp_path / "a.duckdb")
    (found,) = questions.replay(capture)
    first, second = some_events(2503).arrays(), some_events(499, 5).arrays()
    for name, array in found.arrays().items():
        assert array.tolist() == [*first[name].tolist(), *second[name].tolist()], name
    assert capture.meta() == {"store_version": str(schema.STORE_VERSION), "last_batch": "2"}
    assert questions.losses(capture) == (LOSS,)
    capture.close()


def test_the_dictionary_is_read_back_whole(tmp_path: Path) -> None:
    capture = filled(tmp_path / "a.duckdb")
    wanted = wire_dictionary.decode(mini_shipper.dictionary(23, mode=1, value=524_288.0), Tables())
    found = questions.dictionary(capture)
    assert (found.strings, found.frames, found.stacks) == (wanted.strings, wanted.frames, wanted.stacks)
    assert found.threads == wanted.threads
    assert found.settings[1] == wanted.settings[1]
    capture.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    filled(tmp_path / "a.duckdb").close()
    assert stat.S_IMODE((tmp_path / "a.duckdb").stat().st_mode) == 0o600


@pytest.mark.parametrize("key", list(Key))
@pytest.mark.parametrize("subset", list(Subset))
def test_sums_by_sql_are_those_of_numpy(tmp_path: Path, key: Key, subset: Subset) -> None:
    capture = filled(tmp_path / "a.duckdb")
    (all_events,) = questions.replay(capture)
    freed = all_events.kind == 2
    gone = np.isin(all_events.allocation_id, all_events.allocation_id[freed])
    chosen = np.flatnonzero(
        {Subset.ALLOCATED: ~freed, Subset.FREED: freed, Subset.LIVE: ~freed & ~gone}[subset]
    )
    by_bytes = all_events.sampling_id[chosen] != 2
    each = sums.statistics(all_events.size_bytes[chosen], all_events.weight[chosen], by_bytes)
    keys, group = np.unique(getattr(all_events, key.value)[chosen], return_inverse=True)
    wanted = sums.regroup(each, group, len(keys))
    found = questions.sums_by(capture, key, subset, SamplingMode.BYTES)
    assert found.keys.tolist() == keys.tolist()
    np.testing.assert_allclose(found.sums.added, wanted.added, rtol=1e-9)
    np.testing.assert_allclose(found.sums.largest, wanted.largest, rtol=1e-9)
    assert len(keys) > 1
    capture.close()


def test_lifetimes_and_ages_by_sql_are_those_of_numpy(tmp_path: Path) -> None:
    capture = filled(tmp_path / "a.duckdb")
    (found,) = questions.replay(capture)
    freed = np.flatnonzero(found.kind == 2)
    gone = np.isin(found.allocation_id, found.allocation_id[freed])
    live, now_ns = np.flatnonzero((found.kind != 2) & ~gone), int(found.time_ns.max()) + 977
    for chosen, times, asked in (
        (
            freed,
            found.time_ns - found.alloc_time_ns,
            questions.freed_by_lifetime(capture, SamplingMode.BYTES),
        ),
        (live, now_ns - found.time_ns, questions.live_by_age(capture, now_ns, SamplingMode.BYTES)),
    ):
        each = sums.statistics(found.size_bytes[chosen], found.weight[chosen], found.sampling_id[chosen] != 2)
        keys, group = np.unique(lifetimes.bins_of(times[chosen]), return_inverse=True)
        assert asked.keys.tolist() == keys.tolist()
        np.testing.assert_allclose(asked.sums.added, sums.regroup(each, group, len(keys)).added, rtol=1e-9)
    capture.close()


def test_slices_hold_what_each_stack_allocated_when(tmp_path: Path) -> None:
    capture = filled(tmp_path / "a.duckdb")
    (found,) = questions.replay(capture)
    first_ns, until_ns = int(np.median(found.time_ns)), int(found.time_ns.max()) + 1
    asked = questions.slices(capture, first_ns, until_ns, 7)
    chosen = (found.kind != 2) & (found.time_ns >= first_ns)
    place = (found.time_ns - first_ns) // asked.span_ns
    weighted = found.weight * found.size_bytes
    for row, stack in enumerate(asked.stacks.tolist()):
        for column in range(7):
            here = weighted[chosen & (place == column) & (found.stack_id == stack)]
            assert asked.amounts[row, column] == pytest.approx(here.sum())
            assert asked.variances[row, column] == pytest.approx((here**2).sum())
    assert int(asked.samples.sum()) == np.count_nonzero(chosen & (place < 7)) > 100
    empty = questions.slices(capture, until_ns + 1, until_ns + 2, 7)
    assert (len(empty.stacks), empty.amounts.shape) == (0, (0, 7))
    capture.close()


def test_an_empty_session_has_no_sums(tmp_path: Path) -> None:
    capture = Capture.open(tmp_path / "a.duckdb")
    found = questions.sums_by(capture, Key.STACK, Subset.LIVE, SamplingMode.RATE)
    assert len(found.keys) == found.sums.count == 0
    assert list(questions.replay(capture)) == []
    capture.close()


def test_a_refused_append_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    capture = filled(tmp_path / "a.duckdb")
    few, many = (dataclasses.replace(some_events(count), weight=np.ones(5)) for count in (7, FEW_ROWS + 1))
    uncountable = dataclasses.replace(LOSS, record_count=-1)
    for events, losses in ((few, []), (many, []), (some_events(7), [uncountable])):
        with pytest.raises(SystemFailure, match="could not be written"):
            capture.append([events], [], losses, {"last_batch": "3"})
    assert capture.meta()["last_batch"] == "2"
    capture.append([some_events(7)], [], [], {"last_batch": "3"})
    assert sum(part.count for part in questions.replay(capture)) == 2503 + 499 + 7
    capture.close()


def test_a_file_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    capture = Capture.open(tmp_path / "a.duckdb")
    capture.append([], [], [], {"store_version": "99"})
    capture.close()
    with pytest.raises(SystemFailure, match="store version 99"):
        Capture.open(tmp_path / "a.duckdb")


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_older_version_is_brought_up(tmp_path: Path, version: int) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as old:
        for statement in schema.CREATE:
            if statement not in schema.LACKING[str(version)]:
                old.execute(statement)
        old.execute("INSERT INTO meta VALUES ('store_version', ?)", [str(version)])
        old.execute("INSERT INTO frames VALUES (1, 2, 3, 40, 37)")
    rows = DictionaryRows(frames={2: FrameRow(2, 3, 41, 37, 42, 5, 9)})
    for _ in range(2):  # brought up, and as it is then
        with contextlib.closing(Capture.open(path)) as capture:
            assert capture.meta()["store_version"] == str(schema.STORE_VERSION)
            capture.append((), [rows], (), {})
            assert questions.dictionary(capture).frames == {
                1: FrameRow(2, 3, 40, 37),
                **rows.frames,
            }


def test_a_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.duckdb").write_bytes(b"not a database at all" * 1009)
    with pytest.raises(SystemFailure, match="could not be opened"):
        Capture.open(tmp_path / "a.duckdb")


def test_sql_cannot_reach_beyond_the_file(tmp_path: Path) -> None:
    capture = Capture.open(tmp_path / "a.duckdb")
    with pytest.raises(SystemFailure):
        capture.rows("SELECT * FROM read_text('/etc/hostname')")
    for setting in ("enable_external_access = true", "temp_directory = '/tmp'", "lock_configuration = false"):
        with pytest.raises(SystemFailure):
            capture.rows(f"SET {setting}")
    capture.close()


KILLED = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tests.unit.store.test_capture import Capture, some_events
capture = Capture.open(Path(sys.argv[1]))
for number in range(1, 4):
    capture.append([some_events(1009, number)], [], [], {"last_batch": str(number)})
print("committed", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_that_is_killed_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        timeout=60,
    )
    assert (done.stdout, done.returncode) == (b"committed\n", -signal.SIGKILL), done.stderr
    capture = Capture.open(path)
    assert capture.meta()["last_batch"] == "3"
    assert sum(part.count for part in questions.replay(capture)) == 3 * 1009
    capture.close()


def test_a_text_that_is_noted_again_and_again_is_the_last_one(tmp_path: Path) -> None:
    capture = Capture.open(tmp_path / "a.duckdb")
    for number in range(3):
        capture.append((), (), (), {"last_batch": str(number), "time_ns": str(31 * number)})
    capture.append((), (), (), {"end_reason": "detached", "time_ns": "93"})
    capture.close()
    again = Capture.open(tmp_path / "a.duckdb")
    again.append((), (), (), {"last_batch": "5"})
    noted = again.meta()
    again.close()
    assert {**noted, "store_version": ""} == {
        "last_batch": "5",
        "time_ns": "93",
        "end_reason": "detached",
        "store_version": "",
    }


def held_bytes(capture: Capture) -> int:
    """By DuckDB, for this file."""
    ((held,),) = capture.rows("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()")
    return int(held)


def test_what_was_stored_is_left_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "SETTLE_EACH_NS", 0)
    path = tmp_path / "a.duckdb"
    with contextlib.closing(Capture.open(path)) as capture:
        most = 0
        for seed in range(40):
            capture.append([some_events(1000, seed)], (), (), {"last_batch": str(seed)})
            capture.settle_if_due()
            most = max(most, held_bytes(capture))
        assert most < 4 << 20, "or it grows with what is stored"
        assert questions.event_count(capture) == 40_000
        questions.sums_by(capture, Key.STACK, Subset.LIVE, SamplingMode.BYTES)
    with contextlib.closing(Capture.open(path)) as again:
        assert questions.event_count(again) == 40_000
        assert again.meta()["last_batch"] == "39"


def test_few_events_are_not_written_again_and_again(tmp_path: Path) -> None:
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        capture.append([some_events(10_000)], (), (), {})
        beside = tmp_path / "a.duckdb.wal"
        before = beside.stat().st_size
        capture.settle_if_due()
        assert beside.stat().st_size == before > 0, "too soon"


def test_few_events_and_many_are_stored_alike(tmp_path: Path) -> None:
    """They go in by different ways."""
    counts = (1, FEW_ROWS, 0, FEW_ROWS + 1, 7, 300)
    batches = [some_events(count, seed) for seed, count in enumerate(counts)]
    with contextlib.closing(Capture.open(tmp_path / "a.duckdb")) as capture:
        for at in range(0, len(batches), 2):
            capture.append(batches[at : at + 2], (), (), {})
        for batch in batches:
            capture.append([batch], (), (), {})
        stored = capture.query("SELECT * FROM events ORDER BY rowid")
    for name in COLUMN_TYPES:
        once = np.concatenate([getattr(batch, name) for batch in batches])
        assert np.array_equal(stored[name], np.concatenate([once, once])), name


def test_a_file_that_begins_as_another_did_is_as_good(tmp_path: Path) -> None:
    engines = Engines(tmp_path)
    columns, rows = some_events(31), DictionaryRows(strings={1: "a"}, frames={1: FrameRow(1, 1, 7, 3)})
    for name in ("a.duckdb", "b.duckdb"):  # by hand, and as that one began
        with contextlib.closing(Capture.open(tmp_path / name, engines)) as capture:
            assert capture.is_new
            assert capture.meta() == {"store_version": str(schema.STORE_VERSION)}
            assert questions.event_count(capture) == 0
            capture.append([columns], [rows], [LOSS], {"last_batch": "1"})
    assert engines.blank
    for name in ("a.duckdb", "b.duckdb"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        with contextlib.closing(Capture.open(tmp_path / name, engines)) as capture:
            assert not capture.is_new
            assert questions.event_count(capture) == 31
            assert questions.dictionary(capture).frames == rows.frames
            assert questions.losses(capture) == (LOSS,)
    engines.close()


def test_files_that_are_made_at_the_same_time_all_have_their_tables(tmp_path: Path) -> None:
    engines = Engines(tmp_path)

    def make(number: int) -> int:
        with contextlib.closing(Capture.open(tmp_path / f"{number}.duckdb", engines)) as capture:
            capture.append([some_events(number + 1)], [], [], {"last_batch": "1"})
            return questions.event_count(capture)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(make, range(48))) == list(range(1, 49))
    engines.close()
