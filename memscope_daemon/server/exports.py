"""Files of a report: evidence in, name and bytes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from memscope_daemon.errors import RenderError
from memscope_daemon.model.stacks import MEASURES
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.query.report import report
from memscope_daemon.query.stacks import stack_figures
from memscope_daemon.render.exporters import EXPORTERS, Content, Exporter
from memscope_daemon.server.namer import Namer


def export(evidence: Evidence, format_name: str, measure: str = "") -> tuple[str, bytes]:
    """The name of the file and its content; ``measure``: "" is the default one.

    :raises RenderError: there is no such format or measure.
    """
    exporter = exporter_of(format_name)
    return exporter.file_name, exporter.render(content(evidence, exporter, measure))


def exporter_of(format_name: str) -> Exporter:
    """:raises RenderError: code ``render.unknown-format``."""
    if format_name not in EXPORTERS:
        raise _unknown("format", format_name, EXPORTERS)
    return EXPORTERS[format_name]


def content(evidence: Evidence, exporter: Exporter, measure: str = "") -> Content:
    """What the file is made of: values that outlive the evidence, so that the writing may be done elsewhere.

    :raises RenderError: code ``render.unknown-measure``.
    """
    chosen = measure or MEASURES[0]
    if chosen not in MEASURES:
        raise _unknown("measure", chosen, MEASURES)
    stacks = stack_figures(evidence) if exporter.has_stacks else ()
    return Content(report(evidence), stacks, chosen)


def named(content: Content, namer: Namer) -> Content:
    """With the names of variables; not where the session's events are taken in."""
    return dataclasses.replace(content, report=namer.name(content.report))


def _unknown(what: str, name: str, known: Iterable[str]) -> RenderError:
    return RenderError(
        f"render.unknown-{what}", f"there is no {what} {name!r}", f"choose one of: {', '.join(known)}"
    )
