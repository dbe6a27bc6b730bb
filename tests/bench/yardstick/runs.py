"""What is asked for, and what one run of one workload beside one contestant gave."""

from __future__ import annotations

import dataclasses
from pathlib import Path

#: Measured twice in each round, so that its spread is known.
NOTHING, NOTHING_AGAIN = "nothing", "nothing again"


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """``python``: runs the targets. ``seconds``: of processor time of each measured run beside nothing."""

    python: Path
    workloads: tuple[str, ...]
    contestants: tuple[str, ...]
    rounds: int
    seconds: float
    seed: int


@dataclasses.dataclass(frozen=True, slots=True)
class Traces:
    """What a contestant left behind. None: not known, or there is no such thing.

    ``stops_ms``: how long the target stood still for it at the attach: each stop's purpose and length, as the
    tracer measured it.
    """

    stops_ms: tuple[tuple[str, float], ...] = ()
    to_active_ms: float | None = None
    to_first_event_ms: float | None = None
    recorded_count: int | None = None
    lost_count: int | None = None
    losses: dict[str, int] = dataclasses.field(default_factory=dict)
    written_bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """``cpu_ns`` of the target for ``slices`` of ``operations`` each; ``beside_ns``: processor time of the
    contestant's own processes meanwhile. ``failure``: why there are no figures."""

    workload: str
    contestant: str
    round: int
    slices: int = 0
    operations: int = 0
    cpu_ns: int = 0
    wall_ns: int = 0
    beside_ns: int = 0
    resident_bytes: int = 0
    traces: Traces = dataclasses.field(default_factory=Traces)
    failure: str = ""

    @property
    def operation_ns(self) -> float:
        """Processor time of the target for one operation."""
        return self.cpu_ns / (self.slices * self.operations)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """``absent``: contestants and workloads that could not be had, and why. ``is_whole``: nobody ended it."""

    plan: Plan
    runs: tuple[Run, ...]
    absent: dict[str, str]
    is_whole: bool
    about: dict[str, str]
