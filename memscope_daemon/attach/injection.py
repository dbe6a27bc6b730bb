"""One injection, seen from the side that wants it: starts a tracer, follows it, says how it went.

The tracer is started before anything is known of the target, so that its start-up costs no time; until
it gets its job it has done nothing and may simply be closed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memscope_daemon.attach import handover, region, waits
from memscope_daemon.attach.plan import Plan
from memscope_daemon.attach.stop import StopReport
from memscope_daemon.attach.target import Facts, Interpreter
from memscope_daemon.errors import AttachFailed, AttachRefused, SystemFailure, TargetEnded
from memscope_daemon.shim import layout, messages
from memscope_daemon.shim.fork_server import ForkServer, HelperProcess

TRACER_PROGRAM = (
    "from memscope_daemon.attach.rehearsal import main; from memscope_daemon.shim.fork_loop import serve"
)
GO_TIMEOUT_MS = 15_000
SILENCE_TIMEOUT_S = 30.0

OnShared = Callable[[int], None]
OnProgress = Callable[[str], None]

_DECLINED = {
    "no-safe-moment": (
        "no safe moment was found to interrupt it",
        "try again, or when it does something else",
    ),
    "stopped": ("it was stopped (by SIGSTOP or job control)", "let it go on (kill -CONT) and try again"),
    "unstoppable": ("its thread could not be stopped", "try again when its disk or network wait is over"),
    "exec": ("it was replaced by another program meanwhile", "try again"),
    "no-processor": ("a thread of it was sent off and gets no processor", "try again when it is less busy"),
    "no-memory": ("it could not map a few pages of memory", "raise its memory limit"),
    "no-executable-memory": ("it may not have new executable memory", "allow execmem in its security policy"),
    "no-thread": ("it could not start one more thread", "raise its limit of processes or threads"),
    "thread-block": ("its thread-local memory is larger than was ever tried", "report this"),
    "system": ("the kernel refused", "run memscope as root, or give it CAP_SYS_PTRACE"),
}
_FAILED = {
    layout.Outcome.MEMFD: ("no-memfd", "it could not make shared memory", "raise its limit of open files"),
    layout.Outcome.MMAP: ("no-memory", "it could not map the shared memory", "raise its address-space limit"),
    layout.Outcome.GO_TIMEOUT: ("go-timeout", "the shared memory was not ready in time", "try again"),
    layout.Outcome.QUEUE_FULL: ("queue-full", "its queue of pending calls stays full", "try again"),
    layout.Outcome.NOT_INITIALIZED: (
        "finalizing",
        "its interpreter is not up, or shutting down",
        "try another process",
    ),
    layout.Outcome.DLOPEN: ("dlopen", "it could not load the shim", "see the reason above"),
    layout.Outcome.DLSYM: ("dlsym", "the shim loaded there is of another kind", "reinstall memscope"),
    layout.Outcome.BAD_SESSION: ("bad-session", "the shim refused the shared memory", "report this"),
    layout.Outcome.BAD_VERSION: (
        "bad-version",
        "the shim does not know this interpreter",
        "report its version",
    ),
    layout.Outcome.NO_API: ("no-api", "the shim missed a function of the interpreter", "report its version"),
    layout.Outcome.INTERPRETER: (
        "subinterpreters",
        "a subinterpreter took the call",
        "try again when only the main interpreter runs",
    ),
    layout.Outcome.IMAGE: (
        "no-image",
        "no file could be made there for the shim",
        "raise its limits of open files and of file size (RLIMIT_NOFILE, RLIMIT_FSIZE)",
    ),
    layout.Outcome.ALREADY: (
        "already-tracked",
        "it is being tracked by another session",
        "detach that one first: memscoped detach",
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class InjectionResult:
    """``outcome`` >= 0. ``region_left``: a few pages of ours stay mapped in the target.
    ``waited_for_gil_ns``: from the call being ready to its having run."""

    outcome: layout.Outcome
    route: str
    stops: tuple[StopReport, ...]
    waited_for_gil_ns: int
    region_left: bool


class TracerProcess:
    """A tracer, started and waiting for its job."""

    def __init__(self, fork_server: ForkServer | None = None) -> None:
        """``fork_server``: forks it (:func:`tracer_fork_server`). Otherwise it is started.

        :raises SystemFailure: no process could be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process: HelperProcess | None = None
        try:
            if fork_server is not None:
                with contextlib.suppress(SystemFailure), Path(os.devnull).open("wb") as log:
                    process = fork_server.fork(theirs, log.fileno())
            self._process = process or _start("main({})", theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.connection = ours
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, message: messages.Message) -> None:
        """Safe from any thread; a tracer that has ended is noticed by whoever receives."""
        with self._lock, contextlib.suppress(OSError):
            messages.send(self.connection, message)

    def receive(self, timeout_s: float) -> tuple[messages.Message, list[int]] | None:
        self.connection.settimeout(timeout_s)
        return messages.receive(self.connection)

    def ended(self, timeout_s: float = 1.0) -> None:
        """Waits for its end, after which it certainly has let go of the target; or not for ever."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)

    def close(self) -> None:
        """Lets go of it: without a job it ends, after its result it ends by itself when all is cleaned."""
        self.connection.close()
        threading.Thread(target=self._process.wait, daemon=True, name="memscope-reaper").start()


def tracer_fork_server() -> ForkServer:
    """Forks tracers for :class:`TracerProcess`."""
    return ForkServer(lambda end: _start("serve({}, main)", end))


def _start(call: str, end: socket.socket) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parents[2])
    program = f"import sys; sys.path.insert(0, {root!r})\n{TRACER_PROGRAM}\n{call.format(end.fileno())}"
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if not os.environ.get("MEMSCOPE_TRACER_DEBUG") else None,
            pass_fds=(end.fileno(),),
            start_new_session=True,
        )
    except OSError as error:
        raise SystemFailure(
            "attach.tracer-not-started",
            f"the tracer process could not be started: {error.strerror}",
            "free some memory or processes and try again",
            error,
        ) from error


def build_job(
    facts: Facts, plan: Plan, operation: layout.Operation, shim: Path, shared_bytes: int
) -> dict[str, Any]:
    """What the tracer must know. ``shared_bytes`` 0 for LEAVE."""
    interpreter = facts.interpreter or Interpreter()
    loader = region.read_loader(shim)
    hands_over = plan.hands_over and operation is layout.Operation.ENTER
    return {
        "pid": facts.pid,
        "start_time_ticks": facts.start_time_ticks,
        "operation": int(operation),
        "routes": sorted(route.value for route in plan.routes),
        "python": interpreter.symbols,
        "libc": facts.libc.symbols,
        "libc_code": waits.libc_code(facts.mappings, facts.libc.paths).ranges,
        "gadget": facts.libc.gadget,
        "restore_rt": facts.libc.restore_rt,
        "hexversion": interpreter.hexversion,
        "shared_bytes": shared_bytes,
        "go_timeout_ms": GO_TIMEOUT_MS,
        "memfd_name": "memscope",
        "entry_name": layout.ENTRY_NAME,
        "shim_path": handover.image_path(shim) if hands_over else facts.shim_path,
        "image": str(shim) if hands_over else "",
        "entry_address": plan.entry_address,
        "code": loader.code.hex(),
        "clone_entry": loader.clone_entry,
        "pthread_entry": loader.pthread_entry,
        "park": loader.park,
    }


class Injection:
    """Follows one tracer through its job. :meth:`run` blocks; :meth:`cancel` may come from any thread."""

    def __init__(
        self, tracer: TracerProcess, job: dict[str, Any], on_shared: OnShared, on_progress: OnProgress
    ) -> None:
        self._tracer, self._job = tracer, job
        self._on_shared, self._on_progress = on_shared, on_progress
        self._stops: list[StopReport] = []
        self._cancelled = False
        self._trouble: BaseException | None = None

    @property
    def stops(self) -> tuple[StopReport, ...]:
        return tuple(self._stops)

    def cancel(self) -> None:
        """The target stays, or becomes again, as it was, unless the call has begun by now."""
        self._cancelled = True
        self._tracer.send({"ask": "cancel"})

    def run(self) -> InjectionResult:
        """Until the call has run.

        :raises AttachRefused, AttachFailed, TargetEnded: see the message; whatever ``on_shared`` raises.
        """
        self._tracer.send(self._job)
        while True:
            message, descriptors = self._next()
            say = message.get("say")
            if say == "stop":
                self._stops.append(
                    StopReport(message["purpose"], message["duration_ns"], message["interrupted_call"])
                )
            elif say == "shared":
                self._share(descriptors)
            elif say == "waiting":
                self._on_progress(_WAITING[message["what"]])
            elif say in ("result", "declined", "gone"):
                return self._conclude(message)

    def _next(self) -> tuple[messages.Message, list[int]]:
        try:
            received = self._tracer.receive(SILENCE_TIMEOUT_S)
        except TimeoutError:
            raise self._failed("tracer-silent", "the tracer fell silent", "try again") from None
        if received is None:
            raise self._failed(
                "tracer-died", "the tracer process ended", "the target goes on unharmed; try again"
            )
        return received

    def _share(self, descriptors: list[int]) -> None:
        try:
            self._on_shared(descriptors[0])
            self._tracer.send({"ask": "go"})
        except BaseException as error:
            self._trouble = error
            self._tracer.send({"ask": "cancel"})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _conclude(self, message: messages.Message) -> InjectionResult:
        if message["say"] != "result":
            self._tracer.ended()
        if message["say"] == "gone":
            raise self._ended()
        if self._trouble is not None:
            raise self._trouble
        if message["say"] == "declined":
            raise self._declined(
                message["code"], message.get("detail", ""), message.get("region_left", False)
            )
        outcome = layout.Outcome(message["outcome"])
        if message["stage"] not in (layout.Stage.DONE, layout.Stage.FAILED):
            raise self._declined("cancelled", "", message["region_left"])
        if outcome < 0:
            raise self._refused_inside(outcome, message["error"])
        return InjectionResult(
            outcome,
            message["route"],
            self.stops,
            message["waited_for_gil_ns"],
            message["region_left"],
        )

    def _ended(self) -> AttachRefused | TargetEnded:
        pid = self._job["pid"]
        return TargetEnded(
            "attach.exited",
            f"process {pid} ended during the attach",
            "attach to the process that replaced it",
            exit_code=3,
        )

    def _declined(self, code: str, detail: str, region_left: bool) -> AttachRefused:
        state = "as it was, but for a few idle pages of memscope's" if region_left else "as it was"
        if code == "cancelled":
            return AttachRefused(
                "attach.cancelled",
                f"the attach was cancelled; the target is {state}",
                "attach again when you like",
            )
        reason, step = _DECLINED.get(code, (detail, "try again"))
        more = f" ({detail})" if detail and detail != reason else ""
        return AttachRefused(
            f"attach.{code}", f"process {self._job['pid']} was left {state}: {reason}{more}", step
        )

    def _refused_inside(self, outcome: layout.Outcome, error: str) -> AttachRefused | AttachFailed:
        code, reason, step = _FAILED.get(outcome, ("unknown", f"outcome {int(outcome)}", "report this"))
        kind = AttachRefused if outcome is layout.Outcome.ALREADY else AttachFailed
        text = f"process {self._job['pid']}: {reason}" + (f": {error}" if error else "")
        return kind(f"attach.{code}", text, step)

    def _failed(self, code: str, reason: str, step: str) -> AttachFailed:
        return AttachFailed(f"attach.{code}", f"process {self._job['pid']}: {reason}", step)


_WAITING = {
    "gil": "waiting for the GIL: a thread of the target holds it in a long call",
    "main-thread": "waiting for the target's main thread to come back to Python code",
}
