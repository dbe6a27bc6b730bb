"""What the operating system knows of a target, read from outside."""

from __future__ import annotations

import psutil


def resident_bytes(pid: int) -> int | None:
    """The resident set size; None when the process is gone or may not be read."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, ValueError):
        return None
