"""Reports that the daemon writes by itself: while a session runs, and at its end, whatever ends it.

One thread for all sessions, one set at a time. It asks a session's actor as any question does, once for each
format, so that events are taken in between; of a session that runs it asks the live state, which is quick. A
time that passes meanwhile is skipped and counted, never made up for.

An order stands in the session's file, so the next daemon goes on with it when the shipper comes to it. That a
report of the end is owed is noted as a file of the session's name in the folder ``owed``: so the next daemon
also finds sessions whose shipper never comes, and ends and reports them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from memscope_daemon import clock
from memscope_daemon.attach import procfs
from memscope_daemon.config import check_auto_export
from memscope_daemon.errors import AnalysisError, InternalError, MemscopeError, SystemFailure
from memscope_daemon.model.auto_export import AutoExport, AutoExportStatus
from memscope_daemon.model.session import EndReason, SessionInfo, Target
from memscope_daemon.render.exporters import Content, Exporter
from memscope_daemon.server.book import SessionBook
from memscope_daemon.server.export_sets import folder_name, publish, require_folder
from memscope_daemon.server.exports import content, exporter_of, named
from memscope_daemon.server.sessions import Entry
from memscope_daemon.store import retention

LOG = logging.getLogger("memscope.auto_export")
LOOK_S = 0.1
#: After an attempt that failed: to render costs something, and a full disk stays full for a while.
RETRY_NS = 5_000_000_000
#: So long a session that has ended is kept for a report that cannot be written. The next daemon tries again.
OWED_NS = 600_000_000_000
ADOPT_EACH_NS = 15_000_000_000
#: A shipper that lives comes to a new daemon within seconds; without one it gives up after half a minute.
TARGET_GONE_NS, SHIPPER_GONE_NS = 15_000_000_000, 60_000_000_000
OWED = "owed"


def accept(order: AutoExport | None) -> AutoExport | None:
    """Hands an order back that can be carried out; its folder is there.

    :raises MemscopeError: it cannot.
    """
    if order is not None:
        check_auto_export(order)
        for name in order.formats:
            exporter_of(name)
        require_folder(Path(order.folder))
    return order


@dataclasses.dataclass(slots=True)
class _Followed:
    """A session with an order. ``is_held``: somebody has not done with it yet, though it has ended. By the
    monotonic clock: ``due_ns``, the next time; ``not_before_ns``, the next attempt; ``owed_ns``, since when
    the report of its end is owed, 0 = it has not ended."""

    entry: Entry
    is_held: Callable[[str], bool]
    order: AutoExport | None = None
    due_ns: int = 0
    not_before_ns: int = 0
    owed_ns: int = 0

    def begin(self, order: AutoExport, now_ns: int) -> None:
        self.order, self.due_ns, self.not_before_ns = order, now_ns + _period_ns(order), 0

    def passes(self, order: AutoExport, now_ns: int) -> int:
        """The time has come; how many have passed unused."""
        period_ns = max(_period_ns(order), 1)
        missed = (now_ns - self.due_ns) // period_ns
        self.due_ns += (missed + 1) * period_ns
        return missed


class AutoExporter:
    """Of a daemon. Any thread may use it. ``folder``: of the captures."""

    def __init__(self, book: SessionBook, folder: Path) -> None:
        self._book, self._folder, self._owed = book, folder, folder / OWED
        self._lock = threading.Lock()
        self._followed: dict[str, _Followed] = {}
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._began_ns = self._adopted_ns = clock.monotonic_ns()
        if self._owing():
            self._start()

    def follow(self, entry: Entry, is_held: Callable[[str], bool] = lambda _: False) -> None:
        """Carries out the session's order, if it has one, from now on."""
        session_id = entry.info.session_id
        if entry.info.auto_export is None:
            return
        with self._lock:
            with contextlib.suppress(OSError):  # a full disk: then it is owed only while this daemon lives
                self._owed.mkdir(mode=0o700, exist_ok=True)
                (self._owed / session_id).touch(0o600)
            if session_id not in self._followed:
                self._followed[session_id] = _Followed(entry, is_held)
        self._start()
        self._wake.set()

    def stop(self) -> None:
        """Writes a last set of each session, ended or not, and ends. Nothing is in the middle of it."""
        self._stopping.set()
        self._wake.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()
        for one in self._all():
            order = one.entry.info.auto_export
            has_ended = one.entry.ended.is_set()
            if order is not None and self._write(one, order, exact=has_ended) and has_ended:
                self._settle(one)

    # --- in its thread ----------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="auto-export", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for one in self._all():
                if not self._stopping.is_set():
                    self._look(one)
            if clock.monotonic_ns() - self._adopted_ns >= ADOPT_EACH_NS:
                self._adopt_owed()
                self._adopted_ns = clock.monotonic_ns()
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _all(self) -> list[_Followed]:
        with self._lock:
            return list(self._followed.values())

    def _look(self, one: _Followed) -> None:
        now_ns, order = clock.monotonic_ns(), one.entry.info.auto_export
        if order is None:
            self._settle(one)
            return
        if order != one.order:
            one.begin(order, now_ns)
        if one.entry.ended.is_set():
            self._look_at_end(one, order, now_ns)
        elif order.every_s and now_ns >= max(one.due_ns, one.not_before_ns):
            self._skip(one, one.passes(order, now_ns))
            self._write(one, order, exact=False)

    def _look_at_end(self, one: _Followed, order: AutoExport, now_ns: int) -> None:
        if one.is_held(one.entry.info.session_id):
            return  # how it was left is not noted down yet
        if not one.owed_ns:
            one.owed_ns, one.not_before_ns, one.entry.owes_report = now_ns, 0, True
        if now_ns < one.not_before_ns:
            return
        if self._write(one, order, exact=True):
            self._settle(one)
        elif now_ns - one.owed_ns > OWED_NS:
            self._give_up(one)

    def _settle(self, one: _Followed) -> None:
        """Nothing is owed any more; unless something was ordered just now."""
        with self._lock:
            if one.entry.ended.is_set() or one.entry.info.auto_export is None:
                self._forget(one.entry.info.session_id)
                self._followed.pop(one.entry.info.session_id, None)
        one.entry.owes_report = False

    def _give_up(self, one: _Followed) -> None:
        """For this daemon; it stays owed."""
        with self._lock:
            self._followed.pop(one.entry.info.session_id, None)
        one.entry.owes_report = False

    # --- writing ----------------------------------------------------------------------------------------

    def _write(self, one: _Followed, order: AutoExport, *, exact: bool) -> bool:
        """Whether a set was written. After it a rest as long as it took: others ask the daemon too."""
        began_ns, info = clock.monotonic_ns(), one.entry.info
        try:
            contents = dict(_rendered(one.entry, name, exact) for name in order.formats)
            folder = Path(order.folder) / folder_name(info)
            publish(folder, contents, order.keep_count, clock.unix_ns())
        except MemscopeError as error:
            self._fail(one, error)
        except Exception as error:  # whatever it is, the other sessions have orders too
            self._fail(
                one, InternalError("export.bug", f"the export failed: {error!r}", "report this as a bug")
            )
        else:
            self._succeed(one)
            ended_ns = clock.monotonic_ns()
            one.not_before_ns = ended_ns + (ended_ns - began_ns)
            return True
        one.not_before_ns = clock.monotonic_ns() + RETRY_NS
        return False

    def _succeed(self, one: _Followed) -> None:
        info = one.entry.info
        before = info.auto_export_status
        if before.error_code:
            LOG.warning("session %s: auto-export: written again", info.session_id)
        count, skipped = before.written_count + 1, before.skipped_count
        one.entry.change(auto_export_status=AutoExportStatus(clock.unix_ns(), count, skipped))

    def _fail(self, one: _Followed, error: MemscopeError) -> None:
        """Said when it is new, not each time."""
        info = one.entry.info
        before = info.auto_export_status
        if (before.error_code, before.error_message) != (error.code, error.message):
            LOG.error("session %s: auto-export: %s", info.session_id, error)
        status = dataclasses.replace(before, error_code=error.code, error_message=error.message)
        one.entry.change(auto_export_status=status)

    def _skip(self, one: _Followed, count: int) -> None:
        if count:
            before = one.entry.info.auto_export_status
            status = dataclasses.replace(before, skipped_count=before.skipped_count + count)
            one.entry.change(auto_export_status=status)

    # --- what a daemon before this one owes -------------------------------------------------------------

    def _owing(self) -> list[str]:
        try:
            return sorted(path.name for path in self._owed.iterdir())
        except OSError:
            return []

    def _forget(self, session_id: str) -> None:
        with contextlib.suppress(OSError):
            (self._owed / session_id).unlink()

    def _adopt_owed(self) -> None:
        with self._lock:
            followed = set(self._followed)
        for session_id in self._owing():
            if session_id not in followed and not self._stopping.is_set():
                self._adopt(session_id)

    def _adopt(self, session_id: str) -> None:
        if not (self._folder / f"{session_id}{retention.SUFFIX}").exists():
            self._forget(session_id)
            return
        try:
            entry = self._book.adopt(session_id, self._is_over)
            if entry is None:
                return
            if not entry.ended.is_set():
                entry.finish(EndReason.SHIPPER_LOST, _how_left(entry.info.target))
        except AnalysisError:  # its order was taken back, or never stored
            self._forget(session_id)
            return
        except Exception as error:  # whatever it is, the other sessions have orders too
            LOG.debug("session %s: %r", session_id, error)
            return
        LOG.warning("session %s: left by another daemon; its report is written now", session_id)
        self.follow(entry)

    def _is_over(self, session: SessionInfo) -> bool:
        """Whether nobody comes to go on with it. Its shipper would have come to this daemon by now."""
        up_ns = clock.monotonic_ns() - self._began_ns
        return up_ns >= (TARGET_GONE_NS if _is_gone(session.target) else SHIPPER_GONE_NS)


def _rendered(entry: Entry, format_name: str, exact: bool) -> tuple[str, bytes]:
    """Where the store refuses, the live state tells."""
    exporter = exporter_of(format_name)
    found = _content(entry, exporter, exact)  # the rest here, not where the session's events are taken in
    return exporter.file_name, exporter.render(named(found, entry.namer))


def _content(entry: Entry, exporter: Exporter, exact: bool) -> Content:
    if exact:
        with contextlib.suppress(SystemFailure):
            return entry.ask(lambda at: content(at, exporter), exact=True)
    return entry.ask(lambda at: content(at, exporter), exact=False)


def _period_ns(order: AutoExport) -> int:
    return int(order.every_s * 1e9)


def _is_gone(target: Target) -> bool:
    return not procfs.is_process(target.pid, target.start_time_ticks)


def _how_left(target: Target) -> str:
    return "its target ended while no daemon ran" if _is_gone(target) else "its shipper did not come again"
