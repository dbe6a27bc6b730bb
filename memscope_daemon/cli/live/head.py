"""The lines above the table: who, what is not seen, and the figures of the whole session. Pure."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from rich.text import Text

from memscope_client import Session, ThreadFigures
from memscope_daemon.cli import text
from memscope_daemon.cli.live.moment import Moment
from memscope_daemon.cli.live.rows import thread_number
from memscope_daemon.cli.live.view import View

LABEL_WIDTH = 10
THREADS_NAMED = 4
MARKS_SHOWN = 8


def title(session: Session, view: View, width: int) -> Text:
    """The target and the session's age; at the right what somebody should not overlook."""
    target = session.target
    version = f" · CPython {target.python_version}" if target.python_version else ""
    age = text.duration_text(session.duration_ns / 1e9)
    who = text.printable(f"{target.program or 'process'} · pid {target.pid}{version} · {age}")
    flags = Text(" ").join(Text(f" {badge} ", style="reverse bold") for badge in badges(session, view))
    room = width - flags.cell_len - (1 if flags.cell_len else 0)
    line = Text(who, style="bold")
    line.truncate(max(room, 0), overflow="ellipsis", pad=bool(flags.cell_len))
    return Text.assemble(line, " " if flags.cell_len else "", flags)


def badges(session: Session, view: View) -> list[str]:
    """In capitals, so that they are seen without colours too."""
    found = []
    if session.is_ended:
        found.append(f"ENDED: {session.end_reason.replace('_', ' ')}" if session.end_reason else "ENDED")
    elif session.paused:
        found.append("SAMPLING PAUSED")
    elif session.step not in ("", "full"):
        found.append(f"BUDGET: {session.step.replace('_', ' ').upper()}")
    return [*found, "VIEW HELD"] if view.held else found


def not_seen(moment: Moment, width: int) -> list[Text]:
    """What the figures explain, and what they cannot. On four lines at most."""
    live = moment.figures.live_bytes
    since = f"{text.bytes_estimate(live)} allocated since the attach and still live is explained below"
    resident = moment.system.resident_bytes if moment.system else None
    if resident is None:
        told = f"{since}; what was there before, or is of another kind, is not seen."
    else:
        before = text.bytes_text(max(resident - live.value, 0.0))
        told = f"RSS {text.bytes_text(resident)}: {since}; {before} was there before or is of another kind."
    bound = moment.quality.unseen_bound_bytes
    if 0 < bound < math.inf:
        told += f" A site without a sample allocated less than {text.bytes_text(bound)} (95 %)."
    return [Text(line) for line in textwrap.wrap(told, max(width, 1))[:4]]


def figures(moment: Moment) -> Iterator[Text]:
    """One line each: rates, what is live, the target, how it is sampled, how good that is, threads, marks."""
    all_told = moment.figures
    over = "since the attach" if moment.since_start else f"over {moment.window_s:.0f} s"
    blocks = per_second(text.count_estimate(moment.count_rate), " blocks")
    yield _line("rate", f"{per_second(text.bytes_estimate(moment.byte_rate))} · {blocks} · {over}")
    peak, at = text.bytes_estimate(all_told.peak_bytes), text.duration_text(all_told.peak_time_ns / 1e9)
    yield _line("live", f"{text.bytes_estimate(all_told.live_bytes)} · peak {peak} at {at}")
    yield _line("target", " · ".join(_target(moment)))
    yield _line("sampling", text.sampling_text(moment.session.sampling))
    yield _quality(moment)
    if moment.threads:
        yield _line("threads", _threads(moment.threads))
    if moment.marks:
        yield _line("marks", _marks(moment))


def per_second(estimate: str, what: str = "") -> str:
    """``1.5 MiB/s (1.1–2.0)`` of ``1.5 MiB (1.1–2.0)``."""
    value, space, interval = estimate.partition(" (")
    return f"{value}{what}/s{space}{interval}"


def _target(moment: Moment) -> Iterator[str]:
    system, cost, budget = moment.system, moment.cost, moment.session.max_overhead_percent
    if system is not None and system.cpu_percent is not None:
        yield f"CPU {system.cpu_percent:.0f} %"
    if system is not None and system.resident_bytes is not None:
        yield f"RSS {text.bytes_text(system.resident_bytes)}"
    if cost.target_cpu_ns:
        allowed = f" (budget {budget:g} %)" if budget else ""
        yield f"memscope costs {cost.percent:.2g} % of its processor time{allowed}"
    else:
        yield "what memscope costs it is not measured yet"


def _quality(moment: Moment) -> Text:
    quality = moment.quality
    grade = quality.grade or "not known"
    told = f" · {quality.recorded_count:,} samples, {quality.lost_count:,} lost ({quality.drop_rate:.1%})"
    told += "".join(f" · {loss.cause} {loss.record_count:,}" for loss in quality.losses)
    if moment.missed_count:
        told += f" · {moment.missed_count:,} moments not shown"
    line = _line("quality", "")
    colours = {"exact": "green", "good": "green", "fair": "yellow"}
    return line.append(grade, style=colours.get(grade, "bold red")).append(told)


def _threads(threads: tuple[ThreadFigures, ...]) -> str:
    """The busiest of them, with their share of all that was allocated."""
    everything = sum(one.allocated_bytes.value for one in threads) or 1.0
    shares = [
        f"{text.printable(one.name) or thread_number(one)} {one.allocated_bytes.value / everything:.0%}"
        for one in threads[:THREADS_NAMED]
    ]
    more = f", {len(threads) - THREADS_NAMED} more" if len(threads) > THREADS_NAMED else ""
    return f"{len(threads)} that allocated: {', '.join(shares)}{more}"


def _marks(moment: Moment) -> str:
    """The newest first: the line may be cut."""
    newest = sorted(moment.marks, key=lambda mark: -mark.time_ns)[:MARKS_SHOWN]
    return " · ".join(
        f"{text.duration_text(mark.time_ns / 1e9)} {text.printable(mark.label)}" for mark in newest
    )


def _line(label: str, content: str) -> Text:
    return Text.assemble((label.ljust(LABEL_WIDTH), "dim"), content)
