"""The report as one HTML file: a flame graph, a table of sites, and nothing that has to be fetched.

The figures are embedded as JSON: the document of ``report_json`` as it is, and the stacks. All text gets into
the page by ``textContent``, so no name can become markup. ``page/`` holds the template, the style and the
scripts, put together in the order of :data:`SCRIPTS`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from memscope_daemon import __version__
from memscope_daemon.model.report import Report, Site
from memscope_daemon.model.stacks import MEASURES, NO_FRAME_NAME, NOTHING, Frame, Origin, StackFigures
from memscope_daemon.render import report_json

FOLDER = Path(__file__).with_name("page")
SCRIPTS = ("amounts.js", "tree.js", "head.js", "flame.js", "sites.js", "page.js")
#: So many stacks and sites a browser draws at once; what is beyond is joined, or left to report.json.
STACKS_MAX = 20_000
SITES_MAX = 3_000
DIGITS = 12
NO_FRAME = Frame(NO_FRAME_NAME, "", 0, Origin.UNKNOWN)
ORIGINS = tuple(Origin)
#: Inside <script> only "</script" and "<!--" end or change anything; without these letters there is neither.
#: U+2028 and its like do not occur: the JSON is ASCII.
ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}

Json = dict[str, Any]


def render(report: Report, stacks: tuple[StackFigures, ...], measure: str) -> bytes:
    """The file; ``measure`` is the one that is shown first."""
    parts = {
        "style": _part("page.css"),
        "script": '"use strict";\n(() => {\n' + "\n".join(map(_part, SCRIPTS)) + "})();",
        "data": _embedded(_document(report, stacks, measure)),
    }
    # In one pass: what has been put in is not looked at again.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _part("page.html")).encode()


def _part(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _embedded(document: Json) -> str:
    return json.dumps(document, allow_nan=False, separators=(",", ":")).translate(ESCAPES)


def _document(report: Report, stacks: tuple[StackFigures, ...], measure: str) -> Json:
    shown = report_json.document(report)
    chosen = _largest_sites(report.sites)
    shown["hotspots"] = [shown["hotspots"][index] for index in chosen]
    kept, joined = _largest_stacks(stacks)
    return {
        "exporter": f"memscope {__version__}",
        "measure": measure,
        "report": shown,
        "site_count": len(report.sites),
        "joined_stacks": joined,
        **_tables(kept),
    }


def _tables(stacks: tuple[StackFigures, ...]) -> Json:
    """Strings and frames once, stacks as numbers of frames, outermost first; for each measure value, variance
    and samples of each stack, one after the other."""
    strings: dict[str, int] = {}
    frames: dict[Frame, int] = {}
    rows = [[frames.setdefault(frame, len(frames)) for frame in row.frames or (NO_FRAME,)] for row in stacks]
    return {
        "origins": list(ORIGINS),
        "frames": [
            [
                strings.setdefault(frame.function, len(strings)),
                strings.setdefault(frame.file, len(strings)),
                frame.line,
                ORIGINS.index(frame.origin),
            ]
            for frame in frames
        ],
        "strings": list(strings),
        "stacks": rows,
        "amounts": {each: _amounts(stacks, each) for each in MEASURES},
    }


def _amounts(stacks: tuple[StackFigures, ...], measure: str) -> list[float]:
    amounts = [row.of(measure) for row in stacks]
    return [
        number
        for amount in amounts
        for number in (_rounded(amount.value), _rounded(amount.variance), amount.sample_count)
    ]


def _rounded(value: float) -> float:
    """The last digits depend on how sums were added up, and mean nothing."""
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded


def _largest_stacks(stacks: tuple[StackFigures, ...]) -> tuple[tuple[StackFigures, ...], int]:
    """The stacks that are largest by any measure, the others joined to one; how many those are."""
    if len(stacks) <= STACKS_MAX:
        return stacks, 0
    largest = _largest([[row.of(each).value for each in MEASURES] for row in stacks], STACKS_MAX - 1)
    wanted = set(largest)
    rest = [row for index, row in enumerate(stacks) if index not in wanted]
    name = Frame(f"[{len(rest):,} smaller stacks]", "", 0, Origin.UNKNOWN)
    sums = (sum((row.of(each) for row in rest), NOTHING) for each in MEASURES)
    return (*(stacks[index] for index in largest), StackFigures((name,), *sums)), len(rest)


def _largest_sites(sites: tuple[Site, ...]) -> list[int]:
    if len(sites) <= SITES_MAX:
        return list(range(len(sites)))
    return _largest([[getattr(site, each).value for each in MEASURES] for site in sites], SITES_MAX)


def _largest(rows: list[list[float]], limit: int) -> list[int]:
    """The indices of the rows with the largest share of any column, in their order."""
    totals = [sum(column) or 1.0 for column in zip(*rows, strict=True)]
    shares = [max(value / total for value, total in zip(row, totals, strict=True)) for row in rows]
    return sorted(sorted(range(len(rows)), key=lambda index: -shares[index])[:limit])
