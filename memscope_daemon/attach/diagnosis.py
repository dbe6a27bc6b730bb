"""What stands in the way of an attach to one process: every objection, not only the first."""

from __future__ import annotations

from memscope_daemon.attach import plan, routes, waits
from memscope_daemon.attach.routes import Route
from memscope_daemon.attach.target import Facts
from memscope_daemon.attach.waits import Wait
from memscope_daemon.errors import AttachRefused
from memscope_daemon.model.diagnosis import Finding

_HOW = {
    Route.K: "its main thread runs, and would be sent by route K",
    Route.P: "a thread that waits would be sent by route P",
}
#: Then there is no process to look at.
_NOBODY = frozenset({"attach.no-such-process", "attach.exited", "attach.zombie", "attach.thread-id"})
#: Then what comes after them could not be known.
_BLIND = frozenset({"attach.not-permitted", "attach.not-python", "attach.architecture", "attach.pypy"})


def diagnose(facts: Facts) -> tuple[Finding, ...]:
    """Reads /proc at most; the process is neither stopped nor written to."""
    objections = _objections(facts)
    if any(one.code in _NOBODY for one in objections):
        return objections[:1]
    return (*_what_it_is(facts), *objections, *(() if objections else (_threads(facts),)))


def _objections(facts: Facts) -> tuple[Finding, ...]:
    refusals: dict[str, AttachRefused] = {}
    for rule in plan.RULES:
        if refusal := rule(facts):
            refusals.setdefault(refusal.code, refusal)
            if refusal.code in _NOBODY | _BLIND:
                break
    return tuple(
        Finding(code.removeprefix("attach."), False, refusal.message, code, refusal.next_step)
        for code, refusal in refusals.items()
    )


def _what_it_is(facts: Facts) -> tuple[Finding, ...]:
    program = facts.program or facts.executable or "an unknown program"
    found = [Finding("process", True, f"{program}, user {facts.uids[0]}, {len(facts.tasks)} threads")]
    if facts.interpreter is not None:
        text = f"{facts.interpreter.kind} {facts.interpreter.version_text} ({facts.interpreter.path})"
        found.append(Finding("interpreter", True, text))
    if facts.mapped_shims:
        found.append(Finding("shim", True, "memscope is, or was, in it already"))
    return tuple(found)


def _threads(facts: Facts) -> Finding:
    """Of this moment: a thread goes in and out of calls, so a no here is only a "not now"."""
    libc = waits.libc_code(facts.mappings, facts.libc.paths)
    threads = [(task.tid, waits.classify_live(facts.pid, task, libc)) for task in facts.tasks]
    choice = routes.choose(facts.pid, threads, plan.check(facts).routes)
    if choice is None:
        unsafe = sum(wait is Wait.UNSAFE for _, wait in threads)
        return Finding("threads", True, f"none could be asked just now ({unsafe} in calls not known as safe)")
    return Finding("threads", True, f"thread {choice.tid}: {_HOW[choice.route]}")
