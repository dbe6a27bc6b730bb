"""What a session was attached with, kept in its file: another daemon, after this one, goes on by it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from memscope_daemon.model.cost import StepChange
from memscope_daemon.model.history import History
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import AttachFigures, SessionInfo, Step, TargetStop
from memscope_daemon.monitor import budget

Notes = dict[str, str]
_TERMS, _STEPS = "terms", "steps"  # names in the table meta


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """``sampling``: as asked for, before any step back. ``max_overhead_percent``: the budget, 0 = none.
    ``history`` None: as the daemon was told. The rest is what the target had taken before the attach:
    processor time, and resident memory (None: not known); and what the attach itself took."""

    sampling: SamplingConfig
    max_overhead_percent: float = 0.0
    history: History | None = None
    cpu_at_attach_ns: int = 0
    resident_at_attach_bytes: int | None = None
    attach: AttachFigures = dataclasses.field(default_factory=AttachFigures)


def noted_terms(terms: Terms) -> Notes:
    """To be stored by name."""
    return {_TERMS: json.dumps(dataclasses.asdict(terms))}


def noted_steps(steps: Sequence[StepChange]) -> Notes:
    """To be stored by name."""
    return {_STEPS: json.dumps([dataclasses.asdict(step) for step in steps])}


def recalled_terms(notes: Mapping[str, str]) -> Terms | None:
    """As they were noted; None: they never were, or make no sense to this version."""
    try:
        found = json.loads(notes[_TERMS])
        history, attach = found["history"], found["attach"]
        stops = tuple(TargetStop(**stop) for stop in attach["stops"])
        parts = {
            "sampling": _sampling(found["sampling"]),
            "history": history and History(**history),
            "attach": AttachFigures(**{**attach, "stops": stops}),
        }
        return Terms(**{**found, **parts})
    except (KeyError, TypeError, ValueError):
        return None


def recalled_steps(notes: Mapping[str, str]) -> tuple[StepChange, ...]:
    """As they were noted; none where they never were, or make no sense to this version."""
    try:
        return tuple(
            StepChange(**{**row, "step": Step(row["step"]), "sampling": _sampling(row["sampling"])})
            for row in json.loads(notes[_STEPS])
        )
    except (KeyError, TypeError, ValueError):
        return ()


def resumed(info: SessionInfo, terms: Terms, steps: Sequence[StepChange]) -> SessionInfo:
    """The session as a daemon before left it."""
    level = budget.level_of(budget.ladder(terms.sampling), steps)
    return dataclasses.replace(
        info,
        attach=terms.attach,
        max_overhead_percent=terms.max_overhead_percent,
        sampling=level.sampling,
        step=level.step,
    )


def _sampling(found: dict[str, Any]) -> SamplingConfig:
    return SamplingConfig(**{**found, "mode": SamplingMode(found["mode"])})
