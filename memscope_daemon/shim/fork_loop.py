"""The fork server's own side: a process that has imported what a helper needs, and forks one when asked.

It has one thread and never more: what it forks is whole. It keeps nothing open but the socket to the daemon
that started it; when that closes it ends, and the helpers it forked go on.

Asked over the socket (``shim.fork_server``)::

    {"ask": "fork"} + descriptors: the helper's socket, its log    {"say": "forked", pid} + its pidfd
    {"ask": "reap", pid}, once that pidfd says that it has ended   {"say": "code", code}
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable

from memscope_daemon.shim import messages

#: A helper's main function: serves one job from the socket at this descriptor; returns the exit code.
HelperMain = Callable[[int], int]
CRASHED = 1


def serve(descriptor: int, helper_main: HelperMain) -> None:
    """Forks helpers until nobody is there to ask for one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    gc.collect()
    gc.freeze()  # a collection in a helper would copy every page that is shared with us
    codes: dict[int, int] = {}
    with contextlib.suppress(OSError):
        while received := messages.receive(connection):
            message, descriptors = received
            _reap(codes)
            if message.get("ask") == "fork":
                _fork(connection, descriptors, helper_main)
            elif message.get("ask") == "reap":
                messages.send(connection, {"say": "code", "code": codes.pop(message["pid"], None)})


def _fork(connection: socket.socket, descriptors: list[int], helper_main: HelperMain) -> None:
    try:
        try:
            pid = os.fork()
        except OSError as error:
            messages.send(connection, {"say": "forked", "error": error.strerror})
            return
        if not pid:
            _live(connection, descriptors, helper_main)
        pidfd = os.pidfd_open(pid)  # it cannot have been reaped yet: only we do that
        try:
            messages.send(connection, {"say": "forked", "pid": pid}, [pidfd])
        finally:
            os.close(pidfd)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _live(connection: socket.socket, descriptors: list[int], helper_main: HelperMain) -> None:
    """The helper's whole life; does not return."""
    code = CRASHED
    try:
        connection.close()
        os.setsid()
        own, log = descriptors
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        code = helper_main(own)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _reap(codes: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])
