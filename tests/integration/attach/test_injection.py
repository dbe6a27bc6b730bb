"""The injection itself, into every interpreter found, in every kind of wait and work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from memscope_daemon.attach.injection import Injection
from memscope_daemon.errors import AttachRefused
from memscope_daemon.shim.layout import Operation, Outcome
from tests.integration.attach.conftest import Running
from tests.support.injecting import inject, leftovers
from tests.support.interpreters import Interpreter, every_interpreter, supported_interpreters
from tests.support.waiting import until

Start = Callable[[Interpreter, str], Running]
PROGRAMS = (
    "busy", "storm", "floats", "signals", "wait_sleep", "wait_usleep", "wait_select", "wait_poll",
    "wait_epoll", "wait_epoll_for_ever", "wait_lock", "wait_condition", "wait_join", "wait_read",
    "wait_accept", "wait_child", "idle_asyncio", "fifty_threads", "main_blocked",
)  # fmt: skip
TIMES, TIMES_SLOW = 2, 20
in_each = pytest.mark.parametrize("interpreter", every_interpreter(), ids=lambda each: each.name)


@in_each
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_call_runs_and_the_target_goes_on_right(
    interpreter: Interpreter, program: str, running: Start, stub: Path, slow: bool
) -> None:
    target = running(interpreter, program)
    for _ in range(TIMES_SLOW if slow else TIMES):
        result = inject(target.pid, stub)
        assert result.outcome is Outcome.OK
        assert {"map", "call", "clean"} <= {stop.purpose for stop in result.stops}
        until(lambda: not leftovers(target.pid), "our pages to go")
    assert target.ended_right()


@in_each
@pytest.mark.parametrize("program", ("busy", "wait_lock"))
def test_leaving_finds_the_shim_that_is_mapped(
    interpreter: Interpreter, program: str, running: Start, stub: Path
) -> None:
    target = running(interpreter, program)
    assert inject(target.pid, stub, operation=Operation.LEAVE).outcome is Outcome.NOTHING_TO_DO
    assert inject(target.pid, stub).outcome is Outcome.OK
    assert inject(target.pid, stub, operation=Operation.LEAVE).outcome is Outcome.OK
    assert target.ended_right()


def test_a_busy_main_thread_goes_by_k_and_a_waiting_one_by_p(running: Start, stub: Path) -> None:
    interpreter = supported_interpreters()[0]
    assert inject(running(interpreter, "busy").pid, stub).route == "K"
    assert inject(running(interpreter, "wait_sleep").pid, stub).route == "P"


def test_an_endless_epoll_wait_is_never_interrupted(running: Start, stub: Path) -> None:
    target = running(supported_interpreters()[0], "idle_asyncio")
    result = inject(target.pid, stub)
    assert not any(stop.interrupted_call for stop in result.stops)
    assert target.ended_right()


def test_a_held_gil_is_said_and_a_cancel_leaves_nothing(running: Start, stub: Path) -> None:
    target = running(supported_interpreters()[-1], "hold_gil")
    said: list[str] = []
    started: list[Injection] = []
    answers: list[BaseException] = []

    def attempt() -> None:
        try:
            inject(target.pid, stub, on_progress=said.append, on_started=started.append)
        except AttachRefused as refusal:
            answers.append(refusal)

    thread = threading.Thread(target=attempt)
    thread.start()
    until(lambda: said, "word of what is waited for")
    started[0].cancel()
    thread.join(30)
    assert [getattr(answer, "code", "") for answer in answers] == ["attach.cancelled"]
    assert target.process.stdin is not None
    target.process.stdin.write(b"x")
    target.process.stdin.flush()
    until(lambda: not leftovers(target.pid), "the cancelled call to pass by and its pages to go")
    assert inject(target.pid, stub).outcome is Outcome.OK
    assert target.ended_right()


def test_a_failing_handover_undoes_everything(running: Start, stub: Path) -> None:
    target = running(supported_interpreters()[0], "wait_sleep")

    def fail(_: int) -> None:
        raise RuntimeError("no shipper")

    with pytest.raises(RuntimeError, match="no shipper"):
        inject(target.pid, stub, on_shared=fail)
    until(lambda: not leftovers(target.pid), "the pages to go")
    assert target.ended_right()


def test_a_shim_that_cannot_be_loaded_is_named_with_the_loaders_words(
    running: Start, stub: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "memscope_shim_broken.so"
    broken.write_bytes(stub.read_bytes())
    target = running(supported_interpreters()[0], "busy")

    def damage(descriptor: int) -> None:
        broken.write_bytes(b"no ELF file")

    with pytest.raises(Exception, match=r"invalid ELF header|file too short") as caught:
        inject(target.pid, broken, on_shared=damage)
    assert getattr(caught.value, "code", "") == "attach.dlopen"
    until(lambda: not leftovers(target.pid), "the pages to go")
    assert target.ended_right()
