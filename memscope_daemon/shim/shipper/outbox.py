"""Batches between the loop that makes them and the thread that sends them.

A batch stays until it is acknowledged, so that a broken connection loses nothing. The bound is on bytes:
while it is reached the loop stops draining, the rings fill, and the shim counts what it drops. Nothing is
ever thrown away here.

Thread-safe. The loop calls put and finish; the link calls the rest.
"""

from __future__ import annotations

import threading
from collections import deque


class Outbox:
    """Numbered messages without gaps, the first behind ``last_batch``; a last one (the Goodbye) without a
    number."""

    def __init__(self, bytes_max: int, last_batch: int = 0) -> None:
        self._bytes_max = bytes_max
        self._changed = threading.Condition()
        self._batches: deque[bytes] = deque()
        self._first = last_batch + 1  # number of the first batch kept
        self._bytes = 0
        self._last_message: bytes | None = None

    @property
    def has_room(self) -> bool:
        with self._changed:
            return self._bytes < self._bytes_max

    @property
    def last_number(self) -> int:
        """Of the newest batch, 0 = none yet."""
        with self._changed:
            return self._first + len(self._batches) - 1

    @property
    def first_number(self) -> int:
        """Of the oldest batch that is not acknowledged."""
        with self._changed:
            return self._first

    def put(self, batch: bytes) -> None:
        with self._changed:
            self._batches.append(batch)
            self._bytes += len(batch)
            self._changed.notify_all()

    def finish(self, message: bytes) -> None:
        """No batch will follow; ``message`` goes last."""
        with self._changed:
            self._last_message = message
            self._changed.notify_all()

    def acknowledge(self, number: int) -> None:
        """Forgets all batches up to and with ``number``; a number never given out forgets nothing more."""
        with self._changed:
            while self._batches and self._first <= number:
                self._bytes -= len(self._batches.popleft())
                self._first += 1

    def wait(self, number: int, closed: threading.Event) -> bytes | None:
        """Batch ``number``, or the last message behind all batches; None once ``closed`` is set.

        A number before the first one kept (acknowledged meanwhile) is an error of the caller.
        """
        with self._changed:
            while not closed.is_set():
                at = number - self._first
                if 0 <= at < len(self._batches):
                    return self._batches[at]
                if at >= len(self._batches) and self._last_message is not None:
                    return self._last_message
                self._changed.wait()
        return None

    def wake(self) -> None:
        """Lets waiters look again (after setting their ``closed``)."""
        with self._changed:
            self._changed.notify_all()
