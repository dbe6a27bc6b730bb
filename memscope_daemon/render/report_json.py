"""The report as JSON, after ``schema/report-1.json``.

Each estimate ``x`` stands beside ``x_low``, ``x_high`` (95 %), ``x_samples`` and ``x_exact``. Names of
variables and types are null: they are not captured, and nothing is guessed. A bound that is infinite is
null.
"""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from memscope_daemon.model.cost import Cost, StepChange
from memscope_daemon.model.dictionary import SettingRow
from memscope_daemon.model.history import HistoryFigures
from memscope_daemon.model.report import (
    DomainFigures,
    Estimate,
    Figures,
    Lifetimes,
    Mark,
    Quality,
    Report,
    SamplingPause,
    Site,
    ThreadFigures,
)
from memscope_daemon.model.session import AttachFigures, SessionInfo
from memscope_daemon.model.system import SystemSample
from memscope_daemon.model.variables import Variable

SCHEMA_ID = "urn:memscope:report:1"
SCHEMA_VERSION = 1
DIGITS = 12
SCHEMA_PATH = Path(__file__).with_name("schema") / "report-1.json"

Json = dict[str, Any]


def render(report: Report) -> bytes:
    """The file."""
    return (json.dumps(document(report), indent=2, allow_nan=False) + "\n").encode()


def document(report: Report) -> Json:
    """The report as plain values."""
    return {
        "schema": SCHEMA_ID,
        "schema_version": SCHEMA_VERSION,
        "preface": list(report.preface),
        **_session(report.session),
        "sampling_settings": [_setting(setting) for setting in report.settings],
        "quality": _quality(report.quality),
        "cost": _cost(report.cost),
        "max_overhead_percent": report.session.max_overhead_percent or None,
        "steps": _steps(report.steps, report.figures.time_ns),
        "pauses": [_pause(pause) for pause in report.pauses],
        "marks": [_mark(mark) for mark in report.marks],
        "history": _history(report.history),
        "auto_export": _auto_export(report.session),
        "resident_memory": {
            "now_bytes": report.resident.now_bytes,
            "at_attach_bytes": report.resident.at_attach_bytes,
        },
        **_figures(report.figures),
        "lifetimes": _lifetimes(report.lifetimes),
        "system_scopes": dict(report.system_scopes),
        "system_snapshots": [_sample(sample) for sample in report.system_snapshots],
        "host_snapshots": [_sample(sample) for sample in report.host_snapshots],
        "hotspots": [_site(site) for site in report.sites],
        "threads": [_thread(thread) for thread in report.threads],
        "domains": [_domain(domain) for domain in report.domains],
    }


def _estimate(name: str, estimate: Estimate, scale: float = 1.0) -> Json:
    return {
        name: _number(estimate.value * scale),
        f"{name}_low": _number(estimate.low * scale),
        f"{name}_high": _number(estimate.high * scale),
        f"{name}_samples": estimate.sample_count,
        f"{name}_exact": estimate.exact,
    }


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    if value == int(value):
        return int(value)
    # The last digits depend on how sums were added up, and mean nothing.
    return float(f"{value:.{DIGITS}g}")


def _session(session: SessionInfo) -> Json:
    sampling = session.sampling
    return {
        "session": {
            "session_id": session.session_id,
            "state": session.state.name.lower(),
            "end_reason": session.end_reason.name.lower() if session.end_reason else None,
            "end_detail": session.end_detail,
            "started_unix_ns": session.started_unix_ns,
            "duration_ns": session.duration_ns,
        },
        "target": {
            "pid": session.target.pid,
            "start_time_ticks": session.target.start_time_ticks,
            "program": session.target.program,
            "python_version": session.target.python_version,
            "host": session.target.host,
        },
        "sampling": {
            "mode": sampling.mode.name.lower(),
            "value": sampling.value,
            "stacks": sampling.stacks,
            "depth": sampling.depth,
            "seed": sampling.seed,
            "preset": sampling.preset or None,
        },
        "attach": _attach(session.attach),
        "detach": _attach(session.detach),
    }


def _setting(setting: SettingRow) -> Json:
    return {
        "since_ns": setting.since_ns,
        "mode": setting.mode.name.lower(),
        "value": setting.value,
        "stacks": setting.stacks,
        "depth": setting.depth,
    }


def _history(history: HistoryFigures) -> Json:
    bounds = history.bounds
    return {
        "preset": bounds.preset or None,
        "max_count": bounds.max_count or None,
        "max_age_s": bounds.max_age_s or None,
        "max_bytes": bounds.max_bytes or None,
        "kept_count": history.kept_count,
        "forgotten_count": history.forgotten_count,
        "forgotten_until_ns": history.until_ns,
    }


def _auto_export(session: SessionInfo) -> Json | None:
    order, status = session.auto_export, session.auto_export_status
    if order is None:
        return None
    return {
        "folder": order.folder,
        "every_s": order.every_s or None,
        "formats": list(order.formats),
        "keep_count": order.keep_count or None,
        "written_unix_ns": status.written_unix_ns or None,
        "written_count": status.written_count,
        "skipped_count": status.skipped_count,
        "error_code": status.error_code or None,
        "error_message": status.error_message or None,
    }


def _cost(cost: Cost | None) -> Json | None:
    if cost is None:
        return None
    return {
        "in_target_ns": cost.in_target_ns,
        "target_cpu_ns": cost.target_cpu_ns,
        "percent": _number(cost.percent),
    }


