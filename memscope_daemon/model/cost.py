"""What memscope costs the target, and the steps by which it keeps to a budget: values."""

from __future__ import annotations

import dataclasses

from memscope_daemon.model.sampling import SamplingConfig
from memscope_daemon.model.session import Step


@dataclasses.dataclass(frozen=True, slots=True)
class CostCounters:
    """All that the cost is told from, counted since the session began, at session time ``time_ns``.

    ``slow_ns``: what the passes through the slow paths took. ``call_count``: allocations and frees, as
    estimated from the samples. ``lost_count``: records that found a ring full.
    """

    time_ns: int = 0
    slow_ns: int = 0
    call_count: float = 0.0
    recorded_count: int = 0
    lost_count: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """Processor time since the attach: memscope's inside the target, and the target's altogether."""

    in_target_ns: int
    target_cpu_ns: int

    @property
    def percent(self) -> float:
        """Of what the target took for itself, a hundredth of its time at least; 0 where it took none."""
        own_ns = max(self.target_cpu_ns - self.in_target_ns, self.target_cpu_ns // 100)
        return 100.0 * self.in_target_ns / own_ns if own_ns > 0 else 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class StepChange:
    """``step`` came into force at session time ``since_ns``, at a cost of ``cost_percent``."""

    step: Step
    since_ns: int
    sampling: SamplingConfig
    cost_percent: float
    why: str
