"""Every interpreter found, in every kind of wait and work: attached to at the first try, left as it was.

What is compared before and after is read from outside; what nobody can read there (module tables, handlers,
names) the program tells when asked, once before and once after.
"""

from __future__ import annotations

import pytest

from memscope_client import Sampling
from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter, every_interpreter, isolated_interpreters
from tests.support.outside import ProcessState, difference, image_words, process_state, shim_mappings
from tests.support.targets import Target
from tests.support.waiting import until

PROGRAMS = (
    "busy", "storm", "sleep", "wait_select", "wait_poll", "wait_epoll", "wait_lock", "wait_condition",
    "wait_read", "wait_accept", "wait_child", "wait_asyncio", "fifty_threads", "main_blocked",
)  # fmt: skip
#: As in a container: one program a route, one of many threads, one that waits for a child.
ISOLATED_PROGRAMS = (
    "busy", "storm", "wait_epoll", "wait_read", "wait_child", "wait_asyncio", "fifty_threads",
)  # fmt: skip
CLOSED_PROGRAMS = ("busy", "wait_read", "wait_child")
HOOKED_WORDS = 12  # malloc, calloc, realloc, free of three domains
ROUNDS, ROUNDS_SLOW = 2, 10
SAMPLINGS = (Sampling.bytes(512 << 10), Sampling.rate(1.0, depth=20))


def attach_and_leave(daemon: Serving, target: Target, sampling: Sampling) -> None:
    """One whole round: nothing of it may be left, and the target works before, during and after."""
    inside, before, words = target.ask("state"), process_state(target.pid), image_words(target.pid)
    session = daemon.client.attach(target.pid, sampling).result()
    try:
        hooks = image_words(target.pid).pointing_into(shim_mappings(target.pid))
        target.works()
    finally:
        ended = daemon.detach(session)
    target.works()
    assert ended.end_reason == "detached"
    assert len(hooks) == HOOKED_WORDS, hooks
    after = image_words(target.pid)
    assert after.at(list(hooks)) == words.at(list(hooks)), "allocator tables differ"
    assert not after.pointing_into(shim_mappings(target.pid))
    assert target.ask("state") == inside
    settle(target, before)


def settle(target: Target, before: ProcessState) -> None:
    """Waits until it is as before, and keeps it at work meanwhile.

    A call that was given up may still stand in the interpreter's queue, and a few pages with it, until the
    main thread comes by and passes over it.
    """
    found: dict[str, object] = {}

    def settled() -> bool:
        target.works()
        found.clear()
        found.update(difference(before, process_state(target.pid)))
        return not found

    try:
        until(settled, "the target to be as before", 15.0)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None


def run(daemon: Serving, target: Target, rounds: int) -> None:
    target.works()
    for number in range(rounds):
        attach_and_leave(daemon, target, SAMPLINGS[number % len(SAMPLINGS)])
    target.works()
    target.end()


@pytest.fixture(params=every_interpreter(), ids=lambda found: found.name)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    found: Interpreter = request.param
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_target_works_and_is_left_as_it_was(
    daemon: Serving, interpreter: Interpreter, program: str, slow: bool
) -> None:
    with Target(interpreter, program) as target:
        run(daemon, target, ROUNDS_SLOW if slow else ROUNDS)


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
