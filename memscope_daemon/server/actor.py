"""A thread that owns things: whoever wants something done with them hands the work over and waits."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from memscope_daemon.errors import SystemFailure

Result = TypeVar("Result")
Work = tuple[Callable[[], Any], "Future[Any]"]


class Actor:
    """Runs what it is handed, one piece after the other, in a thread of its own.

    ``idle`` runs in that thread after at most ``idle_s`` without work, and whenever that long has passed; it
    returns whether there is anything to come back for. If not, the thread ends, and the next work gets a new
    one: a daemon has many sessions that are over. It must not raise.
    """

    def __init__(self, name: str, idle: Callable[[], bool], idle_s: float) -> None:
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._name, self._idle, self._idle_s = name, idle, idle_s
        self._lock = threading.Lock()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def call(self, work: Callable[[], Result]) -> Result:
        """Runs ``work`` there, and hands over its result or its exception.

        :raises SystemFailure: code ``daemon.stopping``; the thread has ended.
        """
        future: Future[Result] = Future()
        with self._lock:
            if self._stopping:
                raise SystemFailure("daemon.stopping", "the daemon is about to end", "start another one")
            self._hand_over((work, future))
        return future.result()

    def post(self, work: Callable[[], None]) -> None:
        """Runs ``work`` there, before anything that is handed over later. What it raises is lost."""
        with self._lock:
            if not self._stopping:
                self._hand_over((work, Future()))

    def retire(self) -> threading.Thread | None:
        """The thread, if there is one, ends when all work handed over so far is done."""
        with self._lock:
            self._stopping = True
            self._work.put(None)
            return self._thread

    def stop(self) -> None:
        """Ends the thread when all work handed over so far is done."""
        thread = self.retire()
        if thread is not None:
            thread.join()

    def _hand_over(self, work: Work) -> None:
        """The lock is held."""
        self._work.put(work)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            work: Work | None = None
            try:
                work = self._work.get(timeout=self._idle_s)
            except queue.Empty:
                if not self._idle() and self._is_done():
                    return
                continue
            if work is None:
                return
            self._do(*work)
            del work  # what it holds (a batch) is not kept for longer than it takes

    def _is_done(self) -> bool:
        """Nothing has come meanwhile: whatever comes now starts another thread."""
        with self._lock:
            if not self._work.empty():
                return False
            self._thread = None
            return True

    @staticmethod
    def _do(work: Callable[[], Any], future: Future[Any]) -> None:
        try:
            result = work()
        except BaseException as error:  # it belongs to whoever asked
            with contextlib.suppress(Exception):
                future.set_exception(error)
        else:
            future.set_result(result)
