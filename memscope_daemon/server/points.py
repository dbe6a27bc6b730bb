"""The totals of a session, second by second, for clients that watch it, were away, and come back.

A point is taken whether anybody watches or not, so taking one is cheap: sums are noted down. Figures, which
take milliseconds (of hundreds of points hardly more than of one), are made of them when somebody asks, or
when many wait. Then they stay, so that all who ask get the same. While nothing happens in a target its points
share one set of sums.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from itertools import islice

from memscope_daemon._pb import report_pb2
from memscope_daemon.query.figures import Totals, figures_of
from memscope_daemon.server import messages

POINTS_MAX = 7_200  # of one session: two hours
POINTS_ALTOGETHER = 65_536  # of a daemon: 35 MB
#: Figures are made of so many at a time.
MADE_AT_ONCE = 512


class Room:
    """How many points each session may keep: what a daemon has room for is shared. May be used from any
    thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def enter(self) -> None:
        with self._lock:
            self._count += 1

    def leave(self) -> None:
        with self._lock:
            self._count -= 1

    @property
    def each(self) -> int:
        return min(POINTS_MAX, POINTS_ALTOGETHER // max(self._count, 1))


class Held:
    """The sums that one or more points hold, or the figures that were made of them."""

    __slots__ = ("figures", "totals")

    def __init__(self, totals: Totals) -> None:
        self.totals: Totals | None = totals
        self.figures = b""  # a Figures message without its time


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """``mark_count``: marks that had been made by then."""

    number: int
    time_ns: int
    mark_count: int
    held: Held

    def message(self) -> report_pb2.Figures:
        """Once its figures have been made (:meth:`Points.make`)."""
        figures = report_pb2.Figures.FromString(self.held.figures)
        figures.time_ns = self.time_ns
        return figures


class Points:
    """Those of one session. May be used from any thread."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._points: deque[Point] = deque()
        self._has_room = False

    def add(self, first: int, time_ns: int, mark_count: int, held: Held) -> None:
        """Takes a point; the oldest go. ``first``: the number it gets if there was none before."""
        with self._lock:
            if not self._has_room:
                self._has_room = True
                self._room.enter()
            number = self._points[-1].number + 1 if self._points else first
            self._points.append(Point(number, time_ns, mark_count, held))
            while len(self._points) > self._room.each:
                self._points.popleft()
            latest = list(islice(reversed(self._points), MADE_AT_ONCE)) if number % MADE_AT_ONCE == 0 else []
        self.make(latest)  # figures take half the memory

    def after(self, number: int) -> tuple[list[Point], Point | None]:
        """The points after that one; and that one itself, if it is still there. Where there never was such a
        one, the newest alone."""
        with self._lock:
            if not self._points:
                return [], None
            oldest, newest = self._points[0].number, self._points[-1].number
            if number > newest:
                return [self._points[-1]], None
            skipped = max(number - oldest + 1, 0)
            found = list(islice(self._points, skipped, None))
            return found, self._points[skipped - 1] if skipped else None

    def make(self, points: list[Point]) -> None:
        """Makes the figures of these, if that has not been done yet."""
        with self._making:  # one at a time: the last digits depend on what is made together
            held = {id(point.held): point.held for point in points if point.held.totals is not None}
            wanted = list(held.values())
            for start in range(0, len(wanted), MADE_AT_ONCE):
                _make(wanted[start : start + MADE_AT_ONCE])

    def let_go(self) -> None:
        """The session is over, and was a while ago: its last point is enough."""
        with self._lock:
            while len(self._points) > 1:
                self._points.popleft()
            if self._has_room:
                self._has_room = False
                self._room.leave()


def _make(some: list[Held]) -> None:
    made = figures_of([one.totals for one in some if one.totals is not None])
    for one, figures in zip(some, made, strict=True):
        message = messages.figures_to(figures)
        message.time_ns = 0
        one.figures, one.totals = message.SerializeToString(), None
