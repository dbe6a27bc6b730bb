"""Work that nobody waits for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from memscope_daemon import clock

LOG = logging.getLogger("memscope.sessions")
#: After each time it rests for so many times as long as it took: a fiftieth of a processor at most.
REST_TIMES = 49


class Chore:
    """Is done soon after it is wanted, once however often that was, in a thread of its own. What it raises is
    logged."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name, self._work = name, work
        self._lock = threading.Lock()
        self._wanted, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def want(self) -> None:
        self._wanted.set()
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Waits for what is under way, and does no more."""
        self._stopping.set()
        self._wanted.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        took_ns = 0
        while not self._stopping.wait(REST_TIMES * took_ns / 1e9):
            self._wanted.wait()
            if self._stopping.is_set():
                return
            self._wanted.clear()
            began_ns = clock.monotonic_ns()
            try:
                self._work()
            except Exception as error:  # whatever it is, it may work the next time
                LOG.error("%s: %r", self._name, error)
            took_ns = clock.monotonic_ns() - began_ns
