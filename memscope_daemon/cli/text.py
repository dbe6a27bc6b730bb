"""Figures as words: every estimate with its interval and its number of samples."""

from __future__ import annotations

import math
from pathlib import PurePath

from memscope_client import Cost, Lifetimes, Quality, Report, Sampling, Session, Site
from memscope_daemon.render.amounts import DASH as DASH
from memscope_daemon.render.amounts import bytes_estimate as bytes_estimate
from memscope_daemon.render.amounts import bytes_text as bytes_text
from memscope_daemon.render.amounts import count_estimate as count_estimate
from memscope_daemon.render.amounts import count_text as count_text


def printable(text: str) -> str:
    """Names come from the target, and may hold anything: what would move a cursor is shown as a mark."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def duration_text(seconds: float) -> str:
    """``0:07``, ``1:02:03``, ``3 d 04:05``: hours and minutes from a day on."""
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours:02}:{minutes:02}"
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def site_text(site: Site) -> str:
    """``function (folder/file.py:12)``; a site without a Python frame says so."""
    if not site.file and not site.function:
        return "(no Python frame)"
    path = PurePath(site.file)
    return f"{site.function or '?'} ({'/'.join(path.parts[-2:])}:{site.line or '?'})"


def variable_text(site: Site) -> str:
    """``→ self.cache[key]``: what the blocks are bound to; where that is further up, in which function. A
    question mark behind what is only likely."""
    found = site.variable
    if found is None or not found.name:
        return ""
    elsewhere = (found.function, found.file) != (site.function, site.file)
    doubt = "?" if found.confidence == "low" else ""
    return f"→ {found.name}{doubt}" + (f" in {found.function}:{found.line}" if elsewhere else "")


def sampling_text(sampling: Sampling) -> str:
    if sampling.mode == "rate":
        how = "every allocation" if sampling.value >= 1 else f"one allocation in {1 / sampling.value:.6g}"
    else:
        how = f"one sample each {bytes_text(sampling.value)} allocated"
    preset = f" ({sampling.preset})" if sampling.preset else ""
    depth = f"{sampling.depth} frames" if sampling.stacks else "innermost frame only"
    return f"{how}{preset}, {depth}"


def session_line(session: Session) -> str:
    target = session.target
    who = f"{target.program} · pid {target.pid} · CPython {target.python_version}"
    how = f"{sampling_text(session.sampling)}, seed {session.sampling.seed}"
    return f"{who} · {session.duration_ns / 1e9:.1f} s · {how}"


def totals_line(report: Report) -> str:
    figures = report.figures
    allocated, count = bytes_estimate(figures.allocated_bytes), count_estimate(figures.allocated_count)
    peak = f"peak {bytes_estimate(figures.peak_bytes)} at {figures.peak_time_ns / 1e9:.1f} s"
    return f"allocated {allocated} in {count} blocks · {peak}"


def lifetimes_line(lifetimes: Lifetimes) -> str:
    """Percentiles of all blocks; empty: nothing is known."""
    if not lifetimes.freed_samples:
        return ""
    known = [each for each in lifetimes.percentiles if each.lifetime_ns is not None]
    told = [f"{each.percent} % live {short_time(each.lifetime_ns or 0.0)} at most" for each in known]
    if len(known) < len(lifetimes.percentiles):
        told.append("of the others too many are live still to know")
    return f"lifetimes: {', '.join(told)}"


def short_time(nanoseconds: float) -> str:
    """``310 µs``, ``1.2 s``: two digits, or whole seconds."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            value = nanoseconds / size
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{nanoseconds:.0f} ns"


def quality_line(quality: Quality) -> str:
    """The grade, the samples it rests on, and the losses by cause."""
    written = f" of {quality.written_count:,} written" if quality.written_count else ""
    line = (
        f"quality: {quality.grade or 'not known'} · {quality.recorded_count:,} samples recorded{written}, "
        f"{quality.lost_count:,} lost ({quality.drop_rate:.1%})"
    )
    if quality.losses:
        line += " · " + ", ".join(f"{loss.cause} {loss.record_count:,}" for loss in quality.losses)
    if quality.unresolved_count:
        line += f" · {quality.unresolved_count:,} without a resolved stack"
    return line


def cost_line(cost: Cost, session: Session) -> str:
    """What memscope cost the target, and the step that its budget has brought it to; empty: not measured."""
    if not cost.target_cpu_ns:
        return ""
    line = f"cost to the target: {cost.percent:.2g} % of its processor time"
    if session.max_overhead_percent:
        line += f", the budget is {session.max_overhead_percent:g} % · step: {session.step.replace('_', ' ')}"
    return line


def history_line(report: Report) -> str:
    """How much was forgotten; empty: nothing."""
    history = report.history
    if not history.forgotten_count:
        return ""
    return (
        f"history: {history.kept_count:,} events kept one by one; {history.forgotten_count:,} up to"
        f" {history.forgotten_until_ns / 1e9:.1f} s are in every figure by their sums"
    )


def step_lines(report: Report) -> tuple[str, ...]:
    """One for each step, where there was more than one."""
    if len(report.steps) < 2:
        return ()
    return tuple(
        f"{change.since_ns / 1e9:.1f}{DASH}{change.until_ns / 1e9:.1f} s: {change.step.replace('_', ' ')}"
        f" ({sampling_text(change.sampling)}): {change.why}"
        for change in report.steps
    )


def unseen_line(quality: Quality) -> str:
    """What a site without any sample may still have allocated; empty where nothing is known of it."""
    if not 0 < quality.unseen_bound_bytes < math.inf:
        return ""
    return f"a site that does not appear allocated less than {bytes_text(quality.unseen_bound_bytes)} (95 %)"


def stops_line(session: Session) -> str:
    """How long the target stood still for us, stop by stop."""
    stops = (*session.attach.stops, *session.detach.stops)
    if not stops:
        return ""
    each = ", ".join(f"{stop.purpose} {stop.duration_ns / 1000:.0f} µs" for stop in stops)
    interrupted = sum(stop.interrupted_call for stop in stops)
    note = f"; {interrupted} call(s) of the target saw EINTR" if interrupted else ""
    attach = session.attach
    return f"attach by route {attach.route} in {attach.total_ns / 1e6:.0f} ms, target stopped: {each}{note}"
