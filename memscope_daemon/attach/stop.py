"""One short stop of one thread, from SEIZE to DETACH, that the thread survives whatever becomes of us.

Order is everything here. On the way in: frame, registers, mask, run; on the way back: mask, vector
state, registers, detach, and those only in a stop inside the kernel's signal handling, so that an
interrupted call restarts as if nothing had been. At each instant the registers either are the thread's
own or lead to the frame (see ``x86_64``).
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import enum
import operator
import os
import signal
import struct
import time
from collections.abc import Iterator, Sequence

from memscope_daemon.attach import procfs, ptrace, x86_64
from memscope_daemon.attach.procfs import Mapping
from memscope_daemon.attach.x86_64 import Registers
from memscope_daemon.attach.x86_64_frame import Frame, is_our_frame

STOP_LIMIT_S, FUNCTION_LIMIT_S = 1.0, 0.5
#: A function is over in some tens of microseconds: so long we look again and again, then ever less often.
EAGER_NS, PATIENT_NAP_S = 60_000, 0.00003
HANDLER_LOOK_BYTES = 32768
_NOWHERE = Mapping((1 << 64) - 1, 0, "", 0, "")
_START = operator.attrgetter("start")
_parked = struct.Struct("<Ii")
_room = ptrace.Room(HANDLER_LOOK_BYTES)  # a tracer stops one thread at a time


class Unsafe(Exception):
    """Not now: the thread was let go untouched. ``reason`` is a short word; ``report``: the stop it cost."""

    def __init__(self, reason: str, report: StopReport | None = None) -> None:
        super().__init__(reason)
        self.reason, self.report = reason, report


class Gone(Exception):
    """The thread or its process has ended."""


class Stuck(Exception):
    """It does not come to us in time. The tracer must end: only that lets go of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Net:
    """Addresses in the target's C library, and in our region, that every stop needs."""

    gadget: int
    restore_rt: int


@dataclasses.dataclass(frozen=True, slots=True)
class Park:
    """Where a thread waits for us after a function: the loader's instructions at ``entry``, which find the
    attach page at ``page`` and say so in the two words at ``word`` (1, then the function's result)."""

    entry: int
    page: int
    word: int


@dataclasses.dataclass(frozen=True, slots=True)
class StopReport:
    """``duration_ns`` from the observed stop to the detach; ``interrupted_call``: the program saw EINTR."""

    purpose: str
    duration_ns: int
    interrupted_call: bool


class _Place(enum.Enum):
    """Where the thread is when we let go of it: where we stopped or sent it, home already, or no more."""

    OURS, HOME, ENDED = range(3)


