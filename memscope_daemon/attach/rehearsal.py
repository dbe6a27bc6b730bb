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
from memscope_daemon.attach.stop import Gone, Net, Park, StoppedThread, Stuck, Unsafe, arm_limits, promptly

ROUNDS = 3
_RESTORE_RT_AT, _GADGET_AT, _FUNCTION_AT, _PARK_AT, _DATA_AT = 0, 32, 48, 64, 128
_STACK_BYTES = 8192
_AREA_BYTES = 16 * x86_64.PAGE_BYTES
_CODE = (
    (_RESTORE_RT_AT, x86_64.RESTORE_RT),
    (_GADGET_AT, x86_64.SYSCALL_RET),
    (_FUNCTION_AT, b"\x31\xc0\xc3"),  # xor %eax,%eax; ret
    # mov %eax,4(%rbx); movl $1,(%rbx); then pause(), for ever
    (_PARK_AT, b"\x89\x43\x04\xc7\x03\x01\0\0\0\xb8\x22\0\0\0\x0f\x05\xeb\xf7"),
)
_PR_SET_PDEATHSIG = 1
_MADV_POPULATE_WRITE = 23


def main(descriptor: int) -> int:
    """A tracer that rehearses while it waits for its job, and once more when it has come."""
    _own_all_pages()
    rehearse()
    tracer.main(descriptor, rehearse)
    return 0


def _own_all_pages() -> None:
    """A forked tracer shares its memory until it writes there, and each first write to a page is slow: get
    them over with. A kernel before 5.14 does not know how; then they come as they come."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for mapping in procfs.mappings(os.getpid()):
        if mapping.permissions.startswith("rw-p"):
            madvise(mapping.start, mapping.end - mapping.start, _MADV_POPULATE_WRITE)


def rehearse() -> int:
    """How many rounds were made: 0 where this machine does not let us, which the job will find out too."""
    arm_limits()
    rounds = 0
    try:
        with _instructions() as start, _child() as child:
            for _ in range(ROUNDS):
                _call_the_kernel(child, start)
                _call_a_function(child, start)
                rounds += 1
    except (OSError, Unsafe, Gone, Stuck):
        pass
    return rounds


def _stop(child: int, start: int) -> StoppedThread:
    threads = [(task, waits.classify_live(child, task, _EVERYWHERE)) for task in procfs.tasks(child)]
    seen = [(task.tid, wait) for task, wait in threads]
    routes.choose_caller(child, seen)
    routes.choose(child, seen, frozenset(routes.Route))
    net = Net(start + _GADGET_AT, start + _RESTORE_RT_AT)
    thread = StoppedThread(child, child, net, procfs.mappings(child))
    thread.look_ahead(threads[0][0].sp)
    with promptly():
        thread.stop()
    thread.is_still_in(threads[0][0])
    thread.waits_at(None)
    if thread.in_handler():
        thread.let_go("in-handler")
    return thread


def _call_the_kernel(child: int, start: int) -> None:
    thread = _stop(child, start)
    address = thread.call(x86_64.NR_MMAP, 0, _STACK_BYTES, 3, 0x22, x86_64.MINUS_ONE)
    if address > 0:
        ptrace.write_memory(child, address, bytes(_STACK_BYTES))
        thread.call(x86_64.NR_MUNMAP, address, _STACK_BYTES)
    thread.release("rehearsal")


def _call_a_function(child: int, start: int) -> None:
    page = start + _DATA_AT
    ptrace.write_memory(child, page, bytes(8))
    thread = _stop(child, start)
    thread.call_function(start + _FUNCTION_AT, start + _AREA_BYTES - 64, Park(start + _PARK_AT, page, page))
    thread.release("rehearsal")


_EVERYWHERE = waits.CodeRanges(((0, 1 << 63),))


@contextlib.contextmanager
def _instructions() -> Iterator[int]:
    """The few instructions that a stop leads to, and a stack; a child of ours has them at the same place."""
    with mmap.mmap(-1, _AREA_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7) as area:
        for at, code in _CODE:
            area[at : at + len(code)] = code
        view = ctypes.c_char.from_buffer(area)
        start = ctypes.addressof(view)
        del view
        yield start


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
