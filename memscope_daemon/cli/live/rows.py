"""The rows of the table: sites, or what they are grouped by. Pure."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from pathlib import PurePath

from memscope_client import Estimate, Site, ThreadFigures
from memscope_daemon.cli.live.moment import Moment, key_of, total
from memscope_daemon.cli.live.view import Group, Sort
from memscope_daemon.cli.text import printable

NO_FRAME = "(no Python frame)"
ELLIPSIS = "…"


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """``labels``: name and place (``folder/file.py:12``), either of which may be empty; they are made for
    rows that are shown. ``rate`` None: not known."""

    labels: Callable[[], tuple[str, str]]
    live: Estimate
    allocated: Estimate
    rate: Estimate | None

    def measure(self, sort: Sort) -> Estimate | None:
        """The figure that the table is sorted by; samples are those of the allocations."""
        if sort is Sort.LIVE:
            return self.live
        return self.rate if sort is Sort.RATE else self.allocated

    def where(self, width: int) -> str:
        """Name and place in so many characters: first the folder goes, then the end of the name."""
        name, place = self.labels()
        if not place:
            return _cut(name, width)
        whole = f"{name} ({place})" if name else place
        if len(whole) <= width:
            return whole
        place = PurePath(place).name
        if not name:
            return _cut(place, width)
        room = width - len(place) - 3
        return f"{_cut(name, room)} ({place})" if room >= 4 else _cut(f"{name} ({place})", width)


def rows_of(moment: Moment, group: Group, sort: Sort) -> tuple[Row, ...]:
    """Most first."""
    if group is Group.THREAD:
        found = [_thread_row(thread, moment) for thread in moment.threads]
    else:
        found = [_joined(group, sites, moment) for sites in _grouped(moment.sites, group)]
    return tuple(sorted(found, key=_rank(sort)))


def _rank(sort: Sort) -> Callable[[Row], tuple[float, float, float]]:
    def rank(row: Row) -> tuple[float, float, float]:
        measure = row.measure(sort)
        first = (
            -1.0
            if measure is None
            else float(measure.sample_count)
            if sort is Sort.SAMPLES
            else measure.value
        )
        return -first, -row.live.value, -row.allocated.value

    return rank


def _grouped(sites: Iterable[Site], group: Group) -> Iterable[list[Site]]:
    grouped: dict[tuple[object, ...], list[Site]] = {}
    for site in sites:
        grouped.setdefault(_group_key(site, group), []).append(site)
    return grouped.values()


def _group_key(site: Site, group: Group) -> tuple[object, ...]:
    if group is Group.SITE:
        return key_of(site)
    return (site.file,) if group is Group.FILE else (site.function, site.file)


def _joined(group: Group, sites: list[Site], moment: Moment) -> Row:
    known = [moment.site_rates.get(key_of(site)) for site in sites]
    rates = [rate for rate in known if rate is not None]
    return Row(
        functools.partial(_labels, group, sites[0]),
        total([site.live_bytes for site in sites]),
        total([site.allocated_bytes for site in sites]),
        total(rates) if len(rates) == len(sites) else None,
    )


def _labels(group: Group, site: Site) -> tuple[str, str]:
    if not site.file and not site.function:
        return NO_FRAME, ""
    file = printable("/".join(PurePath(site.file).parts[-2:])) or "?"
    if group is Group.FILE:
        return "", file
    name = printable(site.function) or "?"
    return (name, file) if group is Group.FUNCTION else (name, f"{file}:{site.line or '?'}")


def _thread_row(thread: ThreadFigures, moment: Moment) -> Row:
    return Row(
        functools.partial(_thread_labels, thread),
        thread.live_bytes,
        thread.allocated_bytes,
        moment.thread_rates.get(thread.thread_id),
    )


def _thread_labels(thread: ThreadFigures) -> tuple[str, str]:
    number = thread_number(thread)
    return (printable(thread.name), number) if thread.name else (number, "")


def thread_number(thread: ThreadFigures) -> str:
    """What a thread without a name is called."""
    return f"thread {thread.native_id}" if thread.native_id else "a thread"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + ELLIPSIS[: max(width, 0)]
