"""What is seen of a session's target and host from outside, until it is stored.

Rows come from the monitor's thread, and are taken by the session's actor. They are stored with the events, at
most each :data:`STORE_EACH_NS`: to insert a row or fifty costs the same 3 ms, and a daemon has many sessions.
Where no events come they wait longer, so that a target at rest costs no commit each second. A daemon that is
killed loses those that wait.

The host's sample stands in the same row as the target's: the monitor takes it in the same look, so the two
are joined as they come, and a capture can be read without the others.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from memscope_daemon import clock
from memscope_daemon.model.columns import Array
from memscope_daemon.model.session import SessionInfo
from memscope_daemon.model.system import HOST, SystemSample, samples
from memscope_daemon.monitor.reading import NAN
from memscope_daemon.monitor.series import Series

STORE_EACH_NS = 5_000_000_000
STORE_ALONE_NS = 10_000_000_000
STARTED = "started_monotonic_ns"  # a name in the table meta


class Observed:
    """Of one session. ``put`` and ``live`` are for the monitor's thread, ``waiting`` and ``stored`` for the
    actor; the rest may be used from any.

    ``started_monotonic_ns``: session time 0. Told by the wall clock until somebody knows better, so exact
    unless that was set between the attach and now.
    """

    def __init__(self, info: SessionInfo, ended: threading.Event) -> None:
        since_ns = clock.unix_ns() - info.started_unix_ns if info.started_unix_ns else 0
        self.started_monotonic_ns = clock.monotonic_ns() - since_ns
        self._ended = ended
        self._series = Series()
        self._live = (NAN, NAN)
        self._taken_count = self._stored_count = 0
        self._stored_ns = clock.monotonic_ns()

    @property
    def notes(self) -> dict[str, str]:
        """To be stored by name: a daemon after this one goes on by it."""
        return {STARTED: str(self.started_monotonic_ns)}

    def recall(self, notes: Mapping[str, str]) -> None:
        self.started_monotonic_ns = int(notes.get(STARTED, self.started_monotonic_ns))

    @property
    def is_over(self) -> bool:
        return self._ended.is_set()

    def note_live(self, count: float, peak_bytes: float) -> None:
        self._live = (count, peak_bytes)

    def live(self) -> tuple[float, float]:
        return self._live

    def put(self, row: tuple[float, ...]) -> None:
        self._series.put(row)

    @property
    def latest(self) -> tuple[SystemSample | None, SystemSample | None]:
        """Of the target and of the host; None: there was none yet."""
        rows = self._in_session_time(self._series.after(self._series.count - 1)[0])
        if not len(rows):
            return None, None
        return samples(rows, host=False)[0], samples(rows, host=True)[0]

    def waiting(self) -> Array:
        """Rows that are not stored, in session time."""
        rows, self._taken_count = self._series.after(self._stored_count)
        return self._in_session_time(rows)

    def due(self, with_events: bool) -> bool:
        """Whether those that wait should be stored now."""
        wait_ns = STORE_EACH_NS if with_events else STORE_ALONE_NS
        return self._series.count > self._stored_count and clock.monotonic_ns() - self._stored_ns >= wait_ns

    def stored(self) -> None:
        """What was last handed out by :meth:`waiting`."""
        self._stored_count, self._stored_ns = self._taken_count, clock.monotonic_ns()

    def _in_session_time(self, rows: Array) -> Array:
        """``rows`` is a copy already."""
        for name in ("timestamp", f"{HOST}timestamp"):
            rows[name] -= self.started_monotonic_ns
        return rows
