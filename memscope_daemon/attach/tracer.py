"""The tracer: a process of its own that does one injection and ends. Speaks JSON over a socket.

It is apart from the daemon because a thread that does not come to its tracer can only be let go of by
the tracer's end, and because nothing else may delay it while a target's thread stands still. It loads
little, and makes whatever it needs before it stops anything.

Steps: map a region (stop 1), fill it while the target runs, send the thread off (stop 2), watch the
attach page, take the region out (stop 3). Told in order over the socket:

    {"say": "stop", purpose, duration_ns, interrupted_call}     one for each stop
    {"say": "route", route, tid}                                the call was sent off
    {"say": "shared"} + descriptor                              answered by {"ask": "go"}
    {"say": "waiting", what}                                    for whom we wait
    {"say": "result", ...}                                      the end

``{"ask": "cancel"}``, or the end of the other side, cancels at any time.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from memscope_daemon.attach import procfs, ptrace, waits, x86_64
from memscope_daemon.attach.asker import Asker
from memscope_daemon.attach.region import CODE_BYTES, REGION_BYTES, Region, build_page, read_image
from memscope_daemon.attach.routes import Choice, Route, choose, choose_caller
from memscope_daemon.attach.stop import (
    Gone,
    Net,
    StoppedThread,
    Stuck,
    Unsafe,
    arm_limits,
)
from memscope_daemon.attach.stopper import TRIES, Declined, Stopper
from memscope_daemon.attach.waits import Wait
from memscope_daemon.shim import messages
from memscope_daemon.shim.layout import Outcome, Stage

POLL_FAST_S, POLL_SLOW_S, POLL_FAST_NS = 0.0002, 0.002, 50_000_000
BLOCKED_MAIN_NS = 500_000_000
WAITING_NOTE_NS = 1_000_000_000
CANCEL_GRACE_NS = 1_000_000_000
#: A call that was given up goes by when what holds the GIL lets go of it, which may take hours.
LINGER_NS, LINGER_OFTEN_NS = 24 * 3600 * 1_000_000_000, 60_000_000_000
LINGER_OFTEN_S, LINGER_SELDOM_S = 0.1, 1.0
QUEUE_FULL_TRIES, QUEUE_FULL_NAP_S = 10, 0.05
_ERRNO_MAX = 4095
_PROT_RW, _PROT_RX, _MAP_PRIVATE_ANONYMOUS = 3, 5, 0x22


class Tracer:
    """One injection. Single-threaded."""

    def __init__(self, asker: Asker, job: dict[str, Any]) -> None:
        self._asker, self._job = asker, job
        self._pid: int = job["pid"]
        code = bytes.fromhex(job["code"])
        self._code = ctypes.create_string_buffer(code, len(code))
        self._libc = waits.CodeRanges(tuple((start, end) for start, end in job["libc_code"]))
        self._stopper = Stopper(self._pid, Net(job["gadget"], job["restore_rt"]), self._libc, asker)
        self._routes = frozenset(Route(name) for name in job["routes"])
        self._region: Region | None = None
        self._mapped: list[Region] = []  # all that ever were
        self._queued: list[tuple[Region, Route]] = []
        self._shared_address = 0
        self._announced = False
        self._route: Route | None = None
        self._left_to_its_frame = False
        self._creator = 0  # the thread that was left to its frame: it stands on our region's stack
        self._unmapped_shared = 0
        self._waited_from_ns = 0
        self._waited_ns = 0
        self.is_stuck = False

    # --- the whole ------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """The result's fields."""
        for attempt in range(QUEUE_FULL_TRIES):
            page = self._inject()
            retry = page.stage == Stage.FAILED and page.outcome == Outcome.QUEUE_FULL
            blocked = page.stage < Stage.DONE and not self._asker.cancelled
            if not (retry or blocked) or attempt == QUEUE_FULL_TRIES - 1:
                break
            if retry:
                if not self._clean(page, keep_shared=True) and self._region and self._route:
                    self._queued.append((self._region, self._route))
                time.sleep(QUEUE_FULL_NAP_S)
            elif self._region:  # K's call waits in a queue that nobody serves: cancelled; now by P
                self._queued.append((self._region, Route.K))
                self._region = None
                self._routes = frozenset({Route.P})
        return self._result(page)

    def _inject(self) -> Any:
        image = read_image(self._job["image"])
        region = self._region = self._map()
        page = build_page(self._job, self._shared_address)
        region.fill_image(image, page)
        region.fill(page)
        region.fill_clone_stack(self._job["clone_entry"])
        try:
            self._send_off(region)
        except Declined:
            if not self._stopper.adrift and self._unmap(region, 0):
                self._region = None
            raise
        return self._watch(region)

    @property
    def left_behind(self) -> bool:
        """Whether something of ours is still in the target when it is declined."""
        regions = any(not region.is_spent for region in self._mapped)
        return regions or self._shared_address != self._unmapped_shared

    def _result(self, page: Any) -> dict[str, Any]:
        try:
            cleaned = self._clean(page)
            left = not (self._clean_queued() and cleaned)
        except Stuck:  # only our end lets go of it; what was done stays done
            left = self.is_stuck = True
        return {
            "say": "result",
            "stage": int(page.stage),
            "outcome": int(page.outcome),
            "error": bytes(page.error).decode(errors="replace"),
            "region_left": left,
            "route": self._route.value if self._route else "",
            "waited_for_gil_ns": self._waited_ns,
        }

    # --- stops ----------------------------------------------------------------------------------

    def _map(self) -> Region:
        region: Region | None = None  # of a try that a signal broke off half-way: gone on with
        refused = False

        def accept(choice: Choice, task: procfs.Task, attempt: int) -> Region:
            nonlocal region, refused
            thread = self._stopper.stop(choice, task, attempt)
            if region is None:
                address = thread.call(
                    x86_64.NR_MMAP, 0, REGION_BYTES, _PROT_RW, _MAP_PRIVATE_ANONYMOUS, x86_64.MINUS_ONE
                )
                if -_ERRNO_MAX <= address < 0:
                    self._stopper.report(thread, "map")
                    raise Declined("no-memory", os.strerror(-address))
                region = Region(self._pid, address)
                self._mapped.append(region)
            address = region.address
            ptrace.write_from(self._pid, address, ctypes.addressof(self._code), len(self._code))
            if thread.is_in_its_own_code and not refused:
                self._asker.tell_stop(thread.send("map", x86_64.NR_MPROTECT, address, CODE_BYTES, _PROT_RX))
                refused = not self._stopper.went(thread, lambda: self._is_executable(address))
                if refused:
                    raise Unsafe("again")  # by a call that says why
                return region
            error = thread.call(x86_64.NR_MPROTECT, address, CODE_BYTES, _PROT_RX)
            if error:
                region.is_spent = True
                thread.call(x86_64.NR_MUNMAP, address, REGION_BYTES)
            self._stopper.report(thread, "map")
            if error:
                raise Declined("no-executable-memory", os.strerror(-error))
            return region

        mapped: Region = self._stopper.stopped(choose_caller, accept)
        return mapped

    def _send_off(self, region: Region) -> None:
        filled = self._fill_block(region)

        def pick(main: int, threads: list[tuple[int, Wait]]) -> Choice | None:
            return choose(main, threads, self._routes)

        def accept(choice: Choice, task: procfs.Task, attempt: int) -> None:
            nonlocal filled
            thread = self._stopper.stop(choice, task, attempt)
            if choice.route is Route.K:
                if self._stopper.main_waits_at and Route.P in self._routes and attempt < TRIES - 1:
                    thread.let_go("main-waits")  # it only looked as if it ran; nobody would serve the queue
                if not filled:  # main was never stopped before: its thread block was not known
                    try:
                        thread.let_go("again")
                    finally:
                        filled = self._fill_block(region)
                made = self._clone(thread, region)
            else:
                made = self._pthread_create(thread, region)
                if not self._left_to_its_frame:
                    self._stopper.report(thread, "call")
            if made < -_ERRNO_MAX:  # no answer of pthread_create's: there may well be a thread, on our pages
                self._stopper.adrift = True
                raise Declined("no-thread", f"the answer was {-made}, which is no error number")
            if made < 0:
                raise Declined("no-thread", os.strerror(-made))
            self._route = choice.route
            self._asker.tell({"say": "route", "route": choice.route.value, "tid": choice.tid})

        self._stopper.stopped(pick, accept)

    def _fill_block(self, region: Region) -> bool:
        if not self._stopper.main_block or Route.K not in self._routes:
            return False
        try:
            region.fill_thread_block(self._stopper.main_block)
        except OSError as error:
            if Route.P not in self._routes:
                raise Declined("thread-block", str(error)) from error
            self._routes = frozenset({Route.P})
            return False
        return True

    def _clone(self, thread: StoppedThread, region: Region) -> int:
        """0, or the negative error. A thread in its own code is sent and let go at once; whether another came
        of it stands in our page."""
        arguments = region.prepare_clone()
        if not thread.is_in_its_own_code:
            made = thread.call(x86_64.NR_CLONE, *arguments)
            self._stopper.report(thread, "call")
            return min(made, 0)
        self._asker.tell_stop(thread.send("call", x86_64.NR_CLONE, *arguments))
        return 0 if self._stopper.went(thread, region.has_helper) else -errno.EAGAIN

    def _pthread_create(self, thread: StoppedThread, region: Region) -> int:
        """0, or the negative error."""
        try:
            return -thread.call_function(
                self._job["libc"]["pthread_create"],
                region.top,
                region.park(self._job["park"]),
                region.word_address("pthread_id"),
                0,
                region.address + self._job["pthread_entry"],
                region.page_address,
            )
        except Stuck:
            if os.fork():
                os._exit(0)  # lets go of the thread: it comes home by its frame, and we watch on as the child
            self._left_to_its_frame, self._creator = True, thread.tid
            return 0

    # --- seen from outside ----------------------------------------------------------------------

    def _is_executable(self, address: int) -> bool:
        return any(each.start == address and each.executable for each in procfs.mappings(self._pid))

    def _is_gone(self, address: int) -> bool:
        return not any(address in each for each in procfs.mappings(self._pid))

    # --- watching -------------------------------------------------------------------------------

    def _watch(self, region: Region) -> Any:
        """Until the call has run, has been cancelled, or will not run by this route."""
        began = noted = time.monotonic_ns()
        blocked_since = 0
        while True:
            page = region.read()
            if page.stage >= Stage.DONE:
                self._count_wait(page)
                return page
            now = time.monotonic_ns()
            if page.stage == Stage.SHARED and not self._announced:
                self._announce(page)
            if page.stage == Stage.QUEUED and not self._waited_from_ns:
                self._waited_from_ns = noted = now
            if self._asker.listen(POLL_FAST_S if now - began < POLL_FAST_NS else POLL_SLOW_S):
                region.set_word("go", 1)
            if self._asker.cancelled:
                return self._cancel(region)
            if page.stage == Stage.QUEUED and self._route is Route.K and now - began > POLL_FAST_NS:
                blocked_since = (blocked_since or now) if self._main_is_blocked() else 0
                if blocked_since and now - blocked_since > BLOCKED_MAIN_NS:
                    return self._cancel(region)
            if page.stage == Stage.QUEUED and now - noted > WAITING_NOTE_NS:
                noted = now
                self._asker.tell(
                    {"say": "waiting", "what": "gil" if self._route is Route.P else "main-thread"}
                )
            self._check_alive()

    def _count_wait(self, page: Any) -> None:
        if self._waited_from_ns:
            self._waited_ns += time.monotonic_ns() - self._waited_from_ns
            self._waited_from_ns = 0

    def _main_is_blocked(self) -> bool:
        """Whether P has somewhere to go that K has not."""
        if Route.P not in self._routes:
            return False
        main = procfs.task(self._pid, self._pid)
        return main is not None and waits.classify_live(self._pid, main, self._libc) <= Wait.INTERRUPTS

    def _announce(self, page: Any) -> None:
        path = f"/proc/{self._pid}/fd/{page.shared_fd}"
        try:
            if not os.readlink(path).startswith(f"/memfd:{self._job['memfd_name']}"):  # noqa: PTH115
                raise OSError("not the memory that was made")
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            self._asker.cancelled = True
            return
        self._shared_address = page.shared_address
        self._announced = True
        try:
            self._asker.tell({"say": "shared"}, [descriptor])
        finally:
            os.close(descriptor)

    def _cancel(self, region: Region) -> Any:
        """After the word is set the call either was running already, or will never do anything."""
        region.set_word("cancel", 1)
        limit = time.monotonic_ns() + (CANCEL_GRACE_NS if self._asker.cancelled else 0)
        while True:
            page = region.read()
            if page.stage >= Stage.DONE:
                self._count_wait(page)
                return page
            if page.stage != Stage.RUNNING and time.monotonic_ns() > limit:
                return page
            self._check_alive()
            time.sleep(POLL_SLOW_S)

    def _check_alive(self) -> None:
        if procfs.start_time_ticks(self._pid) != self._job["start_time_ticks"]:
            raise ProcessLookupError(self._pid)
        if procfs.status(self._pid)["State"][:1] in "ZX":
            raise ProcessLookupError(self._pid)

    # --- cleaning -------------------------------------------------------------------------------

    def _clean(self, page: Any, keep_shared: bool = False) -> bool:
        """Takes the region out, and the shared memory if no hooks came of it. False: something stays."""
        region = self._region
        if region is None or region.is_spent:
            return True
        shared = page.shared_address if self._is_unused(page) and not keep_shared else 0
        limit = time.monotonic_ns() + CANCEL_GRACE_NS
        while not self._helper_gone(region, self._route):
            if time.monotonic_ns() > limit:
                return False
            time.sleep(POLL_FAST_S)
        if page.stage < Stage.DONE or not self._unmap(region, shared):
            return False
        self._region = None  # it is no more: nobody may look into it
        return True

    def _is_unused(self, page: Any) -> bool:
        """Whether no hooks came of a call that has run, or never will."""
        return bool(page.stage != Stage.DONE or page.outcome < 0 or self._job["operation"] != 1)

    def _helper_gone(self, region: Region, route: Route | None) -> bool:
        """K's thread is gone when the kernel says so; P's when nobody in the process has its number."""
        tid = int(region.read().helper_tid)
        if route is Route.K or not tid:
            return not tid
        return all(procfs.tid_inside(self._pid, task) != tid for task in procfs.tids(self._pid))

    def _came_home(self, region: Region) -> bool:
        """Whether nobody runs on the region's stack any more. A running thread does not say where."""
        if not self._left_to_its_frame or self._creator not in procfs.tids(self._pid):
            return True
        creator = procfs.task(self._pid, self._creator)
        return bool(creator and creator.sp and creator.sp not in region and creator.pc not in region)

    def _unmap(self, region: Region | None, shared: int) -> bool:
        """Each once only: what the target maps there afterwards is its own."""
        if self._stopper.adrift:
            return False

        def accept(choice: Choice, task: procfs.Task, attempt: int) -> bool:
            if region and region.is_spent:
                return True  # the thread ended, or its program did, after its call
            main = procfs.task(self._pid, self._pid)
            if region and choice.tid != self._pid and (main is None or main.pc in region or not main.pc):
                raise Unsafe("main-unknown")  # it may still be leaving the call
            if region and not self._came_home(region):
                raise Unsafe("creator-unknown")
            thread = self._stopper.stop(choice, task, attempt)
            if region and thread.registers.rip in region:
                thread.let_go("in-region")
            if shared and shared != self._unmapped_shared:
                self._unmapped_shared = shared
                thread.call(x86_64.NR_MUNMAP, shared, self._job["shared_bytes"])
            if region:
                region.is_spent = True
            if region and thread.is_in_its_own_code:
                unmap = (x86_64.NR_MUNMAP, region.address, REGION_BYTES)
                self._asker.tell_stop(thread.send("clean", *unmap))
                self._stopper.went(thread, lambda: self._is_gone(region.address))
                return True  # it was made; if something lies there it is the program's
            if region:
                thread.call(x86_64.NR_MUNMAP, region.address, REGION_BYTES)
            self._stopper.report(thread, "clean")
            return True

        try:
            return bool(self._stopper.stopped(choose_caller, accept, heed_cancel=False))
        except Declined:
            return False
        except ProcessLookupError:
            raise
        except OSError:  # another tracer came, say: what was done stays done
            return False

    def _clean_queued(self, declined: bool = False) -> bool:
        """Regions of calls that were cancelled in the queue: out as soon as the call has passed by.

        With the last one goes the shared memory, if nothing came of it; earlier tries have it in common.
        """
        self._queued = [each for each in self._queued if not each[0].is_spent]
        for region, route in tuple(self._queued):
            page = region.read()
            if page.stage < Stage.DONE or not self._helper_gone(region, route):
                continue
            unused = declined or (region is self._region and self._is_unused(page))
            if self._unmap(region, page.shared_address if unused else 0):
                self._queued.remove((region, route))
        return not self._queued

    def linger(self, declined: bool = False) -> None:
        """After the result: waits for cancelled calls to pass by, and takes their regions out, and the shared
        memory if no hooks came of it."""
        began_ns = time.monotonic_ns()
        region = self._region if self._region is not None and not self._region.is_spent else None
        if region is not None and self._route is not None:
            self._queued.append((region, self._route))
        elif not self._stopper.adrift:  # mapped, but nobody was ever sent there
            for idle in self._mapped:
                if not idle.is_spent and all(idle is not queued for queued, _ in self._queued):
                    self._unmap(idle, 0)
        while not self._clean_queued(declined) and (waited_ns := time.monotonic_ns() - began_ns) < LINGER_NS:
            time.sleep(LINGER_OFTEN_S if waited_ns < LINGER_OFTEN_NS else LINGER_SELDOM_S)
            self._check_alive()
        if declined and self.left_behind and not self._queued:
            self._unmap(None, self._shared_address)


