"""One session's way from batches to stored events and figures: ingest, live state and store, in one thread.

A batch is decoded, added to the live state and put on a pile; the pile is committed each second (the first
after a pause sooner: :data:`COMMIT_AGE_NS`), or when it is high. What is not stored is not acknowledged. When
the store refuses (a full disk) the pile is kept and tried again, and new batches wait at its bound.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from memscope_daemon import clock
from memscope_daemon.analysis.pattern import SLICES
from memscope_daemon.errors import SystemFailure
from memscope_daemon.ingest import columns as wire_columns
from memscope_daemon.ingest import dictionary as wire_dictionary
from memscope_daemon.ingest import losses as wire_losses
from memscope_daemon.ingest.numbering import BatchNumbers, Verdict
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model.columns import RAW_ID_BIT, Array, Columns, Flags
from memscope_daemon.model.cost import CostCounters
from memscope_daemon.model.dictionary import DictionaryRows, LossRow
from memscope_daemon.model.history import HISTORIES, History
from memscope_daemon.model.report import Resident
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import SessionInfo
from memscope_daemon.model.system import NO_ROWS
from memscope_daemon.query.evidence import Ages, Evidence, balance, dense
from memscope_daemon.server.history import Past
from memscope_daemon.server.observed import Observed
from memscope_daemon.shim.job import Resume
from memscope_daemon.store import looks, questions
from memscope_daemon.store.capture import Capture
from memscope_daemon.store.engine import Engines
from memscope_daemon.store.questions import Key, Subset
from memscope_daemon.timeline.live import NOTHING, Balance

COMMIT_AGE_NS = 250_000_000
COMMIT_EACH_NS = 1_000_000_000  # a commit costs some ms, and a daemon has many sessions
COMMIT_ROWS = 1 << 18
PILE_ROWS_MAX = 1 << 20
POINTS_MAX = 600  # of what the system monitor saw, in a report
GAP_CAUSE, DIED_CAUSE = "batch_gap", "shipper_died"
#: Causes that a shipper counts by itself; one that takes over goes on counting.
OF_SHIPPERS = frozenset({"bad_record", "bad_reference", "bad_metadata", "bad_ring"})
#: Causes for which records were read off the rings and did not come to be events.
THROWN_AWAY = frozenset({GAP_CAUSE, "bad_record"})
#: Causes by which the reading end is too slow.
RING_FULL = frozenset({"alloc_ring_full", "free_ring_full"})
NO_BALANCE = Balance(NOTHING, NOTHING, NOTHING)


@dataclasses.dataclass(slots=True)
class _Pile:
    """What has been taken and is not stored yet."""

    columns: list[Columns] = dataclasses.field(default_factory=list)
    rows: list[DictionaryRows] = dataclasses.field(default_factory=list)
    row_count: int = 0
    since_ns: int = 0  # 0: nothing waits


class Recording:
    """Belongs to one thread. ``stored_batch``: the last batch that is stored, with all before it. ``noted``:
    texts by name, as they stood in the file when it was opened. ``observed``: where the system monitor leaves
    what it sees; None: nobody looks."""

    def __init__(
        self,
        path: Path,
        first_mode: SamplingMode,
        history: History = HISTORIES["unbounded"],
        engines: Engines | None = None,
        observed: Observed | None = None,
    ) -> None:
        """Opens the file, by one of ``engines``; what is in it already is read back.

        :raises SystemFailure: it cannot be opened or read.
        """
        self._first_mode = first_mode
        self._capture = Capture.open(path, engines)
        self._tables = Tables(first_mode)
        self._past = Past(self._capture, history, self._by_bytes)
        self._observed = observed
        self._thinning = looks.Thinning(self._capture)
        self._live = self._past.state()
        self._losses: dict[str, LossRow] = {}
        self._stored_losses: dict[str, LossRow] = {}
        self._pile = _Pile()
        self._committed_ns = 0
        self._time_ns = 0
        self._shipped_count = 0
        self._raw_count = 0
        self._written_count = 0
        self._cut_off_ns = 0
        self._slow_ns = 0
        self._revision = 0
        meta = self.noted = self._capture.meta()
        self.stored_batch = int(meta.get("last_batch", "0"))
        self._numbers = BatchNumbers(self.stored_batch)
        if not self._capture.is_new:
            self._replay(meta)

    @property
    def has_room(self) -> bool:
        """False while the store refuses and enough is waiting."""
        return self._pile.row_count < PILE_ROWS_MAX

    @property
    def is_stored(self) -> bool:
        """Whether nothing waits to be stored."""
        return not self._pile.since_ns

    @property
    def time_ns(self) -> int:
        """Session time of the latest batch."""
        return self._time_ns

    @property
    def revision(self) -> int:
        """Another one as soon as anything has come that figures are made of."""
        return self._revision

    @property
    def tables(self) -> Tables:
        return self._tables

    @property
    def counters(self) -> CostCounters:
        """What the cost is told from, as of the latest batch."""
        live, losses = self._live, self._losses
        lost_count = sum(losses[cause].record_count for cause in RING_FULL & losses.keys())
        return CostCounters(self._time_ns, self._slow_ns, live.call_count, live.event_count, lost_count)

    @property
    def live(self) -> tuple[float, float]:
        """Blocks that are live, and most bytes that were at once: estimates."""
        return self._live.live_count, self._live.peak.live_bytes

    def take(self, batch: Any) -> None:
        """Takes one ``Batch`` message; a duplicate is dropped.

        :raises MemoryOperationError: it makes no sense; nothing of it was taken.
        """
        verdict = self._numbers.judge(batch.batch_number)
        if verdict is Verdict.DUPLICATE:
            return
        rows = wire_dictionary.decode(batch.dictionary, self._tables)
        columns = wire_columns.decode(batch.events)
        losses = wire_losses.decode(batch.losses, self._losses, len(self._losses))
        wire_losses.check_counts(batch)
        self._note_gap(batch, columns.count)
        self._written_count = max(self._written_count, batch.produced_count)
        self._tables.add(rows)
        columns = wire_columns.resolve(columns, self._tables.stack_limit, self._tables.thread_limit)
        self._live.add(columns, self._by_bytes(columns))
        if batch.cut_off_ns:
            self._cut_off_ns = max(batch.cut_off_ns, 0)
        self._losses.update((loss.cause, loss) for loss in losses)
        if batch.HasField("passes"):
            passes = batch.passes
            self._slow_ns = passes.timed_one_in * (passes.gil_timed_ns + passes.raw_timed_ns)
        self._revision += bool(columns.count or losses or rows.settings)
        self._numbers.take(batch.batch_number)
        self._time_ns = max(self._time_ns, batch.time_ns, self._live.time_ns)
        self._count(columns)
        self._put(columns, rows)

    def resume_point(self, sampling: SamplingConfig) -> Resume:
        """What a shipper must know that takes over from one that died. Stores what waits, if the store takes
        it: nobody can send it again.
        """
        with contextlib.suppress(SystemFailure):
            self.commit()
        tables, thrown_away = self._tables, self._losses.keys() & THROWN_AWAY
        return Resume(
            sampling,
            last_batch=self._numbers.last,
            shipped_count=self._shipped_count,
            event_position=self._live.event_count - self._raw_count,
            raw_position=self._raw_count,
            thrown_away_count=sum(self._losses[cause].record_count for cause in thrown_away),
            string_count=max(tables.strings, default=0),
            frame_count=max(tables.frames, default=0),
            stack_count=max(tables.stacks, default=0),
            thread_count=max(tables.threads, default=0),
            setting_count=max(tables.settings, default=0),
            losses={cause: self._losses[cause].record_count for cause in OF_SHIPPERS & self._losses.keys()},
        )

    def count_unsent(self) -> None:
        """Nobody will send what the target had written, by the last batch, and is not here: it is lost. What
        it wrote after that batch nobody has counted."""
        known = self._losses.keys() & {"bad_record", DIED_CAUSE}
        gone = sum(self._losses[cause].record_count for cause in known)
        missing = self._written_count - self._shipped_count - gone
        if missing > 0:
            before = self._losses.get(DIED_CAUSE, LossRow(DIED_CAUSE, 0, 0.0, 0.0))
            self._losses[DIED_CAUSE] = dataclasses.replace(before, record_count=before.record_count + missing)
            self._revision += 1
            self._pile.since_ns = self._pile.since_ns or clock.monotonic_ns()

    def _count(self, columns: Columns) -> None:
        self._shipped_count += columns.count
        self._raw_count += int(np.count_nonzero(columns.allocation_id & RAW_ID_BIT))

    def commit_if_due(self) -> bool:
        """Commits a pile that is old or high; True: something was stored.

        :raises SystemFailure: the store refused; the pile is kept.
        """
        pile, now_ns, observed = self._pile, clock.monotonic_ns(), self._observed
        is_old = pile.since_ns and now_ns - pile.since_ns >= COMMIT_AGE_NS
        is_due = is_old or bool(observed and observed.due(with_events=False))
        if pile.row_count < COMMIT_ROWS and not (is_due and now_ns - self._committed_ns >= COMMIT_EACH_NS):
            return False
        return self._commit(bool(observed and observed.due(with_events=True)))

    def commit(self) -> bool:
        """Stores what waits; True: there was something.

        :raises SystemFailure: the store refused; the pile is kept.
        """
        return self._commit(self._observed is not None)

    def _commit(self, with_looks: bool) -> bool:
        pile = self._pile
        seen = self._observed.waiting() if self._observed and with_looks else NO_ROWS
        if not pile.since_ns and not len(seen):
            return False
        meta = {
            "last_batch": str(self._numbers.last),
            "time_ns": str(self._time_ns),
            "cut_off_ns": str(self._cut_off_ns),
            "written_count": str(self._written_count),
        }
        losses = [loss for loss in self._losses.values() if self._stored_losses.get(loss.cause) != loss]
        try:
            self._capture.append(pile.columns, pile.rows, losses, meta, seen)
        except SystemFailure:
            pile.since_ns = clock.monotonic_ns()  # not again at once
            raise
        self._pile = _Pile()
        self._stored_losses.update((loss.cause, loss) for loss in losses)
        self._committed_ns = clock.monotonic_ns()
        self._note_stored(seen)
        self._trim()
        self.stored_batch = self._numbers.last
        return True

    def _note_stored(self, seen: Array) -> None:
        if self._observed and len(seen):
            self._observed.stored()
            with contextlib.suppress(SystemFailure):  # thinned with a later commit
                self._thinning.do_if_due(int(seen["timestamp"][-1]))

    def bound(self, history: History) -> None:
        """How much is kept from now on."""
        self._past.bounds = history

    def _trim(self) -> None:
        """What cannot be forgotten now, because the store refuses, is forgotten with the next commit; what
        cannot be left to the disk alone, some commits later."""
        with contextlib.suppress(SystemFailure):
            self._past.trim(self._live.event_count - self._past.event_count, self._time_ns)
        with contextlib.suppress(SystemFailure):
            self._capture.settle_if_due()

    def note(self, meta: dict[str, str]) -> None:
        """Stores texts by name: what the session is, how it ended.

        :raises SystemFailure: the store refused.
        """
        self._capture.append((), (), (), meta)

    def live_evidence(self, session: SessionInfo, resident: Resident, names: dict[int, str]) -> Evidence:
        """From the live state: quick; intervals of live figures can be a little too wide."""
        live = self._live
        return self._evidence(session, resident, names, live.by_stack, live.by_thread, live.by_domain)

    def total_evidence(self, session: SessionInfo) -> Evidence:
        """The live one as far as the totals need it: quicker still."""
        return self._evidence(session, Resident(), {}, self._live.by_stack, NO_BALANCE, NO_BALANCE)

    def exact_evidence(self, session: SessionInfo, resident: Resident, names: dict[int, str]) -> Evidence:
        """From the stored events, all of them.

        :raises SystemFailure: the store refused.
        """
        self.commit()
        by = [self._balance(key) for key in (Key.STACK, Key.THREAD, Key.DOMAIN)]
        found = self._evidence(session, resident, names, *by)
        stored_count = questions.event_count(self._capture) + self._past.event_count
        system = looks.series(self._capture, POINTS_MAX)
        return dataclasses.replace(found, event_count=stored_count, system=system, ages=self._ages())

    def _ages(self) -> Ages:
        """How long what was freed had lived, how old is what is live, and what was allocated when."""
        until_ns = self._cut_off_ns or self._time_ns
        freed = questions.freed_by_lifetime(self._capture, self._first_mode)
        live = questions.live_by_age(self._capture, until_ns, self._first_mode)
        count = 1 + max((int(part.keys[-1]) for part in (freed, live) if len(part.keys)), default=0)
        slices = questions.slices(self._capture, self._past.until_ns, until_ns, SLICES)
        return Ages(self._past.lifetimes(dense(freed, count)), dense(live, count), slices)

    def system_rows(self, column: str, after_ns: int, count: int) -> Array:
        """The oldest ``count`` rows that the system monitor saw with a ``column`` above ``after_ns``.

        :raises SystemFailure: the store refused.
        """
        self.commit()
        return looks.after(self._capture, column, after_ns, count)

    def close(self) -> None:
        """Commits what waits, if the store takes it, and closes the file."""
        try:
            self.commit()
        finally:
            self._capture.close()

    def _balance(self, key: Key) -> Balance:
        parts = (
            questions.sums_by(self._capture, key, subset, self._first_mode)
            for subset in (Subset.ALLOCATED, Subset.FREED, Subset.LIVE)
        )
        return self._past.with_past(key, balance(*parts))

    def _evidence(
        self,
        session: SessionInfo,
        resident: Resident,
        names: dict[int, str],
        stacks: Balance,
        threads: Balance,
        domains: Balance,
    ) -> Evidence:
        live = self._live
        return Evidence(
            session,
            self._tables,
            stacks,
            threads,
            domains,
            live.peak,
            tuple(self._losses[cause] for cause in sorted(self._losses)),
            self._time_ns,
            live.event_count,
            live.unresolved_count,
            live.largest_bytes,
            resident,
            names,
            self._cut_off_ns,
            self._written_count,
            history=self._past.figures(live.event_count),
        )

    def _put(self, columns: Columns, rows: DictionaryRows) -> None:
        pile = self._pile
        pile.columns.append(columns)
        pile.rows.append(rows)
        pile.row_count += columns.count
        pile.since_ns = pile.since_ns or clock.monotonic_ns()

    def _note_gap(self, batch: Any, event_count: int) -> None:
        """What was shipped and never came is counted as lost, of unknown size."""
        missing = max(batch.shipped_count - self._shipped_count - event_count, 0)
        if not missing:
            return
        self._shipped_count += missing
        before = self._losses.get(GAP_CAUSE, LossRow(GAP_CAUSE, 0, 0.0, 0.0))
        self._losses[GAP_CAUSE] = dataclasses.replace(before, record_count=before.record_count + missing)

    def _by_bytes(self, columns: Columns) -> Flags:
        different, where = np.unique(columns.sampling_id, return_inverse=True)
        modes = np.array([self._tables.by_bytes(int(number)) for number in different], dtype=np.bool_)
        return modes[where]

    def _replay(self, meta: dict[str, str]) -> None:
        self._tables.add(questions.dictionary(self._capture))
        self._losses = {loss.cause: loss for loss in questions.losses(self._capture)}
        self._shipped_count, self._raw_count = self._past.event_count, self._past.raw_count
        for columns in questions.replay(self._capture):
            self._live.add(columns, self._by_bytes(columns))
            self._count(columns)
        if GAP_CAUSE in self._losses:
            self._shipped_count += self._losses[GAP_CAUSE].record_count
        self._written_count = int(meta.get("written_count", "0"))
        self._time_ns = max(int(meta.get("time_ns", "0")), self._live.time_ns)
        self._cut_off_ns = int(meta.get("cut_off_ns", "0"))
