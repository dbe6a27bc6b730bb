"""Other people's memory profilers in the same process: in whatever order they come and go, both go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memscope_client import Sampling, Session
from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter, supported_interpreters, this_interpreter
from tests.support.other_tools import with_tool
from tests.support.outside import image_words, shim_mappings
from tests.support.targets import Target

EVERYTHING = Sampling.rate(1.0, depth=20)
TOOLS = ("memray", "memray-python", "ddtrace")
LOADED, STAYED = 210, 105
#: ddtrace samples small blocks too, by chance.
BY_CHANCE = 100
ORDERS = (
    ("start", "attach", "detach", "stop"),
    ("start", "attach", "stop", "detach"),
    ("attach", "start", "stop", "detach"),
    ("attach", "start", "detach", "stop"),
)


@pytest.fixture(params=(this_interpreter(), *supported_interpreters()), ids=lambda found: found.name)
def interpreter(request: pytest.FixtureRequest, slow: bool) -> Interpreter:
    found: Interpreter = request.param
    if not slow and found != this_interpreter():
        pytest.skip("the one that runs the tests; all with --slow")
    return found


@pytest.fixture(params=TOOLS)
def target(request: pytest.FixtureRequest, interpreter: Interpreter) -> Iterator[Target]:
    tool: str = request.param
    equipped, why_not = with_tool(interpreter, tool.partition("-")[0])
    if equipped is None:
        pytest.skip(why_not)
    with Target(equipped, "other_tool", tool) as running:
        yield running


def check(told: list[int], loads: int) -> None:
    """What the other tool says of its blocks, exactly; of ddtrace, which samples, what chance allows."""
    allocated, stayed = told
    if allocated < 0:
        assert STAYED * loads <= stayed <= STAYED * loads + BY_CHANCE, told
    else:
        assert (allocated, stayed) == (LOADED * loads, STAYED * loads), told


def works_alone(target: Target) -> None:
    target.ask("start")
    target.ask("load")
    check(target.ask("stop"), loads=1)


def in_turn(daemon: Serving, target: Target, order: tuple[str, ...]) -> Session:
    """Goes through the steps, with a load after each; what the other tool told is right."""
    session, loads = None, 0
    for step in order:
        if step == "attach":
            session = daemon.client.attach(target.pid, EVERYTHING).result()
        elif step == "detach":
            assert session is not None
            session = daemon.detach(session)
            assert session.end_reason == "detached", session
        elif step == "stop":
            check(target.ask("stop"), loads)
        else:
            loads = 0
            target.ask("start")
        target.ask("load")
        loads += 1
        target.works()
    assert session is not None
    return session


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_another_profiler_and_memscope_leave_each_other_working(
    daemon: Serving, target: Target, order: tuple[str, ...], slow: bool
) -> None:
    works_alone(target)
    for _ in range(3 if slow else 1):
        session = in_turn(daemon, target, order)
        assert "known" in {site.function for site in daemon.client.report(session.session_id).sites}
    in_turn(daemon, target, ("attach", "detach"))
    assert not image_words(target.pid).pointing_into(shim_mappings(target.pid))
    works_alone(target)
    target.end()
