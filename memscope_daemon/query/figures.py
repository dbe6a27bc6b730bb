"""Figures of a session and of its parts: sums to estimates, widened by what was lost."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from memscope_daemon.analysis import estimate
from memscope_daemon.analysis.estimate import Intervals, Unseen
from memscope_daemon.model import sums
from memscope_daemon.model.columns import Domain, Integers
from memscope_daemon.model.dictionary import FrameNames
from memscope_daemon.model.report import HOT_COUNT, HOT_IMPACT, DomainFigures, Figures, Site, ThreadFigures
from memscope_daemon.model.sums import Sums
from memscope_daemon.query.evidence import Evidence, active, unseen, whole
from memscope_daemon.query.patterns import patterns
from memscope_daemon.query.quality import Margins, margins
from memscope_daemon.timeline.live import Balance

PARTS = 4  # of Totals.sums
#: The names of all sites; the site of each active stack; the active stacks.
StacksBySite = tuple[list[FrameNames], Integers, Integers]


@dataclasses.dataclass(frozen=True, slots=True)
class _Answers:
    """Estimates of the sets of a balance."""

    allocated_bytes: Intervals
    allocated_count: Intervals
    freed_bytes: Intervals
    freed_count: Intervals
    live_bytes: Intervals
    live_count: Intervals


@dataclasses.dataclass(frozen=True, slots=True)
class Totals:
    """All that the figures of a moment are made of. To gather them is quick, to make figures of them takes
    milliseconds. ``sums``: of what was allocated, was freed, was live then, and was live at the peak."""

    time_ns: int
    peak_time_ns: int
    sums: Sums
    bound: Unseen
    lost: Margins


def totals(evidence: Evidence) -> Totals:
    """The whole session's."""
    stacks = whole(evidence.stacks)
    parts = (stacks.allocated, stacks.freed, stacks.live, sums.total(evidence.peak.by_stack))
    return Totals(
        evidence.time_ns, evidence.peak.time_ns, sums.joined(parts), unseen(evidence), margins(evidence)
    )


def figures(evidence: Evidence) -> Figures:
    """The whole session."""
    (found,) = figures_of([totals(evidence)])
    return found


def figures_of(found: Iterable[Totals]) -> list[Figures]:
    """The figures of each. Those under one bound are made together, which takes hardly longer than one."""
    groups = itertools.groupby(found, lambda one: one.bound)
    return [figures for bound, group in groups for figures in _figures_under(bound, tuple(group))]


def _figures_under(bound: Unseen, found: Sequence[Totals]) -> list[Figures]:
    parts = sums.joined([one.sums for one in found])
    wholes = parts.take(np.repeat(np.arange(0, parts.count, PARTS), PARTS))
    lost = np.array([_lost(one.lost) for one in found])
    in_bytes = estimate.bytes_of(parts, wholes, bound).widen(lost[:, 0].ravel(), lost[:, 1].ravel())
    in_count = estimate.counts_of(parts, wholes, bound).widen(lost[:, 2].ravel(), lost[:, 3].ravel())
    return [_figures_at(one, in_bytes, in_count, PARTS * at) for at, one in enumerate(found)]


def _lost(lost: Margins) -> tuple[tuple[float, ...], ...]:
    """By how much bytes and counts of each of the parts may be too high, and too low."""
    return (
        (0.0, 0.0, lost.freed_bytes, lost.freed_bytes),
        (lost.allocated_bytes, lost.freed_bytes, lost.allocated_bytes, lost.allocated_bytes),
        (0.0, 0.0, lost.freed_count, lost.freed_count),
        (lost.allocated_count, lost.freed_count, lost.allocated_count, lost.allocated_count),
    )


def _figures_at(found: Totals, in_bytes: Intervals, in_count: Intervals, at: int) -> Figures:
    return Figures(
        found.time_ns,
        in_bytes.at(at),
        in_count.at(at),
        in_bytes.at(at + 1),
        in_count.at(at + 1),
        in_bytes.at(at + 2),
        in_count.at(at + 2),
        in_bytes.at(at + 3),
        found.peak_time_ns,
    )


def sites(evidence: Evidence, limit: int = 0, grouped: StacksBySite | None = None) -> tuple[Site, ...]:
    """Allocation sites by live bytes, most first; at most ``limit`` of them, 0 = all. ``grouped``: what
    :func:`stacks_by_site` says, where it is known already."""
    names, group, stacks = grouped or stacks_by_site(evidence)
    by_site = _regroup(evidence.stacks, stacks, group, len(names))
    # Stacks that are younger than the peak held nothing then.
    peak_sums = sums.padded(evidence.peak.by_stack, evidence.stacks.allocated.count).take(stacks)
    peak_by_site = sums.regroup(peak_sums, group, len(names))
    order = _most_first(by_site)[: limit or None]
    bound, lost = unseen(evidence), margins(evidence)
    answers = _answers(_take(by_site, order), bound, lost)
    peak = _peak(peak_by_site.take(order), by_site.allocated.take(order), bound, lost)
    words = patterns(evidence, stacks, group, len(names))
    of_peak = float(peak_by_site.weighted_bytes.sum())
    rows = (_site(names[index], answers, peak, at) for at, index in enumerate(order))
    return tuple(
        _as_hotspot(row, of_peak, words[index]) for row, index in zip(rows, order.tolist(), strict=True)
    )


