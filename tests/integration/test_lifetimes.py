"""How long blocks live, and how sites allocate over time, of a program that knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from memscope_client import Report, Sampling
from tests.support.daemon import serving
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.targets import PROGRAMS, Target
from tests.support.waiting import until

FILE = str(PROGRAMS / "ages.py")
ROUNDS = 300
MS = 1_000_000
AT_ONCE = 30  # blocks a round
WORDS = {"constant", "increasing", "decreasing", "bursty", "sporadic"}


def patterns(report: Report) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for site in report.sites:
        if site.file == FILE:
            found.setdefault(site.function, set()).add(site.pattern)
    return found


@pytest.mark.parametrize("interpreter", supported_interpreters(), ids=str)
def test_lifetimes_are_those_that_the_program_has_measured(interpreter: Interpreter, tmp_path: Path) -> None:
    with serving(tmp_path) as daemon, Target(interpreter, "ages") as target:
        session = daemon.client.attach(target.pid, Sampling.rate(1.0)).result()
        target.ask("begin")
        begun = target.beats
        until(lambda: target.beats > begun + ROUNDS, "the program to do its rounds")
        lived_ns = target.ask("halt")
        daemon.detach(session)
        report = daemon.client.report(session.session_id)
        target.works()
        target.end()
    lifetimes = report.lifetimes
    by_percent = {each.percent: each for each in lifetimes.percentiles}
    classes = {each.up_to_ms: each.freed_count for each in lifetimes.classes}
    assert [each.up_to_ms for each in lifetimes.classes] == [1, 10, 100, 1000, 0]
    assert sum(each.value for each in classes.values()) == report.figures.freed_count.value
    median = by_percent[50]
    assert median.lifetime_ns is not None and median.lifetime_ns < MS, "most blocks die at once"
    assert classes[1].value >= AT_ONCE * ROUNDS
    passing = sum(100 * MS < each <= 1000 * MS for each in lived_ns)
    assert passing > ROUNDS / 2
    # Each of them is a block; so are its clock and its pair, unless they come from a free list.
    assert passing - 2 <= classes[1000].value <= 3 * passing + ROUNDS, (passing, lifetimes)
    assert lifetimes.live_samples >= ROUNDS
    assert patterns(report)["staying"] & WORDS  # which of them depends on what else the machine does
