"""What people get memscope for: a server under load has a leak, and one command names its line.

The servers need their frameworks, so they run under the interpreter of the tests.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memscope_daemon.render.report_json import SCHEMA_PATH
from tests.support.daemon import memscoped
from tests.support.load import Load, Request, ask_all
from tests.support.targets import PROGRAMS

DURATION_S = 10
THREADS = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A server with a planted leak, in the line marked so, in ``function`` (or a comprehension in it)."""

    program: str
    function: str
    requests: tuple[Request, ...]

    @property
    def path(self) -> Path:
        return PROGRAMS / f"{self.program}.py"

    @property
    def line(self) -> int:
        lines = self.path.read_text().splitlines()
        (found,) = (number for number, text in enumerate(lines, 1) if text.endswith("# the leak"))
        return found


AIOHTTP = Job(
    "aiohttp_leak",
    "audit",
    (
        *(("GET", f"/item/{n}", "") for n in range(0, 997, 31)),
        *(("POST", "/sum", json.dumps(list(range(n)))) for n in range(3, 401, 29)),
        *(("GET", f"/page/{n}", "") for n in range(0, 499, 37)),
    ),
)
FLASK = Job(
    "flask_sqlite_leak",
    "remember",
    (
        *(("GET", f"/books?author={n}", "") for n in range(53)),
        *(("POST", "/quote", json.dumps({"books": list(range(n, n + 7))})) for n in range(0, 400, 29)),
        *(("GET", f"/shelf/{n}", "") for n in range(0, 101, 11)),
    ),
)


@contextlib.contextmanager
def served(job: Job) -> Iterator[tuple[int, int]]:
    """The server's pid and port."""
    environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"}
    process = subprocess.Popen(
        [sys.executable, str(job.path)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment
    )
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
        assert process.poll() is None, "the server died"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("job", [AIOHTTP, FLASK], ids=lambda job: job.program)
def test_a_leaking_line_is_named_and_every_response_is_as_unwatched(
    job: Job, tmp_path: Path, figures: list[str]
) -> None:
    pytest.importorskip("aiohttp" if job is AIOHTTP else "flask")
    out = tmp_path / "out"
    with served(job) as (_, twin_port):
        expected = ask_all(twin_port, job.requests)
    assert all(status == 200 for status, _, _ in expected)
    with served(job) as (pid, port):
        before = ask_all(port, job.requests)
        with Load(port, job.requests, expected, THREADS) as load:
            done = memscoped(
                tmp_path, "attach", str(pid), "--duration", str(DURATION_S), "--json", "--out", str(out)
            )
            asked = load.count
        after = ask_all(port, job.requests)
    assert done.returncode == 0, done.stderr
    assert before == after == expected
    assert asked > len(job.requests)
    assert not load.wrong, load.wrong[:3]
    report = json.loads((out / "report.json").read_text())
    assert json.loads(done.stdout) == report
    assert_leak_is_named(job, report, figures)
    assert_collapsed(job, out / "stacks.collapsed")
    figures.append(f"main job {job.program}: {asked} responses under the attach, all right")


def assert_leak_is_named(job: Job, report: dict[str, Any], figures: list[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(report, json.loads(SCHEMA_PATH.read_text()))
    sites = [place(each["location"]) for each in report["hotspots"][:3]]
    assert (job.function, job.line) in sites, report["hotspots"][:5]
    leak = report["hotspots"][sites.index((job.function, job.line))]
    assert leak["location"]["file"] == str(job.path)
    assert 0 < leak["live_size_low"] <= leak["live_size"] <= leak["live_size_high"]
    assert leak["live_size_samples"] > 0
    figures.append(
        f"main job {job.program}: the leak is site {1 + sites.index((job.function, job.line))}, live"
        f" {leak['live_size']:.0f} ({leak['live_size_low']:.0f}-{leak['live_size_high']:.0f}) bytes,"
        f" {leak['live_size_samples']} samples"
    )


def place(location: dict[str, Any]) -> tuple[str, int]:
    return (location["function"] or "").removesuffix(".<locals>.<listcomp>"), location["line"]


def assert_collapsed(job: Job, path: Path) -> None:
    """Each line is frames, joined by semicolons, and a number; the leak is among them."""
    lines = path.read_text().splitlines()
    assert lines
    assert all(line.rpartition(" ")[2].isdigit() and line.rpartition(" ")[0] for line in lines)
    assert any(job.function in line.rpartition(" ")[0].split(";")[-1] for line in lines)
