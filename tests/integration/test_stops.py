"""How long a target stands still, and how soon there is an event. Printed, not asserted on."""

from __future__ import annotations

import statistics
import time

import pytest

from memscope_client import Sampling, Session
from tests.support.daemon import Serving, memscoped
from tests.support.interpreters import supported_interpreters
from tests.support.samples import first_event_ns
from tests.support.targets import Target
from tests.support.waiting import until

ROUNDS, ROUNDS_SLOW = 5, 50
BEATS = 400


@pytest.mark.parametrize("interpreter", supported_interpreters(), ids=lambda found: found.name)
@pytest.mark.parametrize("program", ["heartbeat", "busy", "wait_read"])
def test_each_stop_is_measured_and_told(daemon, interpreter, program, slow, figures) -> None:
    with Target(interpreter, program) as target:
        sessions = [round_trip(daemon, target) for _ in range(ROUNDS_SLOW if slow else ROUNDS)]
        target.works()
    stops = [stop for one in sessions for figure in (one.attach, one.detach) for stop in figure.stops]
    assert all(one.attach.stops for one in sessions)
    assert all(stop.duration_ns > 0 for stop in stops)
    for purpose in sorted({stop.purpose for stop in stops}):
        figures.append(
            f"stop {interpreter.name:>14} {program:<10} {sessions[0].attach.route} {purpose:<6} "
            + told([stop.duration_ns for stop in stops if stop.purpose == purpose])
        )


@pytest.mark.parametrize("interpreter", supported_interpreters(), ids=lambda found: found.name)
def test_the_longest_gap_of_a_heartbeat_is_measured_and_told(daemon, interpreter, slow, figures) -> None:
    noise, gaps = [], []
    with Target(interpreter, "heartbeat") as target:
        for _ in range(ROUNDS_SLOW if slow else ROUNDS):
            noise.append(longest_gap(target, lambda: None))
            gaps.append(longest_gap(target, lambda: round_trip(daemon, target)))
        target.works()
    assert all(noise), "the heart beats"
    assert all(gaps), "the heart beats"
    figures.append(f"gap  {interpreter.name:>14} undisturbed       {told(noise)}")
    figures.append(f"gap  {interpreter.name:>14} attach and detach {told(gaps)}")


def test_the_time_from_the_command_to_the_first_event_is_measured_and_told(daemon, slow, figures) -> None:
    interpreter, took = supported_interpreters()[-1], []
    with Target(interpreter, "storm") as target:
        for _ in range(ROUNDS_SLOW if slow else ROUNDS):
            began_ns = time.time_ns()
            done = memscoped(
                daemon.folder,
                "attach",
                str(target.pid),
                "--background",
                "--rate",
                "1",
                "--daemon",
                daemon.address,
            )
            assert done.returncode == 0, done.stderr
            session = daemon.client.detach(done.stdout.strip())
            took.append(session.started_unix_ns + first_event_ns(session.store_path) - began_ns)
        target.works()
    figures.append(f"command to first event, {interpreter.name}, storm {told(took)}")


def round_trip(daemon: Serving, target: Target) -> Session:
    session = daemon.client.attach(target.pid, Sampling.bytes(512 << 10)).result()
    return daemon.detach(session)


def longest_gap(target: Target, action: object) -> int:
    """The longest gap while ``action`` runs, and for some beats before and after."""
    target.reset_gap()
    beat(target)
    action()  # type: ignore[operator]
    beat(target)
    return target.longest_gap_ns


def beat(target: Target) -> None:
    enough = target.beats + BEATS
    until(lambda: target.beats >= enough, "the heart to beat")


def told(values_ns: list[int]) -> str:
    values = sorted(value / 1e6 for value in values_ns)
    return f"n={len(values):<3} median {statistics.median(values):8.3f} ms   longest {values[-1]:8.3f} ms"
