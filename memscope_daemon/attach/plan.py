"""From facts to a plan, or to a refusal with its reason and the next step. Pure: no process is looked at.

The rules are a list; the first that objects wins. Which thread is taken by which route is a question of
the moment and is asked later, and anew at each try (``routes``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from memscope_daemon.attach import x86_64
from memscope_daemon.attach.routes import Route
from memscope_daemon.attach.target import Facts, Interpreter
from memscope_daemon.errors import AttachRefused

OLDEST, NEWEST = (3, 9), (3, 15)
HEADROOM_BYTES = 4 << 20
SECCOMP_FILTER = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """``routes``: those that are right for this process; which one is taken is seen at the moment.

    The shim is called at ``entry_address`` where it is mapped already; else it is handed over as an image
    (``hands_over``), or loaded by its path.
    """

    pid: int
    routes: frozenset[Route]
    entry_address: int = 0
    hands_over: bool = False


def refuse(code: str, reason: str, next_step: str) -> AttachRefused:
    return AttachRefused(f"attach.{code}", reason, next_step)


# --- may it be touched --------------------------------------------------------------------------------

Rule = Callable[[Facts], AttachRefused | None]


def _no_such_process(f: Facts) -> AttachRefused | None:
    if f.exists:
        return None
    return refuse("no-such-process", f"there is no process {f.pid}", "look up the pid: pgrep -a python")


def _exited(f: Facts) -> AttachRefused | None:
    if not f.exited_meanwhile:
        return None
    return refuse(
        "exited",
        f"process {f.pid} ended while it was being looked at",
        "attach to the process that replaced it",
    )


def _self(f: Facts) -> AttachRefused | None:
    if not f.is_self:
        return None
    return refuse("self", "this is memscope's own process", "attach to another process")


def _thread(f: Facts) -> AttachRefused | None:
    if f.thread_group == f.pid:
        return None
    return refuse(
        "thread-id", f"{f.pid} is a thread of process {f.thread_group}", f"attach to {f.thread_group}"
    )


def _state(f: Facts) -> AttachRefused | None:
    if f.state in "ZX":
        return refuse(
            "zombie",
            f"process {f.pid} has ended and only waits to be collected by its parent",
            "attach to a process that runs",
        )
    if f.state == "D":
        return refuse(
            "unstoppable",
            f"process {f.pid} is in an uninterruptible wait in the kernel (state D)",
            "try again when that is over; often it is a slow disk or network file system",
        )
    return None


def _traced(f: Facts) -> AttachRefused | None:
    if not f.tracer_pid:
        return None
    return refuse(
        "already-traced",
        f"process {f.pid} is being traced by process {f.tracer_pid}",
        "end the debugger, strace or other tracer and try again",
    )


def _stopped(f: Facts) -> AttachRefused | None:
    if f.state not in "Tt":
        return None
    return refuse(
        "stopped",
        f"process {f.pid} is stopped (by SIGSTOP or job control)",
        f"let it go on (kill -CONT {f.pid}) and try again",
    )


def _other_user(f: Facts) -> AttachRefused | None:
    if f.rights.may_ptrace_anyone or set(f.uids[:3]) == {f.rights.our_euid}:
        return None
    if f.rights.our_euid == 0:
        return refuse(
            "no-capability",
            f"process {f.pid} belongs to user {f.uids[0]}, and this root has no CAP_SYS_PTRACE",
            "give the container or service CAP_SYS_PTRACE",
        )
    return refuse(
        "other-user",
        f"process {f.pid} belongs to user {f.uids[0]}, memscope runs as user {f.rights.our_euid}",
        "run memscope as that user or as root",
    )


def _yama(f: Facts) -> AttachRefused | None:
    scope = f.rights.yama_scope or 0
    if (
        scope == 0
        or (scope < 3 and f.rights.may_ptrace_anyone)
        or (scope == 1 and f.rights.is_our_descendant)
    ):
        return None
    step = "run memscope as root" if scope < 3 else "it cannot be lowered without a reboot"
    more = ", or: sysctl kernel.yama.ptrace_scope=0" if scope == 1 else ""
    return refuse("ptrace-scope", f"the kernel forbids it: kernel.yama.ptrace_scope is {scope}", step + more)


def _unreadable(f: Facts) -> AttachRefused | None:
    if f.readable:
        return None
    return refuse(
        "not-permitted",
        f"the kernel lets us not look into process {f.pid}",
        "run memscope as root, or give it CAP_SYS_PTRACE",
    )


def _replaced_file(f: Facts) -> AttachRefused | None:
    if not f.replaced_file:
        return None
    return refuse(
        "file-replaced",
        f"{f.replaced_file} is no longer the file that process {f.pid} has mapped",
        "it was upgraded or removed: run memscope as root, or start the process anew",
    )


def _seccomp(f: Facts) -> AttachRefused | None:
    if f.seccomp_mode == 0:
        return None
    return refuse(
        "seccomp",
        f"process {f.pid} runs under a seccomp filter, which might kill it for a system call of ours",
        "start it without the filter (containers: --security-opt seccomp=unconfined)",
    )


def _vfork_child(f: Facts) -> AttachRefused | None:
    if not f.shares_memory_with_parent:
        return None
    return refuse(
        "vfork-child",
        f"process {f.pid} is just being started and still shares its parent's memory",
        "try again when it runs its own program",
    )


def _not_an_executable(f: Facts) -> AttachRefused | None:
    if f.elf is not None:
        return None
    return refuse(
        "not-python", f"process {f.pid} runs no program file that can be read", "attach to a Python process"
    )


def _architecture(f: Facts) -> AttachRefused | None:
    if f.elf is None or (f.elf.bits == 64 and f.elf.machine == x86_64.ELF_MACHINE):
        return None
    return refuse(
        "architecture",
        f"{f.executable} is a {f.elf.bits}-bit program for machine {f.elf.machine}, not for x86-64",
        "run the program with an x86-64 Python",
    )


def _pypy(f: Facts) -> AttachRefused | None:
    if f.interpreter is None or f.interpreter.kind != "pypy":
        return None
    return refuse(
        "pypy", f"process {f.pid} runs PyPy, which allocates in its own way", "run the program with CPython"
    )


def _musl(f: Facts) -> AttachRefused | None:
    if f.libc.kind != "musl":
        return None
    return refuse(
        "musl",
        f"process {f.pid} uses the musl C library, which was never tried",
        "run the program on a glibc system",
    )


def _static(f: Facts) -> AttachRefused | None:
    if not f.static:
        return None
    return refuse(
        "static",
        f"{f.executable} is linked statically: nothing can be loaded into it",
        "run the program with a dynamically linked Python",
    )


def _not_python(f: Facts) -> AttachRefused | None:
    if f.interpreter is not None:
        return None
    return refuse(
        "not-python",
        f"process {f.pid} ({f.executable}) carries no CPython",
        "attach to a Python process: pgrep -a python lists them",
    )


def _changing(f: Facts) -> AttachRefused | None:
    if not f.changed_program:
        return None
    return refuse(
        "exec", f"process {f.pid} is just being replaced by another program", "try again in a moment"
    )


def _version(f: Facts) -> AttachRefused | None:
    i = f.interpreter or Interpreter()
    if i.hexversion == 0:
        return refuse(
            "unknown-version",
            f"which Python {i.path} is could not be found out",
            "report its version and where it comes from",
        )
    if i.version < OLDEST:
        return refuse(
            "too-old",
            f"process {f.pid} runs Python {i.version_text}; memscope needs 3.9 or newer",
            "move the program to a newer Python",
        )
    if i.version > NEWEST:
        return refuse(
            "too-new",
            f"process {f.pid} runs Python {i.version_text}; 3.16 and newer are not known yet",
            "use 3.9 to 3.15, or a newer memscope",
        )
    return None


def _build(f: Facts) -> AttachRefused | None:
    i = f.interpreter or Interpreter()
    if i.free_threaded:
        return refuse(
            "free-threaded",
            f"process {f.pid} runs a free-threaded Python, which is not supported yet",
            "use the build with a GIL",
        )
    if i.debug:
        return refuse(
            "debug-build",
            f"process {f.pid} runs a debug build of Python, which is not supported yet",
            "use a release build",
        )
    if i.embedded:
        return refuse(
            "embedded",
            f"{f.executable} is not python itself but embeds it, which was never tried",
            "run the program under python",
        )
    return None


def _layout(f: Facts) -> AttachRefused | None:
    i = f.interpreter or Interpreter()
    if not i.strangeness:
        return None
    return refuse(
        "unknown-layout",
        f"process {f.pid} runs Python {i.version_text}, built otherwise than the release known here:"
        f" {i.strangeness}",
        f"use a final release of {i.version[0]}.{i.version[1]}, or report where this one comes from",
    )


def _symbols(f: Facts) -> AttachRefused | None:
    missing = (*(f.interpreter or Interpreter()).missing, *f.libc.missing)
    if not missing and f.libc.gadget and f.libc.restore_rt:
        return None
    what = ", ".join(missing) or "the C library's signal return"
    return refuse(
        "symbols",
        f"in process {f.pid} these could not be found: {what}",
        "report the operating system and Python build",
    )


def _shadow_stack(f: Facts) -> AttachRefused | None:
    if not f.shadow_stack:
        return None
    return refuse(
        "shadow-stack",
        f"process {f.pid} runs with shadow stacks, which was never tried",
        "start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off",
    )


def _shim_file(f: Facts) -> AttachRefused | None:
    if f.shim_readable or f.sees_itself or _entry(f):
        return None
    return refuse(
        "shim-unreadable",
        f"process {f.pid} (user {f.uids[1]}) cannot read {f.shim_path}, or sees another file there,"
        " and has no /proc in its root through which it could be handed over",
        "mount /proc in its root, or install memscope where it can read it under the same path",
    )


def _clock(f: Facts) -> AttachRefused | None:
    if not f.clock_is_shifted:
        return None
    return refuse(
        "time-namespace",
        f"process {f.pid} runs in a time namespace whose clocks differ from ours",
        "run memscope in that time namespace: nsenter --time",
    )


def _memory(f: Facts) -> AttachRefused | None:
    if f.memory_headroom_bytes is None or f.memory_headroom_bytes >= HEADROOM_BYTES:
        return None
    return refuse(
        "no-headroom",
        f"the memory limit of process {f.pid}'s cgroup leaves {f.memory_headroom_bytes >> 10} KiB",
        "raise the limit by a few MiB and try again",
    )


RULES: tuple[Rule, ...] = (
    _no_such_process, _exited, _self, _thread, _state, _traced, _stopped, _other_user, _yama, _unreadable,
    _vfork_child, _seccomp, _not_an_executable, _architecture, _pypy, _musl, _static, _changing,
    _replaced_file, _not_python, _version, _build, _layout, _shadow_stack, _symbols, _clock, _shim_file,
    _memory,
)  # fmt: skip


def check(facts: Facts) -> Plan:
    """What may be done with this process.

    :raises AttachRefused: nothing; it says why, and what to do.
    """
    for rule in RULES:
        if refusal := rule(facts):
            raise refusal
    entry = _entry(facts)
    return Plan(facts.pid, _routes(facts), entry, hands_over=not entry and _hands_over(facts))


def _entry(facts: Facts) -> int:
    """Of the very shim that would be loaded, where it is in there already; 0 = it is not."""
    return next((each.entry for each in facts.mapped_shims if each.is_same), 0)


def _hands_over(facts: Facts) -> bool:
    """Also beside an older build: the C library would take that one's path for the same library."""
    return facts.sees_itself and (not facts.shim_readable or bool(facts.mapped_shims))


def _routes(facts: Facts) -> frozenset[Route]:
    """Up to 3.11 a pending call goes to the interpreter of whoever holds the GIL."""
    interpreter = facts.interpreter or Interpreter()
    if interpreter.subinterpreter_module and interpreter.version <= (3, 11):
        return frozenset({Route.P})
    return frozenset(Route)
