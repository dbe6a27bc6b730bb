"""The totals of a session, second by second, for clients that watch it, were away, and come back.

A point is taken whether anybody watches or not, so taking one is cheap: sums are noted down. Figures, which
take milliseconds (of hundreds of points hardly more than of one), are made of them when somebody asks, or
before they go to a file. Then they stay, so that all who ask get the same. While nothing happens in a target
its points share one set of sums.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from itertools import islice
from pathlib import Path

from memscope_daemon._pb import report_pb2
from memscope_daemon.query.figures import Totals, figures_of
from memscope_daemon.server import messages
from memscope_daemon.server.old_points import OldPoint, OldPoints

POINTS_MAX = 7_200  # of one session that lie in a file: two hours
#: So many are kept in memory, and up to twice as many before the older half goes to the file. Their figures
#: are made together then.
KEPT = 16
#: Figures are made of so many at a time.
MADE_AT_ONCE = 512


class Held:
    """The sums that one or more points hold, or the figures that were made of them."""

    __slots__ = ("figures", "totals")

    def __init__(self, totals: Totals) -> None:
        self.totals: Totals | None = totals
        self.figures = b""  # a Figures message without its time

    @classmethod
    def made(cls, figures: bytes) -> Held:
        """Of figures that have been made already."""
        found = cls.__new__(cls)
        found.totals, found.figures = None, figures
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """``mark_count``: marks that had been made by then."""

    number: int
    time_ns: int
    mark_count: int
    held: Held

    @classmethod
    def of(cls, old: OldPoint) -> Point:
        """One that was put away."""
        return cls(old.number, old.time_ns, old.mark_count, Held.made(old.figures))

    def as_old(self) -> OldPoint:
        """Once its figures have been made."""
        return OldPoint(self.number, self.time_ns, self.mark_count, self.held.figures)

    def message(self) -> report_pb2.Figures:
        """Once its figures have been made (:meth:`Points.make`)."""
        figures = report_pb2.Figures.FromString(self.held.figures)
        figures.time_ns = self.time_ns
        return figures


class Points:
    """Those of one session. May be used from any thread."""

    def __init__(self, folder: Path) -> None:
        """``folder``: for the file of those that are old."""
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._points: deque[Point] = deque()
        self._folder = folder
        self._old: OldPoints | None = None  # until there are any

    def add(self, first: int, time_ns: int, mark_count: int, held: Held) -> None:
        """Takes a point; the oldest go. ``first``: the number it gets if there was none before. One thread
        adds."""
        with self._lock:
            number = self._points[-1].number + 1 if self._points else first
            self._points.append(Point(number, time_ns, mark_count, held))
            oldest = list(islice(self._points, KEPT)) if len(self._points) >= 2 * KEPT else []
        if oldest:
            self.make(oldest)
            self._put_away(oldest)

    def _put_away(self, oldest: list[Point]) -> None:
        with self._lock:
            if self._points and self._points[0] is oldest[0]:  # it was not let go meanwhile
                self._old = self._old or OldPoints(self._folder, POINTS_MAX)
                self._old.put([one.as_old() for one in oldest])
                for _ in oldest:
                    self._points.popleft()

    def after(self, number: int) -> tuple[list[Point], Point | None]:
        """The points after that one; and that one itself, if it is still there. Where there never was such a
        one, the newest alone."""
        with self._lock:
            if not self._points:
                return [], None
            oldest, newest = self._points[0].number, self._points[-1].number
            if number > newest:
                return [self._points[-1]], None
            put_away = self._old.after(number - 1) if self._old and number <= oldest else []
            found = [*map(Point.of, put_away), *islice(self._points, max(number - oldest, 0), None)]
            if found[0].number == number:
                return found[1:], found[0]
            return found, None

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
            if self._old is not None:
                self._old.close()


def _make(some: list[Held]) -> None:
    made = figures_of([one.totals for one in some if one.totals is not None])
    for one, figures in zip(some, made, strict=True):
        message = messages.figures_to(figures)
        message.time_ns = 0
        one.figures, one.totals = message.SerializeToString(), None
