"""Which daemon a command talks to: one that runs, one carried by this process, one left in the background."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from memscope_client import Client, DaemonError
from memscope_client.channel import load_without_asyncio
from memscope_daemon import config
from memscope_daemon.cli import loading
from memscope_daemon.errors import SystemFailure

PROBE_TIMEOUT_S = 2.0
BACKGROUND_START_S = 20.0
POLL_S = 0.02


def reach(address: str) -> Client | None:
    """A client of the daemon at ``address``; None if nobody listens there.

    A DaemonError passes where somebody does, but is no whole daemon (``is_unimplemented``), speaks another
    protocol, or is unwell.
    """
    path = config.socket_path(address)
    try:
        return _probed(address) if path is None or path.exists() else None
    finally:
        loading.done()


def _probed(address: str) -> Client | None:
    load_without_asyncio()
    client = Client(address)
    try:
        client.require_protocol(timeout_s=PROBE_TIMEOUT_S)
    except DaemonError as error:
        client.close()
        if error.is_unavailable:
            return None
        raise
    return client


def running(address: str) -> Client:
    """A client of the daemon that was asked for; a DaemonError if nobody listens there."""
    client = reach(address)
    if client is None:
        message = f"no daemon answers at {address}"
        raise DaemonError("client.unavailable", message, "start it, or leave out --daemon")
    return client


@contextlib.contextmanager
def carried() -> Iterator[Client]:
    """A daemon inside this process, on a socket of its own; it ends, and detaches, with the block."""
    from memscope_daemon.attach.host import require_supported

    require_supported()
    from memscope_daemon.app import Daemon

    address = config.carried_address(os.getpid())
    daemon = Daemon(address, config.state_dir(), keep_bytes=config.keep_bytes())
    daemon.start()
    try:
        with Client(address) as client:
            yield client
    finally:
        daemon.stop()


def start_background(export_folder: Path | None, formats: Sequence[str]) -> Client:
    """Starts a daemon that outlives this command and ends with its last session; waits until it answers."""
    from memscope_daemon.attach.host import require_supported

    require_supported()
    log = config.state_dir() / "background.log"
    command = [
        sys.executable,
        "-P",
        "-m",
        "memscope_daemon",
        "serve",
        "--until-idle",
        "--format",
        ",".join(formats),
    ]
    if export_folder is not None:
        command += ["--export", str(export_folder.absolute())]
    with os.fdopen(_open_log(log), "ab") as stream:
        # A session of its own: closing the terminal must not end it.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd="/", start_new_session=True
        )
    return _wait_for(process, config.carried_address(process.pid), log)


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _wait_for(process: subprocess.Popen[bytes], address: str, log: Path) -> Client:
    deadline = time.monotonic() + BACKGROUND_START_S
    while process.poll() is None and time.monotonic() < deadline:
        client = reach(address)
        if client is not None:
            process.returncode = 0  # it is meant to outlive us: no warning about a child still running
            return client
        time.sleep(POLL_S)
    process.terminate()
    raise SystemFailure("cli.no-background", "the daemon in the background did not start", f"see {log}")