def main(descriptor: int, warm_up: Callable[[], object] = bool) -> None:
    """Serves one job from the socket at ``descriptor``, then ends. ``warm_up`` runs when the job is there."""
    gc.disable()
    arm_limits()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    connection = socket.socket(fileno=descriptor)
    received = messages.receive(connection)
    if received is None:
        return
    warm_up()
    tracer = Tracer(Asker(connection), received[0])
    result: dict[str, Any]
    try:
        result = tracer.run()
    except Declined as declined:
        result = {"say": "declined", "code": declined.code, "detail": declined.detail}
        result["region_left"] = tracer.left_behind
    except (Gone, ProcessLookupError):
        result = {"say": "gone"}
    except Stuck:
        result = {"say": "declined", "code": "unstoppable", "detail": "it did not come in time"}
        result["region_left"] = tracer.is_stuck = tracer.left_behind
    except OSError as error:
        result = {"say": "declined", "code": "system", "detail": str(error)}
        result["region_left"] = tracer.left_behind
    with contextlib.suppress(OSError):
        messages.send(connection, result)
    connection.close()
    if result.get("region_left") and not tracer.is_stuck:
        with contextlib.suppress(ProcessLookupError, Gone, Stuck, OSError):
            os.chdir("/")  # it may be a while: no file system stays busy for it
            tracer.linger(declined=result["say"] == "declined")


if __name__ == "__main__":
    main(int(sys.argv[1]))
