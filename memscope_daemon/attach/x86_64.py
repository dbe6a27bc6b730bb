"""Everything of the tracer that knows the machine: registers, bent registers, the thread block.

The net under every stop is a signal frame (``x86_64_frame``). It is written before the registers are
bent, and the bent registers lead to it: if the tracer dies at any instant, the thread runs the one
system call or function that it was sent to, returns into the C library's own ``__restore_rt`` (or the
loader's park), and the kernel puts back every register, the vector state and the signal mask.

The frame is the net, not the path: ``rt_sigreturn`` turns a pending restart into EINTR, so a living
tracer puts the registers back itself.
"""

from __future__ import annotations

import ctypes
import struct

MACHINE = "x86_64"
ELF_MACHINE = 62
SYSCALL_RET = b"\x0f\x05\xc3"  # syscall; ret
SYSCALL_BYTES = 2
RESTORE_RT = b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"  # mov $15,%rax; syscall: the C library's __restore_rt
RED_ZONE_BYTES = 128
PAGE_BYTES, WORD_BYTES = 4096, 8

NR_READ, NR_MMAP, NR_MPROTECT, NR_MUNMAP = 0, 9, 10, 11
NR_RT_SIGRETURN, NR_CLONE, NR_RESTART = 15, 56, 219
NR_EPOLL_WAIT, NR_EPOLL_PWAIT, NR_EPOLL_PWAIT2 = 232, 281, 441

EINTR = -4
ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_BLOCK = -512, -513, -514, -516
RESTARTS = frozenset({ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_BLOCK})

#: VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID, UNTRACED
CLONE_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x80000 | 0x100000 | 0x200000 | 0x800000

_DIRECTION_AND_TRAP = 0x400 | 0x100


#: In the order of ``struct user_regs_struct``.
# fmt: off
REGISTER_NAMES = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
    "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
)
# fmt: on


class Registers(ctypes.Structure):
    """``struct user_regs_struct``."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in REGISTER_NAMES)
    r15: int
    r14: int
    r13: int
    r12: int
    rbp: int
    rbx: int
    r11: int
    r10: int
    r9: int
    r8: int
    rax: int
    rcx: int
    rdx: int
    rsi: int
    rdi: int
    orig_rax: int
    rip: int
    cs: int
    eflags: int
    rsp: int
    ss: int
    fs_base: int
    gs_base: int


MINUS_ONE = (1 << 64) - 1


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def copy(registers: Registers) -> Registers:
    return Registers.from_buffer_copy(registers)


def in_call(registers: Registers) -> bool:
    """Whether the thread was stopped on its way out of a system call (else in its own code)."""
    return registers.orig_rax < 1 << 31


def is_to_restart(registers: Registers) -> bool:
    """Whether the kernel is to begin the interrupted call anew."""
    return in_call(registers) and signed(registers.rax) in RESTARTS


def is_to_restart_timed(registers: Registers) -> bool:
    """Whether only the kernel knows how the interrupted call goes on: by a frame, the program sees EINTR."""
    return in_call(registers) and signed(registers.rax) == ERESTART_BLOCK


def saw_eintr(registers: Registers) -> bool:
    return in_call(registers) and signed(registers.rax) == EINTR


def waits_for_ever(number: int, arguments: tuple[int, ...]) -> bool:
    """Whether this call is an epoll wait without a timeout: it can be begun anew as if nothing had been."""
    if number in (NR_EPOLL_WAIT, NR_EPOLL_PWAIT):
        return arguments[3] & 0xFFFFFFFF == 0xFFFFFFFF
    return number == NR_EPOLL_PWAIT2 and arguments[3] == 0


def arguments(registers: Registers) -> tuple[int, ...]:
    r = registers
    return (r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9)


def to_restart(registers: Registers) -> Registers:
    """These registers, as of a call that the kernel begins anew, unless a signal is there to be handled: then
    it gives EINTR as it would have. Only for calls that change nothing by EINTR."""
    again = copy(registers)
    again.rax = ERESTARTNOHAND & MINUS_ONE
    return again


def to_call(registers: Registers, gadget: int, frame: int, number: int, *args: int) -> Registers:
    """Makes one system call at ``gadget`` (``syscall; ret``); its ``ret`` finds ``frame``."""
    bent = copy(registers)
    bent.orig_rax = MINUS_ONE
    bent.rax, bent.rip, bent.rsp = number, gadget, frame
    bent.rdi, bent.rsi, bent.rdx, bent.r10, bent.r8, bent.r9 = (*args, *(0,) * (6 - len(args)))
    bent.eflags &= ~_DIRECTION_AND_TRAP
    return bent


def to_function(registers: Registers, function: int, frame: int, kept: int, *args: int) -> Registers:
    """Calls a C function on a stack that ends at ``frame``; its return finds the frame, and ``kept`` in the
    register that the loader's park looks into."""
    bent = copy(registers)
    bent.orig_rax = MINUS_ONE
    bent.rax, bent.rip, bent.rsp, bent.rbx = 0, function, frame, kept
    bent.rdi, bent.rsi, bent.rdx, bent.rcx, bent.r8, bent.r9 = (*args, *(0,) * (6 - len(args)))
    bent.eflags &= ~_DIRECTION_AND_TRAP
    return bent


def as_if_interrupted(registers: Registers) -> tuple[int, int]:
    """(rip, rax) as a signal frame holds them for a thread in this state: restarts begin the call anew."""
    result = signed(registers.rax)
    if not in_call(registers) or result not in RESTARTS:
        return registers.rip, registers.rax
    number = NR_RESTART if result == ERESTART_BLOCK else registers.orig_rax
    return registers.rip - SYSCALL_BYTES, number


# --- the thread block of route K's bare thread ------------------------------------------------------

STATIC_TLS_BYTES = 0x10000  # below the block
THREAD_BLOCK_BYTES = 0x4000  # from the block on
TCB_BYTES = 56
_DTV_OFFSET = 0x2800
DTV_ENTRIES_MAX = (THREAD_BLOCK_BYTES - _DTV_OFFSET) // 16 - 2
_MAIN_STATIC_TLS_BYTES_MAX = 0x100000


def build_thread_block(address: int, main: int, main_tcb: bytes, dtv: bytes) -> bytearray:
    """A thread block at ``address`` for a thread that says of itself "I am main".

    ``main``: the main thread's fs base; ``main_tcb``: its first :data:`TCB_BYTES`; ``dtv``: its dynamic
    thread vector from the length entry on. CPython up to 3.12 tells threads apart by ``pthread_self``,
    which reads offset 0x10; entries of the vector that lie in main's static block move to ours.
    """
    block = bytearray(THREAD_BLOCK_BYTES)
    canary, pointer_guard = struct.unpack_from("<QQ", main_tcb, 0x28)
    struct.pack_into("<7Q", block, 0, address, address + _DTV_OFFSET + 16, main, 1, 0, canary, pointer_guard)
    moved = bytearray(dtv)
    for offset in range(32, len(dtv) - 15, 16):
        (entry,) = struct.unpack_from("<Q", dtv, offset)
        if main - _MAIN_STATIC_TLS_BYTES_MAX < entry < main:
            struct.pack_into("<Q", moved, offset, entry - main + address)
    block[_DTV_OFFSET : _DTV_OFFSET + len(moved)] = moved
    return block
