"""A recording that forgets, beside one that keeps all: every figure is the same, and the file stays small."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memscope_daemon.model.history import HISTORIES, History
from memscope_daemon.model.report import Report, Resident
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import EndReason, SessionInfo, SessionState, Target
from memscope_daemon.query import report
from memscope_daemon.render import report_json
from memscope_daemon.server import recording as recording_module
from memscope_daemon.server.recording import Recording
from memscope_daemon.store import schema
from tests.unit.server.mini_shipper import batch, dictionary, events

SESSION = SessionInfo(
    "00000000000000c7",
    Target(4242),
    SessionState.ENDED,
    SamplingConfig(SamplingMode.RATE, 1.0, seed=7),
    end_reason=EndReason.DETACHED,
)
SITES = 5
SECOND = 1_000_000_000
FEW = History(max_count=100)


class Program:
    """Makes batches: allocates blocks, and frees any that are live. Weights are whole, so sums are exact."""

    def __init__(self, seed: int = 7) -> None:
        self._random = np.random.default_rng(seed)
        self._live: list[tuple[int, int, int, int]] = []
        self._time_ns = self._last_id = self._number = 0

    def batch(self, count: int, share_freed: float = 0.5, step_ns: int = 1000) -> object:
        rows = [self._row(share_freed, step_ns) for _ in range(count)]
        names = (
            "kind",
            "allocation_id",
            "size_bytes",
            "weight",
            "stack_id",
            "thread_id",
            "domain",
            "time_ns",
        )
        columns = {
            name: np.array(values, np.uint64)
            for name, values in zip(names, zip(*rows, strict=True), strict=True)
        }
        self._number += 1
        rows_of = dictionary(SITES) if self._number == 1 else None
        made = batch(self._number, events(**columns), dictionary=rows_of)
        made.time_ns = self._time_ns
        return made

    def _row(self, share_freed: float, step_ns: int) -> tuple[int, ...]:
        self._time_ns += step_ns
        if self._live and self._random.random() < share_freed:
            block = self._live.pop(int(self._random.integers(len(self._live))))
            kind = 2
        else:
            self._last_id += 1
            raw = (1 << 63) if self._random.random() < 0.2 else 0
            block = (
                self._last_id | raw,
                int(self._random.integers(1, 10_007)),
                int(self._random.choice([1, 8])),
                int(self._random.integers(1, SITES + 1)),
            )
            self._live.append(block)
            kind = 1
        number, size, weight, stack = block
        return (kind, number, size, weight, stack, stack % 2 + 1, int(number >> 63 == 0) * 2, self._time_ns)


def told(found: Recording) -> Report:
    return report.report(found.exact_evidence(SESSION, Resident(), {}))


def same(one: Report, other: Report) -> None:
    first, second = report_json.document(one), report_json.document(other)
    first.pop("history"), second.pop("history")
    for site in (*first["hotspots"], *second["hotspots"]):
        site.pop("pattern")  # of the events that are kept: when the others came is forgotten with them
    assert first == second


def both(folder: Path, bounds: History) -> tuple[Recording, Recording]:
    return (
        Recording(folder / "all.duckdb", SamplingMode.RATE),
        Recording(folder / "few.duckdb", SamplingMode.RATE, bounds),
    )


def stored(found: Recording, table: str = "events") -> int:
    return int(found._capture.rows(f"SELECT count(*) FROM {table}")[0][0])


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 30),
    sizes=st.lists(st.integers(1, 211), min_size=1, max_size=7),
    shares=st.lists(st.sampled_from([0.0, 0.45, 0.55, 1.0]), min_size=7, max_size=7),
    keep_share=st.sampled_from([0.1, 0.8]),
)
@example(seed=1, sizes=[1, 103], shares=[0.0, 1.0] + 5 * [0.0], keep_share=0.1)  # keys of the past only
def test_every_figure_is_that_of_a_recording_that_forgets_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    sizes: list[int],
    shares: list[float],
    keep_share: float,
) -> None:
    whole, some = both(tmp_path_factory.mktemp("h"), History(max_count=100, keep_share=keep_share))
    program = Program(seed)
    for size, share in zip(sizes, shares, strict=False):
        made = program.batch(size, share)
        for one in (whole, some):
            one.take(made)
            one.commit()
    same(told(whole), told(some))
    assert stored(some) <= 100
    whole.close()
    some.close()


def test_what_is_forgotten_is_told(tmp_path: Path) -> None:
    whole, some = both(tmp_path, FEW)
    program = Program()
    for one in (program.batch(499), program.batch(503)):
        some.take(one)
        some.commit()
    history = report_json.document(told(some))["history"]
    assert (history["max_count"], history["kept_count"], history["forgotten_count"]) == (100, 80, 922)
    assert history["forgotten_until_ns"] == 922_000
    assert report_json.document(told(whole))["history"]["forgotten_count"] == 0


def test_a_recording_that_is_opened_again_goes_on_with_the_sums_of_what_it_forgot(tmp_path: Path) -> None:
    whole, some = both(tmp_path, FEW)
    program = Program()
    for _ in range(3):
        made = program.batch(211)
        for one in (whole, some):
            one.take(made)
            one.commit()
    point = some.resume_point(SESSION.sampling)
    some.close()
    some = Recording(tmp_path / "few.duckdb", SamplingMode.RATE, FEW)
    assert some.resume_point(SESSION.sampling) == point
    made = program.batch(211)
    for one in (whole, some):
        one.take(made)
    same(told(whole), told(some))
    live = [one.live_evidence(SESSION, Resident(), {}) for one in (whole, some)]
    same(*(report.report(one) for one in live))


def test_events_older_than_the_age_are_forgotten(tmp_path: Path) -> None:
    whole, some = both(tmp_path, History(max_age_s=10.0))
    program = Program()
    for _ in range(4):
        made = program.batch(100, step_ns=SECOND // 10)  # ten seconds
        for one in (whole, some):
            one.take(made)
            one.commit()
    assert 100 <= stored(some) <= 105
    same(told(whole), told(some))


def test_a_file_that_has_grown_too_large_is_small_again(tmp_path: Path) -> None:
    some = Recording(tmp_path / "few.duckdb", SamplingMode.RATE, History(max_bytes=4 << 20))
    program = Program()
    for _ in range(8):
        some.take(program.batch(20_011, 0.5))
        some.commit()
        assert some._capture.used_bytes <= 4 << 20
    assert 0 < stored(some) < 8 * 20_011
    some.close()


def test_blocks_that_live_for_ever_are_all_that_grows(tmp_path: Path) -> None:
    some = Recording(tmp_path / "few.duckdb", SamplingMode.RATE, FEW)
    program = Program()
    some.take(program.batch(307, share_freed=0.0))
    some.commit()
    for _ in range(20):
        some.take(program.batch(307, share_freed=0.5))
        some.commit()
    live = told(some).figures.live_count.sample_count
    assert stored(some, "kept") <= live <= stored(some, "kept") + stored(some)


def test_a_refused_forgetting_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, some = both(tmp_path, FEW)
    program = Program()

    def refuse(*_: object) -> None:
        raise duckdb.IOException("no room")

    monkeypatch.setattr(recording_module.Capture, "_forget", refuse)
    made = program.batch(307)
    for one in (whole, some):
        one.take(made)
        one.commit()
    assert stored(some) == 307
    same(told(whole), told(some))
    monkeypatch.undo()
    made = program.batch(1)
    for one in (whole, some):
        one.take(made)
        one.commit()
    assert stored(some) == 80
    same(told(whole), told(some))


def test_a_file_of_version_one_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "few.duckdb"
    first = Recording(path, SamplingMode.RATE)
    first.take(Program().batch(307))
    first.close()
    with duckdb.connect(str(path)) as connection:
        for table in ("kept", "forgotten"):
            connection.execute(f"DROP TABLE {table}")
        for column in ("end_line", "start_column", "end_column"):
            connection.execute(f"ALTER TABLE frames DROP COLUMN {column}")
        connection.execute("UPDATE meta SET value = '1' WHERE name = 'store_version'")
    again = Recording(path, SamplingMode.RATE, FEW)
    assert again._capture.meta()["store_version"] == str(schema.STORE_VERSION)
    assert told(again).quality.recorded_count == 307
    again.close()


def test_the_presets_are_those_of_the_design() -> None:
    found = {name: (one.max_count, one.max_age_s, one.max_bytes >> 20) for name, one in HISTORIES.items()}
    assert found == {
        "development": (1_000_000, 7200.0, 1024),
        "production": (50_000, 1800.0, 256),
        "testing": (1_000, 60.0, 32),
        "high_performance": (200_000, 900.0, 512),
        "unbounded": (0, 0.0, 0),
    }
    assert json.dumps(found)
