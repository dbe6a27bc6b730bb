"""What a daemon measured, as plain values: messages of ``proto/memscope/v1``, field by field.

Fields have the meaning and the unit that stands in their name and in the .proto. They lie apart from
``sessions`` so that a command that only attaches need not make them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from memscope_client.sessions import Sampling, Session


@dataclasses.dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval and the number of samples it rests on; ``exact``: nothing estimated."""

    value: float
    low: float
    high: float
    sample_count: int
    exact: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """What blocks are bound to, inferred from the program's source. ``name`` as it is written in ``function``
    of ``file``; empty where ``kind`` (name, attribute, item, element, argument, temporary) says that it is
    bound to nothing. ``confidence``: high (the block itself is bound to it), medium (itself, or something in
    it), low (told by the line alone, over a call by another name, or from a file that has changed since)."""

    name: str
    kind: str
    confidence: str
    function: str
    file: str
    line: int


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """``impact``: blocks × bytes allocated; ``is_hot`` from 10 blocks, or an impact of 1000. ``peak_share``:
    of what was live at the high-water mark, 0 to 1. ``pattern``: constant, increasing, decreasing, bursty
    or sporadic; empty: not known. ``variable``: what most of its blocks are bound to; None: nobody can tell,
    or it was not asked for; ``variable_share``: of the site's live bytes (or allocated, where nothing lives)
    that is its, 0 to 1. An older daemon sends none of these."""

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
    thread_id: int
    native_id: int
    name: str
    allocated_bytes: Estimate
    allocated_count: Estimate
    live_bytes: Estimate


@dataclasses.dataclass(frozen=True, slots=True)
class DomainFigures:
    domain: str
    allocated_bytes: Estimate
    allocated_count: Estimate
    live_bytes: Estimate


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    cause: str
    record_count: int
    weighted_count: float
    weighted_bytes: float


@dataclasses.dataclass(frozen=True, slots=True)
class Quality:
    grade: str
    drop_rate: float
    recorded_count: int
    lost_count: int
    losses: tuple[Loss, ...]
    unseen_bound_bytes: float
    unresolved_count: int
    written_count: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
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
class Cost:
    """Processor time that memscope took inside the target, and the target altogether; all 0: not measured."""

    in_target_ns: int = 0
    target_cpu_ns: int = 0
    percent: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class StepChange:
    """How far memscope had stepped back for its budget, from when to when, how it sampled then, and why."""

    step: str
    since_ns: int
    until_ns: int
    sampling: Sampling
    cost_percent: float
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """Which events are kept one by one; those that are forgotten are in every figure. 0: no such bound."""

    preset: str = ""
    max_count: int = 0
    max_age_s: float = 0.0
    max_bytes: int = 0
    kept_count: int = 0
    forgotten_count: int = 0
    forgotten_until_ns: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class SystemSample:
    """What the system says of the target, or of its host, at session time ``timestamp_ns``.

    None: not known. ``…_bps``: bytes a second since the sample before. ``active_allocations`` and
    ``peak_memory`` are memscope's own estimates.
    """

    timestamp_ns: int
    cpu_usage_percent: float | None = None
    memory_usage_bytes: int | None = None
    memory_usage_percent: float | None = None
    thread_count: int | None = None
    disk_read_bps: float | None = None
    disk_write_bps: float | None = None
    network_rx_bps: float | None = None
    network_tx_bps: float | None = None
    gpu_usage_percent: float | None = None
    gpu_memory_used: int | None = None
    gpu_memory_total: int | None = None
    active_allocations: int | None = None
    peak_memory: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SystemSamples:
    """In the order of time. ``scopes``: by the name of a figure, what it is measured over."""

    samples: tuple[SystemSample, ...]
    scopes: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Percentile:
    """``percent`` of all blocks live for ``lifetime_ns`` at most, with a 95 % interval; None: too many are
    live still to know it."""

    percent: int
    lifetime_ns: float | None
    low_ns: float | None
    high_ns: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class LifetimeClass:
    """Blocks that were freed and had lived longer than the class before; ``up_to_ms`` 0: any time."""

    up_to_ms: int
    freed_count: Estimate
    freed_bytes: Estimate


@dataclasses.dataclass(frozen=True, slots=True)
class Lifetimes:
    """Blocks that are live still count for as long as they were seen to live. Empty from an older daemon."""

    percentiles: tuple[Percentile, ...] = ()
    classes: tuple[LifetimeClass, ...] = ()
    freed_samples: int = 0
    live_samples: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """The figures of this moment, with the top live sites that were asked for. ``system``, ``host``: the
    latest sample of either; None: nobody has looked since the daemon started."""

    figures: Figures
    sites: tuple[Site, ...]
    quality: Quality
    cost: Cost = Cost()
    system: SystemSample | None = None
    host: SystemSample | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SamplingPause:
    """Nothing was sampled: what was allocated meanwhile is in no figure. ``by``: ``user`` or ``budget``."""

    since_ns: int
    until_ns: int
    by: str


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """What somebody noted down about a moment, in session time."""

    time_ns: int
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class WatchPoint:
    """The totals of one second. ``number`` goes up by one from point to point; ``missed_count`` points before
    this one are gone. ``marks``: made since the point before.

    The newest point (``is_newest``) has the ``sites``, ``threads``, ``quality``, ``cost`` and ``session`` of
    now with it; an older one has none.
    """

    number: int
    figures: Figures
    missed_count: int
    marks: tuple[Mark, ...]
    sites: tuple[Site, ...] = ()
    threads: tuple[ThreadFigures, ...] = ()
    quality: Quality | None = None
    cost: Cost | None = None
    session: Session | None = None

    @property
    def is_newest(self) -> bool:
        return self.session is not None

    @property
    def is_last(self) -> bool:
        """The session has ended."""
        return self.session is not None and self.session.is_ended


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """``system_snapshots``, ``host_snapshots``: at most 600 points of either; ``system_scopes``: what their
    figures are measured over, those of the host by ``host.`` and the name."""

    session: Session
    figures: Figures
    sites: tuple[Site, ...]
    threads: tuple[ThreadFigures, ...]
    domains: tuple[DomainFigures, ...]
    quality: Quality
    cost: Cost = Cost()
    steps: tuple[StepChange, ...] = ()
    history: History = History()
    pauses: tuple[SamplingPause, ...] = ()
    marks: tuple[Mark, ...] = ()
    system_snapshots: tuple[SystemSample, ...] = ()
    host_snapshots: tuple[SystemSample, ...] = ()
    system_scopes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    lifetimes: Lifetimes = Lifetimes()
