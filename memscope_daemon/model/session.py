"""One target under one attach, as a value."""

from __future__ import annotations

import dataclasses
import enum
from typing import NamedTuple

from memscope_daemon.model.auto_export import AutoExport, AutoExportStatus
from memscope_daemon.model.sampling import SamplingConfig


class SessionStamp(NamedTuple):
    """Ids of the sessions of a daemon. ``under_way``: those that have not ended. ``left``: those that ended
    without being detached, so that perhaps nobody fetches their reports."""

    under_way: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


class SessionState(enum.IntEnum):
    """Numbers as on the wire."""

    STARTING = 1
    ACTIVE = 2
    ENDED = 3


class EndReason(enum.IntEnum):
    """Why a session ended; numbers as on the wire."""

    NOT_ENDED = 0
    DETACHED = 1
    TARGET_EXITED = 2
    SHIPPER_LOST = 3
    ATTACH_FAILED = 4
    OVER_BUDGET = 5


class Step(enum.IntEnum):
    """How far memscope has stepped back to keep to its budget; numbers as on the wire."""

    FULL = 1
    SHALLOWER_STACKS = 2
    FEWER_SAMPLES = 3
    COUNTERS_ONLY = 4
    DETACHED = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """``pid`` as the daemon's host sees it; ``start_time_ticks`` (field 22 of /proc/PID/stat) tells a
    reused pid.
    """

    pid: int
    start_time_ticks: int = 0
    program: str = ""
    python_version: str = ""
    host: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TargetStop:
    """One stop of the target. ``interrupted_call``: it saw EINTR because of us."""

    purpose: str
    duration_ns: int
    interrupted_call: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class AttachFigures:
    """``total_ns``: from the first look at the target to hooks active (or out)."""

    route: str = ""
    stops: tuple[TargetStop, ...] = ()
    total_ns: int = 0
    waited_for_gil_ns: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class SessionInfo:
    """``session_id``: 16 hex digits.

    ``started_unix_ns``: wall clock at session time 0. ``sampling``: in force now.
    ``max_overhead_percent``: the budget, 0 = none. ``paused``: by a user; the budget's pauses are steps.
    ``auto_export`` None: nothing is written by itself.
    """

    session_id: str
    target: Target
    state: SessionState
    sampling: SamplingConfig
    started_unix_ns: int = 0
    duration_ns: int = 0
    end_reason: EndReason = EndReason.NOT_ENDED
    end_detail: str = ""
    attach: AttachFigures = AttachFigures()
    detach: AttachFigures = AttachFigures()
    store_path: str = ""
    max_overhead_percent: float = 0.0
    step: Step = Step.FULL
    paused: bool = False
    auto_export: AutoExport | None = None
    auto_export_status: AutoExportStatus = AutoExportStatus()  # noqa: RUF009 (frozen)
