"""Refusals and routes by recorded facts: also those that cannot be had live on every machine."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from memscope_daemon.attach import plan
from memscope_daemon.attach.elf import ElfKind
from memscope_daemon.attach.handover import MappedShim
from memscope_daemon.attach.routes import Choice, Route, choose, choose_caller
from memscope_daemon.attach.target import Facts, Interpreter, LibC, Rights
from memscope_daemon.attach.waits import Wait
from memscope_daemon.errors import AttachRefused, ExitCode

CPYTHON = Interpreter(
    hexversion=0x030B07F0, path="/usr/lib/libpython3.11.so.1.0", symbols={"Py_IsInitialized": 1}
)
GOOD = Facts(
    4711,
    thread_group=4711,
    executable="/usr/bin/python3.11",
    elf=ElfKind(64, 62, 3),
    interpreter=CPYTHON,
    libc=LibC("glibc", gadget=1, restore_rt=2),
)
UNPRIVILEGED = Rights(our_euid=1000, may_ptrace_anyone=False)
OURS = (1000, 1000, 1000, 1000)


def changed(**fields: Any) -> Facts:
    return dataclasses.replace(GOOD, **fields)


def python(**fields: Any) -> Facts:
    return changed(interpreter=dataclasses.replace(CPYTHON, **fields))


REFUSALS = {
    "no-such-process": changed(exists=False),
    "exited": changed(exited_meanwhile=True),
    "self": changed(is_self=True),
    "thread-id": changed(thread_group=4700),
    "zombie": changed(state="Z"),
    "unstoppable": changed(state="D"),
    "stopped": changed(state="T"),
    "already-traced": changed(tracer_pid=99),
    "other-user": changed(rights=UNPRIVILEGED),
    "no-capability": changed(uids=OURS, rights=Rights(0, False)),
    "ptrace-scope": changed(uids=OURS, rights=dataclasses.replace(UNPRIVILEGED, yama_scope=1)),
    "not-permitted": changed(readable=False),
    "vfork-child": changed(shares_memory_with_parent=True),
    "seccomp": changed(seccomp_mode=2),
    "architecture": changed(elf=ElfKind(32, 3, 2), interpreter=None),
    "not-python ": changed(elf=None, interpreter=None),
    "pypy": changed(interpreter=Interpreter("pypy")),
    "musl": changed(libc=LibC("musl")),
    "static": changed(static=True, interpreter=None),
    "exec": changed(changed_program=True),
    "file-replaced": changed(replaced_file="/usr/lib/libpython3.11.so.1.0", interpreter=None),
    "not-python": changed(interpreter=None),
    "unknown-version": python(hexversion=0),
    "too-old": python(hexversion=0x03080000),
    "too-new": python(hexversion=0x031000F0),
    "free-threaded": python(hexversion=0x030D00F0, free_threaded=True),
    "debug-build": python(debug=True),
    "embedded": python(embedded=True),
    "unknown-layout": python(hexversion=0x030F00B2, strangeness="interpreter_frame.owner is 70, not 74"),
    "shadow-stack": changed(shadow_stack=True),
    "symbols": python(missing=("Py_AddPendingCall",)),
    "shim-unreadable": changed(shim_readable=False, sees_itself=False),
    "time-namespace": changed(clock_is_shifted=True),
    "no-headroom": changed(memory_headroom_bytes=1009),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_each_reason_has_its_code_and_a_next_step(code: str) -> None:
    with pytest.raises(AttachRefused) as caught:
        plan.check(REFUSALS[code])
    assert caught.value.code == f"attach.{code.strip()}"
    assert caught.value.message
    assert caught.value.next_step
    assert caught.value.exit_code == ExitCode.REFUSED


def test_a_beta_that_is_built_otherwise_is_refused_by_its_name() -> None:
    with pytest.raises(AttachRefused, match=r"Python 3\.15\.0b2, .*interpreter_frame\.owner is 70, not 74"):
        plan.check(REFUSALS["unknown-layout"])


def test_every_rule_has_a_recorded_case() -> None:
    objecting = {rule for facts in REFUSALS.values() for rule in plan.RULES if rule(facts)}
    assert objecting == set(plan.RULES)


def test_good_facts_may_go_either_way() -> None:
    assert plan.check(GOOD).routes == {Route.K, Route.P}


@pytest.mark.parametrize("scope, allowed", [(0, True), (1, False), (2, False), (3, False)])
def test_yama_binds_the_unprivileged(scope: int, allowed: bool) -> None:
    facts = changed(uids=OURS, rights=dataclasses.replace(UNPRIVILEGED, yama_scope=scope))
    assert (plan._yama(facts) is None) is allowed


def test_yama_scope_one_lets_a_parent_in_and_scope_three_nobody() -> None:
    child = dataclasses.replace(UNPRIVILEGED, yama_scope=1, is_our_descendant=True)
    assert plan._yama(changed(uids=OURS, rights=child)) is None
    assert plan._yama(changed(rights=Rights(yama_scope=2))) is None
    assert plan._yama(changed(rights=Rights(yama_scope=3))) is not None


def test_subinterpreters_up_to_3_11_leave_only_the_route_that_takes_the_gil_itself() -> None:
    assert plan.check(python(subinterpreter_module=True)).routes == {Route.P}
    newer = python(subinterpreter_module=True, hexversion=0x030C01F0)
    assert plan.check(newer).routes == {Route.K, Route.P}


SAME, OLDER = MappedShim("/memfd:memscope_shim.so", 4099, is_same=True), MappedShim("/memscope_shim.so", 5003)
BY_PATH, HANDED_OVER, CALLED = (0, False), (0, True), (4099, False)


@pytest.mark.parametrize(
    "readable, sees_itself, mapped, wanted",
    [
        (True, True, (), BY_PATH),
        (True, False, (), BY_PATH),
        (False, True, (), HANDED_OVER),
        (None, True, (), HANDED_OVER),
        (False, False, (SAME, OLDER), CALLED),
        (True, True, (SAME,), CALLED),
        (True, True, (OLDER,), HANDED_OVER),
        (True, False, (OLDER,), BY_PATH),
    ],
)
def test_the_shim_goes_in_by_the_gentlest_way_there_is(
    readable: bool | None, sees_itself: bool, mapped: tuple[MappedShim, ...], wanted: tuple[int, bool]
) -> None:
    found = plan.check(changed(shim_readable=readable, sees_itself=sees_itself, mapped_shims=mapped))
    assert (found.entry_address, found.hands_over) == wanted


BOTH = frozenset(Route)
MAIN, OTHER = 10, 11


@pytest.mark.parametrize(
    "threads, wanted",
    [
        ([(MAIN, Wait.RUNS)], Choice(Route.K, MAIN, Wait.RUNS)),
        ([(MAIN, Wait.RUNS), (OTHER, Wait.RESTARTS)], Choice(Route.K, MAIN, Wait.RUNS)),
        ([(MAIN, Wait.RESTARTS)], Choice(Route.P, MAIN, Wait.RESTARTS)),
        ([(MAIN, Wait.RESTARTS), (OTHER, Wait.RESTARTS)], Choice(Route.P, OTHER, Wait.RESTARTS)),
        ([(MAIN, Wait.INTERRUPTS), (OTHER, Wait.RESTARTS)], Choice(Route.P, OTHER, Wait.RESTARTS)),
        ([(MAIN, Wait.REWINDS), (OTHER, Wait.INTERRUPTS)], Choice(Route.P, MAIN, Wait.REWINDS)),
        ([(MAIN, Wait.INTERRUPTS)], Choice(Route.P, MAIN, Wait.INTERRUPTS)),
        ([(MAIN, Wait.UNSAFE), (OTHER, Wait.RUNS)], None),
        ([], None),
    ],
)
def test_the_gentlest_thread_is_chosen(threads: list[tuple[int, Wait]], wanted: Choice | None) -> None:
    assert choose(MAIN, threads, BOTH) == wanted


def test_a_running_main_thread_is_no_choice_where_only_p_is_right() -> None:
    assert choose(MAIN, [(MAIN, Wait.RUNS)], frozenset({Route.P})) is None


def test_a_mere_system_call_spares_a_waiting_main_thread() -> None:
    running = choose_caller(MAIN, [(MAIN, Wait.RESTARTS), (OTHER, Wait.RUNS)])
    assert running == Choice(Route.K, OTHER, Wait.RUNS)
    assert choose_caller(MAIN, [(MAIN, Wait.UNSAFE), (OTHER, Wait.UNSAFE)]) is None
