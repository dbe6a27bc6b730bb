from __future__ import annotations

import pytest

from memscope_daemon.attach.procfs import Mapping, Task
from memscope_daemon.attach.waits import CodeRanges, Wait, classify, libc_code

LIBC = CodeRanges(((0x1000, 0x2000),))
FOR_EVER = 0xFFFFFFFF


def task(call: int | None, *arguments: int, pc: int = 0x1800, wchan: str = "") -> Task:
    return Task(7, call, (*arguments, *(0,) * (6 - len(arguments))), 0x9000, pc, wchan)


@pytest.mark.parametrize(
    "seen, wanted",
    [
        (task(None), Wait.RUNS),
        (task(-1), Wait.RUNS),
        (task(230), Wait.RESTARTS),
        (task(230, pc=0x3000), Wait.UNSAFE),  # a call from the loader, or from another library's own code
        (task(202, 0, 0x189), Wait.RESTARTS),  # a semaphore
        (task(202, 0, 0x80), Wait.UNSAFE),  # a lock of the C library's own
        (task(219, 0, 0x189, wchan="futex_do_wait"), Wait.RESTARTS),
        (task(219, 0, 0x80, wchan="futex_do_wait"), Wait.UNSAFE),
        (task(219, wchan="hrtimer_nanosleep"), Wait.RESTARTS),
        (task(219, wchan=""), Wait.UNSAFE),
        (task(232, 3, 0, 0, FOR_EVER), Wait.REWINDS),
        (task(232, 3, 0, 0, 100), Wait.INTERRUPTS),
        (task(441, 3, 0, 0, 0), Wait.REWINDS),
        (task(441, 3, 0, 0, 0x7000), Wait.INTERRUPTS),
        (task(16), Wait.UNSAFE),  # ioctl: who knows
        (task(1), Wait.UNSAFE),  # a write that was half done would come back short
    ],
)
def test_a_wait_is_known_by_its_call_and_place(seen: Task, wanted: Wait) -> None:
    assert classify(seen, LIBC) is wanted


@pytest.mark.parametrize(
    "descriptor, wanted",
    [
        ("pipe:[1]", Wait.RESTARTS),
        ("socket:[1]", Wait.RESTARTS),
        ("/dev/pts/0", Wait.RESTARTS),
        ("/lib/libfoo.so", Wait.UNSAFE),  # the loader reads files
        ("", Wait.UNSAFE),
    ],
)
def test_a_read_is_safe_only_where_no_loader_reads(descriptor: str, wanted: Wait) -> None:
    assert classify(task(0, 5), LIBC, descriptor) is wanted


def test_only_code_of_the_c_library_counts() -> None:
    maps = (
        Mapping(0x1000, 0x2000, "r-xp", 0, "/lib/libc.so.6"),
        Mapping(0x2000, 0x3000, "rw-p", 0, "/lib/libc.so.6"),
        Mapping(0x4000, 0x5000, "r-xp", 0, "/lib/ld-linux-x86-64.so.2"),
    )
    code = libc_code(maps, frozenset({"/lib/libc.so.6"}))
    assert 0x1000 in code
    assert 0x2000 not in code
    assert 0x4000 not in code
