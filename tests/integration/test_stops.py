"""How long a target stands still, and how soon there is an event. Printed, not asserted on."""

from __future__ import annotations

import pytest

from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter, supported_interpreters
from tests.support.measuring import (
    command_to_first_event_ns,
    gaps_with_and_without,
    round_trip,
    stop_lines,
    told,
)
from tests.support.targets import Target

ROUNDS, ROUNDS_SLOW = 3, 50


@pytest.fixture
def rounds(slow: bool) -> range:
    return range(ROUNDS_SLOW if slow else ROUNDS)


@pytest.fixture(params=supported_interpreters(), ids=lambda found: found.name)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    found: Interpreter = request.param
    return found


@pytest.mark.parametrize("program", ["busy", "wait_read"])
def test_each_stop_is_measured_and_told(
    daemon: Serving, interpreter: Interpreter, program: str, rounds: range, figures: list[str]
) -> None:
    with Target(interpreter, program) as target:
        sessions = [round_trip(daemon, target) for _ in rounds]
        target.works()
    assert all({"map", "call"} <= {stop.purpose for stop in one.attach.stops} for one in sessions)
    assert all(stop.duration_ns > 0 for one in sessions for stop in one.attach.stops)
    figures += stop_lines(f"{interpreter.name} {program}", sessions)


def test_the_longest_gap_of_a_heartbeat_is_measured_and_told(
    daemon: Serving, interpreter: Interpreter, rounds: range, figures: list[str]
) -> None:
    with Target(interpreter, "heartbeat") as target:
        gaps, noise = zip(*[gaps_with_and_without(daemon, target) for _ in rounds], strict=True)
        target.works()
    assert all(noise), "the heart beats"
    assert all(gaps), "the heart beats"
    figures.append(f"gap  {interpreter.name:<16} undisturbed       {told(noise)}")
    figures.append(f"gap  {interpreter.name:<16} attach and detach {told(gaps)}")


def test_the_time_from_the_command_to_the_first_event_is_measured_and_told(
    daemon: Serving, rounds: range, figures: list[str]
) -> None:
    interpreter = supported_interpreters()[-1]
    with Target(interpreter, "storm") as target:
        took = [command_to_first_event_ns(daemon, target) for _ in rounds]
        target.works()
    figures.append(f"command to first event, {interpreter.name}, storm: {told(took)}")
