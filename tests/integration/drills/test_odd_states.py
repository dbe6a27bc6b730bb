"""Programs in odd states, and programs that do odd things while they are watched: unharmed, told right."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from memscope_client import Client, DaemonError, Report, Sampling, Session
from tests.support.daemon import Serving
from tests.support.interpreters import Interpreter
from tests.support.outside import ProcessState, difference, image_words, process_state, shim_mappings
from tests.support.targets import Target
from tests.support.waiting import until

EVERYTHING = Sampling.rate(1.0, depth=20)
STATES = ("traced", "profiled", "monitored", "audited", "replaced", "deepest")
MONITORING = (3, 12)
FORKS, FORKS_SLOW = 200, 1000
VISITS, VISITS_SLOW = 3, 100


@pytest.fixture
def plain(interpreter: Interpreter) -> Iterator[Target]:
    with Target(interpreter, "odd", "plain") as target:
        yield target


def watched(daemon: Serving, target: Target) -> Session:
    session = daemon.client.attach(target.pid, EVERYTHING).result()
    target.works()
    return session


def left(daemon: Serving, target: Target, session: Session, *, copied: int = 0) -> Report:
    """Detaches: the target works on, no hook of ours is in it, and it ends well. ``copied``: words that
    another tool noted down when it came on top of ours; it does not go by them any more."""
    ended = daemon.detach(session)
    assert (ended.end_reason, ended.end_detail) == ("detached", ""), ended
    target.works()
    assert len(image_words(target.pid).pointing_into(shim_mappings(target.pid))) == copied
    target.end()
    return daemon.client.report(session.session_id)


def settle(target: Target, before: ProcessState) -> None:
    """Works on until it is, from outside, as it was before."""

    def is_as_before() -> bool:
        target.works()
        return not difference(before, process_state(target.pid))

    until(is_as_before, "it to be as before")


def functions(report: Report) -> set[str]:
    return {site.function for site in report.sites}


@pytest.mark.parametrize("state", STATES)
def test_it_is_attached_to_and_left_and_nothing_of_it_differs(
    daemon: Serving, interpreter: Interpreter, state: str
) -> None:
    if state == "monitored" and interpreter.version < MONITORING:
        pytest.skip("sys.monitoring came with 3.12")
    with Target(interpreter, "odd", state) as target:
        target.works()
        before = process_state(target.pid)
        for _ in range(2):
            session = watched(daemon, target)
            target.works()
            daemon.detach(session)
        target.works()
        settle(target, before)
        report = left(daemon, target, watched(daemon, target))
        assert functions(report) & {"work", "squares"}


def test_forked_children_are_silent_and_right(daemon: Serving, plain: Target, slow: bool) -> None:
    session = watched(daemon, plain)
    count = FORKS_SLOW if slow else FORKS
    assert plain.ask("forks", count, deadline_s=300.0) == count
    report = left(daemon, plain, session)
    assert "in_child" not in functions(report)
    assert {loss.cause for loss in report.quality.losses} <= {"alloc_ring_full", "free_ring_full"}


def test_children_forked_while_it_is_attached_to_and_left_do_not_hang(
    daemon: Serving, interpreter: Interpreter, slow: bool
) -> None:
    with Target(interpreter, "odd", "forking") as target:
        for _ in range(VISITS_SLOW if slow else VISITS):
            session = watched(daemon, target)
            daemon.detach(session)
        report = left(daemon, target, watched(daemon, target))
        assert "in_child" not in functions(report)


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_are_silent_and_right(daemon: Serving, plain: Target, how: str) -> None:
    session = watched(daemon, plain)
    assert plain.ask("processes", how, deadline_s=120.0) == [[n * n, True] for n in range(7)]
    report = left(daemon, plain, session)
    assert "in_child" not in functions(report)


def test_an_exec_ends_the_session_and_the_new_program_is_left_alone(daemon: Serving, plain: Target) -> None:
    session = watched(daemon, plain)
    assert plain.ask("exec") == "ready"
    ended = until(lambda: of(daemon.client, session), "the session to end")
    assert ended.end_reason == "target_exited"
    assert "exec" in ended.end_detail
    assert not shim_mappings(plain.pid)
    plain.works()
    left(daemon, plain, watched(daemon, plain))


def of(client: Client, session: Session) -> Session | None:
    listed = client.sessions(include_ended=True)
    return next((one for one in listed if one.session_id == session.session_id and one.is_ended), None)


def test_a_limit_on_the_size_of_files_does_not_kill_it(daemon: Serving, plain: Target) -> None:
    plain.ask("limit", "FSIZE", 4096)
    report = left(daemon, plain, watched(daemon, plain))
    assert functions(report) & {"work", "squares"}


@pytest.mark.parametrize("more_bytes", [0, 64 << 10, 1 << 20, 16 << 20])
def test_without_address_space_it_is_declined_and_works_on(
    daemon: Serving, plain: Target, more_bytes: int
) -> None:
    before = process_state(plain.pid)
    plain.ask("limit", "AS", more_bytes)
    with pytest.raises(DaemonError) as refused:
        daemon.client.attach(plain.pid, EVERYTHING).result()
    assert refused.value.code.startswith("attach.")
    assert refused.value.next_step
    plain.works()
    settle(plain, before)
    plain.end()


def preface(daemon: Serving, session: Session) -> str:
    return " ".join(json.loads(daemon.client.export(session.session_id, "json")[1])["preface"])


def test_hooks_that_tracemalloc_took_out_are_noticed_and_the_figures_stand_still(
    daemon: Serving, plain: Target
) -> None:
    plain.ask("tracemalloc", "start")
    session = watched(daemon, plain)
    assert "Cut off" not in preface(daemon, session)
    plain.ask("tracemalloc", "stop")
    until(lambda: "Cut off at" in preface(daemon, session), "the cut to be noticed")
    before = daemon.client.report(session.session_id).figures
    plain.works()
    assert daemon.client.report(session.session_id).figures.live_bytes == before.live_bytes
    report = left(daemon, plain, session)
    assert report.figures.live_bytes == before.live_bytes
    assert "Cut off at" in preface(daemon, session)


def test_a_tool_that_comes_after_us_and_goes_by_us_is_no_cut(daemon: Serving, plain: Target) -> None:
    session = watched(daemon, plain)
    for step in ("start", "stop", "start"):
        plain.ask("tracemalloc", step)
        recorded = daemon.client.report(session.session_id).quality.recorded_count
        until(
            lambda seen=recorded: (
                plain.works() or daemon.client.report(session.session_id).quality.recorded_count > seen + 1000
            ),
            "more to be recorded",
        )
        assert "Cut off" not in preface(daemon, session)
    daemon.detach(session)
    assert "Cut off" not in preface(daemon, session)
    plain.ask("tracemalloc", "stop")
    plain.works()
    plain.end()


HOOKED_WORDS = 12  # malloc, calloc, realloc, free of three domains
ORDERS = (
    ("start", "attach", "detach", "stop"),
    ("start", "attach", "stop", "detach"),
    ("attach", "start", "stop", "detach"),
    ("attach", "start", "detach", "stop"),
)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_tracemalloc_and_memscope_leave_each_other_working(
    daemon: Serving, plain: Target, order: tuple[str, ...]
) -> None:
    session = None
    for step in order:
        if step == "attach":
            session = watched(daemon, plain)
        elif step == "detach":
            assert session is not None
            daemon.detach(session)
        else:
            plain.ask("tracemalloc", step)
            if step == "start":
                assert plain.ask("tracemalloc", "peak")
        plain.works()
    on_top = order.index("attach") < order.index("start")
    report = left(daemon, plain, watched(daemon, plain), copied=HOOKED_WORDS if on_top else 0)
    assert functions(report) & {"work", "squares"}
