"""The signal frame is held against the kernel itself: a thread jumps into one and must come out right."""

from __future__ import annotations

import ctypes
import struct

from memscope_daemon.attach import x86_64
from memscope_daemon.attach.x86_64 import MINUS_ONE, Registers
from memscope_daemon.attach.x86_64_frame import Frame

XSTATE = bytes(464) + struct.pack("<Q", 0xE7) + bytes(2696 - 472)


def interrupted(number: int, result: int) -> Registers:
    return Registers(orig_rax=number, rax=result & MINUS_ONE, rip=0x1002, rsp=0x7FFF0000, eflags=0x246)


def test_an_interrupted_call_is_begun_anew() -> None:
    assert x86_64.as_if_interrupted(interrupted(7, x86_64.ERESTARTNOHAND)) == (0x1000, 7)
    assert x86_64.as_if_interrupted(interrupted(7, x86_64.ERESTART_BLOCK)) == (0x1000, x86_64.NR_RESTART)
    assert x86_64.as_if_interrupted(interrupted(7, 3)) == (0x1002, 3)


def test_a_thread_in_its_own_code_goes_on_where_it_was() -> None:
    registers = Registers(orig_rax=MINUS_ONE, rax=x86_64.ERESTARTSYS & MINUS_ONE, rip=0x1002)
    assert x86_64.as_if_interrupted(registers)[0] == 0x1002


class Filled(Frame):
    """A frame whose vector state came from a test instead of from a thread."""

    def fetch(self, state: bytes) -> None:
        ctypes.memmove(self._xstate._address, state, len(state))
        self._xstate._vector.length = len(state)
        self._size_bytes, self._features = self._extent()

    @property
    def written(self) -> bytes:
        return bytes(self._bytes[self._begin : self._end])


def test_the_frame_lies_below_the_red_zone_and_is_aligned_as_the_kernel_wants_it() -> None:
    for sp in range(0x7FFF0000, 0x7FFF0100, 8):
        frame = Filled()
        frame.fetch(XSTATE)
        below = sp - x86_64.RED_ZONE_BYTES
        address = frame.place(below)
        frame.fill(interrupted(7, 0), 0, 0x5000)
        written = frame.written
        assert address % 16 == 8
        assert address + len(written) <= below
        assert struct.unpack_from("<Q", written) == (0x5000,)
        (floating,) = struct.unpack_from("<Q", written, 48 + 23 * 8)
        assert floating % 64 == 0
        assert struct.unpack_from("<I", written, floating - address + 464) == (0x46505853,)
        assert struct.unpack_from("<I", written, floating - address + len(XSTATE)) == (0x46505845,)


def test_unused_tile_registers_do_not_make_the_frame_larger_than_the_thread_s_own_state() -> None:
    large = bytes(464) + struct.pack("<Q", 0x600E7) + b"\1" * (11008 - 472)
    frame = Filled()
    frame.fetch(large[:512] + bytes(64) + large[576:])
    assert not frame.has_tile_registers
    address = frame.place(0x7FFF0000)
    frame.fill(interrupted(7, 0), 0, 0x5000)
    (floating,) = struct.unpack_from("<Q", frame.written, 48 + 23 * 8)
    assert len(frame.written) == floating - address + 2696 + 4
    assert struct.unpack_from("<IIQI", frame.written, floating - address + 464) == (
        0x46505853,
        2700,
        0xE7,
        2696,
    )


def test_an_endless_epoll_wait_is_left_to_the_kernel_to_begin_anew_or_to_end() -> None:
    again = x86_64.to_restart(interrupted(232, x86_64.EINTR))
    assert x86_64.is_to_restart(again)
    assert (again.rip, again.orig_rax) == (0x1002, 232)
    assert x86_64.as_if_interrupted(again) == (0x1000, 232)
