"""What a daemon measured, as plain values: messages of ``proto/memscope/v1``, field by field.

Fields have the meaning and the unit that stands in their name and in the .proto. They lie apart from
``sessions`` so that a command that only attaches need not make them.
"""

from __future__ import annotations

import dataclasses

from memscope_client.sessions import Session


@dataclasses.dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval and the number of samples it rests on; ``exact``: nothing estimated."""

    value: float
    low: float
    high: float
    sample_count: int
    exact: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
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
class Snapshot:
    """The figures of this moment, with the top live sites that were asked for."""

    figures: Figures
    sites: tuple[Site, ...]
    quality: Quality


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    session: Session
    figures: Figures
    sites: tuple[Site, ...]
    threads: tuple[ThreadFigures, ...]
    domains: tuple[DomainFigures, ...]
    quality: Quality
