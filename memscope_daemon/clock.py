"""The clocks, in one place, so that everything else can be handed one."""

from __future__ import annotations

import time


def monotonic_ns() -> int:
    """CLOCK_MONOTONIC in nanoseconds: the clock the shim stamps events with."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def unix_ns() -> int:
    """Wall clock, nanoseconds since the epoch."""
    return time.time_ns()


def processor_ns(clock: int) -> int:
    """Processor time by a process's own clock, in nanoseconds.

    :raises OSError: there is no such clock: the process has ended.
    """
    return time.clock_gettime_ns(clock)
