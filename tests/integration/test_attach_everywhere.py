"""Every interpreter found, in every kind of wait and work: attached to at the first try, left as it was.

``scripts/soak attach`` is the same at length.
"""

from __future__ import annotations

import pytest

from memscope_client import Sampling
from tests.support.daemon import Serving
from tests.support.drills import matrix
from tests.support.drills.matrix import Plan
from tests.support.interpreters import (
    Interpreter,
    every_interpreter,
    isolated_interpreters,
    unsupported_interpreters,
)
from tests.support.outside import process_state
from tests.support.targets import Target
from tests.support.unharmed import attach_and_leave

#: As in a container: one program a route, one of many threads, one that waits for a child.
ISOLATED_PROGRAMS = (
    "busy", "storm", "wait_epoll", "wait_read", "wait_child", "wait_asyncio", "fifty_threads",
)  # fmt: skip
CLOSED_PROGRAMS = ("busy", "wait_read", "wait_child")
ROUNDS, ROUNDS_SLOW, AT_ONCE, SEED = 2, 10, 4, 4211
SAMPLINGS = (Sampling.bytes(512 << 10), Sampling.bytes(4 << 10, depth=20))


def run(daemon: Serving, target: Target, rounds: int) -> None:
    target.works()
    for number in range(rounds):
        attach_and_leave(daemon.client, target, SAMPLINGS[number % len(SAMPLINGS)])
    target.works()
    target.end()


@pytest.fixture(params=every_interpreter(), ids=lambda found: found.name)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    found: Interpreter = request.param
    return found


def test_in_every_state_the_first_try_succeeds_and_the_target_is_left_as_it_was(
    daemon: Serving, interpreter: Interpreter, slow: bool, figures: list[str]
) -> None:
    """Four at a time: each is at work while others are attached to."""
    plan = Plan(ROUNDS_SLOW if slow else ROUNDS, AT_ONCE, 0.0, SEED, SAMPLINGS)
    found = matrix.run(daemon.address, matrix.cells([interpreter]), plan, lambda cell, tally: None)
    assert {cell.state for cell in found} == set(matrix.STATES)
    assert not [failure for tally in found.values() for failure in tally.failures]
    assert all(tally.is_perfect for tally in found.values())
    figures.append(f"attach {matrix.summary(found)[-1]}".replace("all", interpreter.name, 1))


def test_a_refusal_is_told_by_its_code_and_is_no_success(daemon: Serving) -> None:
    """What the matrix says of a failure: by interpreters that memscope refuses."""
    if not (refused := unsupported_interpreters()):
        pytest.skip("no interpreter here that memscope refuses")
    cell = matrix.Cell("busy", refused[-1])
    tally = matrix.visit(daemon.address, cell, Plan(5, 1, 0.0, SEED))
    assert tally.tried == matrix.FAILURES_BORNE == len(tally.failures)
    assert sum(tally.refusals.values()) == tally.tried
    assert not tally.is_perfect
    assert all(code.startswith("attach.") for code in tally.refusals)


@pytest.mark.parametrize("program", CLOSED_PROGRAMS)
def test_a_target_without_standard_streams_is_left_as_it_was(
    daemon: Serving, interpreter: Interpreter, program: str, slow: bool
) -> None:
    with Target(interpreter, program, closed=True) as target:
        assert not {0, 1, 2} & {number for number, link in process_state(target.pid).descriptors.items() if
                                link == "/dev/null" or link.startswith("/dev/pts")}  # fmt: skip
        run(daemon, target, ROUNDS_SLOW if slow else ROUNDS)


@pytest.mark.parametrize("interpreter", isolated_interpreters(), ids=lambda found: found.name)
@pytest.mark.parametrize("program", ISOLATED_PROGRAMS)
def test_a_target_in_namespaces_of_its_own_is_left_as_it_was(
    daemon: Serving, interpreter: Interpreter, program: str, slow: bool
) -> None:
    with Target(interpreter, program) as target:
        run(daemon, target, ROUNDS_SLOW if slow else ROUNDS)
