"""The shipper process: imports, one job, its end. Started by ``shim.launch``, never by hand.

``python -m memscope_daemon.shim.shipper FD``: FD is a SOCK_SEQPACKET socket to whoever started it. With
``--fork-server=FD`` it serves no job itself, but forks the shippers that do (``shim.fork_loop``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import signal
import socket
import sys

from memscope_daemon.errors import MemscopeError
from memscope_daemon.shim import messages
from memscope_daemon.shim.fork_loop import serve
from memscope_daemon.shim.geometry import geometry_for
from memscope_daemon.shim.job import Job, Resume, ShipperExit
from memscope_daemon.shim.shipper.session import Session
from memscope_daemon.shim.shipper.shared import Sampling, SharedMemory


def main(descriptor: int) -> int:
    """Serves the one job that comes over the socket; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us; they will tell
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    gc.freeze()
    try:
        session = _await_job(connection)
    except (MemscopeError, OSError, ValueError, IndexError) as error:
        print(error, file=sys.stderr)
        return ShipperExit.BAD_JOB
    return session.run() if session else ShipperExit.DONE


def _await_job(connection: socket.socket) -> Session | None:
    """The session to serve; None = nobody wants one any more."""
    try:
        messages.send(connection, {"say": "idle"})
        received = messages.receive(connection)
    except OSError:
        return None
    if received is None or received[0].get("ask") not in ("prepare", "adopt"):
        return None
    message, descriptors = received
    try:
        session = _prepare(connection, message, descriptors)
    except (MemscopeError, OSError, ValueError, IndexError) as error:
        with contextlib.suppress(OSError):
            messages.send(connection, {"say": "ready", "error": str(error)})
        raise
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    with contextlib.suppress(OSError):  # a parent that is gone by now is noticed by the session
        messages.send(connection, {"say": "ready", "skipped": session.skipped})
    return session


def _prepare(connection: socket.socket, message: messages.Message, descriptors: list[int]) -> Session:
    """A session that begins, or ("adopt") one that goes on behind a shipper that died."""
    job = Job.from_message(message.get("job", {}))
    resume = Resume.from_message(message["resume"]) if "resume" in message else None
    sampling = Sampling.of(resume.sampling if resume else job.sampling)
    if not sampling.valid:
        raise ValueError("the sampling setting makes no sense")
    geometry, session_id = geometry_for(job.sampling), int(job.session_id, 16)
    if resume is None:
        shared = SharedMemory.create(descriptors[0], geometry, session_id, sampling)
        return Session(connection, job, shared, sampling)
    shared = SharedMemory.adopt(descriptors[0], geometry, session_id)
    if not sampling.seed_given:
        sampling = dataclasses.replace(sampling, seed=shared.seed)
    if not shared.holds(sampling):  # commanded when the shipper before was dying, or was dead
        shared.write_sampling(sampling)
    return Session(connection, job, shared, sampling, resume)


if __name__ == "__main__":
    argument = sys.argv[1].removeprefix("--fork-server=")
    if argument != sys.argv[1]:
        serve(int(argument), main)
        sys.exit(ShipperExit.DONE)
    code = main(int(argument))
    sys.stderr.flush()
    os._exit(code)  # all is said and shipped: no waiting for grpc's threads to be taken down
