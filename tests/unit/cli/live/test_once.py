"""``top --once --json``: names that scripts rely on."""

from __future__ import annotations

import dataclasses
import json
import math

import jsonschema

from memscope_daemon.cli.live.once import document, sessions_document
from tests.unit.cli.live.recorded import SESSION, SESSION_ID, moment

ESTIMATES = (
    *("total_allocations", "total_allocated_bytes", "total_deallocations", "total_deallocated_bytes"),
    *("active_allocations", "current_memory_bytes", "peak_memory_bytes"),
    *("allocation_rate_per_sec", "allocated_bytes_per_sec"),
)
NUMBER = {"type": ["number", "null"]}
TEXT = {"type": ["string", "null"]}


def estimate(name: str) -> dict[str, object]:
    return {
        **{f"{name}{end}": NUMBER for end in ("", "_low", "_high")},
        f"{name}_samples": {"type": "integer"},
        f"{name}_exact": {"type": "boolean"},
    }


def closed(properties: dict[str, object]) -> dict[str, object]:
    """An object with exactly these."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def each(properties: dict[str, object]) -> dict[str, object]:
    return {"type": "array", "items": closed(properties)}


SESSION_ROWS = {
    "session": closed(
        {
            "session_id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            "state": {"enum": ["starting", "active", "ended"]},
            "end_reason": TEXT,
            "started_unix_ns": {"type": "integer"},
            "duration_ns": {"type": "integer"},
            "paused": {"type": "boolean"},
            "step": {"type": "string"},
            "max_overhead_percent": NUMBER,
        }
    ),
    "target": closed(
        {
            "pid": {"type": "integer"},
            "start_time_ticks": {"type": "integer"},
            **{key: {"type": "string"} for key in ("program", "python_version", "host")},
        }
    ),
    "sampling": closed(
        {
            "mode": {"enum": ["bytes", "rate"]},
            "value": {"type": "number"},
            "stacks": {"type": "boolean"},
            "depth": {"type": "integer"},
            "preset": TEXT,
        }
    ),
}
SCHEMA = closed(
    {
        "schema": {"const": "memscope.top/1"},
        **SESSION_ROWS,
        "time_ns": {"type": "integer"},
        "peak_time_ns": {"type": "integer"},
        "rate_window_seconds": {"type": "number"},
        **{key: value for name in ESTIMATES for key, value in estimate(name).items()},
        **dict.fromkeys(("resident_bytes", "cpu_percent", "cost_percent"), NUMBER),
        "quality": closed(
            {
                "grade": {"enum": ["exact", "good", "fair", "poor"]},
                **{key: {"type": "integer"} for key in ("recorded_count", "lost_count", "unresolved_count")},
                "drop_rate": {"type": "number"},
                "unseen_bound_bytes": NUMBER,
                "losses": {"type": "object", "additionalProperties": {"type": "integer"}},
            }
        ),
        "hotspots": each(
            {
                "location": closed({"function": TEXT, "file": TEXT, "line": {"type": ["integer", "null"]}}),
                **estimate("live_size"),
                **estimate("live_count"),
                **estimate("total_size"),
                **estimate("allocation_count"),
            }
        ),
        "threads": each(
            {
                "thread_id": {"type": "integer"},
                "native_id": {"type": ["integer", "null"]},
                "name": TEXT,
                **estimate("allocated_bytes"),
                **estimate("live_bytes"),
            }
        ),
        "marks": each({"time_ns": {"type": "integer"}, "label": {"type": "string"}}),
    }
)


def test_the_document_has_these_names_and_no_others() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    written = json.dumps(document(moment()), allow_nan=False)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(written))


def test_what_is_not_known_or_without_bound_is_null() -> None:
    found = moment()
    without = dataclasses.replace(
        found, system=None, quality=dataclasses.replace(found.quality, unseen_bound_bytes=math.inf)
    )
    told = document(without)
    assert told["resident_bytes"] is None
    assert told["quality"]["unseen_bound_bytes"] is None
    assert told["cpu_percent"] is None
    assert document(found)["resident_bytes"] is not None


def test_several_sessions_are_listed() -> None:
    told = sessions_document([SESSION])
    assert [row["session"]["session_id"] for row in told["sessions"]] == [SESSION_ID]
    each_row = each(SESSION_ROWS)
    jsonschema.Draft202012Validator(each_row).validate(told["sessions"])
