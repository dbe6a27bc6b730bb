"""The registry of exporters: to add one, write its file and a line here and in ``formats``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from memscope_daemon.model.report import Report
from memscope_daemon.model.stacks import StackFigures
from memscope_daemon.render import collapsed, flame_page, flame_svg, report_json, speedscope
from memscope_daemon.render.formats import FORMATS


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """What a file is made of. ``stacks``: empty where the exporter does without."""

    report: Report
    stacks: tuple[StackFigures, ...]
    measure: str


@dataclasses.dataclass(frozen=True, slots=True)
class Exporter:
    """``has_stacks``: it needs the stacks. ``render`` keeps no state and does no I/O but for files of its own
    package."""

    name: str
    file_name: str
    media_type: str
    has_stacks: bool
    render: Callable[[Content], bytes]


def _exporter(
    name: str, media_type: str, render: Callable[[Content], bytes], *, has_stacks: bool = True
) -> Exporter:
    return Exporter(name, FORMATS[name], media_type, has_stacks, render)


EXPORTERS: Mapping[str, Exporter] = {
    exporter.name: exporter
    for exporter in (
        _exporter("json", "application/json", lambda of: report_json.render(of.report), has_stacks=False),
        _exporter("collapsed", "text/plain", lambda of: collapsed.render(of.stacks, of.measure)),
        _exporter(
            "speedscope",
            "application/json",
            lambda of: speedscope.render(of.report, of.stacks, of.measure),
        ),
        _exporter("svg", "image/svg+xml", lambda of: flame_svg.render(of.report, of.stacks, of.measure)),
        _exporter("html", "text/html", lambda of: flame_page.render(of.report, of.stacks, of.measure)),
    )
}
