"""Speedscope files, held against a schema of the format's documentation."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from memscope_daemon.model.stacks import MEASURES, NO_FRAME_NAME
from memscope_daemon.query.report import report
from memscope_daemon.query.stacks import stack_figures
from memscope_daemon.render import speedscope
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.render.hostile import hostile_report, hostile_stacks
from tests.unit.server.mini_shipper import events

UNITS = ["none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"]
INDEX = {"type": "integer", "minimum": 0}
#: What the format's documentation says of a file with sampled profiles, and nothing beyond it.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "shared", "profiles"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "name": {"type": "string"},
        "exporter": {"type": "string"},
        "activeProfileIndex": INDEX,
        "shared": {
            "type": "object",
            "required": ["frames"],
            "additionalProperties": False,
            "properties": {
                "frames": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "file": {"type": "string"},
                            "line": {"type": "number", "minimum": 1},
                            "col": {"type": "number"},
                        },
                    },
                }
            },
        },
        "profiles": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "name", "unit", "startValue", "endValue", "samples", "weights"],
                "additionalProperties": False,
                "properties": {
                    "type": {"const": "sampled"},
                    "name": {"type": "string"},
                    "unit": {"enum": UNITS},
                    "startValue": {"type": "number"},
                    "endValue": {"type": "number"},
                    "samples": {"type": "array", "items": {"type": "array", "items": INDEX, "minItems": 1}},
                    "weights": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}},
                },
            },
        },
    },
}
PROGRAM = events(
    kind=[1, 1, 1, 2, 1],
    allocation_id=[1, 2, 3, 1, 4],
    size_bytes=[31, 37, 101, 31, 13],
    stack_id=[1, 1, 2, 1, 0],
)


def checked(content: bytes) -> dict[str, Any]:
    """The document; what a schema cannot say is held here."""
    document: dict[str, Any] = json.loads(content)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    frames = document["shared"]["frames"]
    assert 0 <= document["activeProfileIndex"] < len(document["profiles"])
    for profile in document["profiles"]:
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(index < len(frames) for stack in profile["samples"] for index in stack)
        length = profile["endValue"] - profile["startValue"]
        assert sum(profile["weights"]) == pytest.approx(length)
    return document


def made_of(program: Any, measure: str = "live_bytes") -> dict[str, Any]:
    found = evidence(program)
    return checked(speedscope.render(report(found), stack_figures(found), measure))


def test_a_file_has_a_profile_for_each_measure_in_its_unit() -> None:
    profiles = made_of(PROGRAM)["profiles"]
    assert {profile["name"]: profile["unit"] for profile in profiles} == {
        "live bytes": "bytes",
        "live count": "none",
        "allocated bytes": "bytes",
        "allocated count": "none",
        "peak bytes": "bytes",
    }


def test_weights_are_what_was_allocated_under_each_stack() -> None:
    document = made_of(PROGRAM)
    names = [frame["name"] for frame in document["shared"]["frames"]]
    found = {
        profile["name"]: {
            tuple(names[index] for index in stack): weight
            for stack, weight in zip(profile["samples"], profile["weights"], strict=True)
        }
        for profile in document["profiles"]
    }
    one, two, none = ("main", "allocate_1"), ("main", "allocate_2"), (NO_FRAME_NAME,)
    assert found["live bytes"] == {one: 37, two: 101, none: 13}
    assert found["allocated count"] == {one: 2, two: 1, none: 1}
    assert found["peak bytes"] == {one: 68, two: 101}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_measure_that_was_asked_for_is_shown_first(measure: str) -> None:
    document = made_of(PROGRAM, measure)
    assert document["profiles"][document["activeProfileIndex"]]["name"] == measure.replace("_", " ")


def test_a_session_without_samples_is_a_file_all_the_same() -> None:
    assert made_of(events(size_bytes=[]))["shared"]["frames"] == []


def test_any_name_may_stand_in_it() -> None:
    checked(speedscope.render(hostile_report(), hostile_stacks(), "live_bytes"))
