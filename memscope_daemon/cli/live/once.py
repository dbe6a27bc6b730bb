"""One moment, for scripts: the JSON document of ``top --once --json``. Names are those of the JSON report."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from memscope_client import Estimate, Session, Site, ThreadFigures
from memscope_daemon.cli.live.moment import Moment

SCHEMA = "memscope.top/1"
Json = dict[str, Any]


def document(moment: Moment) -> Json:
    """Each estimate ``x`` stands beside ``x_low``, ``x_high`` (95 %), ``x_samples`` and ``x_exact``. What is
    not known, or without bound, is null."""
    figures, quality, cost = moment.figures, moment.quality, moment.cost
    return {
        "schema": SCHEMA,
        **session_rows(moment.session),
        "time_ns": figures.time_ns,
        **_estimate("total_allocations", figures.allocated_count),
        **_estimate("total_allocated_bytes", figures.allocated_bytes),
        **_estimate("total_deallocations", figures.freed_count),
        **_estimate("total_deallocated_bytes", figures.freed_bytes),
        **_estimate("active_allocations", figures.live_count),
        **_estimate("current_memory_bytes", figures.live_bytes),
        **_estimate("peak_memory_bytes", figures.peak_bytes),
        "peak_time_ns": figures.peak_time_ns,
        "rate_window_seconds": moment.window_s,
        **_estimate("allocation_rate_per_sec", moment.count_rate),
        **_estimate("allocated_bytes_per_sec", moment.byte_rate),
        "resident_bytes": moment.system.resident_bytes if moment.system else None,
        "cpu_percent": moment.system.cpu_percent if moment.system else None,
        "cost_percent": cost.percent if cost.target_cpu_ns else None,
        "quality": {
            "grade": quality.grade,
            "drop_rate": quality.drop_rate,
            "recorded_count": quality.recorded_count,
            "lost_count": quality.lost_count,
            "unresolved_count": quality.unresolved_count,
            "unseen_bound_bytes": _number(quality.unseen_bound_bytes),
            "losses": {loss.cause: loss.record_count for loss in quality.losses},
        },
        "hotspots": [_site(site) for site in moment.sites],
        "threads": [_thread(thread) for thread in moment.threads],
        "marks": [{"time_ns": mark.time_ns, "label": mark.label} for mark in moment.marks],
    }


def sessions_document(sessions: Iterable[Session]) -> Json:
    """Where there are several, and none was chosen."""
    return {"schema": SCHEMA, "sessions": [session_rows(session) for session in sessions]}


def session_rows(session: Session) -> Json:
    target, sampling = session.target, session.sampling
    return {
        "session": {
            "session_id": session.session_id,
            "state": session.state,
            "end_reason": session.end_reason or None,
            "started_unix_ns": session.started_unix_ns,
            "duration_ns": session.duration_ns,
            "paused": session.paused,
            "step": session.step,
            "max_overhead_percent": session.max_overhead_percent or None,
        },
        "target": {
            "pid": target.pid,
            "start_time_ticks": target.start_time_ticks,
            "program": target.program,
            "python_version": target.python_version,
            "host": target.host,
        },
        "sampling": {
            "mode": sampling.mode,
            "value": sampling.value,
            "stacks": sampling.stacks,
            "depth": sampling.depth,
            "preset": sampling.preset or None,
        },
    }


def _site(site: Site) -> Json:
    return {
        "location": {
            "function": site.function or None,
            "file": site.file or None,
            "line": site.line or None,
        },
        **_estimate("live_size", site.live_bytes),
        **_estimate("live_count", site.live_count),
        **_estimate("total_size", site.allocated_bytes),
        **_estimate("allocation_count", site.allocated_count),
    }


def _thread(thread: ThreadFigures) -> Json:
    return {
        "thread_id": thread.thread_id,
        "native_id": thread.native_id or None,
        "name": thread.name or None,
        **_estimate("allocated_bytes", thread.allocated_bytes),
        **_estimate("live_bytes", thread.live_bytes),
    }


def _estimate(name: str, estimate: Estimate) -> Json:
    return {
        name: _number(estimate.value),
        f"{name}_low": _number(estimate.low),
        f"{name}_high": _number(estimate.high),
        f"{name}_samples": estimate.sample_count,
        f"{name}_exact": estimate.exact,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
