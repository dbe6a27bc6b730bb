"""Reading the rings. What is in there was written by a process that may be broken or hostile.

A ring is two counters that only grow: the target raises ``head``, we raise ``tail``. Between them lie at
most ``capacity`` units. A head that breaks this rule ends the reading of that ring for good: from then on
nobody can say which records are whole. Everything handed out is a copy.
"""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt

from memscope_daemon.shim import layout

RECORD = np.dtype(
    [
        ("time_ns", "<u8"),
        ("id", "<u8"),
        ("other_id", "<u8"),
        ("address", "<u8"),
        ("size", "<u8"),
        ("alloc_time_ns", "<u8"),
        ("stack", "<u4"),
        ("weight", "<f4"),
        ("thread", "<u2"),
        ("kind", "u1"),
        ("domain", "u1"),
        ("flags", "<u2"),
        ("sampling", "<u2"),
    ]
)
assert RECORD.itemsize == layout.RECORD_BYTES

Records = npt.NDArray[np.void]


class Ring:
    """The reader's place in one ring. Units are records of ``dtype`` (bytes for metadata)."""

    def __init__(self, memory: mmap.mmap, offset: int, capacity: int, dtype: npt.DTypeLike) -> None:
        self._units = np.frombuffer(memory, dtype, count=capacity, offset=offset)
        self.capacity = capacity
        self.head = 0  # last seen and believed
        self.tail = 0
        self.broken = False

    def see(self, head: int) -> None:
        """Takes in a head; a head that cannot be marks the ring broken."""
        if self.broken:
            return
        if head < self.head or head - self.tail > self.capacity:
            self.broken = True
            self.head = self.tail  # nothing more to read
        else:
            self.head = head

    def start_at(self, position: int) -> None:
        """Goes on where an earlier reader stopped."""
        self.head = self.tail = position

    def copy(self, start: int, end: int) -> npt.NDArray[np.void]:
        """The units from ``start`` up to ``end``, at most a whole ring. They may be overwritten meanwhile."""
        places = np.arange(start, end) & (self.capacity - 1)
        taken: npt.NDArray[np.void] = self._units[places]
        return taken

    @property
    def pending(self) -> int:
        """Units between tail and the last seen head."""
        return self.head - self.tail

    def take(self, limit: int) -> npt.NDArray[np.void]:
        """Copies up to ``limit`` units and moves our tail; the caller publishes it afterwards."""
        count = min(self.pending, limit)
        start = self.tail & (self.capacity - 1)
        first = min(count, self.capacity - start)
        taken = np.empty(count, self._units.dtype)
        taken[:first] = self._units[start : start + first]
        taken[first:] = self._units[: count - first]
        self.tail += count
        return taken


def record_ring(memory: mmap.mmap, offset: int, capacity: int) -> Ring:
    return Ring(memory, offset, capacity, RECORD)


def meta_ring(memory: mmap.mmap, offset: int, capacity: int) -> Ring:
    return Ring(memory, offset, capacity, np.uint8)
