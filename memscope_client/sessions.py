"""What a daemon says of itself and of its sessions, as plain values: messages of ``proto/memscope/v1``.

Fields have the meaning and the unit that stands in their name and in the .proto. Enumerations are their
lower-case names without prefix (``"active"``, ``"target_exited"``); ``""`` is "not set".
"""

from __future__ import annotations

import dataclasses

#: Of the wire that this client speaks.
PROTOCOL_VERSION = 1


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
class AutoExport:
    """Reports that the daemon writes by itself, below ``folder`` on its host: while the session runs, each
    ``every_s`` seconds (0: not then), and at its end, whatever ends it. ``keep_count``: so many of the newest
    stay, 0 = all. An empty ``folder``: none are written."""

    folder: str
    every_s: float = 0.0
    formats: tuple[str, ...] = ("json",)
    keep_count: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class AutoExportStatus:
    """As of the daemon that has the session now. ``error_code``: of the last attempt, "" = it was written."""

    written_unix_ns: int = 0
    written_count: int = 0
    skipped_count: int = 0
    error_code: str = ""
    error_message: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """One target under one attach. ``state``: starting, active, ended.

    ``paused``: by a user. ``max_overhead_percent``: the budget, 0 = none. ``step``: how far memscope has
    stepped back for it: full, shallower_stacks, fewer_samples, counters_only, detached.
    """

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
    max_overhead_percent: float = 0.0
    step: str = "full"
    paused: bool = False
    auto_export: AutoExport = AutoExport("")
    auto_export_status: AutoExportStatus = AutoExportStatus()

    @property
    def is_ended(self) -> bool:
        return self.state == "ended"
