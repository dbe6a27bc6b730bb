"""What a recording no longer keeps as events: forgotten from the oldest on, their sums kept.

The sums are a live state of its own, which is what the live state was when the youngest forgotten event had
just come. So totals, live figures and the peak stay what they are, and a recording that is opened again goes
on from there. The allocations of blocks that are still live are kept aside, in the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from memscope_daemon.model import sums
from memscope_daemon.model.columns import RAW_ID_BIT, Columns, Flags
from memscope_daemon.model.history import History, HistoryFigures
from memscope_daemon.model.sums import Sums
from memscope_daemon.store import questions
from memscope_daemon.store.capture import Capture
from memscope_daemon.store.questions import Key
from memscope_daemon.timeline.live import LIFETIMES, NOTHING, Balance, LiveDump, LiveState

AGE_LOOKS = 20  # so often within the age
SIZE_LOOK_ROWS = 1 << 10  # so many events between looks at the size: a look takes a millisecond
NAMES = {Key.STACK: "stack", Key.THREAD: "thread", Key.DOMAIN: "domain"}


class Past:
    """Belongs to its recording. ``bounds`` may be changed at any time."""

    def __init__(self, capture: Capture, bounds: History, by_bytes: Callable[[Columns], Flags]) -> None:
        """What the file says was forgotten before is read back.

        :raises SystemFailure: it cannot be read.
        """
        self.bounds = bounds
        self._capture, self._by_bytes = capture, by_bytes
        figures = json.loads(capture.meta().get("forgotten", "{}"))
        self.raw_count = int(figures.pop("raw_count", 0))
        self._dump = LiveDump({} if capture.is_new else questions.forgotten(capture), figures)
        self._aged_ns = self._sized_count = 0

    def state(self) -> LiveState:
        """What was live, and all sums, when the youngest forgotten event had come."""
        return LiveState.of(self._dump)

    @property
    def event_count(self) -> int:
        return int(self._dump.figures.get("event_count", 0))

    @property
    def until_ns(self) -> int:
        """Session time of the youngest event that was forgotten."""
        return int(self._dump.figures.get("time_ns", 0))

    def figures(self, event_count: int) -> HistoryFigures:
        """``event_count``: of the whole session."""
        forgotten = self.event_count
        return HistoryFigures(self.bounds, event_count - forgotten, forgotten, self.until_ns)

    def with_past(self, key: Key, found: Balance) -> Balance:
        """``found``, which is of the events that are kept and of what is live, with what was allocated and
        freed before."""
        name = NAMES[key]
        allocated = self._dump.sums.get(f"{name} allocated", NOTHING)
        freed = self._dump.sums.get(f"{name} freed", NOTHING)
        count = max(found.allocated.count, allocated.count, freed.count)
        return Balance(
            _joined(count, found.allocated, allocated),
            _joined(count, found.freed, freed),
            sums.padded(found.live, count),
        )

    def lifetimes(self, found: Sums) -> Sums:
        """``found``, by lifetime of what was freed and is kept, with what was freed before."""
        freed = self._dump.sums.get(LIFETIMES, NOTHING)
        return _joined(max(found.count, freed.count), found, freed)

    def trim(self, stored_count: int, time_ns: int) -> None:
        """Forgets what passes the bounds; ``stored_count`` events are kept now.

        :raises SystemFailure: the store refused; nothing is forgotten.
        """
        by_count = self._by_count(stored_count)
        by_bytes = self._by_size(stored_count)
        count = min(max(by_count, by_bytes, self._by_age(time_ns)), stored_count)
        if count > 0:
            self._forget(questions.row_after(self._capture, count))
        if by_bytes:
            self._capture.shrink()

    def _by_count(self, stored_count: int) -> int:
        most = self.bounds.max_count
        return stored_count - int(most * self.bounds.keep_share) if most and stored_count > most else 0

    def _by_age(self, time_ns: int) -> int:
        age_ns = int(self.bounds.max_age_s * 1e9)
        if not age_ns or time_ns - self._aged_ns < age_ns // AGE_LOOKS:
            return 0
        self._aged_ns = time_ns
        return questions.count_before(self._capture, time_ns - age_ns)

    def _by_size(self, stored_count: int) -> int:
        most = self.bounds.max_bytes
        came_count = stored_count + self.event_count
        if not most or came_count - self._sized_count < SIZE_LOOK_ROWS:
            return 0
        self._sized_count = came_count
        used = self._capture.used_bytes
        return int(stored_count * (1.0 - self.bounds.keep_share * most / used)) if used > most else 0

    def _forget(self, cut: int) -> None:
        state, raw_count = self.state(), self.raw_count
        for columns in questions.replay(self._capture, cut):
            state.add(columns, self._by_bytes(columns))
            raw_count += int(np.count_nonzero(columns.allocation_id & RAW_ID_BIT))
        dump = state.dump()
        meta = {"forgotten": json.dumps({**dump.figures, "raw_count": raw_count})}
        self._capture.forget(cut, dump.sums, meta)
        self._dump, self.raw_count = dump, raw_count


def _joined(count: int, one: Sums, other: Sums) -> Sums:
    """One for each of ``count`` keys; either may end before."""
    one, other = sums.padded(one, count), sums.padded(other, count)
    return Sums(one.added + other.added, np.maximum(one.largest, other.largest))
