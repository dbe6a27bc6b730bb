"""What was read at one moment, and what two moments tell. Pure. NaN: not known."""

from __future__ import annotations

import math
from typing import NamedTuple

NAN = math.nan


class Gpu(NamedTuple):
    """``usage_percent`` of the time, memory in bytes."""

    usage_percent: float = NAN
    memory_used: float = NAN
    memory_total: float = NAN


class Traffic(NamedTuple):
    """Bytes since some beginning."""

    come: float = NAN
    gone: float = NAN


class Reading(NamedTuple):
    """At monotonic ``time_ns``. ``cpu_ns``: processor time taken since some beginning, ``cpu_whole_ns``: time
    that could have been taken, of which it is told in percent. ``disk``: read and written."""

    time_ns: int
    cpu_ns: float = NAN
    cpu_whole_ns: float = NAN
    memory_bytes: float = NAN
    memory_percent: float = NAN
    thread_count: float = NAN
    disk: Traffic = Traffic()
    network: Traffic = Traffic()
    gpu: Gpu = Gpu()


def figures(before: Reading | None, now: Reading) -> tuple[float, ...]:
    """The figures of a sample, as ``model.system.HOST_FIGURES`` names them. Rates are per second of the time
    that has really passed. A counter that has gone backwards (an interface was taken away) tells nothing."""
    seconds = (now.time_ns - before.time_ns) / 1e9 if before else 0.0
    before = before or Reading(0)
    return (
        100.0 * _rate(before.cpu_ns, now.cpu_ns, now.cpu_whole_ns - before.cpu_whole_ns),
        now.memory_bytes,
        now.memory_percent,
        now.thread_count,
        _rate(before.disk.come, now.disk.come, seconds),
        _rate(before.disk.gone, now.disk.gone, seconds),
        _rate(before.network.come, now.network.come, seconds),
        _rate(before.network.gone, now.network.gone, seconds),
        *now.gpu,
    )


def _rate(before: float, now: float, seconds: float) -> float:
    return (now - before) / seconds if seconds > 0.0 and now >= before else NAN
