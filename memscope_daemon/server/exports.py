"""A session in a format: which there are, and how each is made of the evidence."""

from __future__ import annotations

from typing import Any

from memscope_daemon.errors import RenderError
from memscope_daemon.query import report
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.render import collapsed, report_json

FILE_NAMES = {"json": "report.json", "collapsed": "stacks.collapsed"}


def check_format(name: str) -> str:
    """Hands the name back if there is such a format; else a RenderError that names those there are."""
    if name not in FILE_NAMES:
        raise _unknown("format", name, FILE_NAMES)
    return name


def export(evidence: Evidence, format_name: str, measure: str = "") -> tuple[str, bytes]:
    """A file name and its content. ``measure``: for collapsed stacks, one of ``report.MEASURES``.

    :raises RenderError: no such format or measure.
    """
    if check_format(format_name) == "json":
        return FILE_NAMES["json"], report_json.render(report.report(evidence))
    measure = measure or report.MEASURES[0]
    if measure not in report.MEASURES:
        raise _unknown("measure", measure, report.MEASURES)
    return FILE_NAMES["collapsed"], collapsed.render(report.stack_values(evidence, measure))


def _unknown(what: str, name: str, known: Any) -> RenderError:
    return RenderError(
        f"render.unknown-{what}", f"there is no {what} {name!r}", f"choose one of: {', '.join(known)}"
    )