def threads(evidence: Evidence) -> tuple[ThreadFigures, ...]:
    """Threads by allocated bytes, most first."""
    keys = active(evidence.threads)
    chosen = _take(evidence.threads, keys)
    answers = _answers(chosen, unseen(evidence), margins(evidence))
    rows = [_thread(evidence, int(key), answers, at) for at, key in enumerate(keys)]
    return tuple(sorted(rows, key=lambda row: -row.allocated_bytes.value))


def domains(evidence: Evidence) -> tuple[DomainFigures, ...]:
    """Allocator domains that anything was sampled in."""
    keys = active(evidence.domains)
    answers = _answers(_take(evidence.domains, keys), unseen(evidence), margins(evidence))
    return tuple(
        DomainFigures(
            Domain(int(key)),
            answers.allocated_bytes.at(at),
            answers.allocated_count.at(at),
            answers.live_bytes.at(at),
        )
        for at, key in enumerate(keys)
    )


def _answers(part: Balance, bound: Unseen, lost: Margins) -> _Answers:
    allocated, freed, live = part.allocated, part.freed, part.live
    to_bytes, to_count = estimate.bytes_of, estimate.counts_of
    return _Answers(
        to_bytes(allocated, allocated, bound).widen(0.0, lost.allocated_bytes),
        to_count(allocated, allocated, bound).widen(0.0, lost.allocated_count),
        to_bytes(freed, allocated, bound).widen(0.0, lost.freed_bytes),
        to_count(freed, allocated, bound).widen(0.0, lost.freed_count),
        to_bytes(live, allocated, bound).widen(lost.freed_bytes, lost.allocated_bytes),
        to_count(live, allocated, bound).widen(lost.freed_count, lost.allocated_count),
    )


def _peak(part: Sums, allocated: Sums, bound: Unseen, lost: Margins) -> Intervals:
    intervals = estimate.bytes_of(part, allocated, bound)
    return intervals.widen(lost.freed_bytes, lost.allocated_bytes)


def stacks_by_site(evidence: Evidence) -> StacksBySite:
    """The names of all sites; the site of each active stack; the active stacks."""
    stacks = active(evidence.stacks)
    numbers: dict[FrameNames, int] = {}
    group = [numbers.setdefault(evidence.tables.site(int(stack)), len(numbers)) for stack in stacks]
    return list(numbers), np.array(group, np.int64), stacks


def _regroup(part: Balance, chosen: Integers, group: Integers, count: int) -> Balance:
    picked = _take(part, chosen)
    return Balance(
        sums.regroup(picked.allocated, group, count),
        sums.regroup(picked.freed, group, count),
        sums.regroup(picked.live, group, count),
    )


def _take(part: Balance, chosen: Integers) -> Balance:
    return Balance(part.allocated.take(chosen), part.freed.take(chosen), part.live.take(chosen))


def _most_first(by_site: Balance) -> Integers:
    """By live bytes, then by allocated bytes."""
    keys = (-by_site.allocated.weighted_bytes, -by_site.live.weighted_bytes)
    order: Integers = np.lexsort(keys)
    return order


def _site(name: FrameNames, answers: _Answers, peak: Intervals, at: int) -> Site:
    return Site(
        name.function,
        name.file,
        name.line,
        answers.live_bytes.at(at),
        answers.live_count.at(at),
        answers.allocated_bytes.at(at),
        answers.allocated_count.at(at),
        answers.freed_bytes.at(at),
        answers.freed_count.at(at),
        peak.at(at),
    )


def _as_hotspot(site: Site, of_peak: float, pattern: str) -> Site:
    count, size = site.allocated_count.value, site.allocated_bytes.value
    return dataclasses.replace(
        site,
        impact=count * size,
        is_hot=count >= HOT_COUNT or count * size >= HOT_IMPACT,
        peak_share=site.peak_bytes.value / of_peak if of_peak > 0.0 else 0.0,
        pattern=pattern,
    )


def _thread(evidence: Evidence, key: int, answers: _Answers, at: int) -> ThreadFigures:
    row = evidence.tables.threads.get(key)
    native_id = row.native_id if row else 0
    return ThreadFigures(
        key,
        native_id,
        evidence.tables.thread_name(key) or evidence.names.get(native_id, ""),
        answers.allocated_bytes.at(at),
        answers.allocated_count.at(at),
        answers.live_bytes.at(at),
    )
