"""The sessions of a daemon. The book may be used from any thread."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from memscope_daemon import clock
from memscope_daemon.errors import AnalysisError, MemscopeError, SystemFailure
from memscope_daemon.model.history import DEFAULT_HISTORY, HISTORIES, History
from memscope_daemon.model.session import EndReason, SessionInfo, SessionStamp, SessionState
from memscope_daemon.server.chore import Chore
from memscope_daemon.server.sessions import REST_AFTER_NS, Entry
from memscope_daemon.server.terms import recalled_session
from memscope_daemon.store import retention
from memscope_daemon.store.capture import peek
from memscope_daemon.store.engine import Engines

LOG = logging.getLogger("memscope.sessions")
#: Ended sessions whose figures stay in memory; of older ones only the file stays, until they are asked for.
ENDED_OPEN_MAX = 2
#: Ended sessions that can be asked for; of older ones only the file stays.
ENDED_KEPT_MAX = 256
#: Sessions that have not ended. When there are so many, those end whose shipper has been away for long.
ACTIVE_MAX = 256


def not_found(session_id: str) -> AnalysisError:
    return AnalysisError(
        "session.not-found",
        f"there is no session {session_id[:64]!r}",
        "the sessions call lists those there are",
    )


def _too_many() -> SystemFailure:
    return SystemFailure(
        "daemon.too-many-sessions",
        f"{ACTIVE_MAX} sessions are under way",
        "end sessions that nobody needs, or start another daemon",
    )


class SessionBook:
    """All sessions by id, newest last. ``keep_bytes``: of captures of sessions that are over; the oldest go
    soon after another has begun, with all that is known of them. ``history``: of the events of one session,
    so much is kept, unless its attach says otherwise."""

    def __init__(self, folder: Path, keep_bytes: int, history: History = HISTORIES[DEFAULT_HISTORY]) -> None:
        self._folder, self._keep_bytes, self._history = folder, keep_bytes, history
        self._engines = Engines(folder)
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._surplus = Chore("surplus", self._remove_surplus)
        self._questions = 0
        self._asked_ns = clock.monotonic_ns()

    def begin(self, info: SessionInfo) -> Entry:
        """The session of that id: a new one, or one that goes on.

        :raises SystemFailure: its file cannot be opened, or there are too many.
        """
        with self._lock:
            if info.session_id in self._entries:
                return self._entries[info.session_id]
            self._make_room()
            path = self._folder / f"{info.session_id}{retention.SUFFIX}"
            entry = Entry(info, path, self._history, self._engines)
            try:
                entry.open()
            except MemscopeError:
                entry.close()
                raise
            self._entries[info.session_id] = entry
        self._surplus.want()
        return entry

    def adopt(self, session_id: str, is_over: Callable[[SessionInfo], bool]) -> Entry | None:
        """A session that a daemon before this one left, with an order for a report of its end, and whose
        shipper does not come; ``is_over`` says so of one whose file does not say that it has ended. None: it
        goes on, here or at another daemon.

        :raises AnalysisError: code ``session.not-found``: it has no such order.
        :raises SystemFailure: its file cannot be opened.
        """
        path = self._folder / f"{session_id}{retention.SUFFIX}"
        with self._lock:
            if session_id in self._entries or retention.is_locked(path):
                return None
            info = recalled_session(session_id, peek(path))
            if info is None:
                raise not_found(session_id)
            if not (info.state is SessionState.ENDED or is_over(info)):
                return None
            entry = Entry(info, path, self._history, self._engines)
            try:
                if info.state is SessionState.ENDED:
                    entry.open_ended()
                else:
                    entry.open()
            except MemscopeError:
                entry.close()
                raise
            self._entries[session_id] = entry
        return entry

    @property
    def stamp(self) -> SessionStamp:
        with self._lock:
            entries = dict(self._entries)
        under_way = frozenset(known for known, entry in entries.items() if not entry.ended.is_set())
        left = {
            known
            for known in entries.keys() - under_way
            if entries[known].info.end_reason is not EndReason.DETACHED
        }
        return SessionStamp(under_way, frozenset(left))

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Around the answer to a question, an attach or a detach: the daemon is wanted."""
        with self._lock:
            self._questions += 1
        try:
            yield
        finally:
            with self._lock:
                self._questions -= 1
                self._asked_ns = clock.monotonic_ns()

    @property
    def unasked_ns(self) -> int:
        """Since it was last wanted (:meth:`in_use`); 0 while it is."""
        with self._lock:
            return 0 if self._questions else clock.monotonic_ns() - self._asked_ns

    def _make_room(self) -> None:
        ended = [entry for entry in self._entries.values() if entry.ended.is_set()]
        open_ = [entry for entry in ended if entry.is_open]
        for entry in open_[: max(len(open_) - ENDED_OPEN_MAX, 0)]:
            entry.rest()
        if len(self._entries) - len(ended) >= ACTIVE_MAX:
            self._abandon_those_away()
            raise _too_many()
        for entry in ended[: max(len(ended) - ENDED_KEPT_MAX, 0)]:
            if entry.owes_report:
                continue
            del self._entries[entry.info.session_id]
            entry.leave()

    def _abandon_those_away(self) -> None:
        for entry in self._entries.values():
            if not entry.ended.is_set() and entry.unused_ns > REST_AFTER_NS:
                entry.abandon()

    def _remove_surplus(self) -> None:
        """Whoever begins a session does not wait for it: there may be thousands of files to look at."""
        found = retention.captures_in(self._folder)
        with self._lock:
            needed = {known for known, entry in self._entries.items() if entry.is_needed}
        for file in retention.surplus(found, self._keep_bytes, needed):
            with self._lock:
                self._remove(file)

    def _remove(self, file: retention.CaptureFile) -> None:
        """With the lock held; not if it has come to be needed meanwhile."""
        entry = self._entries.get(file.session_id)
        if entry is None:
            if retention.is_locked(file.path):
                return  # another daemon's, which shares the folder
        elif entry.is_needed:
            return
        else:
            del self._entries[file.session_id]
            entry.leave()
        LOG.info("capture %s removed: %d bytes are kept", file.session_id, self._keep_bytes)
        retention.remove(file)

    def get(self, session_id: str) -> Entry:
        """:raises AnalysisError: code ``session.not-found``."""
        with self._lock:
            entry = self._entries.get(session_id)
        if entry is None:
            raise not_found(session_id)
        return entry

    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries.values())

    def active_on(self, pid: int) -> Entry | None:
        """The session on that process that has not ended."""
        found = (one for one in self.entries() if one.info.target.pid == pid and not one.ended.is_set())
        return next(found, None)

    def close(self) -> None:
        """Closes all entries; nothing may be asked after."""
        self._surplus.stop()
        for entry in self.entries():
            entry.close()
        self._engines.close()
