"""The registry of exporters."""

from __future__ import annotations

import pytest

from memscope_daemon.errors import RenderError
from memscope_daemon.model.stacks import MEASURES
from memscope_daemon.render.amounts import MEASURE_NAMES
from memscope_daemon.render.exporters import EXPORTERS
from memscope_daemon.render.formats import DEFAULT_FORMATS, FORMATS
from memscope_daemon.server.exports import export
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import events

PROGRAM = events(size_bytes=[31, 37], stack_id=[1, 2])


def test_every_format_has_an_exporter_and_a_file_of_its_own() -> None:
    assert list(EXPORTERS) == list(FORMATS)
    assert {name: exporter.file_name for name, exporter in EXPORTERS.items()} == FORMATS
    assert len(set(FORMATS.values())) == len(FORMATS)
    assert set(DEFAULT_FORMATS) <= set(FORMATS)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("measure", ["", *MEASURES])
def test_every_format_is_written_for_every_measure(format_name: str, measure: str) -> None:
    name, content = export(evidence(PROGRAM), format_name, measure)
    assert name == FORMATS[format_name]
    assert b"allocate_2" in content


def test_every_measure_has_a_name() -> None:
    assert list(MEASURE_NAMES) == list(MEASURES)


@pytest.mark.parametrize(
    ("format_name", "measure", "code"),
    [("cuneiform", "", "render.unknown-format"), ("json", "miles", "render.unknown-measure")],
)
def test_what_there_is_not_is_refused_with_what_there_is(format_name: str, measure: str, code: str) -> None:
    with pytest.raises(RenderError) as refused:
        export(evidence(PROGRAM), format_name, measure)
    assert refused.value.code == code
    assert refused.value.next_step.startswith("choose one of: ")
