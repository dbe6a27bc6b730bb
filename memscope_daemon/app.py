"""The daemon, wired: the one place where the parts meet.

A :class:`Daemon` serves Ingest, Control and Query at one address. It attaches to targets through
``attach.session``, whose shippers ship to that same address, as shippers from elsewhere may.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from memscope_daemon.attach.session import TargetSession
from memscope_daemon.errors import MemscopeError, SystemFailure
from memscope_daemon.server.control_service import Attempt
from memscope_daemon.server.host import Host
from memscope_daemon.server.sessions import SessionBook
from memscope_daemon.server.tracking import Tracker
from memscope_daemon.shim.launch import ShipperProcess

CAPTURES = "captures"
#: A new spare is started when the attach that took the last one no longer needs the processors.
REFILL_AFTER_S = 2.0


class SpareShippers:
    """Shippers that have been started ahead of their job. Safe to use from many threads."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._spares: list[ShipperProcess] = []
        self._closed = False
        self.refill()

    def take(self) -> ShipperProcess | None:
        """A live one, if there is one; another is started in its place by :meth:`refill`."""
        with self._lock:
            while self._spares:
                spare = self._spares.pop()
                if spare.alive:
                    return spare
                spare.close()
        return None

    def refill(self) -> None:
        """Starts what is missing. A shipper that cannot be started now is no error: none is kept."""
        with self._lock, contextlib.suppress(MemscopeError):
            while not self._closed and len(self._spares) < self._count:
                self._spares.append(ShipperProcess.spawn())

    def refill_later(self) -> None:
        """:meth:`refill`, behind the attach that is under way."""
        if self._count:
            timer = threading.Timer(REFILL_AFTER_S, self.refill)
            timer.daemon = True
            timer.start()

    def close(self) -> None:
        """A shipper without a job ends when its connection is closed."""
        with self._lock:
            self._closed = True
            spares, self._spares = self._spares, []
        for spare in spares:
            spare.close()


class Daemon:
    """One daemon. ``address``: ``unix:/path``. Captures go to ``data_dir``/captures.

    ``spare_shippers``: how many shippers are kept started, so that an attach does not wait for their imports.
    """

    def __init__(self, address: str, data_dir: Path, *, spare_shippers: int = 0) -> None:
        self.address = address
        self._folder = data_dir / CAPTURES
        self._spare_count = spare_shippers
        self._running: tuple[Host, Tracker, SessionBook, SpareShippers] | None = None

    def start(self) -> str:
        """Begins to serve; returns the address.

        :raises MemscopeError: the address or the folder cannot be used.
        """
        self._make_folder()
        book = SessionBook(self._folder)
        spares = SpareShippers(self._spare_count)
        tracker = Tracker(book, lambda attempt: self._make_session(attempt, spares))
        try:
            host = Host(self.address, book, tracker, tracker.began)
        except BaseException:
            tracker.stop()
            spares.close()
            raise
        self._running = (host, tracker, book, spares)
        return self.address

    def stop(self) -> None:
        """Detaches from all targets, stores what they sent, and ends. May be called twice."""
        if self._running is None:
            return
        (host, tracker, book, spares), self._running = self._running, None
        spares.close()
        tracker.stop()
        host.close()
        book.close()

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make_session(self, attempt: Attempt, spares: SpareShippers) -> TargetSession:
        spare = spares.take()
        spares.refill_later()
        return TargetSession(
            attempt.pid, attempt.sampling, self.address, shipper=spare, progress=attempt.progress
        )

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SystemFailure(
                "daemon.no-folder",
                f"{self._folder} cannot be made: {error.strerror}",
                "set MEMSCOPE_STATE_DIR to a folder that can be written",
                error,
            ) from error
