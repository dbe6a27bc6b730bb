"""Figures with their errors: what a report is made of. Fields as in ``report.proto``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from memscope_daemon.model.columns import Domain
from memscope_daemon.model.cost import Cost, StepChange
from memscope_daemon.model.dictionary import LossRow, SettingRow
from memscope_daemon.model.history import HistoryFigures
from memscope_daemon.model.session import SessionInfo
from memscope_daemon.model.system import SystemSample
from memscope_daemon.model.variables import SitePath, Variable


@dataclasses.dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval. ``exact``: low = value = high, nothing was estimated."""

    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    sample_count: int = 0
    exact: bool = False


#: A site is hot from so many blocks allocated, or from so much impact.
HOT_COUNT, HOT_IMPACT = 10, 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """An allocation site: the innermost frame. An empty ``file`` is the site of what has no Python frame.

    ``impact``: blocks × bytes allocated; ``is_hot``: see :data:`HOT_COUNT`. ``peak_share``: of what was live
    at the session's high-water mark, 0 to 1. ``pattern``: how its allocations lie in time, as far back as
    events are kept; empty: too few samples. ``variable``: what most of its blocks are bound to, as inferred;
    None: nobody can tell, or it was not asked for. ``variable_share``: of the site's live bytes (or
    allocated, where nothing lives), 0 to 1.
    """

    function: str
    file: str
    line: int
    live_bytes: Estimate
    live_count: Estimate
    allocated_bytes: Estimate
    allocated_count: Estimate
    freed_bytes: Estimate
    freed_count: Estimate
    peak_bytes: Estimate
    impact: float = 0.0
    is_hot: bool = False
    peak_share: float = 0.0
    pattern: str = ""
    variable: Variable | None = None
    variable_share: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class ThreadFigures:
    """``name`` is "" when it is not known."""

    thread_id: int
    native_id: int
    name: str
    allocated_bytes: Estimate
    allocated_count: Estimate
    live_bytes: Estimate


@dataclasses.dataclass(frozen=True, slots=True)
class DomainFigures:
    domain: Domain
    allocated_bytes: Estimate
    allocated_count: Estimate
    live_bytes: Estimate


@dataclasses.dataclass(frozen=True, slots=True)
class Percentile:
    """``percent`` of all blocks live for ``lifetime_ns`` at most, with a 95 % interval. None: so many blocks
    are still live that nobody can know, or that there is no bound."""

    percent: int
    lifetime_ns: float | None
    low_ns: float | None
    high_ns: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class LifetimeClass:
    """Blocks that were freed and had lived longer than the class before, and for ``up_to_ms`` at most. 0: any
    time."""

    up_to_ms: int
    freed_count: Estimate
    freed_bytes: Estimate


@dataclasses.dataclass(frozen=True, slots=True)
class Lifetimes:
    """Of all blocks sampled. Those that are still live count for as long as they were seen to live."""

    percentiles: tuple[Percentile, ...]
    classes: tuple[LifetimeClass, ...]
    freed_samples: int
    live_samples: int


@dataclasses.dataclass(frozen=True, slots=True)
class Quality:
    """How far the figures can be trusted.

    ``drop_rate``: lost / (lost + recorded). ``unseen_bound_bytes``: a site without any sample allocated less
    than this (95 %); infinite where nothing bounds it. ``written_count``: records that the target wrote.
    """

    grade: str
    drop_rate: float
    recorded_count: int
    lost_count: int
    losses: tuple[LossRow, ...]
    unseen_bound_bytes: float
    unresolved_count: int
    written_count: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """The whole session at session time ``time_ns``."""

    time_ns: int
    allocated_bytes: Estimate
    allocated_count: Estimate
    freed_bytes: Estimate
    freed_count: Estimate
    live_bytes: Estimate
    live_count: Estimate
    peak_bytes: Estimate
    peak_time_ns: int


@dataclasses.dataclass(frozen=True, slots=True)
class Resident:
    """Resident memory of the target, from outside. ``at_attach_bytes`` None: not measured."""

    now_bytes: int | None = None
    at_attach_bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SamplingPause:
    """Nothing was sampled from ``since_ns`` to ``until_ns``. ``by``: ``user`` or ``budget``."""

    since_ns: int
    until_ns: int
    by: str


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """What somebody noted down about a moment."""

    time_ns: int
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """``preface``: the first lines, which say what the report cannot see.

    ``sites`` by live bytes, most first. ``settings``: of the sampling, in the order they came into force.
    ``cost`` None: not measured. ``steps``: as ``settings``; empty where there was no budget.
    ``pauses`` and ``marks`` in order of time. ``system_snapshots``, ``host_snapshots``: a bounded number of
    points, in the order of time; what they are measured over is in ``system_scopes``. ``lifetimes`` None: not
    asked for. ``paths``: for the first sites, what their variables are told from; part of no document.
    """

    session: SessionInfo
    figures: Figures
    sites: tuple[Site, ...]
    threads: tuple[ThreadFigures, ...]
    domains: tuple[DomainFigures, ...]
    quality: Quality
    resident: Resident
    preface: tuple[str, ...] = ()
    settings: tuple[SettingRow, ...] = ()
    cost: Cost | None = None
    steps: tuple[StepChange, ...] = ()
    history: HistoryFigures = HistoryFigures()  # noqa: RUF009 (frozen)
    pauses: tuple[SamplingPause, ...] = ()
    marks: tuple[Mark, ...] = ()
    system_snapshots: tuple[SystemSample, ...] = ()
    host_snapshots: tuple[SystemSample, ...] = ()
    system_scopes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    lifetimes: Lifetimes | None = None
    paths: tuple[tuple[SitePath, ...], ...] = ()
