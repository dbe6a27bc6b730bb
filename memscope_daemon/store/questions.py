"""What is asked of a session's file: sums over sets of samples, and everything again after a restart."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator

import numpy as np

from memscope_daemon.model.columns import COLUMN_TYPES, Columns, EventKind, Floats, Integers
from memscope_daemon.model.dictionary import (
    DictionaryRows,
    FrameRow,
    LossRow,
    SettingRow,
    StackRow,
    ThreadRow,
)
from memscope_daemon.model.lifetimes import sql_bin
from memscope_daemon.model.sampling import SamplingMode
from memscope_daemon.model.sums import ADDED, LARGEST, Sums, sql_aggregates, zero
from memscope_daemon.store.capture import Capture
from memscope_daemon.store.schema import SUM_NAMES

REPLAY_ROWS = 1 << 18
BEYOND = 1 << 62  # no row has such a rowid


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
    return _sums_by(capture, key.value, subset, first_mode)


def freed_by_lifetime(capture: Capture, first_mode: SamplingMode) -> KeyedSums:
    """Sums over what was freed, by the bin of its lifetime."""
    return _sums_by(capture, sql_bin("time_ns - alloc_time_ns"), Subset.FREED, first_mode)


def live_by_age(capture: Capture, now_ns: int, first_mode: SamplingMode) -> KeyedSums:
    """Sums over what is live, by the bin of its age at ``now_ns``."""
    return _sums_by(capture, sql_bin(f"{now_ns} - time_ns"), Subset.LIVE, first_mode)


@dataclasses.dataclass(frozen=True, slots=True)
class Slices:
    """What was allocated by stack (row) and slice of time (column): weighted bytes, their variances; and how
    many samples each of ``stacks`` rests on. The slices are of ``span_ns`` and begin at ``first_ns``."""

    first_ns: int
    span_ns: int
    stacks: Integers
    amounts: Floats
    variances: Floats
    samples: Integers


def slices(capture: Capture, first_ns: int, until_ns: int, count: int) -> Slices:
    """``count`` slices of equal length."""
    span_ns = max((until_ns - first_ns) // count, 1)
    found = capture.query(
        "SELECT stack, slice, sum(bytes), sum(bytes * bytes), count(*) FROM (SELECT stack_id AS stack,"
        f" (time_ns - {first_ns}) // {span_ns} AS slice, weight * size_bytes::DOUBLE AS bytes FROM events"
        f" WHERE {Subset.ALLOCATED.value} AND time_ns >= {first_ns})"
        f" WHERE slice < {count} GROUP BY stack, slice ORDER BY stack"
    )
    each, place, amount, square, samples = found.values()
    stacks, row = np.unique(each.astype(np.int64), return_inverse=True)
    shape, column = (len(stacks), count), place.astype(np.int64)
    amounts, variances = np.zeros(shape), np.zeros(shape)
    amounts[row, column], variances[row, column] = amount, square
    by_stack = np.bincount(row, samples.astype(np.float64), len(stacks)).astype(np.int64)
    return Slices(first_ns, span_ns, stacks, amounts, variances, by_stack)


def _sums_by(capture: Capture, key: str, subset: Subset, first_mode: SamplingMode) -> KeyedSums:
    by_rate = f"SELECT sampling_id FROM sampling WHERE mode = {int(SamplingMode.RATE)}"
    by_bytes = f"sampling_id NOT IN ({by_rate})"
    if first_mode is SamplingMode.RATE:
        by_bytes = f"sampling_id IN (SELECT sampling_id FROM sampling WHERE mode = {int(SamplingMode.BYTES)})"
    found = capture.query(
        f"SELECT key, {sql_aggregates('by_bytes')} FROM (SELECT {key}::BIGINT AS key, weight,"
        f" size_bytes::DOUBLE AS size, {by_bytes} AS by_bytes FROM {_source(subset)} WHERE {subset.value})"
        " GROUP BY key ORDER BY key"
    )
    keys, *values = found.values()
    matrix = np.asarray(values, dtype=np.float64).reshape(len(ADDED) + len(LARGEST), len(keys))
    return KeyedSums(keys.astype(np.int64), Sums(matrix[: len(ADDED)], matrix[len(ADDED) :]))


def _source(subset: Subset) -> str:
    """Blocks that are live may be so old that their events are forgotten; what was allocated and freed then
    is in the sums of :func:`forgotten`."""
    return "(SELECT * FROM events UNION ALL SELECT * FROM kept)" if subset is Subset.LIVE else "events"


def forgotten(capture: Capture) -> dict[str, Sums]:
    """The sums of all events that were forgotten, by name."""
    found = capture.query(f"SELECT name, key, {', '.join(SUM_NAMES)} FROM forgotten ORDER BY name, key")
    names, keys, *values = found.values()
    matrix = np.asarray(values, dtype=np.float64).reshape(len(SUM_NAMES), len(keys))
    answer = {}
    for name in dict.fromkeys(names.tolist()):
        chosen = np.flatnonzero(names == name)
        part = zero(int(keys[chosen[-1]]) + 1)
        part.added[:, keys[chosen]] = matrix[: len(ADDED), chosen]
        part.largest[:, keys[chosen]] = matrix[len(ADDED) :, chosen]
        answer[name] = part
    return answer


def row_after(capture: Capture, count: int) -> int:
    """The rowid behind the oldest ``count`` events."""
    found = capture.rows(f"SELECT rowid FROM events ORDER BY rowid LIMIT 1 OFFSET {count}")
    return int(found[0][0]) if found else BEYOND


def count_before(capture: Capture, time_ns: int) -> int:
    """How many of the events that are kept are older than that."""
    return int(capture.rows(f"SELECT count(*) FROM events WHERE time_ns < {time_ns}")[0][0])


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


def replay(capture: Capture, below: int = BEYOND) -> Iterator[Columns]:
    """All events that are kept, with a rowid below ``below``, in the order they came, in bounded pieces."""
    first, last = capture.rows("SELECT coalesce(min(rowid), 0), coalesce(max(rowid), -1) FROM events")[0]
    for start in range(first, min(last + 1, below), REPLAY_ROWS):
        sql = f"SELECT {', '.join(COLUMN_TYPES)} FROM events WHERE rowid >= ? AND rowid < ? ORDER BY rowid"
        found = capture.query(sql, (start, min(start + REPLAY_ROWS, below)))
        if not len(found["kind"]):
            continue
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
