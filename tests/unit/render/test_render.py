from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from memscope_daemon.model.dictionary import LossRow
from memscope_daemon.model.report import Report, Resident
from memscope_daemon.model.stacks import NOTHING, Amount, Frame, Origin, StackFigures
from memscope_daemon.model.system import FIGURES, HOST, HOST_FIGURES, ROW, ROW_NAMES, SystemSeries, samples
from memscope_daemon.query import report as ask
from memscope_daemon.query.stacks import stack_figures
from memscope_daemon.render import collapsed, report_json
from memscope_daemon.server import messages
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import BYTES, events

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SAMPLE = (
    *("timestamp", "cpu_usage_percent", "memory_usage_bytes", "memory_usage_percent", "thread_count"),
    *("disk_read_bps", "disk_write_bps", "network_rx_bps", "network_tx_bps"),
    *("gpu_usage_percent", "gpu_memory_used", "gpu_memory_total", "active_allocations", "peak_memory"),
)
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
        "exact": ask.report(evidence(PROGRAM, resident=Resident(8 << 30, 7 << 30), system=looks(2))),
        "sampled": ask.report(evidence(sampled, mode=BYTES, value=524_288.0)),
        "lossy": ask.report(evidence(PROGRAM, losses=(loss,))),
        "empty": ask.report(evidence(events(size_bytes=[]), value=0.1)),
    }


def looks(count: int, mean_over_ns: int = 0) -> SystemSeries:
    """The first knows no rates, and nobody knows of a GPU."""
    rows = np.zeros(count, ROW)
    for name in (*FIGURES, *(HOST + name for name in HOST_FIGURES)):
        rows[name] = np.nan
    for name, start in (("", 31), (HOST, 101)):
        rows[f"{name}timestamp"] = 100_000_000 * np.arange(1, count + 1) + start
        rows[f"{name}memory_usage_bytes"] = np.arange(count) * 4096 + start * 4096
        rows[f"{name}thread_count"] = start
        rows[f"{name}cpu_usage_percent"][1:] = start + 1 / 3
        rows[f"{name}disk_read_bps"][1:] = 0.0
    rows["active_allocations"] = 3.2
    return SystemSeries(rows, mean_over_ns)


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


def test_a_sample_of_the_system_has_exactly_these_names_and_what_is_not_known_is_null() -> None:
    document = json.loads(report_json.render(reports()["exact"]))
    for sample in (*document["system_snapshots"], *document["host_snapshots"]):
        assert tuple(sample) == SAMPLE
        assert sample["gpu_usage_percent"] is sample["network_rx_bps"] is None
        assert len(json.dumps(sample)) <= 1024
    first, second = document["system_snapshots"]
    assert (first["cpu_usage_percent"], first["disk_read_bps"]) == (None, None)
    assert (second["disk_read_bps"], second["active_allocations"]) == (0, 3)
    assert [sample["active_allocations"] for sample in document["host_snapshots"]] == [None, None]


def test_a_sample_of_the_largest_figures_takes_less_than_a_kilobyte() -> None:
    rows = looks(1).rows
    for name in ROW_NAMES:
        rows[name] = 2**62 if ROW[name].kind == "i" else 2.0**62 / 3
    rows["thread_count"] = 2**22  # no Linux has more
    (sample,) = samples(rows, host=False)
    assert len(json.dumps(dataclasses.asdict(sample))) <= 1024
    assert messages.sample_to(sample).ByteSize() <= 1024 and ROW.itemsize <= 1024


def test_scopes_say_what_is_of_more_than_the_target_and_what_is_a_mean() -> None:
    found = report_json.document(reports()["exact"])["system_scopes"]
    assert "namespace of the target" in found["network_rx_bps"] and "host" in found["memory_usage_percent"]
    assert "namespace of the daemon" in found["host.network_rx_bps"] and "timestamp" not in found
    assert "mean of 6 s" in looks(3, 6_000_000_000).scopes["timestamp"]
    known = {*SAMPLE, *(f"host.{name}" for name in SAMPLE)}
    assert found.keys() <= known


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
