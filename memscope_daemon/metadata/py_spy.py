"""py-spy, asked about a process that the user named.

It never pauses the target (``--nonblocking``), so that a stack it tells may mix two moments; it has a
deadline; and what it cannot read is an answer, with a code.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from memscope_daemon.errors import ExitCode, TrackingError

TIMEOUT_S = 3.0


class NotRead(TrackingError):
    """py-spy could not tell. The target is as it was. Codes: ``inspect.…``"""

    default_exit_code = ExitCode.REFUSED


def program() -> str | None:
    """The py-spy that was installed with us, else the one on the PATH, else None."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def dump(pid: int, *, timeout_s: float = TIMEOUT_S) -> list[Any]:
    """What py-spy says of each thread, as its JSON has it.

    :raises NotRead: it is not there, took too long, or could not read the process.
    """
    found = program()
    if found is None:
        raise NotRead("inspect.no-reader", "py-spy is not installed", "pip install py-spy")
    command = [found, "dump", "--nonblocking", "--json", "--pid", str(pid)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotRead(
            "inspect.timeout", f"py-spy had no answer within {timeout_s:g} s", "try again, or --timeout 30"
        ) from None
    except OSError as error:
        raise NotRead("inspect.no-reader", f"py-spy cannot be run: {error}", "pip install py-spy") from error
    if done.returncode != 0:
        raise _failed(pid, done.stderr.decode(errors="replace"))
    return _rows(done.stdout)


def _rows(output: bytes) -> list[Any]:
    try:
        rows = json.loads(output)
    except ValueError:
        rows = None
    if not isinstance(rows, list):
        raise NotRead("inspect.not-understood", "py-spy's answer is not understood", "try another py-spy")
    return rows


def _failed(pid: int, said: str) -> NotRead:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = lines[0].removeprefix("Error: ") if lines else "it said nothing"
    if not Path(f"/proc/{pid}").exists():
        return NotRead(
            "inspect.no-such-process", f"there is no process {pid}", "memscoped ps lists those there are"
        )
    if "ermission" in said:
        return NotRead(
            "inspect.not-permitted", f"process {pid} may not be read", f"memscoped doctor {pid} says why"
        )
    return NotRead(
        "inspect.not-readable",
        f"py-spy cannot read process {pid}: {reason}",
        "it may not know this version of Python, or the process was busy: try again, or a newer py-spy",
    )
