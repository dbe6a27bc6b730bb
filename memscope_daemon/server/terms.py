"""What a session was attached with, kept in its file: another daemon, after this one, goes on by it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from memscope_daemon.model.auto_export import AutoExport
from memscope_daemon.model.cost import StepChange
from memscope_daemon.model.history import History
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import (
    AttachFigures,
    EndReason,
    SessionInfo,
    SessionState,
    Step,
    Target,
    TargetStop,
)
from memscope_daemon.monitor import budget

Notes = dict[str, str]
_TERMS, _STEPS, _AUTO_EXPORT = "terms", "steps", "auto_export"  # names in the table meta
_REASON, _DETAIL = "end_reason", "end_detail"


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


def noted_auto_export(info: SessionInfo) -> Notes:
    """To be stored by name: the order, and whose it is, for a daemon that no shipper comes to any more."""
    order = info.auto_export and dataclasses.asdict(info.auto_export)
    subject = {
        "target": dataclasses.asdict(info.target),
        "sampling": dataclasses.asdict(info.sampling),
        "started_unix_ns": info.started_unix_ns,
        "duration_ns": info.duration_ns,
    }
    return {_AUTO_EXPORT: json.dumps({"order": order, **subject})}


def recalled_auto_export(notes: Mapping[str, str]) -> AutoExport | None:
    """As it was noted; None: none was, or it was taken back, or makes no sense to this version."""
    try:
        order = json.loads(notes[_AUTO_EXPORT])["order"]
        return order and AutoExport(**{**order, "formats": tuple(order["formats"])})
    except (KeyError, TypeError, ValueError):
        return None


def recalled_session(session_id: str, notes: Mapping[str, str]) -> SessionInfo | None:
    """The session that has an order, as far as its file tells; None: it has none."""
    order = recalled_auto_export(notes)
    if order is None:
        return None
    try:
        found = json.loads(notes[_AUTO_EXPORT])
        has_ended = _REASON in notes
        return SessionInfo(
            session_id,
            Target(**found["target"]),
            SessionState.ENDED if has_ended else SessionState.ACTIVE,
            _sampling(found["sampling"]),
            found["started_unix_ns"],
            int(notes.get("time_ns", "0")) or found["duration_ns"],
            EndReason[notes[_REASON].upper()] if has_ended else EndReason.NOT_ENDED,
            notes.get(_DETAIL, ""),
            auto_export=order,
        )
    except (KeyError, TypeError, ValueError):
        return None


def noted_end(reason: EndReason, detail: str) -> Notes:
    """To be stored by name."""
    return {_REASON: reason.name.lower(), _DETAIL: detail}


def _sampling(found: dict[str, Any]) -> SamplingConfig:
    return SamplingConfig(**{**found, "mode": SamplingMode(found["mode"])})
