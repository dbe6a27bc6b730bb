"""What the operating system knows of a target, read from outside."""

from __future__ import annotations

import psutil


def resident_bytes(pid: int) -> int | None:
    """The resident set size; None when the process is gone or may not be read."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, ValueError):
        return None


def cpu_ns(pid: int) -> int | None:
    """Processor time that the process has taken, in user and kernel, its children not counted. The kernel
    counts in ticks, of 10 ms as a rule. None when the process is gone or may not be read."""
    try:
        times = psutil.Process(pid).cpu_times()
    except (psutil.Error, ValueError):
        return None
    return int((times.user + times.system) * 1e9)
