"""Forks helper processes from one that has imported already what they need.

To start a Python process with all of a shipper's imports takes some 0.4 s of a processor, to fork one a few
milliseconds; and what they share they have in memory once. The fork server (``shim.fork_loop``) is a process
of its own because the daemon has threads, and a fork of it would inherit their locks.

A helper that was forked is used as one that was started: :class:`Forked` has those methods of
``subprocess.Popen`` that we use.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import Protocol

from memscope_daemon.errors import SystemFailure
from memscope_daemon.shim import messages

ANSWER_TIMEOUT_S = 30.0


class HelperProcess(Protocol):
    """A process of ours: a ``subprocess.Popen``, or a :class:`Forked`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...


class ForkServer:
    """Forks helpers of one kind. Safe to use from many threads.

    ``start``: starts the process that is to do it, given its end of a socket. It is started at once, and anew
    if it should have died.
    """

    def __init__(self, start: Callable[[socket.socket], subprocess.Popen[bytes]]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._closed = False
        with contextlib.suppress(SystemFailure):  # then each fork tries again
            self._connected()

    def fork(self, own_end: socket.socket, log: int) -> Forked:
        """A new helper that has ``own_end`` as its socket and writes to the descriptor ``log``; both stay the
        caller's too.

        :raises SystemFailure: there is none: start one in another way.
        """
        with self._lock:
            message, descriptors = self._ask({"ask": "fork"}, [own_end.fileno(), log])
        if not descriptors:
            raise _failure(str(message.get("error", "")))
        return Forked(int(message["pid"]), descriptors[0], self._exit_code_of)

    def close(self) -> None:
        """Ends the fork server, not its helpers."""
        self._closed = True
        if (connection := self._connection) is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # whoever waits for an answer waits no longer
        with self._lock:
            self._drop()

    def _exit_code_of(self, pid: int) -> int | None:
        """Of a helper that has ended; None = nobody knows any more."""
        with self._lock, contextlib.suppress(SystemFailure):
            if self._connection is not None:
                code = self._ask({"ask": "reap", "pid": pid}, [])[0]["code"]
                return None if code is None else int(code)
        return None

    def _ask(self, message: messages.Message, descriptors: list[int]) -> tuple[messages.Message, list[int]]:
        connection = self._connected()
        try:
            messages.send(connection, message, descriptors)
            received = messages.receive(connection)
            if received is not None:
                return received
            self._drop()
            raise _failure("it ended")
        except (OSError, ValueError) as error:
            self._drop()  # an answer that comes late must not be taken for that to the next question
            raise _failure(str(error)) from error

    def _connected(self) -> socket.socket:
        if self._closed:
            raise _failure("it was closed")
        if self._connection is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                try:
                    self._process = self._start(theirs)
                except BaseException:
                    ours.close()
                    raise
            ours.settimeout(ANSWER_TIMEOUT_S)
            self._connection = ours
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            threading.Thread(target=self._process.wait, daemon=True, name="memscope-reaper").start()
            self._process = None


class Forked:
    """A helper that a fork server has forked, by its pidfd. Safe to use from many threads."""

    def __init__(self, pid: int, pidfd: int, exit_code_of: Callable[[int], int | None]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pidfd = pidfd
        self._exit_code_of = exit_code_of
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """As ``Popen.poll``: None = it runs."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """As ``Popen.wait``. Where nobody can tell any more how it ended, it was killed: -9.

        :raises subprocess.TimeoutExpired: it runs.
        """
        if self.returncode is None:
            watch = select.poll()
            watch.register(self._pidfd, select.POLLIN)
            if not watch.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("a forked helper", timeout or 0.0)
            with self._lock:
                if self.returncode is None:
                    code = self._exit_code_of(self.pid)
                    self.returncode = -signal.SIGKILL if code is None else code
        return self.returncode

    def send_signal(self, sig: int, /) -> None:
        """As ``Popen.send_signal``; nothing happens to one that has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, sig)

    def __del__(self) -> None:
        os.close(self._pidfd)


def _failure(reason: str) -> SystemFailure:
    return SystemFailure(
        "daemon.no-helper",
        f"no helper process could be forked: {reason}",
        "free some memory or processes and try again",
    )
