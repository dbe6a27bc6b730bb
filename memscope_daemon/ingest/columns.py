"""Event columns off the wire to numpy, trusting nothing.

Whole batches are taken or refused: a column of a wrong length, an unknown kind, a weight that is not a number
of one or more refuse the batch, with the reason. References to stacks and threads that were never described
are no reason to lose an event: they become 0 ("not set"), and the event is marked unresolved.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from memscope_daemon.errors import MemoryOperationError
from memscope_daemon.model.columns import COLUMN_TYPES, Array, Columns, Domain, EventFlag, EventKind, Flags

EVENTS_MAX = 1 << 16  # a batch of that many takes some 20 MB on its way through
#: Columns that no event can do without. What is absent is made of zeros here, and must not be made of a mere
#: claim: a few bytes on the wire that say "so many events".
NEEDED = ("kind", "allocation_id", "weight")
SIZE_BYTES_MAX = 1 << 62
WEIGHT_MAX = 2.0**62


class WireColumns(Protocol):
    """The message ``EventColumns``, as far as it is looked at here."""

    count: int


def decode(message: WireColumns) -> Columns:
    """The columns of one batch.

    :raises MemoryOperationError: code ``ingest.bad-columns``; the message names the column and the fault.
    """
    count = int(message.count)
    if count > EVENTS_MAX:
        raise bad_columns(f"{count} events in one batch; the limit is {EVENTS_MAX}")
    for name in NEEDED:
        _check_length(message, name, count)
    columns = Columns(count, **{name: _column(message, name, count) for name in COLUMN_TYPES})
    _check(columns)
    return columns


def bad_columns(reason: str) -> MemoryOperationError:
    return MemoryOperationError(
        "ingest", "ingest.bad-columns", f"a batch was refused: {reason}", "use a shipper of the same version"
    )


def resolve(columns: Columns, stack_count: int, thread_count: int) -> Columns:
    """``columns`` with references beyond the tables (rows 0..count-1) made 0, and such events marked."""
    lost_stack = columns.stack_id >= np.uint32(stack_count)
    lost_thread = columns.thread_id >= np.uint32(thread_count)
    if not (lost_stack.any() or lost_thread.any()):
        return columns
    arrays = columns.arrays()
    arrays["stack_id"] = np.where(lost_stack, np.uint32(0), columns.stack_id)
    arrays["thread_id"] = np.where(lost_thread, np.uint32(0), columns.thread_id)
    mark = np.where(lost_stack, np.uint16(EventFlag.UNRESOLVED), np.uint16(0))
    arrays["flags"] = np.bitwise_or(columns.flags.astype(np.uint16), mark)
    return Columns(columns.count, **arrays)


def _column(message: WireColumns, name: str, count: int) -> Array:
    data: bytes = getattr(message, name)
    kind = np.dtype(COLUMN_TYPES[name])
    if not data:
        return np.zeros(count, kind)
    _check_length(message, name, count)
    return np.frombuffer(data, kind)


def _check_length(message: WireColumns, name: str, count: int) -> None:
    wanted, found = count * np.dtype(COLUMN_TYPES[name]).itemsize, len(getattr(message, name))
    if found != wanted:
        raise bad_columns(f"column {name} has {found} bytes, {count} events need {wanted}")


def _check(columns: Columns) -> None:
    weight = columns.weight.astype(np.float64)
    allocated = columns.kind != np.uint8(EventKind.FREE)
    checks: tuple[tuple[str, Flags], ...] = (
        ("an unknown kind", (columns.kind < 1) | (columns.kind > max(EventKind))),
        ("an unknown allocator domain", columns.domain > max(Domain)),
        ("an allocation id of 0", columns.allocation_id == np.uint64(0)),
        ("a size that no block can have", columns.size_bytes > np.uint64(SIZE_BYTES_MAX)),
        ("a weight that is not a number of 1 or more", ~((weight >= 1.0) & (weight <= WEIGHT_MAX))),
        ("a time before the session", allocated & (columns.time_ns < 0)),
    )
    for fault, where in checks:
        if where.any():
            raise bad_columns(f"event {int(where.argmax())} has {fault}")
