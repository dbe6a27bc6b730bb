"""Starts shippers and speaks with them. Knows nothing of rings or grpc.

A shipper is a process of its own that serves one session. It can be started ahead of its job (a *spare*),
so that a new session does not wait for its imports::

    shipper = ShipperProcess.spawn()
    shipper.prepare(job, descriptor)  # the shared memory is sized and filled in: the shim may enter
    ...
    answer = shipper.detach()         # answer.detached False: hooks still in, inject LEAVE
    outcome = shipper.wait(timeout_s=30.0)

Not thread-safe, except that :meth:`ShipperProcess.kill` may be called from anywhere.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from memscope_daemon.errors import SystemFailure, TrackingError
from memscope_daemon.shim import messages
from memscope_daemon.shim.fork_server import ForkServer, HelperProcess
from memscope_daemon.shim.job import Job, Resume

SPAWN_TIMEOUT_S = 30.0
DETACH_GRACE_S = 0.1
#: An answer takes some ms. But a machine whose disk or host stalls stands still for ten seconds and more, and
#: to wait costs the target nothing: it has not been touched.
ANSWER_TIMEOUT_S = 30.0
LOG_TAIL_BYTES = 2000


@dataclasses.dataclass(frozen=True, slots=True)
class DetachAnswer:
    """``detached``: the hooks are out. ``left_in_chain``: a bit per domain that stays as pass-through."""

    detached: bool
    left_in_chain: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class ShipperOutcome:
    """How a shipper ended.

    ``exit_code``: a ``job.ShipperExit``, or < 0: killed by that signal. ``reason``: "detached",
    "target_exited", "ingest_lost", "aborted", or "" when it could not say. ``detail``: for a human.
    """

    exit_code: int
    reason: str = ""
    detail: str = ""
    produced_count: int = 0
    shipped_count: int = 0


class ShipperProcess:
    """One shipper, from its start to its end. Use :meth:`spawn`."""

    def __init__(self, process: HelperProcess, connection: socket.socket, log: IO[bytes]) -> None:
        self._process = process
        self._connection = connection
        self._log = log
        self._idle = False
        self._last_words: messages.Message = {}

    @classmethod
    def spawn(cls, fork_server: ForkServer | None = None) -> ShipperProcess:
        """Starts a shipper and returns at once; it imports what it needs and waits for its job.

        ``fork_server``: forks it, so that it need not import anything (:func:`shipper_fork_server`). Where
        that fails, it is started all the same.

        :raises SystemFailure: no process could be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the shipper)
        process: HelperProcess | None = None
        try:
            if fork_server is not None:
                with contextlib.suppress(SystemFailure):
                    process = fork_server.fork(theirs, log.fileno())
            if process is None:
                process = _start(str(theirs.fileno()), theirs, log)
        except BaseException:
            ours.close()
            log.close()
            raise
        finally:
            theirs.close()
        return cls(process, ours, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_idle(self, timeout_s: float = SPAWN_TIMEOUT_S) -> None:
        """Waits until a job will be taken at once.

        :raises TrackingError: it died or did not come up in time.
        """
        if not self._idle:
            self._receive("idle", timeout_s)
            self._idle = True

    def prepare(
        self, job: Job | Mapping[str, Any], shared_fd: int, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> None:
        """Hands over the job and the shared memory; returns when that is sized, filled in and being watched.

        ``shared_fd`` stays the caller's.

        :raises TrackingError: the shipper died, refused, or did not answer in time. The shared memory must
            not be used then.
        """
        fields = job.to_message() if isinstance(job, Job) else dict(job)
        self._hand_over({"ask": "prepare", "job": fields}, shared_fd, timeout_s)

    def adopt(
        self, job: Job, resume: Resume, shared_fd: int, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> tuple[int, int]:
        """Hands over a session whose shipper has died, with its shared memory as that one left it.

        Returns how many records of either ring were lost with it.

        :raises TrackingError: as :meth:`prepare`.
        """
        message = {"ask": "adopt", "job": job.to_message(), "resume": resume.to_message()}
        events, raw = self._hand_over(message, shared_fd, timeout_s)["skipped"]
        return int(events), int(raw)

    def _hand_over(self, message: messages.Message, shared_fd: int, timeout_s: float) -> messages.Message:
        self.wait_idle()
        answer = self._ask(message, "ready", timeout_s, [shared_fd])
        if answer.get("error"):
            raise TrackingError(
                "shipper.not-ready",
                f"the shipper could not set up the shared memory: {answer['error']}",
                "try again; if memory is short, sample less densely",
            )
        return answer

    def detach(self, grace_s: float = DETACH_GRACE_S) -> DetachAnswer:
        """Asks the shim to take its hooks out at its next slow path, and waits up to ``grace_s`` for it.

        Whatever the answer, the shipper goes on draining until the hooks are out, says Goodbye and exits.

        :raises TrackingError: the shipper is dead.
        """
        answer = self._ask({"ask": "detach", "grace_s": grace_s}, "detach", grace_s + ANSWER_TIMEOUT_S)
        return DetachAnswer(bool(answer.get("detached")), int(answer.get("left_in_chain", 0)))

    def abort(self) -> None:
        """The attach failed: the shipper makes the shim quiet, should it still come, and exits."""
        with contextlib.suppress(OSError):
            messages.send(self._connection, {"ask": "abort"})

    def wait(self, timeout_s: float | None = None) -> ShipperOutcome:
        """Waits for the shipper's end.

        :raises TimeoutError: it is still at work.
        """
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"shipper {self.pid} is still at work") from error
        self._read_last_words()
        words = self._last_words
        if code < 0:  # it had said all when it was killed; or nobody can tell its code any more
            code = int(words.get("exit_code", code))
        return ShipperOutcome(
            code,
            str(words.get("reason", "")),
            str(words.get("detail", "")) or (self.log_tail() if code else ""),
            int(words.get("produced_count", 0)),
            int(words.get("shipped_count", 0)),
        )

    def kill(self) -> None:
        """Ends the shipper at once. The target goes quiet by itself within a second."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Gives back what this side holds. A shipper without a job ends; one at work finishes its session."""
        self._connection.close()
        self._log.close()
        self._process.poll()

    def log_tail(self) -> str:
        """The last lines the shipper wrote, for error messages."""
        with contextlib.suppress(OSError, ValueError):
            end = os.fstat(self._log.fileno()).st_size
            return os.pread(self._log.fileno(), LOG_TAIL_BYTES, max(0, end - LOG_TAIL_BYTES)).decode(
                errors="replace"
            )
        return ""

    def _ask(
        self, message: messages.Message, answer: str, timeout_s: float, descriptors: list[int] | None = None
    ) -> messages.Message:
        try:
            messages.send(self._connection, message, descriptors or ())
        except OSError as error:
            raise self._dead() from error
        return self._receive(answer, timeout_s)

    def _receive(self, wanted: str, timeout_s: float) -> messages.Message:
        deadline = time.monotonic() + timeout_s
        while True:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                received = messages.receive(self._connection)
            except TimeoutError as error:
                raise TrackingError(
                    "shipper.no-answer",
                    f"the shipper process {self.pid} did not answer within {timeout_s:.0f} s",
                    "try again when the machine is less busy",
                ) from error
            if received is None:
                raise self._dead()
            if received[0].get("say") == wanted:
                return received[0]
            self._remember(received[0])

    def _read_last_words(self) -> None:
        self._connection.settimeout(0.0)
        with contextlib.suppress(OSError, ValueError):
            while received := messages.receive(self._connection):
                self._remember(received[0])

    def _remember(self, message: messages.Message) -> None:
        if message.get("say") == "ended":
            self._last_words = message

    def _dead(self) -> TrackingError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        tail = self.log_tail().strip().rpartition("\n")[2]
        return TrackingError(
            "shipper.died",
            f"the shipper process {self.pid} ended (exit code {self._process.returncode})"
            + (f": {tail}" if tail else ""),
            "the target is unharmed and goes quiet within a second; attach again",
        )


def shipper_fork_server() -> ForkServer:
    """Forks shippers for :meth:`ShipperProcess.spawn`."""
    return ForkServer(lambda end: _start(f"--fork-server={end.fileno()}", end, subprocess.DEVNULL))


def _start(argument: str, end: socket.socket, log: IO[bytes] | int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "memscope_daemon.shim.shipper", argument],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(end.fileno(),),
            env=_environment(),
            start_new_session=True,  # Ctrl-C in the terminal is not for the shipper
        )
    except OSError as error:
        raise SystemFailure(
            "shipper.not-started",
            f"the shipper process could not be started: {error.strerror}",
            "free some memory or processes and try again",
            error,
        ) from error


def _environment() -> dict[str, str]:
    """Ours, with this very package findable, and grpc told to keep its hands off forks and the log."""
    root = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return os.environ | {
        "PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root,
        "GRPC_ENABLE_FORK_SUPPORT": "0",
        "GRPC_VERBOSITY": "NONE",
    }
