"""A session of a daemon, and what each of its threads may do with it.

An entry may be used from any thread; what it records belongs to its actor.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from memscope_daemon import clock
from memscope_daemon.errors import MemscopeError, SystemFailure
from memscope_daemon.model.auto_export import AutoExport
from memscope_daemon.model.columns import Array
from memscope_daemon.model.cost import Cost, CostCounters, StepChange
from memscope_daemon.model.history import History
from memscope_daemon.model.report import Mark, Resident
from memscope_daemon.model.sampling import SamplingConfig
from memscope_daemon.model.session import EndReason, SessionInfo, SessionState, Step
from memscope_daemon.monitor.sampler import Sampler
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.server.actor import Actor
from memscope_daemon.server.course import Course
from memscope_daemon.server.line import Line, Outgoing
from memscope_daemon.server.namer import Namer
from memscope_daemon.server.observed import Observed
from memscope_daemon.server.pauses import Pauses, recalled_spans
from memscope_daemon.server.recording import Recording
from memscope_daemon.server.terms import (
    Notes,
    Terms,
    noted_auto_export,
    noted_end,
    noted_steps,
    noted_terms,
    recalled_auto_export,
    recalled_steps,
    recalled_terms,
    resumed,
)
from memscope_daemon.shim.job import Resume
from memscope_daemon.store import retention
from memscope_daemon.store.engine import Engines

LOG = logging.getLogger("memscope.sessions")
IDLE_S = 0.1
#: A shipper that is away for longer may find its session's file closed; it is opened again for it.
REST_AFTER_NS = 60_000_000_000

Answer = TypeVar("Answer")


class Entry:
    """One session. Use :meth:`SessionBook.begin`. ``line``: to its shipper."""

    def __init__(self, info: SessionInfo, path: Path, history: History, engines: Engines) -> None:
        self._lock = threading.Lock()
        self._info = dataclasses.replace(info, store_path=str(path))
        self._path, self._history, self._engines = path, history, engines
        self._is_fresh = not path.exists()  # nothing can be stored yet
        self.course = Course(path.parent, info.started_unix_ns, is_fresh=self._is_fresh)
        self.line = Line()
        self._resident = Resident()
        self._names: dict[int, str] = {}
        self._cost: Cost | None = None
        self._terms: Terms | None = None
        self._steps: tuple[StepChange, ...] = ()
        self._counters = CostCounters()
        self._pauses = Pauses()
        self._comes_back = False  # a shipper, or one after another
        self._is_to_leave = False
        self._over_budget = ""
        self._recording: Recording | None = None
        self._rests = False
        self._store_error = ""
        self.heard_monotonic_ns = 0  # when the last batch came
        self.ended = threading.Event()
        self.owes_report = False  # has ended, and what was ordered of its end is not written yet
        self.observed = Observed(info, self.ended)
        self.namer = Namer(info.target)
        self._ended_unix_ns = 0
        self._is_recalled = False
        self._actor = Actor(f"session-{info.session_id}", self._idle, IDLE_S)

    def open(self) -> None:
        """Opens the session's file. A new one is made behind the caller's back: an attach waits for this.

        :raises SystemFailure: it cannot be opened.
        """
        if self._is_fresh:
            self._actor.post(self._open)
        else:
            self._actor.call(self._open)

    def open_ended(self) -> None:
        """As :meth:`open`, for a session whose file says that it has ended."""
        self._ended_unix_ns = self._path.stat().st_mtime_ns
        self.ended.set()
        self._actor.call(self._open)

    @property
    def info(self) -> SessionInfo:
        """The session as it stands now."""
        with self._lock:
            return self._info

    def change(self, **fields: Any) -> SessionInfo:
        """Replaces fields of the session's description."""
        with self._lock:
            self._info = dataclasses.replace(self._info, **fields)
            return self._info

    def replace_sampling(self, before: SamplingConfig, sampling: SamplingConfig) -> bool:
        """Sets the sampling if it still is ``before``, and tells the shipper; False: it is not."""
        with self._lock:
            if self._info.sampling != before:
                return False
            self._info = dataclasses.replace(self._info, sampling=sampling)
            self.line.set_sampling(sampling)
        return True

    def set_paused(self, paused: bool) -> None:
        """Stops sampling for the budget's sake, or goes on, unless a user has paused it. Frees of blocks that
        were sampled are followed all the same."""
        with self._lock:
            self._replace_pauses(dataclasses.replace(self._pauses, by_budget=paused))

    def pause(self, paused: bool) -> SessionInfo:
        """A user stops sampling, or lets it go on, unless the budget has it paused. While there is no
        shipper, the next one is told. A TrackingError where that was done too often."""
        with self._lock:
            self._replace_pauses(self._pauses.asked(paused, self.course.now_ns))
            self._info = dataclasses.replace(self._info, paused=paused)
            info, notes = self._info, self._pauses.noted()
        self._actor.call(lambda: self._store(notes))  # a daemon after this one must know of it
        return info

    def _replace_pauses(self, pauses: Pauses) -> None:
        """With the lock held."""
        before, self._pauses = self._pauses, pauses
        if before.in_force != pauses.in_force:
            self.line.pause(self._pauses.in_force)

    def mark(self, label: str) -> Mark:
        """Notes down this moment; a MemscopeError where there are too many, or the store refuses."""
        now_ns = self.course.now_ns
        return self._actor.call(lambda: self.course.mark(now_ns, label, self._of_recording().note))

    def set_to_leave(self, leaves: bool) -> None:
        """Asks the shipper to take the hooks out, and each that comes from now on; or those no more."""
        with self._lock:
            self._is_to_leave = leaves
            if leaves:
                self.line.leave()

    def end_over_budget(self, detail: str) -> None:
        """The detach that follows is no wish of the user's: the session ends by this name."""
        with self._lock:
            self._over_budget = detail

    @property
    def counters(self) -> CostCounters:
        """As of the latest batch that was taken."""
        with self._lock:
            return self._counters

    def connect(self, outgoing: Outgoing) -> int:
        """A shipper has come: answers go to ``outgoing``. Returns the last batch that is stored."""
        self.line.connect(outgoing)
        with self._lock:
            is_fresh, self._is_fresh = self._is_fresh, False
            self._comes_back = not is_fresh
        return 0 if is_fresh else self._actor.call(self._stored_batch)

    def disconnect(self, outgoing: Outgoing) -> None:
        """That stream is gone."""
        self.line.disconnect(outgoing)

    @property
    def is_connected(self) -> bool:
        return self.line.is_connected

    @property
    def unused_ns(self) -> int:
        """Since its shipper went away, or since it was asked for anything; 0 while there is one."""
        return self.line.unused_ns

    def remind(self, said: SamplingConfig) -> None:
        """A shipper that has come says which setting it knows. One that was commanded while there was none,
        or was on its way to one that died, is commanded again."""
        with self._lock:
            wanted = self._info.sampling
            if said != dataclasses.replace(wanted, seed=said.seed if wanted.seed is None else wanted.seed):
                self.line.set_sampling(wanted)
            if self._is_to_leave:
                self.line.leave()
            elif self._pauses.in_force or self._comes_back:  # it may not have heard of the end of one
                self.line.pause(self._pauses.in_force)

    def set_sampling(self, sampling: SamplingConfig) -> SessionInfo:
        """Commands a setting; while there is no shipper, the next one is told. Under one lock with
        :meth:`remind`, so that the last command is the last setting wanted."""
        with self._lock:
            self._info = dataclasses.replace(self._info, sampling=sampling)
            self.line.set_sampling(sampling)
            terms = self._terms = self._terms and dataclasses.replace(self._terms, sampling=sampling)
            info = self._info
        if terms is not None:
            self._actor.post(lambda: self._store(noted_terms(terms)))
        return info

    def take(self, batch: Any, outgoing: Outgoing) -> bool:
        """Takes a batch off the stream that ``outgoing`` belongs to; False: not taken, because the store
        refuses and enough is waiting. What comes late off a stream that is over is dropped: it was not
        acknowledged, and will be sent again.

        :raises MemoryOperationError: the batch makes no sense.
        """
        self.heard_monotonic_ns = clock.monotonic_ns()
        return self._actor.call(lambda: not self.line.is_current(outgoing) or self._take(batch))

    def resume_point(self) -> Resume:
        """What a shipper must know that takes over. Nothing more comes off a stream that is over.

        :raises SystemFailure: the session's file is not open.
        """
        return self._actor.call(lambda: self._of_recording().resume_point(self.info.sampling))

    def finish(self, reason: EndReason, detail: str) -> None:
        """The last batch is in: stores everything and ends the session.

        :raises SystemFailure: the store refused; the session has not ended.
        """
        self._actor.call(lambda: self._finish(reason, detail))

    def ask(self, question: Callable[[Evidence], Answer], *, exact: bool) -> Answer:
        """Answers ``question`` from the evidence as it stands; ``exact``: from the stored events."""
        return self._actor.call(lambda: question(self._evidence(exact)))

    def observe_with(self, sampler: Sampler) -> None:
        """From now until it is over. A target that cannot be told for sure is not looked at."""
        target = self.info.target
        if target.start_time_ticks:
            sampler.watch(target.pid, target.start_time_ticks, self.observed)

    def system_rows(self, column: str, after_ns: int, count: int) -> Array:
        """As :meth:`Recording.system_rows`."""
        return self._actor.call(lambda: self._of_recording().system_rows(column, after_ns, count))

    def note_resident(self, now_bytes: int | None) -> None:
        """The target's resident size was measured; the first one counts as that at the attach."""
        if now_bytes is None:
            return
        with self._lock:
            first = self._resident.at_attach_bytes
            self._resident = Resident(now_bytes, now_bytes if first is None else first)

    def note_names(self, names: dict[int, str]) -> None:
        """Names of threads by native id; names of threads that have gone are kept."""
        with self._lock:
            self._names = {**self._names, **names}

    @property
    def terms(self) -> Terms | None:
        """What it was attached with; None: that was done by nobody here, nor by a daemon before."""
        with self._lock:
            return self._terms

    @property
    def steps(self) -> tuple[StepChange, ...]:
        with self._lock:
            return self._steps

    def agree(self, terms: Terms) -> None:
        """It goes on by these."""
        with self._lock:
            self._terms = terms
            self._info = dataclasses.replace(
                self._info, attach=terms.attach, max_overhead_percent=terms.max_overhead_percent
            )
        if terms.resident_at_attach_bytes is not None:
            self.note_resident(terms.resident_at_attach_bytes)
        if terms.history is not None:
            history = terms.history
            self._actor.post(lambda: self._bound(history))
        self._actor.post(lambda: self._store({**noted_terms(terms), **self.observed.notes}))

    def set_auto_export(self, order: AutoExport | None) -> SessionInfo:
        """What is to be written by itself from now on. Returns when a daemon after this one would know it, if
        the store takes it."""
        info = self.change(auto_export=order)
        with contextlib.suppress(SystemFailure):  # about to end
            self._actor.call(lambda: self._store(noted_auto_export(info)))
        return info

    def note_cost(self, cost: Cost) -> None:
        """What memscope has cost the target so far."""
        with self._lock:
            self._cost = cost

    def note_step(self, change: StepChange) -> None:
        """A step came into force."""
        with self._lock:
            steps = self._steps = (*self._steps, change)
            self._info = dataclasses.replace(self._info, step=change.step)
        self._actor.post(lambda: self._store(noted_steps(steps)))

    def unnamed_threads(self) -> set[int]:
        """Native ids of threads that have no name yet."""
        with self._lock:
            named = set(self._names)
        return self._actor.call(
            lambda: {row.native_id for row in self._of_recording().tables.threads.values()} - named
        )

    @property
    def is_open(self) -> bool:
        """Whether its figures are in memory."""
        return self._recording is not None

    @property
    def is_needed(self) -> bool:
        """Whether it has not ended, its figures are in memory, or a report of its end is to be written."""
        return self.is_open or not self.ended.is_set() or self.owes_report

    def rest(self) -> None:
        """Lets go of the memory of a session that has ended; a question opens its file again."""
        self._actor.post(self._rest)

    def leave(self) -> None:
        """Stores what is there and closes the file, behind the caller's back. The entry answers no more."""
        self._actor.post(self._close)
        self._actor.retire()

    def abandon(self) -> None:
        """Its shipper has been away for so long that it is taken for lost, behind the caller's back."""
        self._actor.post(lambda: self._finish(EndReason.SHIPPER_LOST, "its shipper did not come again"))

    def close(self) -> None:
        """Stores what is there and closes the file. The entry answers no more."""
        try:
            self._actor.call(self._close)
        except MemscopeError as error:
            LOG.error("session %s: %s", self.info.session_id, error)
        self._actor.stop()

    # --- in the actor's thread -----------------------------------------------------------------------

    def _open(self) -> None:
        mode = self._info.sampling.mode
        self._recording = Recording(self._path, mode, self._history, self._engines, self.observed)
        self._rests = False
        noted = self._recording.noted
        self.course.recall(noted)
        self.observed.recall(noted)
        terms = recalled_terms(noted)
        if self.terms is None and terms is not None:
            self._recall(terms, recalled_steps(noted))
        with self._lock:
            if not self._pauses.spans:
                self._pauses = dataclasses.replace(self._pauses, spans=recalled_spans(noted))
                self._info = dataclasses.replace(self._info, paused=self._pauses.by_user)
        order = recalled_auto_export(noted)
        if order is not None and not self._is_recalled:
            self.change(auto_export=order)
        self._is_recalled = True

    def _recall(self, terms: Terms, steps: tuple[StepChange, ...]) -> None:
        """A daemon before this one attached to it, and may have gone some steps back. What the shipper does
        may be older than what was last wanted: it will be reminded."""
        with self._lock:
            self._terms, self._steps = terms, steps
            self._info = resumed(self._info, terms, steps)
            self._pauses = Pauses(by_budget=self._info.step >= Step.COUNTERS_ONLY)
            self._resident = Resident(self._resident.now_bytes, terms.resident_at_attach_bytes)
        if terms.history is not None:
            self._bound(terms.history)

    def _close(self) -> None:
        if self._recording is None:
            return
        try:
            self._recording.close()
            if self._ended_unix_ns:
                retention.date(self._path, self._ended_unix_ns)
        finally:
            self._recording = None  # not before: a file that is being closed looks old, and is needed still
            if self.ended.is_set():
                self.course.points.let_go()

    def _rest(self) -> None:
        if self._recording is not None and self._recording.is_stored:
            self._close()
            self._rests = True

    def _stored_batch(self) -> int:
        """Opens the file if that failed before: the shipper has come again."""
        if self._recording is None:
            self._open()
        return self._of_recording().stored_batch

    def _of_recording(self) -> Recording:
        if self._recording is None and (self._rests or self.ended.is_set()):
            self._open()
        if self._recording is None:
            raise SystemFailure(
                "store.not-opened",
                f"{self._path} is not open",
                "see that the disk has room; see the daemon's log",
            )
        return self._recording

    def _take(self, batch: Any) -> bool:
        recording = self._of_recording()
        if not recording.has_room:
            self._tick()
        if not recording.has_room:
            return False
        recording.take(batch)
        counters = recording.counters
        self.course.heard(recording.time_ns, self.heard_monotonic_ns)
        self.observed.note_live(*recording.live)
        with self._lock:
            self._counters = counters
        self.change(duration_ns=recording.time_ns)
        self._tick()
        return True

    def _bound(self, history: History) -> None:
        self._history = history
        if self._recording is not None:
            self._recording.bound(history)

    def _store(self, notes: Notes) -> None:
        try:
            self._of_recording().note(notes)
        except MemscopeError as error:
            LOG.error("session %s: %s", self.info.session_id, error)

    def _idle(self) -> bool:
        """What is due without being asked. Whether there is anything that may be due."""
        self._tick()
        if self.unused_ns > REST_AFTER_NS:
            self._rest()
        return self._recording is not None

    def _tick(self) -> None:
        """Commits when it is time to, and tells the shipper."""
        if self._recording is None:
            return
        if not self.ended.is_set():
            self.course.take_point_if_due(self._recording, self._info, is_connected=self.is_connected)
        try:
            if self._recording.commit_if_due():
                self._acknowledge()
        except MemscopeError as error:
            self._note_store_error(str(error))

    def _acknowledge(self) -> None:
        self._note_store_error("")
        self.line.acknowledge(self._of_recording().stored_batch)

    def _note_store_error(self, text: str) -> None:
        if text and text != self._store_error:
            LOG.error("session %s: events wait to be stored: %s", self.info.session_id, text)
        if self._store_error and not text:
            LOG.warning("session %s: stored again", self.info.session_id)
        self._store_error = text

    def _finish(self, reason: EndReason, detail: str) -> None:
        recording = self._of_recording()
        if reason is EndReason.SHIPPER_LOST and not self.ended.is_set():
            recording.count_unsent()
        if recording.commit():
            self._acknowledge()
        if reason is EndReason.DETACHED and self._over_budget:
            reason, detail = EndReason.OVER_BUDGET, self._over_budget
        if not self.ended.is_set():
            recording.note(noted_end(reason, detail))
            self.change(state=SessionState.ENDED, end_reason=reason, end_detail=detail)
            self._ended_unix_ns = clock.unix_ns()
            self.course.take_point(recording, self._info)
            self.ended.set()

    def _evidence(self, exact: bool) -> Evidence:
        recording = self._of_recording()
        self.line.use()
        with self._lock:
            info, resident, names = self._info, self._resident, self._names
            cost, steps = self._cost, self._steps
            pauses = self._pauses.until(recording.time_ns)
        gather = recording.exact_evidence if exact else recording.live_evidence
        found, marks = gather(info, resident, names), self.course.marks
        return dataclasses.replace(found, cost=cost, steps=steps, pauses=pauses, marks=marks)
