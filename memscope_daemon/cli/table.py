"""The table of sites, by rich: refreshed in place while a session runs, printed once at its end."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from memscope_client import Report, Session, Site, Snapshot
from memscope_daemon.cli import text

SITES_SHOWN = 15
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
            Text(text.site_text(site)),
        )
    return table


def print_report(report: Report, preface: Sequence[str]) -> None:
    """On standard output: what the report cannot see, totals, quality, the sites that hold most."""
    out = console()
    with out.capture() as captured:
        for line in _head(report, preface):
            out.print(Text(line), soft_wrap=True)  # a pipe gets whole lines
        out.print()
        out.print(sites_table(report.sites[:SITES_SHOWN]))
        if len(report.sites) > SITES_SHOWN:
            out.print(Text(f"… and {len(report.sites) - SITES_SHOWN} more sites, in the JSON report"))
    # Written by us and in one piece: rich turns a closed pipe into an exit of its own.
    sys.stdout.write("\n".join(line.rstrip() for line in captured.get().split("\n")))


def _head(report: Report, preface: Sequence[str]) -> tuple[str, ...]:
    lines = (*preface, text.session_line(report.session), text.totals_line(report))
    costs = (text.cost_line(report.cost, report.session), *text.step_lines(report), text.history_line(report))
    quality, stops = text.quality_line(report.quality), text.stops_line(report.session)
    return tuple(filter(None, (*lines, quality, *costs, stops)))


class LiveTable:
    """While entered, shows the snapshot it was last given."""

    def __init__(self) -> None:
        self._live = Live(
            Text("waiting for the first figures"), console=console(), auto_refresh=False, transient=True
        )

    def __enter__(self) -> LiveTable:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, session: Session, snapshot: Snapshot) -> None:
        self._live.update(_snapshot(session, snapshot), refresh=True)


def _snapshot(session: Session, snapshot: Snapshot) -> RenderableType:
    figures = snapshot.figures
    head = (
        f"{session.target.program} · pid {session.target.pid} · {figures.time_ns / 1e9:.0f} s · "
        f"live since the attach {text.bytes_estimate(figures.live_bytes)} · "
        f"allocated {text.bytes_estimate(figures.allocated_bytes)} · Ctrl-C: detach and report"
    )
    quality = " · ".join(
        filter(None, (text.quality_line(snapshot.quality), text.unseen_line(snapshot.quality)))
    )
    lines = filter(None, (head, quality, text.cost_line(snapshot.cost, session)))
    return Group(*map(Text, lines), sites_table(snapshot.sites[:SITES_SHOWN]))
