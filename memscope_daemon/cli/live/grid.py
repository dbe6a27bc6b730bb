"""Rows as lines of a table that never wraps: figures first, in the order of their use, then where. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rich.text import Text

from memscope_daemon.cli import text
from memscope_daemon.cli.live.head import per_second
from memscope_daemon.cli.live.rows import Row
from memscope_daemon.cli.live.view import Sort

WHERE_WIDTH_MIN = 34
ESTIMATE_WIDTH_MIN = 20  # as most are: columns do not move at each figure
GAP = "  "
MEASURES = (Sort.LIVE, Sort.ALLOCATED, Sort.RATE)
NOT_KNOWN = text.DASH
DOWN = " ▼"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    heading: str
    cells: list[str]
    width_min: int = 0

    @property
    def width(self) -> int:
        return max(self.width_min, len(self.heading), *(len(cell) for cell in self.cells), 0)

    def line(self, at: int) -> str:
        return self.cells[at].rjust(self.width)


def grid(rows: Sequence[Row], sort: Sort, width: int, title: str) -> list[Text]:
    """The heading and a line for each row. ``title``: of the last column, which says where."""
    columns = _chosen(rows, sort, width)
    room = max(width - sum(column.width + len(GAP) for column in columns), 0)
    heading = GAP.join([*(column.heading.rjust(column.width) for column in columns), title])
    lines = [Text(heading.ljust(width), style="reverse")]
    for at, row in enumerate(rows):
        first, *others = (column.line(at) for column in columns)
        lines.append(Text.assemble((first, "bold"), GAP, GAP.join([*others, row.where(room)])))
    return lines


def _chosen(rows: Sequence[Row], sort: Sort, width: int) -> list[Column]:
    """What it is sorted by, the samples of that, and as many others as leave room for the places."""
    first = Sort.ALLOCATED if sort is Sort.SAMPLES else sort
    columns = [_measure(rows, first, sort), _samples(rows, first, sort)]
    used = sum(column.width + len(GAP) for column in columns)
    for measure in MEASURES:
        column = _measure(rows, measure, sort)
        if measure is not first and used + column.width + len(GAP) + WHERE_WIDTH_MIN <= width:
            columns.append(column)
            used += column.width + len(GAP)
    return columns


def _measure(rows: Sequence[Row], measure: Sort, sort: Sort) -> Column:
    heading = measure.value + (DOWN if measure is sort else "")
    return Column(heading, [_cell(row, measure) for row in rows], ESTIMATE_WIDTH_MIN)


def _samples(rows: Sequence[Row], measure: Sort, sort: Sort) -> Column:
    found = [row.measure(measure) for row in rows]
    cells = [f"{one.sample_count:,}" if one else NOT_KNOWN for one in found]
    return Column("samples" + (DOWN if sort is Sort.SAMPLES else ""), cells)


def _cell(row: Row, measure: Sort) -> str:
    found = row.measure(measure)
    if found is None:
        return NOT_KNOWN
    shown = text.bytes_estimate(found)
    return per_second(shown) if measure is Sort.RATE else shown
