"""When nothing was sampled."""

from __future__ import annotations

from memscope_daemon.model.report import SamplingPause
from memscope_daemon.model.session import Step
from memscope_daemon.query.evidence import Evidence


def pauses(evidence: Evidence) -> tuple[SamplingPause, ...]:
    """When nothing was sampled: because a user wished it so, or to keep to the budget."""
    steps = evidence.steps
    ends = (*(step.since_ns for step in steps[1:]), evidence.time_ns)
    by_budget = [
        SamplingPause(step.since_ns, max(end_ns, step.since_ns), "budget")
        for step, end_ns in zip(steps, ends, strict=False)
        if step.step >= Step.COUNTERS_ONLY
    ]
    return tuple(sorted((*evidence.pauses, *by_budget), key=lambda pause: pause.since_ns))
