"""Sends the points of a session to whoever watches it, from where they left off."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from typing import Any

import grpc

from memscope_daemon import clock
from memscope_daemon._pb import query_service_pb2 as pb
from memscope_daemon.errors import ConfigurationError, SystemFailure
from memscope_daemon.model.session import SessionInfo, SessionState
from memscope_daemon.query import figures, quality
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.server import messages
from memscope_daemon.server.points import MADE_AT_ONCE, Point
from memscope_daemon.server.sessions import Entry

WATCHERS_MAX = 16  # at once; each takes a thread
LOOK_EACH_S = 0.1
EVERY_S, EVERY_MAX_S = 1.0, 3600.0
THREADS_TOLD = 64  # those that allocated most


class Watchers:
    """Bounds how many watch at once. May be used from any thread."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(WATCHERS_MAX)

    @contextlib.contextmanager
    def one_more(self) -> Iterator[None]:
        """:raises SystemFailure: code ``daemon.too-many-watchers``."""
        if not self._room.acquire(blocking=False):
            raise SystemFailure(
                "daemon.too-many-watchers",
                f"{WATCHERS_MAX} clients are watching already",
                "end one of them, or ask for the figures from time to time instead",
            )
        try:
            yield
        finally:
            self._room.release()


def watch(entry: Entry, request: Any, context: grpc.ServicerContext) -> Iterator[pb.WatchResponse]:
    """All points after the one that the request names, and those that come, until the session has ended or
    the client is gone.

    :raises ConfigurationError: code ``watch.bad-interval``.
    """
    every_s = _every_s(request.every_s)
    gone = threading.Event()
    if not context.add_callback(gone.set):
        return
    watcher = _Watcher(entry, request.after_number, request.site_count)
    while not gone.is_set():
        is_over = entry.ended.is_set()  # before the look: then all that will ever be there is there
        sent = False
        for message in watcher.news(is_over):
            yield message
            sent = True
        if is_over:
            return
        _rest(entry, gone, every_s - LOOK_EACH_S if sent else LOOK_EACH_S)


def _rest(entry: Entry, gone: threading.Event, for_s: float) -> None:
    """Not beyond the end of the session, or of the call."""
    until_ns = clock.monotonic_ns() + int(for_s * 1e9)
    while not entry.ended.is_set() and (left_ns := until_ns - clock.monotonic_ns()) > 0:
        if gone.wait(min(left_ns / 1e9, LOOK_EACH_S)):
            return


def _every_s(asked_s: float) -> float:
    if not (math.isfinite(asked_s) and 0.0 <= asked_s <= EVERY_MAX_S):
        raise ConfigurationError(
            "watch.bad-interval",
            f"a watch that is told each {asked_s:g} s",
            f"choose an interval of {EVERY_S:g} to {EVERY_MAX_S:g} seconds",
        )
    return max(asked_s, EVERY_S)


class _Watcher:
    """What one client has seen. Belongs to the thread of its call."""

    def __init__(self, entry: Entry, after: int, site_count: int) -> None:
        self._entry, self._after, self._site_count = entry, after, site_count

    def news(self, is_over: bool) -> Iterator[pb.WatchResponse]:
        """The points since the last look; the newest one with all that belongs to it."""
        info, points = self._entry.info, self._entry.course.points
        if info.state is SessionState.ENDED and not is_over:
            return  # its last point is just being taken
        found, before = points.after(self._after)
        for start in range(0, len(found), MADE_AT_ONCE):
            some = found[start : start + MADE_AT_ONCE]
            points.make(some)
            for point in some:
                message = self._message(point, before)
                if point is found[-1]:
                    self._complete(message, info)
                yield message
                before, self._after = point, point.number

    def _message(self, point: Point, before: Point | None) -> pb.WatchResponse:
        first_mark = before.mark_count if before else 0
        marks = self._entry.course.marks_between(first_mark, point.mark_count)
        return pb.WatchResponse(
            number=point.number,
            figures=point.message(),
            missed_count=max(point.number - self._after - 1, 0),
            marks=[messages.mark_to(mark) for mark in marks],
        )

    def _complete(self, message: pb.WatchResponse, info: SessionInfo) -> None:
        message.session.CopyFrom(messages.session_to(info))
        message.MergeFrom(self._entry.ask(self._of_now, exact=False))

    def _of_now(self, evidence: Evidence) -> pb.WatchResponse:
        sites = figures.sites(evidence, self._site_count) if self._site_count else ()
        threads = figures.threads(evidence)[:THREADS_TOLD]
        return pb.WatchResponse(
            sites=[messages.site_to(site) for site in sites],
            quality=messages.quality_to(quality.assess(evidence)),
            cost=messages.cost_to(evidence.cost),
            threads=[messages.thread_to(thread) for thread in threads],
        )
