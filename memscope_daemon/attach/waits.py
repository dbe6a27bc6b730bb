"""Which threads may be asked to do something: decided from their system call, before any is stopped.

A thread that waits in the kernel, in a call made by the C library on behalf of the program, holds no
lock of malloc's or the loader's. What those make themselves is told apart: their locks wait with plain
FUTEX_WAIT, never with the bitset kind that semaphores and conditions use; the loader's calls come from
ld.so; it reads only files.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable

from memscope_daemon.attach import x86_64
from memscope_daemon.attach.procfs import Mapping, Task, descriptor_target

FUTEX, FUTEX_WAIT_BITSET, FUTEX_COMMAND = 202, 9, 0x7F
RESTART = x86_64.NR_RESTART
READS = frozenset({0, 19})  # read, readv
#: poll, select, pselect6, ppoll, nanosleep, clock_nanosleep, accept, accept4, recvfrom, recvmsg,
#: wait4, waitid, pause, flock
RESTARTABLE = frozenset({7, 23, 270, 271, 35, 230, 43, 288, 45, 47, 61, 247, 34, 73})
#: epoll_wait, epoll_pwait, epoll_pwait2, rt_sigtimedwait, semop, semtimedop, msgrcv, msgsnd, io_getevents;
#: sendto, sendmsg, connect: may come back early, having done a part
EINTR_ONLY = frozenset({232, 281, 441, 128, 65, 220, 70, 69, 208, 44, 46, 42})
#: Where the kernel waits in a call that was interrupted once already and shows as restart_syscall.
RESTART_WAITS = ("hrtimer_nanosleep", "do_nanosleep", "poll_schedule_timeout", "do_poll", "do_sys_poll")
FUTEX_WAITS = ("futex_do_wait", "futex_wait_queue", "futex_wait")


class Wait(enum.IntEnum):
    """How good a thread is for route P; smaller is better."""

    RESTARTS = 0  # its call goes on as if nothing had been
    REWINDS = 1  # gives EINTR, but waits for ever: we begin it anew
    INTERRUPTS = 2  # gives EINTR: the program sees it (Python tries again by itself)
    UNSAFE = 3  # blocked in something we do not know
    RUNS = 4


@dataclasses.dataclass(frozen=True, slots=True)
class CodeRanges:
    """Where the C library's own code lies (libc, and libpthread before glibc 2.34)."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, address: int) -> bool:
        return any(start <= address < end for start, end in self.ranges)


def classify(task: Task, libc: CodeRanges, descriptor: str = "") -> Wait:
    """``descriptor``: what the first argument's descriptor is, for reads and writes."""
    if task.call is None or task.call < 0:
        return Wait.RUNS
    if task.pc not in libc:
        return Wait.UNSAFE
    if task.call in EINTR_ONLY:
        return Wait.REWINDS if x86_64.waits_for_ever(task.call, task.arguments) else Wait.INTERRUPTS
    return Wait.RESTARTS if _restarts(task, descriptor) else Wait.UNSAFE


def _restarts(task: Task, descriptor: str) -> bool:
    if task.call in READS:
        return descriptor.startswith(("pipe:", "socket:", "anon_inode:[eventfd]", "/dev/pts/", "/dev/tty"))
    if task.call == FUTEX:
        return _is_bitset_wait(task)
    if task.call == RESTART:
        return task.wchan in RESTART_WAITS or (task.wchan in FUTEX_WAITS and _is_bitset_wait(task))
    return task.call in RESTARTABLE


def _is_bitset_wait(task: Task) -> bool:
    return task.arguments[1] & FUTEX_COMMAND == FUTEX_WAIT_BITSET


def classify_live(pid: int, task: Task, libc: CodeRanges) -> Wait:
    descriptor = descriptor_target(pid, task.arguments[0]) if task.call in READS else ""
    return classify(task, libc, descriptor)


def libc_code(mappings: Iterable[Mapping], libc_paths: frozenset[str]) -> CodeRanges:
    return CodeRanges(tuple((m.start, m.end) for m in mappings if m.executable and m.path in libc_paths))
