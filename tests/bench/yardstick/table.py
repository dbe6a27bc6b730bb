"""The tables, for a terminal and as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.bench.yardstick.columns import COLUMNS, DASH, LEGEND
from tests.bench.yardstick.contestants import CONTESTANTS
from tests.bench.yardstick.intervals import CONFIDENCE, Interval
from tests.bench.yardstick.runs import NOTHING, NOTHING_AGAIN
from tests.bench.yardstick.summary import FULL, Cell, Summary, values
from tests.bench.yardstick.workloads import WORKLOADS

CANNOT_TELL = "cannot tell"
Row = Sequence[str]


def as_text(summary: Summary) -> str:
    """One table a workload, with everything; then how ``full`` stands against the others."""
    parts = ["\n".join(_about(summary))]
    for workload in summary.workloads:
        parts.append(f"{_alone(summary, workload)}\n{_aligned(_workload_rows(summary, workload))}")
    if summary.versus:
        parts.append(f"{_versus_title()}\n{_aligned(_versus_rows(summary))}")
    return "\n\n".join([*parts, "\n".join(_notes(summary))])


def as_markdown(summary: Summary) -> str:
    """Ratios by contestant and workload; what else was measured, over all workloads; ``full`` against the
    others."""
    parts = [_piped(_ratio_rows(summary)), _piped(_beside_rows(summary))]
    if summary.versus:
        parts += [_versus_title(), _piped(_versus_rows(summary))]
    return "\n\n".join([*parts, "\n".join(f"* {line}" for line in (*_about(summary), *_notes(summary)))])


def ratio_text(cell: Cell) -> str:
    """``1.24 (1.22–1.31)``, with ``cannot tell`` before it where that is so."""
    if cell.ratio is None:
        return "failed" if cell.failures else DASH
    told = _interval(cell.ratio)
    return told if cell.is_told or cell.contestant == NOTHING_AGAIN else f"{CANNOT_TELL}, {told}"


def _interval(ratio: Interval) -> str:
    digits = 3 if ratio.median < 2 else 2 if ratio.median < 10 else 1
    return f"{ratio.median:.{digits}f} ({ratio.low:.{digits}f}{DASH}{ratio.high:.{digits}f})"


def _about(summary: Summary) -> list[str]:
    plan = summary.outcome.plan
    what = f"rounds: {plan.rounds}, {plan.seconds:g} s each run, seed {plan.seed}"
    lines = [f"{name}: {text}" for name, text in summary.outcome.about.items()]
    return [*lines, what + ("" if summary.outcome.is_whole else "; ended before its end")]


def _alone(summary: Summary, workload: str) -> str:
    """What an operation is and takes, and what can be told apart."""
    runs = [one for one in summary.outcome.runs if one.workload == workload and one.contestant == NOTHING]
    times = values(runs, lambda run: run.operation_ns / 1e3)
    takes = f", {statistics.median(times):.4g} µs" if times else ""
    level = (summary.cells[workload, NOTHING_AGAIN].noise - 1) * 100
    operation = WORKLOADS[workload].operation
    return f"{workload}: {operation}{takes}; nothing differs from itself by {level:.1f} %"


def _workload_rows(summary: Summary, workload: str) -> list[Row]:
    rows: list[Row] = [("contestant", "ratio (interval)", *(name for name, _ in COLUMNS))]
    for name in summary.contestants:
        cell = summary.cells[workload, name]
        rows.append((name, ratio_text(cell), *(text_of([cell]) for _, text_of in COLUMNS)))
    return rows


def _ratio_rows(summary: Summary) -> list[Row]:
    rows: list[Row] = [("", *summary.workloads)]
    for name in summary.contestants:
        rows.append((name, *(ratio_text(summary.cells[one, name]) for one in summary.workloads)))
    return rows


def _beside_rows(summary: Summary) -> list[Row]:
    rows: list[Row] = [("", *(name for name, _ in COLUMNS))]
    for name in summary.contestants:
        cells = [summary.cells[workload, name] for workload in summary.workloads]
        rows.append((name, *(text_of(cells) for _, text_of in COLUMNS)))
    return rows


def _versus_title() -> str:
    return f"{FULL} against others that record every allocation: its processor time as a share of theirs"


def _versus_rows(summary: Summary) -> list[Row]:
    rivals = tuple(dict.fromkeys(each.rival for each in summary.versus))
    found = {(each.workload, each.rival): each.ratio for each in summary.versus}
    rows: list[Row] = [("", *rivals)]
    for workload in summary.workloads:
        ratios = (found[workload, rival] for rival in rivals)
        rows.append((workload, *(_interval(ratio) if ratio else DASH for ratio in ratios)))
    return rows


def _notes(summary: Summary) -> list[str]:
    lines = [LEGEND, _promise(summary)]
    lines += [f"{name}: {CONTESTANTS[name].what}" for name in summary.contestants]
    lines += [f"{name}: not to be had: {why}" for name, why in summary.outcome.absent.items()]
    for cell in summary.cells.values():
        lines += [f"{cell.contestant} on {cell.workload} failed: {why}" for why in cell.failures]
    return lines


def _promise(summary: Summary) -> str:
    """How often the intervals hold the true median: with few rounds less often than wanted."""
    least = min((cell.ratio.coverage for cell in summary.cells.values() if cell.ratio), default=0.0)
    few = "" if least >= CONFIDENCE else f" (not {CONFIDENCE:.0%}: there are too few rounds)"
    return (
        f"The intervals hold the true median in {least:.1%} of all cases{few}. {CANNOT_TELL}: the interval"
        " holds 1, or nothing differs from itself by as much."
    )


def _aligned(rows: Sequence[Row]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    )


def _piped(rows: Sequence[Row]) -> str:
    head, *others = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *others])