def _steps(steps: tuple[StepChange, ...], end_ns: int) -> list[Json]:
    ends_ns = (*(step.since_ns for step in steps[1:]), end_ns)
    return [
        {
            "step": step.step.name.lower(),
            "since_ns": step.since_ns,
            "until_ns": until_ns,
            "mode": step.sampling.mode.name.lower(),
            "value": step.sampling.value,
            "stacks": step.sampling.stacks,
            "depth": step.sampling.depth,
            "cost_percent": _number(step.cost_percent),
            "why": step.why,
        }
        for step, until_ns in zip(steps, ends_ns, strict=False)
    ]


def _pause(pause: SamplingPause) -> Json:
    return {"since_ns": pause.since_ns, "until_ns": pause.until_ns, "by": pause.by}


def _mark(mark: Mark) -> Json:
    return {"time_ns": mark.time_ns, "label": mark.label}


def _attach(figures: AttachFigures) -> Json:
    return {
        "route": figures.route or None,
        "total_ns": figures.total_ns,
        "waited_for_gil_ns": figures.waited_for_gil_ns,
        "stops": [
            {
                "purpose": stop.purpose,
                "duration_ns": stop.duration_ns,
                "interrupted_call": stop.interrupted_call,
            }
            for stop in figures.stops
        ],
    }


def _quality(quality: Quality) -> Json:
    return {
        "grade": quality.grade,
        "drop_rate": quality.drop_rate,
        "recorded_count": quality.recorded_count,
        "lost_count": quality.lost_count,
        "unresolved_count": quality.unresolved_count,
        "written_count": quality.written_count,
        "unseen_bound_bytes": _number(quality.unseen_bound_bytes),
        "losses": [
            {
                "cause": loss.cause,
                "record_count": loss.record_count,
                "weighted_count": loss.weighted_count,
                "weighted_bytes": loss.weighted_bytes,
            }
            for loss in quality.losses
        ],
    }


def _figures(figures: Figures) -> Json:
    per_second = 1e9 / figures.time_ns if figures.time_ns > 0 else 0.0
    return {
        "time_ns": figures.time_ns,
        **_estimate("total_allocations", figures.allocated_count),
        **_estimate("total_allocated_bytes", figures.allocated_bytes),
        **_estimate("total_deallocations", figures.freed_count),
        **_estimate("total_deallocated_bytes", figures.freed_bytes),
        **_estimate("active_allocations", figures.live_count),
        **_estimate("current_memory_bytes", figures.live_bytes),
        **_estimate("peak_memory_bytes", figures.peak_bytes),
        "peak_time_ns": figures.peak_time_ns,
        **_estimate("allocation_rate_per_sec", figures.allocated_count, per_second),
        **_estimate("deallocation_rate_per_sec", figures.freed_count, per_second),
    }


def _sample(sample: SystemSample) -> Json:
    found = dataclasses.asdict(sample)
    return {name: _number(value) if isinstance(value, float) else value for name, value in found.items()}


def _site(site: Site) -> Json:
    return {
        "var_name": site.variable.name or None if site.variable else None,
        "type_name": None,
        "location": _location(site),
        **_estimate("total_size", site.allocated_bytes),
        **_estimate("allocation_count", site.allocated_count),
        **_estimate("freed_size", site.freed_bytes),
        **_estimate("freed_count", site.freed_count),
        **_estimate("live_size", site.live_bytes),
        **_estimate("live_count", site.live_count),
        **_estimate("peak_size", site.peak_bytes),
        "average_size": _average(site),
        "impact": _number(site.impact),
        "is_hot": site.is_hot,
        "peak_share": _number(site.peak_share),
        "pattern": site.pattern or None,
        "variable": _variable(site),
    }


def _variable(site: Site) -> Json | None:
    found = site.variable
    if found is None:
        return None
    return {
        "name": found.name or None,
        "kind": found.kind,
        "source": "inferred",
        "confidence": found.confidence.name.lower(),
        "share": _number(site.variable_share),
        "location": _location(found),
    }


def _location(of: Site | Variable) -> Json:
    return {"function": of.function or None, "file": of.file or None, "line": of.line or None}


def _average(site: Site) -> float | int | None:
    count = site.allocated_count.value
    return _number(site.allocated_bytes.value / count) if count > 0.0 else None


def _lifetimes(found: Lifetimes | None) -> Json | None:
    if found is None:
        return None
    percentiles: Json = {}
    for each in found.percentiles:
        for ending, value in (("", each.lifetime_ns), ("_low", each.low_ns), ("_high", each.high_ns)):
            percentiles[f"p{each.percent}_ns{ending}"] = None if value is None else _number(value)
    return {
        **percentiles,
        "freed_samples": found.freed_samples,
        "live_samples": found.live_samples,
        "classes": [
            {
                "up_to_ms": each.up_to_ms or None,
                **_estimate("freed_count", each.freed_count),
                **_estimate("freed_bytes", each.freed_bytes),
            }
            for each in found.classes
        ],
    }


def _thread(thread: ThreadFigures) -> Json:
    return {
        "thread_id": thread.thread_id,
        "native_id": thread.native_id or None,
        "name": thread.name or None,
        **_estimate("allocated_bytes", thread.allocated_bytes),
        **_estimate("allocated_count", thread.allocated_count),
        **_estimate("live_bytes", thread.live_bytes),
    }


def _domain(domain: DomainFigures) -> Json:
    return {
        "domain": domain.domain.name.lower(),
        **_estimate("allocated_bytes", domain.allocated_bytes),
        **_estimate("allocated_count", domain.allocated_count),
        **_estimate("live_bytes", domain.live_bytes),
    }
