"""The whole answer: figures, sites, threads, domains, quality, and the lines that say what is not in it."""

from __future__ import annotations

import math

from memscope_daemon.model import system
from memscope_daemon.model.report import Figures, Quality, Report, Resident
from memscope_daemon.model.session import EndReason, Step
from memscope_daemon.query import figures as ask
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.query.lifetimes import lifetimes_of
from memscope_daemon.query.paths import site_paths
from memscope_daemon.query.pauses import pauses
from memscope_daemon.query.quality import assess

PAUSES_TOLD = 5  # in words


def report(evidence: Evidence, site_limit: int = 0) -> Report:
    """A report with at most ``site_limit`` sites, 0 = all."""
    figures, quality = ask.figures(evidence), assess(evidence)
    grouped = ask.stacks_by_site(evidence)
    sites = ask.sites(evidence, site_limit, grouped)
    return Report(
        evidence.session,
        figures,
        sites,
        ask.threads(evidence),
        ask.domains(evidence),
        quality,
        evidence.resident,
        (
            *_cut_off(evidence),
            *_paused(evidence),
            *stepped_back(evidence),
            *preface(figures, quality, evidence.resident),
        ),
        tuple(sorted(evidence.tables.settings.values(), key=lambda setting: setting.since_ns)),
        evidence.cost,
        evidence.steps,
        evidence.history,
        pauses(evidence),
        evidence.marks,
        system.samples(evidence.system.rows, host=False),
        system.samples(evidence.system.rows, host=True),
        evidence.system.scopes,
        lifetimes_of(evidence),
        site_paths(evidence, sites, grouped),
    )


def preface(figures: Figures, quality: Quality, resident: Resident) -> tuple[str, ...]:
    """What the report cannot see, in plain words."""
    lines = [
        _resident_line(figures, resident),
        "Memory that did not come through Python's allocators is not seen.",
    ]
    if math.isfinite(quality.unseen_bound_bytes) and quality.unseen_bound_bytes > 0.0:
        bound = size_text(quality.unseen_bound_bytes)
        lines.append(f"A site that does not appear allocated less than {bound} (95 %).")
    if quality.lost_count:
        lines.append(
            f"{quality.lost_count} samples ({quality.drop_rate:.1%}) were lost; intervals are wider for it."
        )
    return tuple(lines)


def _cut_off(evidence: Evidence) -> tuple[str, ...]:
    """What is live then was live at that moment: it is no leak."""
    if evidence.cut_off_ns:
        at_ns, why = evidence.cut_off_ns, "another tool took memscope's hooks out (as tracemalloc.stop does)"
    elif evidence.session.end_reason is EndReason.SHIPPER_LOST:
        at_ns, why = evidence.time_ns, "memscope's shipper was lost"
    else:
        return ()
    return (
        f"Cut off at {at_ns / 1e9:.1f} s: {why}. Nothing was recorded since; live figures are those of that"
        " moment. Attach again to go on.",
    )


def _paused(evidence: Evidence) -> tuple[str, ...]:
    """What the pauses of users have cost the figures."""
    told = [f"from {one.since_ns / 1e9:.1f} s to {one.until_ns / 1e9:.1f} s" for one in evidence.pauses]
    if not told:
        return ()
    more = f" and {len(told) - PAUSES_TOLD} times more" if len(told) > PAUSES_TOLD else ""
    return (
        f"Sampling was paused {', '.join(told[:PAUSES_TOLD])}{more}: what was allocated then is in no figure."
        " Blocks sampled before were followed.",
    )


def stepped_back(evidence: Evidence) -> tuple[str, ...]:
    """What keeping to the budget has cost the figures."""
    steps = evidence.steps
    if not steps:
        return ()
    ends = (*(step.since_ns for step in steps[1:]), evidence.time_ns)
    paused = [
        f"from {step.since_ns / 1e9:.1f} s to {end_ns / 1e9:.1f} s"
        for step, end_ns in zip(steps, ends, strict=True)
        if step.step is Step.COUNTERS_ONLY
    ]
    lines = []
    if paused:
        lines.append(
            f"To keep to the budget nothing was sampled {', '.join(paused)}: what was allocated then is in no"
            " figure. Blocks sampled before were followed."
        )
    if any(step.step not in (Step.FULL, Step.COUNTERS_ONLY) for step in steps):
        told = ", ".join(f"{_words(step.step)} from {step.since_ns / 1e9:.1f} s" for step in steps)
        budget = evidence.session.max_overhead_percent
        lines.append(f"To keep to the budget of {budget:g} %: {told}. Intervals are wider for it.")
    return tuple(lines)


def _words(step: Step) -> str:
    return step.name.lower().replace("_", " ")


def size_text(size_bytes: float) -> str:
    """``1.5 MiB``; below a KiB, whole bytes."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size_bytes >= 2**power:
            return f"{size_bytes / 2**power:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def _resident_line(figures: Figures, resident: Resident) -> str:
    live = figures.live_bytes
    since = f"{size_text(live.value)} ({size_text(live.low)} to {size_text(live.high)})"
    if live.exact:
        since = size_text(live.value)
    if resident.now_bytes is None:
        return f"RSS is not known; {since} allocated since the attach and still live is explained below."
    before = max(resident.now_bytes - live.value, 0.0)
    return (
        f"RSS {size_text(resident.now_bytes)}; {since} allocated since the attach and still live is explained"
        f" below; {size_text(before)} was there before or is of another kind."
    )
