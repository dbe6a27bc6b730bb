from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from memscope_daemon.model.dictionary import LossRow
from memscope_daemon.model.report import Report, Resident
from memscope_daemon.model.stacks import NOTHING, Amount, Frame, Origin, StackFigures
from memscope_daemon.query import report as ask
from memscope_daemon.query.stacks import stack_figures
from memscope_daemon.render import collapsed, report_json
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import BYTES, events

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
PROGRAM = events(
    kind=[1, 1, 1, 2, 1],
    allocation_id=[1, 2, 3, 1, 4],
    size_bytes=[31, 37, 101, 31, 13],
    stack_id=[1, 1, 2, 1, 0],
    thread_id=[1, 1, 2, 2, 1],
    domain=[2, 2, 1, 2, 0],
)


def reports() -> dict[str, Report]:
    loss = LossRow("free_ring_full", 2, 2.0, 50.0)
    sampled = events(
        size_bytes=[31, 1009, 8_388_617], weight=[16_913.3, 520.1, 1.0000001], stack_id=[1, 2, 3]
    )
    return {
        "exact": ask.report(evidence(PROGRAM, resident=Resident(8 << 30, 7 << 30))),
        "sampled": ask.report(evidence(sampled, mode=BYTES, value=524_288.0)),
        "lossy": ask.report(evidence(PROGRAM, losses=(loss,))),
        "empty": ask.report(evidence(events(size_bytes=[]), value=0.1)),
    }


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report_json.SCHEMA_PATH.read_text())
    return found


@pytest.mark.parametrize("name", ["exact", "sampled", "lossy", "empty"])
def test_every_report_follows_the_schema(name: str) -> None:
    document = json.loads(report_json.render(reports()[name]))
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["schema"] == schema()["$id"]


def test_the_schema_refuses_what_it_does_not_know() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    document = report_json.document(reports()["exact"])
    document["invented"] = 1
    with pytest.raises(jsonschema.ValidationError, match="invented"):
        jsonschema.Draft202012Validator(schema()).validate(document)


def test_every_estimate_stands_beside_its_interval_and_samples() -> None:
    document = report_json.document(reports()["sampled"])
    for part in (document, *document["hotspots"], *document["threads"], *document["domains"]):
        names = [name.removesuffix("_exact") for name in part if name.endswith("_exact")]
        assert names
        for name in names:
            low, high = part[f"{name}_low"], part[f"{name}_high"]
            assert low <= part[name] and (high is None or part[name] <= high), name
            assert part[f"{name}_samples"] >= 0


def test_names_that_are_not_captured_are_null() -> None:
    for site in report_json.document(reports()["exact"])["hotspots"]:
        assert site["var_name"] is None and site["type_name"] is None


def test_what_nothing_bounds_is_null_and_not_infinity() -> None:
    document = json.loads(report_json.render(reports()["empty"]))
    assert document["quality"]["unseen_bound_bytes"] is None
    assert document["total_allocated_bytes_high"] is None


def test_rates_are_per_second_of_the_session() -> None:
    document = report_json.document(reports()["exact"])
    assert document["allocation_rate_per_sec"] == 4 / 2.0
    assert document["deallocation_rate_per_sec"] == 1 / 2.0


@pytest.mark.parametrize("name", ["exact", "sampled"])
def test_the_file_is_the_golden_one(name: str) -> None:
    golden = GOLDEN / f"report-1-{name}.json"
    assert report_json.render(reports()[name]).decode() == golden.read_text()


def test_collapsed_stacks_go_from_the_outermost_frame_to_the_innermost() -> None:
    made = collapsed.render(stack_figures(evidence(PROGRAM)), "live_bytes").decode()
    assert made == (GOLDEN / "live_bytes.collapsed").read_text()
    assert made.splitlines()[0] == "main (main.py:1);allocate_2 (file_2.py:2) 101"


def test_collapsed_lines_survive_any_name() -> None:
    rows = [
        stack(7.6, ("a;b\nc", "x\ty"), ("d \ud800", "é")),
        stack(1.0, ("a:b c", "x y"), ("d \ud800", "é")),
        stack(0.3, ("x", "y")),
    ]
    lines = collapsed.render(rows, "live_bytes").decode().splitlines()
    assert lines == ["a:b c (x y:3);d \\ud800 (é:3) 9"]


def stack(live_bytes: float, *frames: tuple[str, str]) -> StackFigures:
    """Of functions and files; at line 3."""
    made = tuple(Frame(function, file, 3, Origin.USER) for function, file in frames)
    return StackFigures(made, Amount(live_bytes, 0.0, 1), NOTHING, NOTHING, NOTHING, NOTHING)
