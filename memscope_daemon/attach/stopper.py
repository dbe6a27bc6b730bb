"""Which thread is stopped, and when: tries until a safe moment comes, and minds who was sent off."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable
from typing import Any

from memscope_daemon.attach import procfs, ptrace, waits, x86_64
from memscope_daemon.attach.asker import Asker
from memscope_daemon.attach.routes import Choice, Route
from memscope_daemon.attach.stop import Gone, Net, StoppedThread, Unsafe, promptly
from memscope_daemon.attach.waits import Wait

TRIES, TRIES_NS = 50, 2_000_000_000  # so many and so long at least: on a busy machine one try can take long
SENT_NS, SENT_LIMIT_NS, SENT_POLL_S = 20_000_000, 10_000_000_000, 0.0002


class Declined(Exception):
    """Given up with nothing left behind. ``code`` becomes ``attach.<code>``."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


class Stopper:
    """Stops threads of one process, one at a time.

    ``main_block``: the main thread's fs base, 0 = it was never stopped; ``main_waits_at``: where it was found
    waiting, None = it ran. ``adrift``: a thread that was sent off may still come by, so nothing of ours that
    lies in the process may be taken away.
    """

    def __init__(self, pid: int, net: Net, libc: waits.CodeRanges, asker: Asker) -> None:
        self._pid, self._net, self._libc, self._asker = pid, net, libc, asker
        self._restarts_at: dict[int, tuple[int, int]] = {}
        self.main_block = 0
        self.main_waits_at: tuple[int, int] | None = None
        self.adrift = False

    def _threads(self) -> list[tuple[procfs.Task, Wait]]:
        return [(task, self._classify(task)) for task in procfs.tasks(self._pid)]

    def _classify(self, task: procfs.Task) -> Wait:
        """A call that we interrupted shows as restart_syscall from then on, and not on every kernel with a
        place that tells what it waits for: at the same instruction and stack it is the call it was."""
        wait = waits.classify_live(self._pid, task, self._libc)
        place = (task.pc, task.sp)
        if wait is Wait.UNSAFE and task.call == waits.RESTART:
            return Wait.RESTARTS if self._restarts_at.get(task.tid) == place else wait
        if wait is Wait.RESTARTS:
            self._restarts_at[task.tid] = place
        return wait

    def stopped(self, pick: Any, accept: Any, heed_cancel: bool = True) -> Any:
        """Picks a thread, stops it and hands it to ``accept``, again and again until that succeeds.

        :raises Declined: no safe moment came. :raises Gone: the process ended.
        """
        limit, last = time.monotonic_ns() + TRIES_NS, "busy"
        for attempt in itertools.count():
            if heed_cancel:
                self._asker.listen()
                if self._asker.cancelled:
                    raise Declined("cancelled")
            try:
                threads = self._threads()
                choice = pick(self._pid, [(task.tid, wait) for task, wait in threads])
                if choice is None:
                    raise Unsafe("no-safe-thread")
                task = next(task for task, _ in threads if task.tid == choice.tid)
                with promptly():
                    return accept(choice, task, attempt)
            except Unsafe as unsafe:
                last = unsafe.reason
                if unsafe.report is not None:
                    self._asker.tell_stop(unsafe.report)
            except ProcessLookupError:
                raise Gone from None
            except Gone:
                if not os.path.exists(f"/proc/{self._pid}"):  # noqa: PTH110
                    raise
                last = "thread-ended"
            if attempt >= TRIES and time.monotonic_ns() > limit:
                break
            if last != "again":
                time.sleep(random.uniform(0.001, 0.02))
        raise Declined("stopped" if last == "group-stop" else "no-safe-moment", last)

    def stop(self, choice: Choice, task: procfs.Task, attempt: int) -> StoppedThread:
        self._check_program()
        thread = StoppedThread(self._pid, choice.tid, self._net, procfs.mappings(self._pid))
        if choice.wait is not Wait.RUNS:
            thread.look_ahead(task.sp)
        thread.stop()
        if choice.tid == self._pid:
            self.main_block = thread.registers.fs_base
            self.main_waits_at = thread.waits_at(self.main_waits_at)
        if thread.in_handler() and not (choice.route is Route.K and attempt > TRIES // 2):
            thread.let_go("in-handler")
        if choice.wait is not Wait.RUNS and not thread.is_still_in(task):
            thread.let_go("call-changed")
        return thread

    def _check_program(self) -> None:
        """It may have become another one by exec, with other things where we send threads to."""
        try:
            gadget = ptrace.read_memory(self._pid, self._net.gadget, len(x86_64.SYSCALL_RET))
            home = ptrace.read_memory(self._pid, self._net.restore_rt, len(x86_64.RESTORE_RT))
        except PermissionError:
            raise
        except OSError:
            gadget = home = b""
        if (gadget, home) != (x86_64.SYSCALL_RET, x86_64.RESTORE_RT):
            if not os.path.exists(f"/proc/{self._pid}/task"):  # noqa: PTH110
                raise Gone
            self.adrift = True  # nothing of ours is in there any more
            raise Declined("exec")

    def report(self, thread: StoppedThread, purpose: str) -> None:
        self._asker.tell_stop(thread.release(purpose))

    # --- sent off -------------------------------------------------------------------------------

    def went(self, sent: StoppedThread, is_true: Callable[[], bool]) -> bool:
        """Waits until a thread that was sent off has made its call; whether that came of it.

        :raises Declined: it gets no processor. What it was sent to may still come, so all of ours stays.
        """
        limit = time.monotonic_ns() + SENT_LIMIT_NS
        while not self._comes_true(is_true):
            if not self._is_on_its_way(sent):
                return is_true()
            if time.monotonic_ns() > limit:
                self.adrift = True
                raise Declined("no-processor", f"thread {sent.tid} was sent off and does not run")
        return True

    def _comes_true(self, is_true: Callable[[], bool]) -> bool:
        limit = time.monotonic_ns() + SENT_NS
        while not is_true():
            if time.monotonic_ns() > limit:
                return False
            time.sleep(SENT_POLL_S)
        return True

    def _is_on_its_way(self, sent: StoppedThread) -> bool:
        again = StoppedThread(self._pid, sent.tid, self._net, procfs.mappings(self._pid))
        try:
            with promptly():
                again.stop()
                self.report(again, "look")
        except Unsafe as unsafe:
            if unsafe.report is not None:
                self._asker.tell_stop(unsafe.report)
        except (Gone, ProcessLookupError):
            return False
        return sent.has_not_moved(again.registers)
