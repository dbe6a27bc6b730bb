"""The net under a stop: a signal frame, exactly as the kernel would push it for a handler.

Its room is made before a thread is stopped, and the thread's vector state is fetched to the place where
the frame wants it: while the thread stands still nothing is copied that need not be.
"""

from __future__ import annotations

import ctypes
import operator
import struct

from memscope_daemon.attach import ptrace
from memscope_daemon.attach.x86_64 import REGISTER_NAMES, Registers, as_if_interrupted

_FP_XSTATE, _SS, _STRICT_SS = 1, 2, 4
_MAGIC1, _MAGIC2 = 0x46505853, 0x46505845
_SW_OFFSET, _HEADER_OFFSET, _XSTATE_MIN = 464, 512, 576
_AMX = (1 << 17) | (1 << 18)
_WITHOUT_AMX_BYTES = 2696  # end of PKRU in the standard format of the CPUs that have AMX
_SS_FLAGS_OFFSET, _MCONTEXT_OFFSET, _SIGMASK_OFFSET = 32, 48, 304
_HEAD_BYTES = 440  # return address, ucontext, siginfo
_HEAD_ROOM_BYTES = 1024
#: An invalid ss_flags: the kernel refuses it (and goes on), so the thread's alternate stack stays as it is.
_SS_FLAGS_INVALID = 7

_registers = struct.Struct(f"<{len(REGISTER_NAMES)}Q")
_PLAIN = ("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx")
_plain = operator.itemgetter(*map(REGISTER_NAMES.index, _PLAIN))
_head, _mcontext = struct.Struct("<6Q"), struct.Struct("<24Q")
_sw, _word, _half = struct.Struct("<IIQI"), struct.Struct("<Q"), struct.Struct("<I")


def is_our_frame(stack: bytes, at: int) -> bool:
    """Whether what lies there is left of a frame of ours: it has a mark that no handler's has."""
    where = at + _SS_FLAGS_OFFSET
    return stack[where : where + 4] == _SS_FLAGS_INVALID.to_bytes(4, "little")


class Frame:
    """One thread's vector state, and around it the frame that leads the thread home. Filled once or more.

    ``address``: where it begins in the target's memory, 0 = not placed yet.
    """

    def __init__(self) -> None:
        self._room = ctypes.create_string_buffer(_HEAD_ROOM_BYTES + ptrace.XSTATE_BYTES_MAX + 4)
        self._bytes = memoryview(self._room).cast("B")
        self._base = ctypes.addressof(self._room)
        self._xstate = ptrace.Xstate(self._base + _HEAD_ROOM_BYTES)
        self._under_end = b""
        self._size_bytes = self._features = 0
        self._begin = self._end = self._floating = 0
        self.address = 0

    def fetch_state(self, tid: int) -> None:
        """The thread's vector state, as it now is."""
        self._xstate.get(tid)
        self._size_bytes, self._features = self._extent()

    def put_state_back(self, tid: int) -> None:
        """What :meth:`fetch_state` got."""
        if self._under_end:
            self._bytes[self._end - 4 : self._end] = self._under_end
        self._xstate.put(tid)

    @property
    def has_tile_registers(self) -> bool:
        """Whether the thread has tile registers in use: a state the frame cannot carry."""
        if self._xstate.length_bytes < _XSTATE_MIN:
            return False
        (present,) = _word.unpack_from(self._bytes, _HEAD_ROOM_BYTES + _HEADER_OFFSET)
        return bool(present & _AMX)

    def place(self, below: int) -> int:
        """The address: all of the frame lies below ``below``, and is aligned as the kernel does it."""
        self._floating = (below - (self._xstate.length_bytes + 4)) & ~63
        self.address = ((self._floating - _HEAD_BYTES) & ~15) - 8
        return self.address

    def fill(self, home: Registers, mask: int, returns_to: int) -> None:
        """``home``: what the thread shall come back to, as it was found; an interrupted call begins anew.
        ``returns_to``: the address of an instruction that ends in ``rt_sigreturn``."""
        room = self._bytes
        size = self._size_bytes
        begin = self._begin = _HEAD_ROOM_BYTES - (self._floating - self.address)
        rip, rax = as_if_interrupted(home)
        _head.pack_into(room, begin, returns_to, _FP_XSTATE | _SS | _STRICT_SS, 0, 0, _SS_FLAGS_INVALID, 0)
        _mcontext.pack_into(
            room,
            begin + _MCONTEXT_OFFSET,
            *_plain(_registers.unpack_from(home)),
            *(rax, home.rcx, home.rsp, rip, home.eflags, (home.cs & 0xFFFF) | (home.ss & 0xFFFF) << 48),
            *(0, 0, mask, 0, self._floating),
        )
        _word.pack_into(room, begin + _SIGMASK_OFFSET, mask)
        _sw.pack_into(room, _HEAD_ROOM_BYTES + _SW_OFFSET, _MAGIC1, size + 4, self._features, size)
        room[_HEAD_ROOM_BYTES + _SW_OFFSET + 20 : _HEAD_ROOM_BYTES + _HEADER_OFFSET] = bytes(28)
        self._end = _HEAD_ROOM_BYTES + size + 4
        if size < self._xstate.length_bytes and not self._under_end:
            self._under_end = bytes(room[self._end - 4 : self._end])
        _half.pack_into(room, self._end - 4, _MAGIC2)

    def write(self, pid: int) -> None:
        """Into the target, at :attr:`address`.

        :raises OSError: the memory there cannot be written.
        """
        ptrace.write_from(pid, self.address, self._base + self._begin, self._end - self._begin)

    def _extent(self) -> tuple[int, int]:
        """(bytes, features) that a frame may carry. The state of a thread that never asked for tile registers
        is smaller than the machine's largest, and the kernel takes no frame larger than the thread's own."""
        (features,) = _word.unpack_from(self._bytes, _HEAD_ROOM_BYTES + _SW_OFFSET)
        length = self._xstate.length_bytes
        if features & _AMX:
            return min(length, _WITHOUT_AMX_BYTES), features & ~_AMX
        return length, features
