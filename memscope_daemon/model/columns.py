"""A batch of events as numpy columns, and the numbers that stand in them."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


#: Of allocations of the domain that is called without the GIL.
RAW_ID_BIT = np.uint64(1 << 63)


class EventKind(enum.IntEnum):
    ALLOCATE = 1
    FREE = 2
    REALLOCATE = 3


class Domain(enum.IntEnum):
    RAW = 0
    MEM = 1
    OBJECT = 2
    NATIVE = 3


class EventFlag(enum.IntFlag):
    BY_REALLOCATE = 1
    NO_GIL = 2
    UNRESOLVED = 4
    TRUNCATED = 8
    NO_STACK = 16


#: Name and little-endian type of each column, as ``events.proto`` has them.
COLUMN_TYPES: dict[str, str] = {
    "time_ns": "<i8",
    "kind": "<u1",
    "domain": "<u1",
    "flags": "<u2",
    "allocation_id": "<u8",
    "other_id": "<u8",
    "address": "<u8",
    "size_bytes": "<u8",
    "weight": "<f8",
    "stack_id": "<u4",
    "thread_id": "<u4",
    "alloc_time_ns": "<i8",
    "sampling_id": "<u4",
    "type_id": "<u4",
    "task_id": "<u4",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """``count`` events; every array has that length and the type of :data:`COLUMN_TYPES`. Not written to."""

    count: int
    time_ns: Array
    kind: Array
    domain: Array
    flags: Array
    allocation_id: Array
    other_id: Array
    address: Array
    size_bytes: Array
    weight: Array
    stack_id: Array
    thread_id: Array
    alloc_time_ns: Array
    sampling_id: Array
    type_id: Array
    task_id: Array

    def arrays(self) -> dict[str, Array]:
        """The columns by name, in the order of :data:`COLUMN_TYPES`."""
        return {name: getattr(self, name) for name in COLUMN_TYPES}
