"""Names of a target's threads, read from outside by py-spy.

It never pauses the target (``--nonblocking``), has a deadline, and is asked only about a process that the
user named. That it does not know a version, or may not read, is an answer: no names.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 3.0
NAME_CHARACTERS_MAX = 256


def py_spy_path() -> str | None:
    """The py-spy that was installed with us, else the one on the PATH, else None."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def read_thread_names(pid: int, *, timeout_s: float = TIMEOUT_S) -> dict[int, str]:
    """Thread names by native id (from 3.11 on as the target's own PID namespace has them, which is how the
    interpreter keeps them); empty when they cannot be had."""
    program = py_spy_path()
    if program is None:
        return {}
    command = [program, "dump", "--nonblocking", "--json", "--pid", str(pid)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return parse_names(done.stdout) if done.returncode == 0 else {}


def parse_names(output: bytes) -> dict[int, str]:
    """Names out of py-spy's JSON; anything that is not understood is left out."""
    try:
        threads = json.loads(output)
    except ValueError:
        return {}
    if not isinstance(threads, list):
        return {}
    return {
        row["os_thread_id"]: row["thread_name"][:NAME_CHARACTERS_MAX] for row in threads if _has_name(row)
    }


def _has_name(row: object) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("os_thread_id"), int)
        and isinstance(row.get("thread_name"), str)
        and bool(row["thread_name"])
    )
