"""What is shown: a session as it stands, with the rates since a few seconds before.

A rate is the difference of two sums that only grow, and its samples are those that came in between. They are
independent of the earlier ones, so their variance is the difference of the variances; where there are few of
them, the interval is at least as wide as that of a Poisson count (Garwood's limits, by the approximation of
Wilson and Hilferty).
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from memscope_client import (
    Cost,
    Estimate,
    Figures,
    Mark,
    Quality,
    Session,
    Site,
    ThreadFigures,
    WatchPoint,
)

Key = TypeVar("Key")
Value = TypeVar("Value")

WINDOW_NS = 10_000_000_000
Z = 1.959964  # 95 %, two-sided
NOTHING = Estimate(0.0, 0.0, 0.0, 0, True)
SiteKey = tuple[str, str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class SystemSample:
    """The target, as the operating system has it. None: not known."""

    resident_bytes: int | None = None
    cpu_percent: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """A session as it stands. ``marks``: all of them. ``missed_count``: seconds that nobody told us of.

    Rates are per second, over ``window_s``; ``since_start``: over the whole session. ``site_rates``,
    ``thread_rates``: of allocated bytes; without those that cannot be told, since they were left out then.
    """

    session: Session
    figures: Figures
    sites: tuple[Site, ...]
    threads: tuple[ThreadFigures, ...]
    quality: Quality
    cost: Cost
    marks: tuple[Mark, ...]
    missed_count: int
    window_s: float
    since_start: bool
    byte_rate: Estimate
    count_rate: Estimate
    site_rates: Mapping[SiteKey, Estimate]
    thread_rates: Mapping[int, Estimate]
    system: SystemSample | None = None


class Trail:
    """What a session's last seconds were. ``sites_asked``: a point with so many sites may have left some
    out."""

    def __init__(self, sites_asked: int) -> None:
        self._sites_asked = sites_asked
        self._figures: collections.deque[Figures] = collections.deque()
        self._parts: collections.deque[_Parts] = collections.deque()
        self._marks: tuple[Mark, ...] = ()
        self._missed_count = 0

    def take(self, point: WatchPoint, system: SystemSample | None = None) -> Moment | None:
        """The moment of a point that came after all others; None: it is not the newest, more will come."""
        now = point.figures
        self._marks += point.marks
        self._missed_count += point.missed_count
        figures_before = _before(self._figures, lambda one: one.time_ns, now.time_ns)
        self._figures.append(now)
        if point.session is None or point.quality is None:
            return None
        parts = _parts(point, point.session)
        parts_before = _before(self._parts, lambda one: one.time_ns, parts.time_ns)
        self._parts.append(parts)
        seconds = _seconds(now.time_ns, figures_before.time_ns if figures_before else 0)
        bytes_then = figures_before.allocated_bytes if figures_before else NOTHING
        count_then = figures_before.allocated_count if figures_before else NOTHING
        return Moment(
            point.session,
            now,
            point.sites,
            point.threads,
            point.quality,
            point.cost or Cost(),
            self._marks,
            self._missed_count,
            seconds,
            figures_before is None,
            rate(bytes_then, now.allocated_bytes, seconds),
            rate(count_then, now.allocated_count, seconds),
            self._site_rates(parts, parts_before),
            _rates(parts.threads, parts_before.threads if parts_before else {}, parts, parts_before),
            system,
        )

    def _site_rates(self, now: _Parts, before: _Parts | None) -> dict[SiteKey, Estimate]:
        then = before.sites if before else {}
        is_whole = len(then) < self._sites_asked
        return _rates(
            {key: one for key, one in now.sites.items() if is_whole or key in then}, then, now, before
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Parts:
    """What each site and thread had allocated at session time ``time_ns``, a little after the point's."""

    time_ns: int
    sites: dict[SiteKey, Estimate]
    threads: dict[int, Estimate]


def _parts(point: WatchPoint, session: Session) -> _Parts:
    return _Parts(
        max(session.duration_ns, point.figures.time_ns),
        {key_of(site): site.allocated_bytes for site in point.sites},
        {thread.thread_id: thread.allocated_bytes for thread in point.threads},
    )


def _rates(
    now: Mapping[Key, Estimate], then: Mapping[Key, Estimate], at: _Parts, before: _Parts | None
) -> dict[Key, Estimate]:
    seconds = _seconds(at.time_ns, before.time_ns if before else 0)
    return {key: rate(then.get(key, NOTHING), one, seconds) for key, one in now.items()}


def _before(known: collections.deque[Value], time_of: Callable[[Value], int], now_ns: int) -> Value | None:
    """The oldest within the window; forgets those before it."""
    while len(known) > 1 and time_of(known[0]) < now_ns - WINDOW_NS:
        known.popleft()
    return known[0] if known and time_of(known[0]) < now_ns else None


def _seconds(now_ns: int, then_ns: int) -> float:
    return max(now_ns - then_ns, 1) / 1e9


def key_of(site: Site) -> SiteKey:
    return site.function, site.file, site.line


def rate(before: Estimate, now: Estimate, seconds: float) -> Estimate:
    """What came in between, per second, with its interval."""
    value = max(now.value - before.value, 0.0)
    if now.exact and (before.exact or not before.sample_count):
        return Estimate(value / seconds, value / seconds, value / seconds, now.sample_count, True)
    if not before.sample_count:
        return Estimate(value / seconds, now.low / seconds, now.high / seconds, now.sample_count, False)
    count = max(now.sample_count - before.sample_count, 0)
    weight = value / count if count else now.value / max(now.sample_count, 1)
    low = min(weight * _poisson_low(count), value - _grown(now.value - now.low, before.value - before.low))
    high = max(
        weight * _poisson_high(count), value + _grown(now.high - now.value, before.high - before.value)
    )
    return Estimate(value / seconds, max(low, 0.0) / seconds, high / seconds, count, False)


def total(estimates: list[Estimate]) -> Estimate:
    """The sum of estimates that rest on samples of their own: the half-widths add up like variances."""
    if len(estimates) == 1:
        return estimates[0]
    value = sum(one.value for one in estimates)
    below = math.hypot(*(one.value - one.low for one in estimates))
    above = math.hypot(*(one.high - one.value for one in estimates))
    count = sum(one.sample_count for one in estimates)
    return Estimate(value, max(value - below, 0.0), value + above, count, all(one.exact for one in estimates))


def _grown(now: float, before: float) -> float:
    """The half-width of what came in between."""
    if math.isinf(now):
        return math.inf
    return math.sqrt(max(now**2 - before**2, 0.0))


def _poisson_low(count: int) -> float:
    return count * (1 - 1 / (9 * count) - Z / (3 * math.sqrt(count))) ** 3 if count else 0.0


def _poisson_high(count: int) -> float:
    more = count + 1
    return more * (1 - 1 / (9 * more) + Z / (3 * math.sqrt(more))) ** 3
