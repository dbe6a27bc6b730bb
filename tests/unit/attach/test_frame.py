"""The signal frame is held against the kernel itself: a thread jumps into one and must come out right."""

from __future__ import annotations

import struct

from memscope_daemon.attach import x86_64
from memscope_daemon.attach.x86_64 import MINUS_ONE, Registers

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


def test_the_frame_lies_below_the_red_zone_and_is_aligned_as_the_kernel_wants_it() -> None:
    for sp in range(0x7FFF0000, 0x7FFF0100, 8):
        below = sp - x86_64.RED_ZONE_BYTES
        address = x86_64.frame_address(below, len(XSTATE))
        frame = x86_64.build_frame(address, below, interrupted(7, 0), XSTATE, 0, 0x5000)
        assert address % 16 == 8
        assert address + len(frame) <= below
        (floating,) = struct.unpack_from("<Q", frame, 48 + 23 * 8)
        assert floating % 64 == 0
        assert struct.unpack_from("<I", frame, floating - address + 464) == (0x46505853,)
        assert struct.unpack_from("<I", frame, floating - address + len(XSTATE)) == (0x46505845,)


def test_unused_tile_registers_do_not_make_the_frame_larger_than_the_thread_s_own_state() -> None:
    large = bytes(464) + struct.pack("<Q", 0x600E7) + bytes(11008 - 472)
    assert not x86_64.uses_amx(large)
    assert x86_64._xstate_extent(large) == (2696, 0xE7)


def test_an_endless_epoll_wait_is_rewound_to_its_own_instruction() -> None:
    again = x86_64.rewound(interrupted(232, x86_64.EINTR))
    assert (again.rip, again.rax, again.orig_rax) == (0x1000, 232, MINUS_ONE)


def test_a_skipped_sigreturn_still_leads_to_the_frame() -> None:
    entering = Registers(orig_rax=15, rip=0x5009, rsp=0x8008)
    assert x86_64.at_sigreturn(entering, 0x5000, 0x8000)
    assert not x86_64.at_sigreturn(entering, 0x5000, 0x7000)
    again = x86_64.before_sigreturn(entering, 0x5000)
    assert (again.rip, again.rsp, again.orig_rax) == (0x5000, 0x8008, MINUS_ONE)
