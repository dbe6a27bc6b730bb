"""ptrace and friends by ctypes: thin, typed, no policy. Every failure is an :class:`OSError`."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal

from memscope_daemon.attach.x86_64 import Registers

SEIZE, INTERRUPT, CONT, DETACH, SYSCALL, POKEDATA = 0x4206, 0x4207, 7, 17, 24, 5
GETREGS, SETREGS, GETREGSET, SETREGSET, GETSIGINFO = 12, 13, 0x4204, 0x4205, 0x4202
GETSIGMASK, SETSIGMASK, GET_RSEQ = 0x420A, 0x420B, 0x420F
NT_X86_XSTATE = 0x202
O_TRACESYSGOOD = 1
EVENT_STOP = 128
SYSCALL_STOP = signal.SIGTRAP | 0x80
WALL = 0x40000000
XSTATE_BYTES_MAX = 65536

#: Blocking these would make the kernel reset their handlers when they are forced.
NEVER_BLOCKED = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP)
ALMOST_ALL = ((1 << 64) - 1) & ~sum(1 << (s - 1) for s in (*NEVER_BLOCKED, signal.SIGKILL, signal.SIGSTOP))
#: glibc's own: setuid and its kin ask every thread by it and wait for each, with a lock that pthread_create
#: needs. A thread in a function, and the one it makes, must answer.
SIGSETXID = 33
ALL_BUT_SETXID = ALMOST_ALL & ~(1 << (SIGSETXID - 1))

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_readv, _writev = _libc.process_vm_readv, _libc.process_vm_writev


class IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class RseqConfiguration(ctypes.Structure):
    _fields_ = (
        ("pointer", ctypes.c_uint64),
        ("size", ctypes.c_uint32),
        ("signature", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
    )


for _function in (_readv, _writev):
    _function.restype = ctypes.c_ssize_t
    _function.argtypes = (
        ctypes.c_int,
        ctypes.POINTER(IoVec),
        ctypes.c_ulong,
        ctypes.POINTER(IoVec),
        ctypes.c_ulong,
        ctypes.c_ulong,
    )


def request(number: int, tid: int, address: int = 0, data: int = 0) -> int:
    result = int(_ptrace(number, tid, address, data))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def seize(tid: int) -> None:
    """Without EXITKILL: if the tracer dies, the target lives."""
    request(SEIZE, tid, 0, O_TRACESYSGOOD)


def get_registers(tid: int, into: Registers) -> None:
    request(GETREGS, tid, 0, ctypes.addressof(into))


def set_registers(tid: int, registers: Registers) -> None:
    request(SETREGS, tid, 0, ctypes.addressof(registers))


class Xstate:
    """Fetches one thread's floating-point and vector state to ``address`` (:data:`XSTATE_BYTES_MAX` bytes of
    room there), and puts it back from there."""

    def __init__(self, address: int) -> None:
        self._address = address
        self._vector = IoVec(address, 0)

    @property
    def length_bytes(self) -> int:
        """Of what was fetched, 0 = nothing yet."""
        return int(self._vector.length)

    def get(self, tid: int) -> None:
        self._vector.base, self._vector.length = self._address, XSTATE_BYTES_MAX
        request(GETREGSET, tid, NT_X86_XSTATE, ctypes.addressof(self._vector))

    def put(self, tid: int) -> None:
        """What the last :meth:`get` got."""
        request(SETREGSET, tid, NT_X86_XSTATE, ctypes.addressof(self._vector))


_mask = ctypes.c_uint64()
_signal_information = (ctypes.c_int * 32)()
_from, _to = IoVec(0, 0), IoVec(0, 0)


def get_mask(tid: int) -> int:
    request(GETSIGMASK, tid, 8, ctypes.addressof(_mask))
    return int(_mask.value)


def set_mask(tid: int, mask: int) -> None:
    _mask.value = mask
    request(SETSIGMASK, tid, 8, ctypes.addressof(_mask))


def signal_code(tid: int) -> int:
    """``si_code`` of the signal that a stop reports: above 0 for one that the kernel made, a fault say."""
    request(GETSIGINFO, tid, 0, ctypes.addressof(_signal_information))
    return int(_signal_information[2])


def rseq_pointer(tid: int) -> int:
    """Address of the thread's restartable-sequence area, 0 = none or not known to this kernel."""
    configuration = RseqConfiguration()
    try:
        request(GET_RSEQ, tid, ctypes.sizeof(configuration), ctypes.addressof(configuration))
    except OSError as error:
        if error.errno in (errno.EIO, errno.EINVAL):
            return 0
        raise
    return int(configuration.pointer)


class Room:
    """Room for reads of another process's memory, made (and touched) before a thread is stopped."""

    def __init__(self, room_bytes: int) -> None:
        # Private: tracers are forked from one process, and must not read into one another's room.
        self._room = mmap.mmap(-1, room_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._room.write(bytes(room_bytes))
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._room))
        self._local, self._remote = IoVec(start, 0), IoVec(0, 0)
        self._vectors = ctypes.byref(self._local), ctypes.byref(self._remote)

    def fetch(self, pid: int, address: int, count_bytes: int) -> mmap.mmap:
        """Exactly ``count_bytes``, no more than the room; in the room itself, good until the next fetch."""
        self._local.length = self._remote.length = count_bytes
        self._remote.base = address
        _checked(_readv(pid, self._vectors[0], 1, self._vectors[1], 1, 0), count_bytes)
        return self._room


def read_memory(pid: int, address: int, count_bytes: int) -> bytes:
    """Exactly ``count_bytes`` of the process's memory."""
    return Room(count_bytes).fetch(pid, address, count_bytes)[:count_bytes]


def write_memory(pid: int, address: int, data: bytes | bytearray) -> None:
    """All of ``data``, by the target's own page permissions (never through a read-only page)."""
    source = (ctypes.c_char * len(data)).from_buffer_copy(data)
    write_from(pid, address, ctypes.addressof(source), len(data))


def write_from(pid: int, address: int, source: int, count_bytes: int) -> None:
    """:func:`write_memory` of what lies at ``source`` in our own memory."""
    _from.base, _to.base = source, address
    _from.length = _to.length = count_bytes
    _checked(_writev(pid, ctypes.byref(_from), 1, ctypes.byref(_to), 1, 0), count_bytes)


def write_word(tid: int, address: int, value: int) -> None:
    """One 64-bit word of a stopped thread's memory."""
    request(POKEDATA, tid, address, value)


def _checked(done: int, wanted: int) -> None:
    if done < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    if done != wanted:
        raise OSError(errno.EFAULT, "only a part could be reached")
