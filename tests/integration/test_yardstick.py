"""``scripts/bench`` on a small scale: it measures, it prints a whole table, and it leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.daemon import ROOT
from tests.support.rings import descendants
from tests.support.waiting import until

BENCH = [sys.executable, "-P", "-m", "tests.bench.yardstick", "--as-it-is", "--workloads", "storm"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def test_a_small_run_gives_a_whole_table(tmp_path: Path) -> None:
    options = ["--contestants", "production", "--rounds", "2", "--seconds", "0.1", "--json", "bench.json"]
    done = subprocess.run(
        [*BENCH, *options], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "bench.json").read_text())
    runs = told["runs"]
    assert sorted((run["round"], run["contestant"]) for run in runs) == sorted(
        (number, name) for number in (0, 1) for name in ("nothing", "nothing again", "production")
    )
    assert not [run["failure"] for run in runs if run["failure"]]
    assert len({(run["slices"], run["operations"]) for run in runs}) == 1, "not the same operations"
    assert all(run["cpu_ns"] > 0 for run in runs)
    for run in (run for run in runs if run["contestant"] == "production"):
        traces = run["traces"]
        assert all(length_ms > 0 for _, length_ms in traces["stops_ms"])
        assert traces["stops_ms"]
        assert traces["to_active_ms"] > 0
        assert run["beside_ns"] > 0
        assert traces["recorded_count"] > 0
        assert traces["written_bytes"] > 0
    (cell,) = (each for each in told["cells"] if each["contestant"] == "production")
    assert f"{cell['ratio']['median']:.3f} (" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith(("nothing again  ", "production  "))]
    assert len(rows) == 2, done.stdout


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*BENCH, "--contestants", "full", "--rounds", "1000", "--seconds", "0.1"],
            cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: b", full: " in log.read_bytes(), "a session", 120)
        started = descendants(process.pid)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGINT, log.read_text()
    assert b"ended before its end" in output
    until(lambda: not [pid for pid in started if Path(f"/proc/{pid}").exists()], "all that it started to end")