class StoppedThread:
    """One thread, stopped by :meth:`stop`, let go by :meth:`release`."""

    def __init__(self, pid: int, tid: int, net: Net, mappings: Sequence[Mapping]) -> None:
        """``mappings``: the process's, in order of address, as of just before."""
        self.pid, self.tid = pid, tid
        self._net, self._mappings = net, mappings
        self._stack = _NOWHERE
        self._clean_at = 0
        self._original = Registers()
        self._now = Registers()
        self._frame = Frame()
        self._mask = 0
        self._bent = False
        self._ran_function = False
        self._in_signal_stop = True
        self._place = _Place.OURS
        self._signal = 0
        self._home = self._original
        self.stopped_ns = 0

    @property
    def registers(self) -> Registers:
        """As the thread was found."""
        return self._original

    # --- in -------------------------------------------------------------------------------------

    def look_ahead(self, sp: int) -> None:
        """Does before the stop what can be done of it for a thread that waits with its stack at ``sp``. It
        holds for as long as the thread stands there: a handler on its stack would have moved it. What looks
        like a handler is looked at again in the stop, where the stack's end is known."""
        stack = self._mapping_of(sp)
        if sp in stack:
            with contextlib.suppress(OSError):
                if not self._handler_above(sp, stack.end):
                    self._clean_at = sp

    def stop(self) -> None:
        """:raises Gone, Stuck, Unsafe: it is not stopped, and not attached to (Stuck: still is)."""
        try:
            ptrace.seize(self.tid)
        except ProcessLookupError:
            raise Gone from None
        try:
            self._interrupt()
            self._look()
        except ProcessLookupError:
            raise Gone from None

    def _interrupt(self) -> None:
        _limit(STOP_LIMIT_S)
        ptrace.request(ptrace.INTERRUPT, self.tid)
        while True:
            event, number = self._wait()
            self.stopped_ns = time.monotonic_ns()
            if event == ptrace.EVENT_STOP:
                if number != signal.SIGTRAP:
                    self.let_go("group-stop")
                return
            ptrace.request(ptrace.CONT, self.tid, 0, number)  # a signal of its own came first

    def _look(self) -> None:
        ptrace.get_registers(self.tid, self._original)
        self._mask = ptrace.get_mask(self.tid)
        self._frame.fetch_state(self.tid)
        if x86_64.saw_eintr(self._original) and x86_64.waits_for_ever(
            self._original.orig_rax, x86_64.arguments(self._original)
        ):
            self._home = x86_64.to_restart(self._original)
        if reason := self._objection():
            self.let_go(reason)

    def _objection(self) -> str:
        self._stack = self._find_stack()
        if self._frame.place(self._original.rsp - x86_64.RED_ZONE_BYTES) < self._stack.start:
            return "stack"
        if self._frame.has_tile_registers:
            return "tile-registers"
        return "restartable-sequence" if self._in_rseq() else ""

    def _find_stack(self) -> Mapping:
        """The mapping it stands on, if that is surely the thread's own stack: for main the kernel says so;
        others have their thread block at its upper end. What lies above that is somebody else's: from 2.42 on
        glibc does not map its guard pages apart, and neighbouring stacks are one mapping, with holes."""
        sp, block = self._original.rsp, self._original.fs_base
        mapping = self._mapping_of(sp)
        own = mapping.path == "[stack]" if self.tid == self.pid else sp < block < mapping.end
        if not own or sp not in mapping or not mapping.writable:
            return _NOWHERE
        return mapping if self.tid == self.pid else dataclasses.replace(mapping, end=block)

    def _mapping_of(self, address: int) -> Mapping:
        """The last one that begins at or below it."""
        at = bisect.bisect_right(self._mappings, address, key=_START) - 1
        return self._mappings[at] if at >= 0 else _NOWHERE

    def _in_rseq(self) -> bool:
        """In its own code inside a restartable sequence: bending the registers would hide that from the
        kernel, and the sequence could go on on another processor."""
        if x86_64.in_call(self._original):
            return False
        area = ptrace.rseq_pointer(self.tid)
        if not area:
            return False
        (sequence,) = struct.unpack("<Q", ptrace.read_memory(self.pid, area + 8, 8))
        if not sequence:
            return False
        start, length = struct.unpack("<QQ", ptrace.read_memory(self.pid, sequence + 8, 16))
        return bool(start <= self._original.rip < start + length)

    @property
    def is_in_its_own_code(self) -> bool:
        """Whether it was found outside of any system call."""
        return not x86_64.in_call(self._original)

    def is_waiting(self) -> bool:
        """Whether it was found blocked in a system call that our stop interrupted."""
        result = x86_64.signed(self._original.rax)
        return x86_64.in_call(self._original) and (result in x86_64.RESTARTS or result == x86_64.EINTR)

    def waits_at(self, before: tuple[int, int] | None) -> tuple[int, int] | None:
        """Place (instruction, stack) of the call that it waits in, None = it runs.

        ``before``: what its last stop gave. A thread that has not moved since was let go to begin its call
        anew and has not had a processor yet: it waits all the same.
        """
        found = self._original
        here = (found.rip, found.rsp)
        again = (found.rip + x86_64.SYSCALL_BYTES, found.rsp)
        if self.is_waiting():
            return here
        return before if before in (here, again) else None

    def is_still_in(self, task: procfs.Task) -> bool:
        """Whether it was found in the very call that it was chosen for."""
        found = self._original
        return self.is_waiting() and found.rip == task.pc and found.orig_rax == task.call

    def in_handler(self) -> bool:
        """Whether a signal handler seems to be under way (a false yes costs a try)."""
        sp = self._original.rsp
        return sp != self._clean_at and self._handler_above(sp, self._stack.end)

    def _handler_above(self, sp: int, end: int) -> bool:
        length = min(HANDLER_LOOK_BYTES, end - sp) & ~7
        data = _room.fetch(self.pid, sp, length)[:length]  # bytes search faster than the room
        wanted, at = struct.pack("<Q", self._net.restore_rt), -1
        while (at := data.find(wanted, at + 1)) >= 0:
            if (sp + at) & 15 == 8 and not is_our_frame(data, at):
                return True
        return False

    # --- at work --------------------------------------------------------------------------------

    def call(self, number: int, *args: int) -> int:
        """Makes the thread execute one system call; its result. The thread stays stopped.

        :raises Unsafe: a signal or a stop of its own came between; it was let go.
        """
        self._bend_to_call(number, *args)
        self._in_signal_stop = False
        for _ in ("entry", "exit"):
            ptrace.request(ptrace.SYSCALL, self.tid)
            event, stop = self._wait()
            if event or stop != ptrace.SYSCALL_STOP:
                self._signal = 0 if event or self._is_our_fault(stop) else stop
                interrupted = self._put_back()
                raise Unsafe("signal", StopReport("look", time.monotonic_ns() - self.stopped_ns, interrupted))
        ptrace.get_registers(self.tid, self._now)
        return x86_64.signed(self._now.rax)

    def _is_our_fault(self, number: int) -> bool:
        """Whether a signal is a fault of what we sent the thread to: then the program has changed under us
        (exec), and must not be told."""
        return number in ptrace.NEVER_BLOCKED and ptrace.signal_code(self.tid) > 0

    def send(self, purpose: str, number: int, *args: int) -> StopReport:
        """Lets the thread go by way of one system call: it comes home by its frame. What came of the call is
        for the caller to find out.

        For a thread that was found in its own code: one that was interrupted in a call would come home to an
        EINTR, or to a wait that should have ended.
        """
        self._bend_to_call(number, *args)
        ptrace.request(ptrace.DETACH, self.tid)
        _limit(0)
        return StopReport(purpose, time.monotonic_ns() - self.stopped_ns, False)

    def has_not_moved(self, found: Registers) -> bool:
        """After :meth:`send`: whether, by these registers, it is not home yet. All zero: perhaps."""
        before = (
            found.rsp == self._frame.address and 0 <= found.rip - self._net.gadget <= x86_64.SYSCALL_BYTES
        )
        after = found.rsp == self._frame.address + x86_64.WORD_BYTES
        return (
            before
            or (after and 0 <= found.rip - self._net.restore_rt < len(x86_64.RESTORE_RT))
            or not found.rip
        )

    def _bend_to_call(self, number: int, *args: int) -> None:
        bent = x86_64.to_call(self._original, self._net.gadget, self._frame.address, number, *args)
        if self._bent:
            ptrace.set_registers(self.tid, bent)
        else:
            self._bend(bent, self._net.restore_rt)

    def call_function(self, function: int, top: int, park: Park, *args: int) -> int:
        """Calls a C function on a stack that ends at ``top``; its result, an int. The thread stays stopped.

        The thread goes through all of it at once and then waits in ``park``, asleep and not for long: were
        each of its system calls a stop of its own, it would stand still several times as long.

        :raises Stuck: it waits for something; it will come home by its frame, do not touch it.
        """
        self._frame.place(top)
        bent = x86_64.to_function(self._original, function, self._frame.address, park.page, *args)
        self._bend(bent, park.entry, ptrace.ALL_BUT_SETXID)
        self._ran_function = True
        _limit(FUNCTION_LIMIT_S)
        ptrace.request(ptrace.CONT, self.tid)
        result = self._await_parked(park)
        with contextlib.suppress(Gone, ProcessLookupError):  # the call was made: that must not be tried again
            self._come_for_it()
        return result

    def _await_parked(self, park: Park) -> int:
        eager_until = time.monotonic_ns() + EAGER_NS
        ended = False
        while True:
            done, result = _parked.unpack_from(_room.fetch(self.pid, park.word, _parked.size))
            if done:
                return int(result)
            if ended:
                raise Gone
            found, status = os.waitpid(self.tid, ptrace.WALL | os.WNOHANG)
            if found and not os.WIFSTOPPED(status):
                ended = True  # perhaps after its call, and after it was home: looked at once more
            elif found:
                event, number = status >> 16, os.WSTOPSIG(status)
                ptrace.request(ptrace.CONT, self.tid, 0, 0 if event else number)
            elif time.monotonic_ns() > eager_until:
                time.sleep(PATIENT_NAP_S)

    def _come_for_it(self) -> None:
        """Stops the thread where it is parked, or finds that it went home, or on to its end."""
        self._place = _Place.ENDED
        ptrace.request(ptrace.INTERRUPT, self.tid)
        self._wait_for_event()
        ptrace.get_registers(self.tid, self._now)
        parked = self._now.rsp == self._frame.address + x86_64.WORD_BYTES
        self._place = _Place.OURS if parked else _Place.HOME

    def _wait_for_event(self) -> None:
        """Until the stop that our INTERRUPT brings; a signal of its own that came first is passed on."""
        while True:
            event, number = self._wait()
            if event == ptrace.EVENT_STOP:
                return
            ptrace.request(ptrace.CONT, self.tid, 0, 0 if event else number)

    def _bend(self, bent: Registers, returns_to: int, blocked: int = ptrace.ALMOST_ALL) -> None:
        """``returns_to``: the first instruction after what it is sent to; ``blocked``: signals, meanwhile."""
        self._frame.fill(self._home, self._mask, returns_to)
        try:
            self._frame.write(self.pid)
        except OSError:
            self.let_go("stack")
        ptrace.set_registers(self.tid, bent)
        ptrace.set_mask(self.tid, self._mask | blocked)
        self._bent = True

    # --- out ------------------------------------------------------------------------------------

    def release(self, purpose: str) -> StopReport:
        """Lets the thread go on as if nothing had been."""
        if not self._in_signal_stop and x86_64.is_to_restart(self._home):
            self._to_signal_stop()
        interrupted = self._put_back()
        return StopReport(purpose, time.monotonic_ns() - self.stopped_ns, interrupted)

    def let_go(self, reason: str) -> None:
        """Gives up on this stop before anything was changed.

        :raises Unsafe: always.
        """
        if self._bent:  # the frame stands already: only the way back is right
            raise Unsafe(reason, self.release("look"))
        interrupted = self._put_back()
        raise Unsafe(reason, StopReport("look", time.monotonic_ns() - self.stopped_ns, interrupted))

    def _to_signal_stop(self) -> None:
        """From a system call stop to one inside signal handling, without one instruction of the program's.

        Only there does the kernel begin an interrupted call anew. A thread that was in its own code, or whose
        call had its result, goes home from where it is: each resumption costs it two changes of processor.
        """
        ptrace.request(ptrace.INTERRUPT, self.tid)
        ptrace.request(ptrace.CONT, self.tid)
        event, stop = self._wait()
        self._signal = 0 if event else stop

    def _put_back(self) -> bool:
        """Mask, vector state, registers, detach; whether the program will see EINTR."""
        if self._place is not _Place.OURS:
            return self._leave_it()
        if self._bent:
            ptrace.set_mask(self.tid, self._mask)
            if self._ran_function:  # system calls leave the vector state alone
                self._frame.put_state_back(self.tid)
        if self._bent or self._home is not self._original:
            ptrace.set_registers(self.tid, self._home)
        if self._bent:  # an old frame's return address would look like a handler to the next one
            with contextlib.suppress(OSError):
                ptrace.write_word(self.tid, self._frame.address, 0)
        ptrace.request(ptrace.DETACH, self.tid, 0, self._signal)
        _limit(0)
        return x86_64.saw_eintr(self._home)

    def _leave_it(self) -> bool:
        """Its frame was quicker than we. A call that only the kernel knows how to go on with gave EINTR."""
        if self._place is not _Place.ENDED:
            ptrace.request(ptrace.DETACH, self.tid, 0, self._signal)
        _limit(0)
        return x86_64.saw_eintr(self._home) or x86_64.is_to_restart_timed(self._home)

    def _wait(self) -> tuple[int, int]:
        """(event, signal) of the next stop. Sleeps in waitpid: turning over would keep the thread from its
        own processor. The alarm set by :func:`_limit` ends it."""
        try:
            _, status = os.waitpid(self.tid, ptrace.WALL)
        except ChildProcessError:
            raise Gone from None
        if not os.WIFSTOPPED(status):
            raise Gone
        return status >> 16, os.WSTOPSIG(status)


def _limit(seconds: float) -> None:
    """From now on, at most so long; 0 = no limit."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def arm_limits() -> None:
    """Once for a tracer process: its alarm means that a thread did not come in time."""
    signal.signal(signal.SIGALRM, _too_late)


def _too_late(*_: object) -> None:
    raise Stuck


@contextlib.contextmanager
def promptly() -> Iterator[None]:
    """Around one stop. Ahead of everybody while it lasts: the target stands still while we wait for a
    processor. All waiting is asleep, so nobody is kept out. Whatever becomes of the stop, its alarm ends."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        _limit(0)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
