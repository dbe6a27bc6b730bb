"""What the system monitor tells of a target and of its host: names, rows and values.

A sample has the fields of :class:`SystemSample` and no others. What is not known is None, in a row NaN, and
never 0. What a figure is measured over, where that is not the target itself, stands in :data:`TARGET_SCOPES`
and :data:`HOST_SCOPES`, beside the samples.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from memscope_daemon.model.columns import Array


@dataclasses.dataclass(frozen=True, slots=True)
class SystemSample:
    """``timestamp``: session time in nanoseconds. ``…_bps``: bytes a second, since the sample before."""

    timestamp: int
    cpu_usage_percent: float | None = None
    memory_usage_bytes: int | None = None
    memory_usage_percent: float | None = None
    thread_count: int | None = None
    disk_read_bps: float | None = None
    disk_write_bps: float | None = None
    network_rx_bps: float | None = None
    network_tx_bps: float | None = None
    gpu_usage_percent: float | None = None
    gpu_memory_used: int | None = None
    gpu_memory_total: int | None = None
    active_allocations: int | None = None
    peak_memory: int | None = None


SAMPLE_NAMES = tuple(field.name for field in dataclasses.fields(SystemSample))
#: The figures of a target, and those that a host has as well.
FIGURES = SAMPLE_NAMES[1:]
HOST_FIGURES = FIGURES[:-2]
HOST = "host_"
_WHOLE = frozenset(field.name for field in dataclasses.fields(SystemSample) if "int" in str(field.type))

#: One look: the target's sample and the host's.
ROW = np.dtype(
    [
        ("timestamp", "<i8"),
        *((name, "<f8") for name in FIGURES),
        (f"{HOST}timestamp", "<i8"),
        *((HOST + name, "<f8") for name in HOST_FIGURES),
    ]
)
ROW_NAMES = ROW.names or ()
#: Where rows are joined to one, the largest value stands for them, and not the mean.
MOST = frozenset({"peak_memory"})
NO_ROWS: Array = np.zeros(0, ROW)

TARGET_SCOPES = {
    "cpu_usage_percent": "all threads of the target; 100 is one processor",
    "memory_usage_bytes": "resident set of the target, pages shared with others included",
    "memory_usage_percent": "of the memory of the host",
    "disk_read_bps": "storage, for the target and for children that it has waited for",
    "disk_write_bps": "storage, for the target and for children that it has waited for",
    "network_rx_bps": "network namespace of the target: all its interfaces, loopback included",
    "network_tx_bps": "network namespace of the target: all its interfaces, loopback included",
    "gpu_usage_percent": "the target, where the driver tells it of one process",
    "gpu_memory_used": "the target, where the driver tells it of one process",
    "gpu_memory_total": "all GPUs of the host",
    "active_allocations": "estimate of memscope: allocated since the attach and still live",
    "peak_memory": "estimate of memscope: most bytes live at once since the attach",
}
HOST_SCOPES = {
    "cpu_usage_percent": "host; 100 is all processors",
    "memory_usage_bytes": "host: what is not available to a new program",
    "memory_usage_percent": "host",
    "thread_count": "host, threads of the kernel included",
    "disk_read_bps": "host: all disks",
    "disk_write_bps": "host: all disks",
    "network_rx_bps": "network namespace of the daemon: all its interfaces, loopback included",
    "network_tx_bps": "network namespace of the daemon: all its interfaces, loopback included",
    "gpu_usage_percent": "mean over all GPUs of the host",
    "gpu_memory_used": "all GPUs of the host",
    "gpu_memory_total": "all GPUs of the host",
    "active_allocations": "not measured: a figure of one target",
    "peak_memory": "not measured: a figure of one target",
}


@dataclasses.dataclass(frozen=True, slots=True)
class SystemSeries:
    """Rows in the order of time. ``mean_over_ns``: each is the mean of so much time; 0: each is one look."""

    rows: Array = dataclasses.field(default_factory=lambda: NO_ROWS)
    mean_over_ns: int = 0

    @property
    def scopes(self) -> dict[str, str]:
        """By the name of a figure; those of the host's begin with ``host.``"""
        found = {**TARGET_SCOPES, **{f"host.{name}": text for name, text in HOST_SCOPES.items()}}
        if self.mean_over_ns:
            found["timestamp"] = f"each point is the mean of {self.mean_over_ns / 1e9:.3g} s, and its end"
        return found


def samples(rows: Array, *, host: bool) -> tuple[SystemSample, ...]:
    """The target's or the host's samples in rows of :data:`ROW`."""
    columns = []
    for name in SAMPLE_NAMES:
        column = HOST * host + name
        if column in ROW_NAMES:
            columns.append([_value(name, number) for number in rows[column].tolist()])
    return tuple(SystemSample(*values) for values in zip(*columns, strict=True))


def _value(name: str, number: float) -> float | int | None:
    if math.isnan(number):
        return None
    return round(number) if name in _WHOLE else number
