"""What is shown: a point of a session with the rates since one a few seconds before.

A rate is the difference of two sums that only grow, and its samples are those that came in between. They are
independent of the earlier ones, so their variance is the difference of the variances; where there are few of
them, the interval is at least as wide as that of a Poisson count (Garwood's limits, by the approximation of
Wilson and Hilferty).
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Mapping
from typing import Protocol

from memscope_client import Cost, Estimate, Figures, Quality, Session, Site, ThreadFigures

WINDOW_NS = 10_000_000_000
Z = 1.959964  # 95 %, two-sided
NOTHING = Estimate(0.0, 0.0, 0.0, 0, True)
SiteKey = tuple[str, str, int]


class Mark(Protocol):
    """A moment that somebody gave a name, in session time."""

    @property
    def time_ns(self) -> int: ...
    @property
    def label(self) -> str: ...


class Point(Protocol):
    """A session at one moment, as ``memscope_client.WatchPoint`` tells it."""

    @property
    def session(self) -> Session: ...
    @property
    def figures(self) -> Figures: ...
    @property
    def sites(self) -> tuple[Site, ...]: ...
    @property
    def threads(self) -> tuple[ThreadFigures, ...]: ...
    @property
    def quality(self) -> Quality: ...
    @property
    def cost(self) -> Cost: ...
    @property
    def marks(self) -> tuple[Mark, ...]: ...
    @property
    def missed_count(self) -> int: ...


@dataclasses.dataclass(frozen=True, slots=True)
class SystemSample:
    """The target, as the operating system has it. None: not known."""

    resident_bytes: int | None = None
    cpu_percent: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """``window_s``: what the rates (per second) were taken over. ``site_rates``, ``thread_rates``: allocated
    bytes per second; without those that cannot be told, since the earlier point left them out.
    ``since_start``: there was no earlier point, the rates are those since the attach."""

    point: Point
    window_s: float
    since_start: bool
    byte_rate: Estimate
    count_rate: Estimate
    site_rates: Mapping[SiteKey, Estimate]
    thread_rates: Mapping[int, Estimate]
    system: SystemSample | None = None


class Trail:
    """The last points of a session. ``sites_asked``: a point with so many sites may have left some out."""

    def __init__(self, sites_asked: int) -> None:
        self._sites_asked = sites_asked
        self._points: collections.deque[Point] = collections.deque()

    def take(self, point: Point, system: SystemSample | None = None) -> Moment:
        """The moment of a point that came after all others."""
        now_ns = point.figures.time_ns
        while len(self._points) > 1 and self._points[0].figures.time_ns < now_ns - WINDOW_NS:
            self._points.popleft()
        before = self._points[0] if self._points and self._points[0].figures.time_ns < now_ns else None
        self._points.append(point)
        return self._moment(point, before, system)

    def _moment(self, point: Point, before: Point | None, system: SystemSample | None) -> Moment:
        began_ns = before.figures.time_ns if before else 0
        seconds = max(point.figures.time_ns - began_ns, 1) / 1e9
        then = before.figures if before else None
        return Moment(
            point,
            seconds,
            before is None,
            rate(then.allocated_bytes if then else NOTHING, point.figures.allocated_bytes, seconds),
            rate(then.allocated_count if then else NOTHING, point.figures.allocated_count, seconds),
            self._site_rates(point, before, seconds),
            _thread_rates(point, before, seconds),
            system,
        )

    def _site_rates(self, point: Point, before: Point | None, seconds: float) -> dict[SiteKey, Estimate]:
        then = {key_of(site): site.allocated_bytes for site in before.sites} if before else {}
        is_whole = before is None or len(before.sites) < self._sites_asked
        return {
            key_of(site): rate(then.get(key_of(site), NOTHING), site.allocated_bytes, seconds)
            for site in point.sites
            if is_whole or key_of(site) in then
        }


def key_of(site: Site) -> SiteKey:
    return site.function, site.file, site.line


def _thread_rates(point: Point, before: Point | None, seconds: float) -> dict[int, Estimate]:
    then = {one.thread_id: one.allocated_bytes for one in before.threads} if before else {}
    return {
        one.thread_id: rate(then.get(one.thread_id, NOTHING), one.allocated_bytes, seconds)
        for one in point.threads
    }


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
    high = max(weight * _poisson_high(count), value + _grown(now.high - now.value, before.high - before.value))
    return Estimate(value / seconds, max(low, 0.0) / seconds, high / seconds, count, False)


def total(estimates: list[Estimate]) -> Estimate:
    """The sum of estimates that rest on samples of their own: the half-widths add up like variances."""
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
