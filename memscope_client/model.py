"""The answers of the daemon as plain values: the messages of ``proto/memscope/v1``, field by field.

Fields have the meaning and the unit that stands in their name and in the .proto. Enumerations are their
lower-case names without prefix (``"active"``, ``"target_exited"``); ``""`` is "not set".
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    version: str
    protocol_version: int
    pid: int


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    pid: int
    start_time_ticks: int
    program: str
    python_version: str
    host: str


@dataclasses.dataclass(frozen=True, slots=True)
class Sampling:
    """How the target is sampled. ``mode`` is ``"bytes"`` (value: mean bytes between samples) or ``"rate"``
    (value: probability of each allocation, above 0 to 1)."""

    mode: str
    value: float
    stacks: bool = True
    depth: int = 64
    seed: int = 0
    seed_given: bool = False
    preset: str = ""

    @classmethod
    def bytes(cls, mean_bytes: float, *, depth: int = 64, seed: int | None = None) -> Sampling:
        """One sample per ``mean_bytes`` allocated, on average."""
        return cls("bytes", float(mean_bytes), depth > 0, depth, seed or 0, seed is not None)

    @classmethod
    def rate(cls, probability: float, *, depth: int = 64, seed: int | None = None) -> Sampling:
        """Each allocation with the same probability; 1.0 records all of them."""
        return cls("rate", float(probability), depth > 0, depth, seed or 0, seed is not None)


@dataclasses.dataclass(frozen=True, slots=True)
class TargetStop:
    purpose: str
    duration_ns: int
    interrupted_call: bool


@dataclasses.dataclass(frozen=True, slots=True)
class AttachFigures:
    route: str
    stops: tuple[TargetStop, ...]
    total_ns: int
    waited_for_gil_ns: int


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """One target under one attach. ``state``: starting, active, ended."""

    session_id: str
    target: Target
    state: str
    end_reason: str
    end_detail: str
    started_unix_ns: int
    duration_ns: int
    sampling: Sampling
    attach: AttachFigures
    detach: AttachFigures
    store_path: str

    @property
    def is_ended(self) -> bool:
        return self.state == "ended"


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
