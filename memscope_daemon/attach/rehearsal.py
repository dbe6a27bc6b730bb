"""A tracer goes through its steps on a child of its own, before it stops a target.

What runs for the first time is slow: code that was never run, memory that was never touched, or not for
a while. A tracer does each kind of stop once only, so without this every stop of a target would be a
first one; that doubled them.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
from collections.abc import Iterator

from memscope_daemon.attach import procfs, ptrace, routes, tracer, waits, x86_64
from memscope_daemon.attach.stop import Gone, Net, StoppedThread, Stuck, Unsafe, arm_limits

ROUNDS = 3
_RESTORE_RT_AT, _GADGET_AT = 0, 32
_AREA_BYTES = 2 * x86_64.PAGE_BYTES
_PR_SET_PDEATHSIG = 1


def main(descriptor: int) -> None:
    """A tracer that rehearses while it waits for its job, and once more when it has come."""
    rehearse()
    tracer.main(descriptor, rehearse)


def rehearse() -> int:
    """How many stops were made: 0 where this machine does not let us, which the job will find out too."""
    arm_limits()
    stops = 0
    try:
        with _instructions() as net, _child() as child:
            for _ in range(ROUNDS):
                _stop_once(child, net)
                stops += 1
    except (OSError, Unsafe, Gone, Stuck):
        pass
    return stops


def _stop_once(child: int, net: Net) -> None:
    threads = [(task.tid, waits.classify_live(child, task, _EVERYWHERE)) for task in procfs.tasks(child)]
    routes.choose_caller(child, threads)
    routes.choose(child, threads, frozenset(routes.Route))
    thread = StoppedThread(child, child, net, procfs.mappings(child))
    thread.stop()
    thread.is_still_in(procfs.Task(child))
    thread.waits_at(None)
    if thread.in_handler():
        thread.let_go("in-handler")
    address = thread.call(x86_64.NR_MMAP, 0, _AREA_BYTES, 3, 0x22, x86_64.MINUS_ONE)
    if address > 0:
        ptrace.write_memory(child, address, bytes(_AREA_BYTES))
        thread.call(x86_64.NR_MUNMAP, address, _AREA_BYTES)
    thread.release("rehearsal")


_EVERYWHERE = waits.CodeRanges(((0, 1 << 63),))


@contextlib.contextmanager
def _instructions() -> Iterator[Net]:
    """A page with the few instructions that a stop leads to; a child of ours has it at the same place."""
    with mmap.mmap(-1, x86_64.PAGE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7) as page:
        page[_RESTORE_RT_AT : _RESTORE_RT_AT + len(x86_64.RESTORE_RT)] = x86_64.RESTORE_RT
        page[_GADGET_AT : _GADGET_AT + len(x86_64.SYSCALL_RET)] = x86_64.SYSCALL_RET
        view = ctypes.c_char.from_buffer(page)
        start = ctypes.addressof(view)
        del view
        yield Net(start + _GADGET_AT, start + _RESTORE_RT_AT)


@contextlib.contextmanager
def _child() -> Iterator[int]:
    """A process that waits for ever, and for no longer than we live."""
    theirs, ours = os.pipe()
    child = os.fork()
    if not child:
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(theirs, 0)
            os.closerange(3, 256)  # not to keep open what others watch for its end
            os.read(0, 1)  # ends with our end of the pipe
        finally:
            os._exit(0)
    os.close(theirs)
    try:
        _wait_until_blocked(child)
        yield child
    finally:
        os.close(ours)
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _wait_until_blocked(child: int) -> None:
    while (task := procfs.task(child, child)) is not None and task.call != x86_64.NR_READ:
        os.sched_yield()
