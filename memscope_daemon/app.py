"""The daemon, wired: the one place where the parts meet.

A :class:`Daemon` serves Ingest, Control and Query at one address. It attaches to targets through
``attach.session``, whose shippers ship to that same address, as shippers from elsewhere may.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from memscope_daemon.attach.injection import TracerProcess, tracer_fork_server
from memscope_daemon.attach.session import TargetSession
from memscope_daemon.config import KEEP_BYTES, default_history
from memscope_daemon.errors import MemscopeError, SystemFailure
from memscope_daemon.model.history import History
from memscope_daemon.model.session import SessionStamp
from memscope_daemon.monitor.sampler import Sampler
from memscope_daemon.server.auto_export import AutoExporter
from memscope_daemon.server.book import SessionBook
from memscope_daemon.server.control_service import Attempt
from memscope_daemon.server.heap import keep_to_one_arena
from memscope_daemon.server.host import Host
from memscope_daemon.server.sessions import Entry
from memscope_daemon.server.tracking import Tracker
from memscope_daemon.shim.launch import ShipperProcess, shipper_fork_server

CAPTURES = "captures"
#: A new spare is started when the attach that took the last one no longer needs the processors.
REFILL_AFTER_S = 0.4


class _Helper(Protocol):
    """A process started ahead of its job. One without a job ends when its connection is closed."""

    @property
    def alive(self) -> bool: ...
    def close(self) -> None: ...


Helper = TypeVar("Helper", bound=_Helper)


class Spares(Generic[Helper]):
    """Helper processes, of which some are started ahead of their job. Safe to use from many threads.

    ``count`` 0: each is started when it is wanted.
    """

    def __init__(self, count: int, start: Callable[[], Helper]) -> None:
        self._count, self._start = count, start
        self._lock = threading.Lock()
        self._spares: list[Helper] = []
        self._closed = False
        if count:
            threading.Thread(target=self.refill, daemon=True, name="spares").start()

    def take(self) -> Helper:
        """A live one. Another is started in its place, behind the attach under way.

        :raises MemscopeError: none could be started.
        """
        with self._lock:
            if self._count:
                timer = threading.Timer(REFILL_AFTER_S, self.refill)
                timer.daemon = True
                timer.start()
            while self._spares:
                spare = self._spares.pop()
                if spare.alive:
                    return spare
                spare.close()
        return self._start()

    def refill(self) -> None:
        """Starts what is missing. A helper that cannot be started now is no error: none is kept."""
        with self._lock, contextlib.suppress(MemscopeError):
            while not self._closed and len(self._spares) < self._count:
                self._spares.append(self._start())

    def close(self) -> None:
        """Ends those that are left."""
        with self._lock:
            self._closed = True
            spares, self._spares = self._spares, []
        for spare in spares:
            spare.close()


class _Helpers:
    """The processes that work for the daemon: a shipper for each session, a tracer for each injection.

    ``spare_count``: of either kind, started ahead. 0: none, and nothing is kept to fork them from.
    """

    def __init__(self, spare_count: int) -> None:
        self._fork_servers = (shipper_fork_server(), tracer_fork_server()) if spare_count else ()
        of_shippers, of_tracers = self._fork_servers or (None, None)
        self.shippers = Spares(spare_count, lambda: ShipperProcess.spawn(of_shippers))
        self.tracers = Spares(spare_count, lambda: TracerProcess(of_tracers))

    def close(self) -> None:
        """Ends those without a job; the others end with theirs."""
        for fork_server in self._fork_servers:
            fork_server.close()
        self.shippers.close()
        self.tracers.close()


@dataclasses.dataclass(frozen=True, slots=True)
class _Running:
    host: Host
    tracker: Tracker
    exports: AutoExporter
    book: SessionBook
    helpers: _Helpers
    sampler: Sampler


class Daemon:
    """One daemon. ``address``: ``unix:/path``. Captures go to ``data_dir``/captures; of sessions that are
    over ``keep_bytes`` are kept. ``history``: of the events of a session so much is kept (None: the
    default).

    ``spare_shippers``: how many shippers (and tracers) are kept started, so that an attach does not wait for
    their imports.
    """

    def __init__(
        self,
        address: str,
        data_dir: Path,
        *,
        spare_shippers: int = 0,
        keep_bytes: int = KEEP_BYTES,
        history: History | None = None,
    ) -> None:
        self.address = address
        self._folder = data_dir / CAPTURES
        self._spare_count, self._keep_bytes = spare_shippers, keep_bytes
        self._history = history or default_history()
        self._running: _Running | None = None

    def start(self) -> str:
        """Begins to serve; returns the address.

        :raises MemscopeError: the address or the folder cannot be used.
        """
        keep_to_one_arena()
        self._make_folder()
        book = SessionBook(self._folder, self._keep_bytes, self._history)
        helpers = _Helpers(self._spare_count)
        exports = AutoExporter(book, self._folder)
        tracker = Tracker(book, lambda attempt: self._make_session(attempt, helpers), exports)
        sampler = Sampler()

        def began(entry: Entry) -> None:
            tracker.began(entry)
            entry.observe_with(sampler)

        try:
            host = Host(self.address, book, tracker, began)
        except BaseException:
            tracker.stop()
            exports.stop()
            helpers.close()
            raise
        self._running = _Running(host, tracker, exports, book, helpers, sampler)
        return self.address

    @property
    def unasked_ns(self) -> int:
        """Since the last question of a client was answered; 0 while one is, and while nothing is served."""
        return self._running.book.unasked_ns if self._running else 0

    @property
    def stamp(self) -> SessionStamp:
        return self._running.book.stamp if self._running else SessionStamp()

    def stop(self) -> None:
        """Detaches from all targets, stores what they sent, writes the reports that were ordered of that, and
        ends. May be called twice."""
        running, self._running = self._running, None
        if running is None:
            return
        running.tracker.stop()
        running.sampler.stop()
        running.exports.stop()
        running.helpers.close()
        running.host.close()
        running.book.close()

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make_session(self, attempt: Attempt, helpers: _Helpers) -> TargetSession:
        return TargetSession(
            attempt.pid,
            attempt.sampling,
            self.address,
            spawn_shipper=helpers.shippers.take,
            spawn_tracer=helpers.tracers.take,
            progress=attempt.progress,
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
