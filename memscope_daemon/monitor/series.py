"""The latest rows of a series, in room that does not grow."""

from __future__ import annotations

import threading

import numpy as np

from memscope_daemon.model.columns import Array
from memscope_daemon.model.system import ROW

ROOM = 600  # looks: a minute


class Series:
    """A ring of rows. Any thread may use it; a reader that comes too late misses the oldest."""

    def __init__(self, room: int = ROOM) -> None:
        self._lock = threading.Lock()
        self._rows = np.zeros(room, ROW)
        self._count = 0

    def put(self, row: tuple[float, ...]) -> None:
        with self._lock:
            self._rows[self._count % len(self._rows)] = row
            self._count += 1

    @property
    def count(self) -> int:
        """How many rows were ever put."""
        with self._lock:
            return self._count

    def after(self, count: int) -> tuple[Array, int]:
        """The rows that followed the first ``count``, and how many there were in all: what to ask for
        next."""
        with self._lock:
            first = max(count, self._count - len(self._rows), 0)
            return self._rows[np.arange(first, self._count) % len(self._rows)], self._count
