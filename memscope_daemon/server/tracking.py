"""What a daemon does to targets: attach, change, detach, and look after those that are tracked.

An attached target is followed by a :class:`Tracking` (``attach.session.TargetSession``), which this module
knows by its shape only. Each is used by one thread at a time: the lock beside it sees to that.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from memscope_daemon import clock
from memscope_daemon.config import check_overhead, check_sampling
from memscope_daemon.errors import AttachFailed, AttachRefused, MemscopeError, TrackingError
from memscope_daemon.metadata.thread_names import read_thread_names
from memscope_daemon.model.auto_export import AutoExport
from memscope_daemon.model.report import Mark
from memscope_daemon.model.sampling import SamplingConfig
from memscope_daemon.model.session import AttachFigures, EndReason, SessionInfo
from memscope_daemon.monitor.process import cpu_ns, resident_bytes
from memscope_daemon.server.auto_export import AutoExporter
from memscope_daemon.server.book import SessionBook
from memscope_daemon.server.budget import BudgetKeeper
from memscope_daemon.server.control_service import Attempt
from memscope_daemon.server.course import check_label
from memscope_daemon.server.sessions import Entry
from memscope_daemon.server.terms import Terms
from memscope_daemon.shim.job import Resume

LOG = logging.getLogger("memscope.tracking")
HELLO_TIMEOUT_S = 45.0  # longer than a shipper waits for an ingest; without one its shim is quiet meanwhile
LEAVE_TIMEOUT_S = 60.0
GOODBYE_TIMEOUT_S = 150.0  # longer than a shipper waits for the answer to its Goodbye
SHIPPER_EXIT_TIMEOUT_S = 5.0
NAMES_TIMEOUT_S = 1.5
NAMES_EACH_S = 10.0
NAMES_SELDOM_S = 640.0  # where looks find nothing: a version that py-spy does not know
LOOK_EACH_S = 0.5
RETURN_TIMEOUT_S = 5.0  # a shipper that has lost its daemon tries again each second
#: So many shippers may take over from one another within so long.
SUCCESSORS_MAX, SUCCESSORS_WITHIN_S = 5, 60.0
SHIPPER_DIED = "shipper.died"  # the code of a TrackingError (shim.launch)


class Shipper(Protocol):
    """The process beside a target that ships its events."""

    @property
    def alive(self) -> bool: ...
    def wait(self, timeout_s: float | None = None) -> Any: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


class Tracking(Protocol):
    """One target under one attach."""

    session_id: str
    attach_figures: AttachFigures
    started_monotonic_ns: int

    @property
    def shipper(self) -> Shipper: ...
    def start(self) -> None: ...
    def cancel(self) -> None: ...
    def detach(self) -> AttachFigures: ...
    def resume(self, resume: Resume) -> None: ...
    def close(self) -> None: ...


MakeTracking = Callable[[Attempt], Tracking]


class _Tracked:
    """A target of ours, and when it was last asked for the names of its threads."""

    def __init__(self, tracking: Tracking, keeper: BudgetKeeper) -> None:
        self.tracking, self.keeper = tracking, keeper
        self.lock = threading.Lock()
        self.names_at = 0.0
        self.names_each_s = NAMES_EACH_S
        self.resumed_at: list[float] = []


class Tracker:
    """Carries out what Control asks for. Safe to use from many threads."""

    def __init__(self, book: SessionBook, make: MakeTracking, exports: AutoExporter) -> None:
        self._book, self._make, self._exports = book, make, exports
        self._lock = threading.Condition()
        self._starting: set[int] = set()
        self._tracked: dict[str, _Tracked] = {}
        self._inherited: dict[str, BudgetKeeper] = {}  # sessions that a daemon before this one attached
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._watcher.start()

    def began(self, entry: Entry) -> None:
        """A shipper has said Hello."""
        session_id, terms = entry.info.session_id, entry.terms
        with self._lock:
            self._lock.notify_all()
            is_ours = session_id in self._tracked or entry.info.target.pid in self._starting
            if terms is not None and not is_ours and session_id not in self._inherited:
                self._inherited[session_id] = BudgetKeeper(entry, terms, goes_on=True)
        self._exports.follow(entry, self._holds)

    def attach(self, attempt: Attempt) -> SessionInfo:
        """:raises MemscopeError: refused, failed, or already attached; the message says how the target is."""
        check_sampling(attempt.sampling)
        check_overhead(attempt.max_overhead_percent)
        with self._claim(attempt.pid):
            tracking = self._make(attempt)
            attempt.on_give_up(tracking.cancel)
            try:
                tracking.start()
            finally:
                attempt.on_give_up(None)
            info = self._settle(tracking, attempt)
        if attempt.is_given_up:  # too late to be cancelled: nobody knows of the session, nobody would end it
            self._detach_quietly(info.session_id)
        return self._book.get(info.session_id).info

    def detach(self, session_id: str) -> SessionInfo:
        """:raises MemscopeError: no such session, or the hooks could not be taken out now."""
        entry = self._book.get(session_id)
        with self._lock:
            tracked = self._tracked.get(session_id)
        if tracked is None:
            return self._detach_by_wire(entry)
        with tracked.lock:
            if not entry.ended.is_set() and not tracked.tracking.shipper.alive:
                self._await_silence(entry, tracked)
                self._succeeded(entry, tracked)  # what lies in the rings is part of the session
            if not entry.ended.is_set():
                self._read_names(entry, tracked, NAMES_TIMEOUT_S)
                tracked.keeper.note()
                entry.note_resident(resident_bytes(entry.info.target.pid))
                entry.change(detach=tracked.tracking.detach())
            self._await_goodbye(entry, tracked)
        self._forget(session_id, tracked)
        return entry.info

    def set_sampling(self, session_id: str, sampling: SamplingConfig) -> SessionInfo:
        """While a shipper that died is being replaced, the next one is told.

        :raises MemscopeError: no such session, one that has ended, or a value that makes no sense.
        """
        check_sampling(sampling)
        return self._followed(session_id).set_sampling(sampling)

    def set_paused(self, session_id: str, paused: bool) -> SessionInfo:
        """:raises MemscopeError: no such session, one that has ended, or was paused too often."""
        return self._followed(session_id).pause(paused)

    def add_mark(self, session_id: str, label: str) -> Mark:
        """:raises MemscopeError: no such session, one that has ended, not such a label, or too many."""
        label, entry = check_label(label), self._book.get(session_id)
        if entry.ended.is_set():
            raise TrackingError("session.has-ended", f"session {session_id} has ended", "attach again")
        return entry.mark(label)

    def set_auto_export(self, session_id: str, order: AutoExport | None) -> SessionInfo:
        """``order``: accepted (``auto_export.accept``); None: no more.

        :raises MemscopeError: no such session, or one that has ended.
        """
        entry = self._book.get(session_id)
        if order is not None and entry.ended.is_set():
            raise _no_shipper(session_id)
        info = entry.set_auto_export(order)
        self._exports.follow(entry, self._holds)
        return info

    def stop(self) -> None:
        """Detaches from every target. Failures are logged: the hooks go quiet by themselves."""
        self._stopping.set()
        self._watcher.join()
        with self._lock:
            sessions = list(self._tracked)
        threads = [threading.Thread(target=self._detach_quietly, args=(one,)) for one in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _followed(self, session_id: str) -> Entry:
        """The session, if it has not ended and its shipper can be told something, now or when it comes."""
        entry = self._book.get(session_id)
        with self._lock:
            is_tracked = session_id in self._tracked
        if entry.ended.is_set() or not (is_tracked or self._has_shipper(entry)):
            raise _no_shipper(session_id)
        return entry

    # --- attaching and detaching ---------------------------------------------------------------------

    @contextlib.contextmanager
    def _claim(self, pid: int) -> Any:
        """One attach at a time, and one session at a time, for each process."""
        with self._lock:
            entry = self._book.active_on(pid)
            if pid in self._starting or entry is not None or self._stopping.is_set():
                raise _taken(pid, entry)
            self._starting.add(pid)
        try:
            yield
        finally:
            with self._lock:
                self._starting.discard(pid)

    def _settle(self, tracking: Tracking, attempt: Attempt) -> SessionInfo:
        """The hooks are in; the session is there when its shipper has said Hello."""
        session_id = tracking.session_id
        with self._lock:
            told = self._lock.wait_for(lambda: self._has_begun(session_id), HELLO_TIMEOUT_S)
        if not told:
            with contextlib.suppress(MemscopeError):
                tracking.detach()
            raise AttachFailed(
                "attach.no-events",
                f"process {attempt.pid} was attached to, but its shipper never came; the hooks are out again",
                "try again; see the daemon's log",
            )
        entry = self._book.get(session_id)
        terms = Terms(
            entry.info.sampling,
            attempt.max_overhead_percent,
            attempt.history,
            cpu_ns(attempt.pid) or 0,
            resident_bytes(attempt.pid),
            tracking.attach_figures,
        )
        entry.observed.started_monotonic_ns = tracking.started_monotonic_ns
        entry.agree(terms)
        with self._lock:
            self._tracked[session_id] = _Tracked(tracking, BudgetKeeper(entry, terms))
        if attempt.auto_export is not None:
            entry.set_auto_export(attempt.auto_export)
            self._exports.follow(entry, self._holds)
        return entry.info

    def _holds(self, session_id: str) -> bool:
        """Whether its target is still looked after, or just being left."""
        with self._lock:
            return session_id in self._tracked

    def _has_begun(self, session_id: str) -> bool:
        """Whether its shipper has said Hello, and may have gone again."""
        with contextlib.suppress(MemscopeError):
            entry = self._book.get(session_id)
            return entry.is_connected or entry.ended.is_set()
        return False

    def _has_shipper(self, entry: Entry) -> bool:
        """Waits for one that is on its way back; False: none came, or the session has ended."""
        gives_up_at = time.monotonic() + RETURN_TIMEOUT_S
        while not entry.is_connected and not entry.ended.wait(0.02):
            if time.monotonic() > gives_up_at:
                break
        return entry.is_connected and not entry.ended.is_set()

    def _detach_by_wire(self, entry: Entry) -> SessionInfo:
        """A target that somebody else attached to: the shipper is asked over its stream."""
        entry.set_to_leave(True)
        try:
            if not self._has_shipper(entry) and not entry.ended.is_set():
                raise _no_shipper(entry.info.session_id)
            if not entry.ended.wait(LEAVE_TIMEOUT_S):
                raise TrackingError(
                    "session.still-active",
                    "the target has not passed by to take the hooks out",
                    "detach where it was attached: memscoped detach PID",
                )
        finally:
            entry.set_to_leave(False)
        return entry.info

    def _await_goodbye(self, entry: Entry, tracked: _Tracked) -> None:
        """Waits for the last byte, as long as there is anybody to send it."""
        self._await_silence(entry, tracked)
        if not entry.ended.wait(0.05):
            entry.finish(EndReason.SHIPPER_LOST, "the shipper ended without a Goodbye")

    def _await_silence(self, entry: Entry, tracked: _Tracked) -> None:
        """Until the session has ended, or its shipper and its stream have; or nothing comes any more."""
        shipper, began_ns = tracked.tracking.shipper, clock.monotonic_ns()
        while not entry.ended.wait(0.05):
            if clock.monotonic_ns() - max(began_ns, entry.heard_monotonic_ns) > GOODBYE_TIMEOUT_S * 1e9:
                break
            if not shipper.alive and not entry.is_connected:
                break

    def _forget(self, session_id: str, tracked: _Tracked) -> None:
        """The session is over: its shipper is about to exit, and is not waited for longer than that takes."""
        with self._lock:
            if self._tracked.pop(session_id, None) is None:
                return
        shipper = tracked.tracking.shipper
        try:
            shipper.wait(SHIPPER_EXIT_TIMEOUT_S)
        except TimeoutError:
            LOG.warning("session %s: its shipper had to be killed", session_id)
            shipper.kill()
        shipper.close()
        tracked.tracking.close()

    def _detach_quietly(self, session_id: str) -> None:
        try:
            self.detach(session_id)
        except MemscopeError as error:
            LOG.error("session %s: %s", session_id, error)

    # --- looking after ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EACH_S):
            with self._lock:
                tracked = dict(self._tracked)
            for session_id, one in tracked.items():
                if one.tracking.shipper.alive:
                    self._with(session_id, one, self._look_after)
                else:  # another one takes a while to start: the others need not wait for it
                    arguments = (session_id, one, self._shipper_lost)
                    threading.Thread(target=self._with, args=arguments, name="successor", daemon=True).start()
            self._look_after_inherited()

    def _with(self, session_id: str, one: _Tracked, look: Callable[[str, _Tracked], None]) -> None:
        """One that is just being detached, or looked after, is in good hands."""
        if one.lock.acquire(blocking=False):
            try:
                look(session_id, one)
            except Exception as error:  # whatever it is, the others want to be looked after too
                LOG.error("session %s: %r", session_id, error)
            finally:
                one.lock.release()

    def _look_after(self, session_id: str, one: _Tracked) -> None:
        entry = self._book.get(session_id)
        if entry.ended.is_set():
            self._forget(session_id, one)
            return
        self._keep_to_budget(entry, one.keeper)
        if time.monotonic() - one.names_at > one.names_each_s:
            self._read_names(entry, one, NAMES_TIMEOUT_S)

    def _look_after_inherited(self) -> None:
        """Their shippers are no children of this daemon's: they end, or come again, by themselves."""
        with self._lock:
            inherited = dict(self._inherited)
        for session_id, keeper in inherited.items():
            try:
                entry = self._book.get(session_id)
                is_over = entry.ended.is_set()
                if not is_over:
                    self._keep_to_budget(entry, keeper)
            except Exception as error:  # whatever it is, the others want to be looked after too
                LOG.error("session %s: %r", session_id, error)
                is_over = True
            if is_over:
                with self._lock:
                    self._inherited.pop(session_id)

    def _keep_to_budget(self, entry: Entry, keeper: BudgetKeeper) -> None:
        entry.note_resident(resident_bytes(entry.info.target.pid))
        if not keeper.look():
            return
        entry.end_over_budget(
            f"{entry.info.max_overhead_percent:g} % is less than the hooks cost by themselves"
        )
        arguments = (entry.info.session_id,)
        threading.Thread(target=self._detach_quietly, args=arguments, name="over-budget", daemon=True).start()

    def _shipper_lost(self, session_id: str, one: _Tracked) -> None:
        """What it sent is stored. Another takes over on the same rings; where none can, the target goes quiet
        and the hooks are taken out of it."""
        if one.tracking.shipper.alive:  # found dead twice: whoever came first has seen to it
            return
        entry = self._book.get(session_id)
        self._await_silence(entry, one)
        if not entry.ended.is_set() and self._succeeded(entry, one):
            return
        self._await_goodbye(entry, one)
        if entry.info.end_reason is EndReason.SHIPPER_LOST:
            with contextlib.suppress(MemscopeError):
                entry.change(detach=one.tracking.detach())
        self._forget(session_id, one)

    def _succeeded(self, entry: Entry, one: _Tracked) -> bool:
        """Whether another shipper has taken over. Not for ever: what kills one may kill them all."""
        session_id = entry.info.session_id
        one.resumed_at = [at for at in one.resumed_at if time.monotonic() - at < SUCCESSORS_WITHIN_S]
        while not self._stopping.is_set() and len(one.resumed_at) < SUCCESSORS_MAX:
            one.resumed_at.append(time.monotonic())
            try:
                one.tracking.resume(entry.resume_point())
            except MemscopeError as error:
                LOG.warning("session %s: its shipper died, and no other took over: %s", session_id, error)
                if error.code != SHIPPER_DIED:
                    return False
            else:
                LOG.warning("session %s: its shipper died; another has taken over", session_id)
                return True
        return False

    def _read_names(self, entry: Entry, one: _Tracked, timeout_s: float) -> None:
        """Only if there is a thread without a name: it costs a process and a look at the target's memory."""
        one.names_at = time.monotonic()
        unnamed = entry.unnamed_threads()
        if unnamed:
            found = read_thread_names(entry.info.target.pid, timeout_s=timeout_s)
            entry.note_names(found)
            in_vain = not unnamed & found.keys()
            one.names_each_s = min(2 * one.names_each_s, NAMES_SELDOM_S) if in_vain else NAMES_EACH_S


def _taken(pid: int, entry: Entry | None) -> AttachRefused:
    which = f" by session {entry.info.session_id}" if entry else ""
    return AttachRefused(
        "session.already-attached",
        f"process {pid} is being tracked already{which}",
        f"detach that session first: memscoped detach {pid}",
    )


def _no_shipper(session_id: str) -> TrackingError:
    return TrackingError(
        "session.no-shipper",
        f"session {session_id} has ended, or its shipper is out of reach",
        "attach again",
    )
