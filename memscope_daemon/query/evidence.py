"""Everything that an answer is made of, gathered by whoever asks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from memscope_daemon.analysis import estimate
from memscope_daemon.analysis.estimate import Unseen
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model import sums
from memscope_daemon.model.cost import Cost, StepChange
from memscope_daemon.model.dictionary import LossRow, SettingRow
from memscope_daemon.model.history import HistoryFigures
from memscope_daemon.model.report import Mark, Resident, SamplingPause
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import SessionInfo
from memscope_daemon.model.sums import Sums
from memscope_daemon.model.system import SystemSeries
from memscope_daemon.store.questions import KeyedSums, Slices
from memscope_daemon.timeline.live import Balance, Peak

NOT_MEASURED = Resident()


@dataclasses.dataclass(frozen=True, slots=True)
class Ages:
    """``freed``: sums by bin of lifetime (``model.lifetimes``); ``live``: by bin of age. ``slices``: what was
    allocated when."""

    freed: Sums
    live: Sums
    slices: Slices


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a session at session time ``time_ns``.

    ``stacks``, ``threads``, ``domains``: sums indexed by number. ``names``: of threads, by native id, as
    seen from outside. ``largest_bytes``: the largest block sampled so far. ``cut_off_ns``: session time since
    when nothing was recorded, because another tool has taken the hooks out; 0: they are in.
    ``written_count``: records that the target has written, as far as a shipper has looked. ``cost``: None
    where nobody has looked. ``steps``: in force one after the other, where there is a budget. ``pauses``:
    those of users, in order. ``system``: what the system monitor saw, as far as it was asked for. ``ages``:
    None where nobody asked.
    """

    session: SessionInfo
    tables: Tables
    stacks: Balance
    threads: Balance
    domains: Balance
    peak: Peak
    losses: tuple[LossRow, ...]
    time_ns: int
    event_count: int
    unresolved_count: int
    largest_bytes: int
    resident: Resident = NOT_MEASURED
    names: Mapping[int, str] = dataclasses.field(default_factory=dict)
    cut_off_ns: int = 0
    written_count: int = 0
    cost: Cost | None = None
    steps: tuple[StepChange, ...] = ()
    history: HistoryFigures = HistoryFigures()  # noqa: RUF009 (frozen)
    pauses: tuple[SamplingPause, ...] = ()
    marks: tuple[Mark, ...] = ()
    system: SystemSeries = SystemSeries()  # noqa: RUF009 (frozen)
    ages: Ages | None = None


def dense(found: KeyedSums, count: int) -> Sums:
    """Sums by number 0..count-1 out of sums by key; numbers without a key are zero."""
    answer = sums.zero(count)
    answer.added[:, found.keys] = found.sums.added
    answer.largest[:, found.keys] = found.sums.largest
    return answer


def balance(allocated: KeyedSums, freed: KeyedSums, live: KeyedSums) -> Balance:
    """The three as a balance, indexed by key."""
    count = 1 + max((int(part.keys[-1]) for part in (allocated, freed, live) if len(part.keys)), default=0)
    return Balance(dense(allocated, count), dense(freed, count), dense(live, count))


def unseen(evidence: Evidence) -> Unseen:
    """The bound of a site without any sample, under all settings that were in force."""
    settings = _settings(evidence.tables.settings.values(), evidence.session.sampling)
    intervals = [value for mode, value in settings if mode is SamplingMode.BYTES]
    rates = [value for mode, value in settings if mode is SamplingMode.RATE]
    return estimate.unseen_bound(max(intervals, default=0.0), min(rates, default=1.0), evidence.largest_bytes)


def _settings(rows: Iterable[SettingRow], first: SamplingConfig) -> list[tuple[SamplingMode, float]]:
    return [(row.mode, row.value) for row in rows] or [(first.mode, first.value)]


def whole(part: Balance) -> Balance:
    """All keys joined."""
    return Balance(sums.total(part.allocated), sums.total(part.freed), sums.total(part.live))


def active(part: Balance) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The keys that have any sample."""
    return np.flatnonzero(part.allocated.row("samples") + part.freed.row("samples"))
