"""The tables of a session's file. A change of meaning raises :data:`STORE_VERSION`.

`events` has a row per event, in the order they came. The dictionary tables have the numbers that events refer
to. `losses` holds the last known counters, `meta` texts by name (version, session, last stored batch).
`system_samples` has what the system monitor saw, a row a look: the target's figures, and the host's of the
same look (``host_…``); NULL is not known. A capture made before there was that table gets it when it is
opened.
"""

from __future__ import annotations

from memscope_daemon.model.sums import ADDED, LARGEST
from memscope_daemon.model.system import ROW, ROW_NAMES

SUM_NAMES = (*ADDED, *(f"largest_{name}" for name in LARGEST))

STORE_VERSION = 3

EVENT_TYPES: dict[str, str] = {
    "time_ns": "BIGINT",
    "kind": "UTINYINT",
    "domain": "UTINYINT",
    "flags": "USMALLINT",
    "allocation_id": "UBIGINT",
    "other_id": "UBIGINT",
    "address": "UBIGINT",
    "size_bytes": "UBIGINT",
    "weight": "DOUBLE",
    "stack_id": "UINTEGER",
    "thread_id": "UINTEGER",
    "alloc_time_ns": "BIGINT",
    "sampling_id": "UINTEGER",
    "type_id": "UINTEGER",
    "task_id": "UINTEGER",
}

_COLUMNS = ", ".join(f"{name} {kind} NOT NULL" for name, kind in EVENT_TYPES.items())

#: What version 2 has and version 1 had not: blocks that are live, whose events are forgotten, and the sums of
#: all events that are.
HISTORY = (
    f"CREATE TABLE kept ({_COLUMNS})",
    f"CREATE TABLE forgotten (name VARCHAR NOT NULL, key BIGINT NOT NULL,"
    f" {', '.join(f'{name} DOUBLE NOT NULL' for name in SUM_NAMES)})",
)

#: What version 3 has and version 2 had not: what a frame's instruction stands for in its source.
POSITIONS = tuple(
    f"ALTER TABLE frames ADD COLUMN {name} INTEGER DEFAULT 0"
    for name in ("end_line", "start_column", "end_column")
)

#: What is done to a file of an older version.
LACKING = {"1": (*HISTORY, *POSITIONS), "2": POSITIONS}

_ROW_TYPES = {"<i8": "BIGINT NOT NULL", "<f8": "DOUBLE"}
SYSTEM_SAMPLES = "system_samples"
SYSTEM = (
    f"CREATE TABLE {SYSTEM_SAMPLES} ("
    + ", ".join(f"{name} {_ROW_TYPES[ROW[name].str]}" for name in ROW_NAMES)
    + ")"
)

CREATE = (
    "CREATE TABLE meta (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)",
    f"CREATE TABLE events ({_COLUMNS})",
    "CREATE TABLE strings (string_id UINTEGER NOT NULL, text VARCHAR NOT NULL)",
    "CREATE TABLE frames (frame_id UINTEGER NOT NULL, function_string_id UINTEGER NOT NULL,"
    " file_string_id UINTEGER NOT NULL, line INTEGER NOT NULL, first_line INTEGER NOT NULL)",
    *POSITIONS,
    "CREATE TABLE stacks (stack_id UINTEGER NOT NULL, truncated BOOLEAN NOT NULL)",
    "CREATE TABLE stack_frames (stack_id UINTEGER NOT NULL, position USMALLINT NOT NULL,"
    " frame_id UINTEGER NOT NULL)",
    # A thread's later row replaces the earlier one: the last by sequence counts.
    "CREATE SEQUENCE thread_sequence",
    "CREATE TABLE threads (sequence BIGINT DEFAULT nextval('thread_sequence'), thread_id UINTEGER NOT NULL,"
    " native_id UBIGINT NOT NULL, python_id UBIGINT NOT NULL, name_string_id UINTEGER NOT NULL,"
    " first_seen_ns BIGINT NOT NULL)",
    "CREATE TABLE sampling (sampling_id UINTEGER NOT NULL, mode UTINYINT NOT NULL, value DOUBLE NOT NULL,"
    " depth UINTEGER NOT NULL, stacks BOOLEAN NOT NULL, seed UBIGINT NOT NULL, since_ns BIGINT NOT NULL)",
    "CREATE TABLE losses (cause VARCHAR PRIMARY KEY, record_count UBIGINT NOT NULL,"
    " weighted_count DOUBLE NOT NULL, weighted_bytes DOUBLE NOT NULL)",
    *HISTORY,
    SYSTEM,
)
