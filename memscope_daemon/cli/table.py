"""The table of sites, by rich: printed at the end of a session."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from memscope_client import Report, Site
from memscope_daemon.cli import text

SITES_SHOWN = 15
FEWEST_SITES_SHOWN = 5  # on a terminal too low for more
LINES_BELOW = 5  # what is said of the files that were written, and the prompt
WIDTH_WITHOUT_TERMINAL = 110


def console() -> Console:
    """Standard output; a pipe or file gets a width that does not depend on who is looking."""
    width = None if sys.stdout.isatty() else shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 0)).columns
    return Console(file=sys.stdout, width=width, highlight=False)


def sites_table(sites: Iterable[Site]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("live (95 % interval)", justify="right", no_wrap=True)
    table.add_column("samples", justify="right", no_wrap=True)
    table.add_column("allocated", justify="right", no_wrap=True)
    table.add_column("where", overflow="fold")
    for site in sites:
        table.add_row(
            text.bytes_estimate(site.live_bytes),
            f"{site.live_bytes.sample_count:,}",
            text.bytes_estimate(site.allocated_bytes),
            Text(" · ".join(filter(None, (text.site_text(site), text.variable_text(site), site.pattern)))),
        )
    return table


def print_report(report: Report, preface: Sequence[str]) -> None:
    """On standard output: what the report cannot see, totals, quality, the sites that hold most. On a
    terminal only so many of those that the first, for which most came, is still to be seen."""
    out = console()
    with out.capture() as captured:
        for line in _head(report, preface):
            out.print(Text(line), soft_wrap=True)  # a pipe gets whole lines
        out.print()
    head, shown = captured.get(), min(SITES_SHOWN, len(report.sites))
    table = _table(out, report, shown)
    room = out.height - LINES_BELOW if sys.stdout.isatty() else math.inf
    while shown > FEWEST_SITES_SHOWN and _height(head + table, out.width) > room:
        shown -= 1
        table = _table(out, report, shown)
    # Written by us and in one piece: rich turns a closed pipe into an exit of its own.
    sys.stdout.write("\n".join(line.rstrip() for line in (head + table).split("\n")))


def _table(out: Console, report: Report, shown: int) -> str:
    with out.capture() as captured:
        out.print(sites_table(report.sites[:shown]))
        if len(report.sites) > shown:
            out.print(Text(f"… and {len(report.sites) - shown} more sites, in the JSON report"))
    return captured.get()


def _height(printed: str, width: int) -> int:
    """Lines on a terminal that wide, which folds those that are longer."""
    return sum(max(1, -(-Text.from_ansi(line).cell_len // width)) for line in printed.splitlines())


def _head(report: Report, preface: Sequence[str]) -> tuple[str, ...]:
    lines = (*preface, text.session_line(report.session), text.totals_line(report))
    costs = (text.cost_line(report.cost, report.session), *text.step_lines(report), text.history_line(report))
    quality, stops = text.quality_line(report.quality), text.stops_line(report.session)
    return tuple(filter(None, (*lines, text.lifetimes_line(report.lifetimes), quality, *costs, stops)))
