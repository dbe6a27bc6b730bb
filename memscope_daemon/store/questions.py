"""What is asked of a session's file: sums over sets of samples, and everything again after a restart."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator

import numpy as np

from memscope_daemon.model.columns import COLUMN_TYPES, Columns, EventKind, Integers
from memscope_daemon.model.dictionary import (
    DictionaryRows,
    FrameRow,
    LossRow,
    SettingRow,
    StackRow,
    ThreadRow,
)
from memscope_daemon.model.sampling import SamplingMode
from memscope_daemon.model.sums import ADDED, LARGEST, Sums, sql_aggregates
from memscope_daemon.store.capture import Capture

REPLAY_ROWS = 1 << 18


class Key(enum.Enum):
    """What events are grouped by."""

    STACK = "stack_id"
    THREAD = "thread_id"
    DOMAIN = "domain"


class Subset(enum.Enum):
    """Which blocks. LIVE: allocated, and no record of their end."""

    ALLOCATED = f"kind <> {int(EventKind.FREE)}"
    FREED = f"kind = {int(EventKind.FREE)}"
    LIVE = (
        f"kind <> {int(EventKind.FREE)} AND allocation_id NOT IN"
        f" (SELECT allocation_id FROM events WHERE kind = {int(EventKind.FREE)})"
    )


@dataclasses.dataclass(frozen=True, slots=True)
class KeyedSums:
    """Sums for each of ``keys`` (ascending, none twice)."""

    keys: Integers
    sums: Sums


def sums_by(capture: Capture, key: Key, subset: Subset, first_mode: SamplingMode) -> KeyedSums:
    """Sums over the samples in ``subset`` by ``key``.

    ``first_mode``: of events that name no known setting.
    """
    by_rate = f"SELECT sampling_id FROM sampling WHERE mode = {int(SamplingMode.RATE)}"
    by_bytes = f"sampling_id NOT IN ({by_rate})"
    if first_mode is SamplingMode.RATE:
        by_bytes = f"sampling_id IN (SELECT sampling_id FROM sampling WHERE mode = {int(SamplingMode.BYTES)})"
    found = capture.query(
        f"SELECT key, {sql_aggregates('by_bytes')} FROM (SELECT {key.value}::BIGINT AS key, weight,"
        f" size_bytes::DOUBLE AS size, {by_bytes} AS by_bytes FROM events WHERE {subset.value})"
        " GROUP BY key ORDER BY key"
    )
    keys, *values = found.values()
    matrix = np.asarray(values, dtype=np.float64).reshape(len(ADDED) + len(LARGEST), len(keys))
    return KeyedSums(keys.astype(np.int64), Sums(matrix[: len(ADDED)], matrix[len(ADDED) :]))


def dictionary(capture: Capture) -> DictionaryRows:
    """All rows of the dictionary tables."""
    frames = {row[0]: FrameRow(*row[1:]) for row in capture.rows("SELECT * FROM frames")}
    threads = capture.rows(
        "SELECT thread_id, native_id, python_id, name_string_id, first_seen_ns FROM threads ORDER BY sequence"
    )
    settings = {
        number: SettingRow(SamplingMode(mode), value, depth, stacks, seed, since_ns)
        for number, mode, value, depth, stacks, seed, since_ns in capture.rows("SELECT * FROM sampling")
    }
    return DictionaryRows(
        dict(capture.rows("SELECT string_id, text FROM strings")),
        frames,
        _stacks(capture),
        {row[0]: ThreadRow(*row[1:]) for row in threads},
        settings,
    )


def losses(capture: Capture) -> tuple[LossRow, ...]:
    """The last known counters of each cause."""
    found = capture.rows(
        "SELECT cause, record_count, weighted_count, weighted_bytes FROM losses ORDER BY cause"
    )
    return tuple(LossRow(*row) for row in found)


def event_count(capture: Capture) -> int:
    """How many events are stored."""
    return int(capture.rows("SELECT count(*) FROM events")[0][0])


def replay(capture: Capture) -> Iterator[Columns]:
    """All events in the order they came, in bounded pieces."""
    last = capture.rows("SELECT coalesce(max(rowid), -1) FROM events")[0][0]
    for start in range(0, last + 1, REPLAY_ROWS):
        sql = f"SELECT {', '.join(COLUMN_TYPES)} FROM events WHERE rowid >= ? AND rowid < ? ORDER BY rowid"
        found = capture.query(sql, (start, start + REPLAY_ROWS))
        arrays = {name: found[name].astype(kind) for name, kind in COLUMN_TYPES.items()}
        yield Columns(len(arrays["kind"]), **arrays)


def _stacks(capture: Capture) -> dict[int, StackRow]:
    truncated = dict(capture.rows("SELECT stack_id, truncated FROM stacks"))
    frames: dict[int, list[int]] = {stack: [] for stack in truncated}
    for stack, frame in capture.rows(
        "SELECT stack_id, frame_id FROM stack_frames ORDER BY stack_id, position"
    ):
        frames[stack].append(frame)
    return {stack: StackRow(tuple(frames[stack]), truncated[stack]) for stack in truncated}
