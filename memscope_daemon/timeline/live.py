"""The live state of one session: what was allocated and freed so far, and the high-water mark.

Events are added up per stack, thread and domain, in the order they came; a FREE repeats size, stack and
weight of the block that goes, so nothing is looked up. Within each batch the curve of live bytes is
followed event by event, so the peak is the true maximum of the estimated curve, and what stood at that
moment is kept per stack. (The maximum of an estimate lies a little above the estimate at the true peak.)
"""

from __future__ import annotations

import dataclasses

import numpy as np

from memscope_daemon.model import lifetimes, sums
from memscope_daemon.model.columns import Columns, EventFlag, EventKind, Flags
from memscope_daemon.model.sums import Sums
from memscope_daemon.timeline.growing import GrowingSums

NOTHING = sums.zero(0)
PEAK = "stack at the peak"
LIFETIMES = "lifetime freed"
FIGURES = ("time_ns", "event_count", "call_count", "unresolved_count", "largest_bytes")


@dataclasses.dataclass(frozen=True, slots=True)
class Balance:
    """Sums by key (the index): what was allocated, what of it was freed, what of it is live."""

    allocated: Sums
    freed: Sums
    live: Sums


@dataclasses.dataclass(frozen=True, slots=True)
class Peak:
    """The moment of most live bytes: session time, weighted bytes, and what was live then by stack."""

    time_ns: int
    live_bytes: float
    by_stack: Sums


@dataclasses.dataclass(frozen=True, slots=True)
class LiveDump:
    """A live state as plain values: sums by name, and its other figures by name."""

    sums: dict[str, Sums]
    figures: dict[str, float]


class _Ledger:
    """Two growing sums, in and out."""

    def __init__(self, allocated: Sums = NOTHING, freed: Sums = NOTHING) -> None:
        self.allocated, self.freed = GrowingSums.of(allocated), GrowingSums.of(freed)

    def balance(self) -> Balance:
        count = max(self.allocated.count, self.freed.count)
        allocated, freed = self.allocated.snapshot(count), self.freed.snapshot(count)
        # What is freed has no larger blocks than what was allocated; a block from before has no other bound.
        return Balance(allocated, freed, sums.difference(allocated, freed))


class LiveState:
    """Adds up the events of one session. Belongs to the thread of its recording."""

    def __init__(self) -> None:
        self._stacks, self._threads, self._domains = _Ledger(), _Ledger(), _Ledger()
        self._lifetimes = GrowingSums()
        self._live_bytes = 0.0
        self.live_count = 0.0  # blocks, estimated
        self.peak = Peak(0, 0.0, sums.zero(0))
        self.time_ns = 0
        self.event_count = 0
        self.call_count = 0.0  # allocations and frees, estimated
        self.unresolved_count = 0
        self.largest_bytes = 0

    def dump(self) -> LiveDump:
        """All of it; :meth:`of` makes the same state of it again."""
        parts = {PEAK: self.peak.by_stack, LIFETIMES: self._lifetimes.snapshot(self._lifetimes.count)}
        for name, ledger in (("stack", self._stacks), ("thread", self._threads), ("domain", self._domains)):
            found = ledger.balance()
            parts |= {f"{name} allocated": found.allocated, f"{name} freed": found.freed}
        figures = {name: float(getattr(self, name)) for name in FIGURES}
        peak = {"peak_time_ns": float(self.peak.time_ns), "peak_live_bytes": self.peak.live_bytes}
        return LiveDump(parts, {**figures, **peak, "live_bytes": self._live_bytes})

    @classmethod
    def of(cls, dump: LiveDump) -> LiveState:
        """The state that was dumped; what is missing in it is nothing."""
        found, parts, figures = cls(), dump.sums, dump.figures
        found._stacks, found._threads, found._domains = (
            _Ledger(parts.get(f"{name} allocated", NOTHING), parts.get(f"{name} freed", NOTHING))
            for name in ("stack", "thread", "domain")
        )
        found._lifetimes = GrowingSums.of(parts.get(LIFETIMES, NOTHING))
        found.time_ns, found.event_count = int(figures.get("time_ns", 0)), int(figures.get("event_count", 0))
        found.call_count = figures.get("call_count", 0.0)
        found.unresolved_count = int(figures.get("unresolved_count", 0))
        found.largest_bytes = int(figures.get("largest_bytes", 0))
        found._live_bytes = figures.get("live_bytes", 0.0)
        live = found.by_domain.live
        found.live_count = float((live.row("sure_weights") + live.row("weights")).sum())
        peak_ns, peak_bytes = int(figures.get("peak_time_ns", 0)), figures.get("peak_live_bytes", 0.0)
        found.peak = Peak(peak_ns, peak_bytes, parts.get(PEAK, NOTHING))
        return found

    @property
    def by_stack(self) -> Balance:
        return self._stacks.balance()

    @property
    def by_thread(self) -> Balance:
        return self._threads.balance()

    @property
    def by_domain(self) -> Balance:
        return self._domains.balance()

    def add(self, columns: Columns, by_bytes: Flags) -> None:
        """Adds a batch; ``by_bytes``: which of its samples were taken in bytes mode."""
        if not columns.count:
            return
        samples = sums.statistics(columns.size_bytes, columns.weight, by_bytes)
        freed = columns.kind == np.uint8(EventKind.FREE)
        curve = self._live_bytes + np.cumsum(np.where(freed, -1.0, 1.0) * samples.weighted_bytes)
        top = int(curve.argmax())
        if curve[top] > self.peak.live_bytes:
            self._add_part(columns, samples, freed, slice(0, top + 1))
            self.peak = Peak(int(columns.time_ns[top]), float(curve[top]), self._stacks.balance().live)
            self._add_part(columns, samples, freed, slice(top + 1, columns.count))
        else:
            self._add_part(columns, samples, freed, slice(0, columns.count))
        self._live_bytes = max(float(curve[-1]), 0.0)
        self.live_count = max(self.live_count + float(np.where(freed, -1.0, 1.0) @ columns.weight), 0.0)
        self._count(columns)

    def _add_part(self, columns: Columns, samples: Sums, freed: Flags, part: slice) -> None:
        for which in (False, True):
            chosen = np.flatnonzero(freed[part] == which) + part.start
            picked = samples.take(chosen)
            for ledger, keys in (
                (self._stacks, columns.stack_id),
                (self._threads, columns.thread_id),
                (self._domains, columns.domain),
            ):
                (ledger.freed if which else ledger.allocated).add(keys[chosen], picked)
            if which:
                lived_ns = columns.time_ns[chosen] - columns.alloc_time_ns[chosen]
                self._lifetimes.add(lifetimes.bins_of(lived_ns), picked)

    def _count(self, columns: Columns) -> None:
        self.event_count += columns.count
        self.call_count += float(columns.weight.sum())
        self.time_ns = max(self.time_ns, int(columns.time_ns.max()))
        self.largest_bytes = max(self.largest_bytes, int(columns.size_bytes.max()))
        unresolved = columns.flags & np.uint16(EventFlag.UNRESOLVED)
        allocated = columns.kind != np.uint8(EventKind.FREE)
        self.unresolved_count += int(np.count_nonzero(np.logical_and(unresolved, allocated)))
