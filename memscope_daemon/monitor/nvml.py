"""NVIDIA's management library, as far as it is needed, by ctypes: it comes with the driver, or is not there.

Names, structures and numbers are those of ``nvml.h``. A call that the driver does not offer, or that fails,
makes its figures NaN. Calls may take long (a driver that wakes up), so nobody calls them who has anything
else to do.
"""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Callable
from typing import Any

from memscope_daemon.monitor.reading import NAN, Gpu

LIBRARY = "libnvidia-ml.so.1"
SUCCESS, NOT_FOUND, NOT_OFFERED = 0, 6, -1
NOT_AVAILABLE = (1 << 64) - 1  # NVML_VALUE_NOT_AVAILABLE
PROCESSES_MAX = 1024


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class _Process(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used_memory", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class _ProcessUtilization(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_uint),
        ("time_us", ctypes.c_ulonglong),
        ("cores", ctypes.c_uint),
        ("memory", ctypes.c_uint),
        ("encoder", ctypes.c_uint),
        ("decoder", ctypes.c_uint),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class GpuLook:
    """All GPUs together, and each process that the driver names (by PID, as the driver counts it)."""

    host: Gpu
    processes: dict[int, Gpu]

    def of(self, pid: int) -> Gpu:
        """A process that is not named may use no GPU, or be one that the driver cannot tell: not known."""
        return self.processes.get(pid, Gpu(memory_total=self.host.memory_total))


class Nvml:
    """The library, begun. Belongs to one thread."""

    def __init__(self, library: str = LIBRARY) -> None:
        """:raises OSError: it is not there, or finds no driver or no GPU."""
        self._library = ctypes.CDLL(library)
        if self._call("nvmlInit_v2") != SUCCESS:
            raise OSError(f"{library} finds no driver")
        self._devices = self._find()
        self._seen_us = [0] * len(self._devices)
        if not self._devices:
            raise OSError(f"{library} finds no GPU")

    def look(self) -> GpuLook:
        usages = [self._usage(device) for device in self._devices]
        memories = [self._memory(device) for device in self._devices]
        used, total = (sum(column) for column in zip(*memories, strict=True))
        return GpuLook(Gpu(sum(usages) / len(usages), used, total), self._processes(total))

    def close(self) -> None:
        self._call("nvmlShutdown")

    def _find(self) -> list[ctypes.c_void_p]:
        count = ctypes.c_uint()
        if self._call("nvmlDeviceGetCount_v2", ctypes.byref(count)) != SUCCESS:
            return []
        handles = [ctypes.c_void_p() for _ in range(count.value)]
        name = "nvmlDeviceGetHandleByIndex_v2"
        return [
            handle
            for at, handle in enumerate(handles)
            if self._call(name, ctypes.c_uint(at), ctypes.byref(handle)) == SUCCESS
        ]

    def _usage(self, device: ctypes.c_void_p) -> float:
        found = _Utilization()
        code = self._call("nvmlDeviceGetUtilizationRates", device, ctypes.byref(found))
        return float(found.gpu) if code == SUCCESS else NAN

    def _memory(self, device: ctypes.c_void_p) -> tuple[float, float]:
        found = _Memory()
        code = self._call("nvmlDeviceGetMemoryInfo", device, ctypes.byref(found))
        return (float(found.used), float(found.total)) if code == SUCCESS else (NAN, NAN)

    def _processes(self, total: float) -> dict[int, Gpu]:
        """Memory and time of a process are those on all GPUs; of its time the mean over those it is on."""
        memory: dict[int, float] = {}
        times: dict[int, list[float]] = {}
        for at, device in enumerate(self._devices):
            named = self._running(device)
            active = self._active(at, device) if named else None
            for pid, used in named.items():
                memory[pid] = memory.get(pid, 0.0) + used
                times.setdefault(pid, []).append(NAN if active is None else active.get(pid, 0.0))
        return {pid: Gpu(sum(times[pid]) / len(times[pid]), used, total) for pid, used in memory.items()}

    def _running(self, device: ctypes.c_void_p) -> dict[int, float]:
        """Memory of each process that computes or draws there; one that does both is one."""
        found: dict[int, float] = {}
        for kind in ("Compute", "Graphics"):
            rows = (_Process * PROCESSES_MAX)()
            for version in ("_v3", "_v2"):
                count = ctypes.c_uint(PROCESSES_MAX)
                name = f"nvmlDeviceGet{kind}RunningProcesses{version}"
                if self._call(name, device, ctypes.byref(count), rows) == SUCCESS:
                    pairs = ((row.pid, row.used_memory) for row in rows[: count.value])
                    found |= {pid: NAN if used == NOT_AVAILABLE else float(used) for pid, used in pairs}
                    break
        return found

    def _active(self, at: int, device: ctypes.c_void_p) -> dict[int, float] | None:
        """Percent of the time since the last look, of processes that used it; None: the driver does not
        tell."""
        rows = (_ProcessUtilization * PROCESSES_MAX)()
        count = ctypes.c_uint(PROCESSES_MAX)
        since = ctypes.c_ulonglong(self._seen_us[at])
        name = "nvmlDeviceGetProcessUtilization"
        code = self._call(name, device, rows, ctypes.byref(count), since)
        if code == NOT_FOUND:
            return {}
        if code != SUCCESS:
            return None
        shares: dict[int, list[float]] = {}
        for row in rows[: count.value]:
            shares.setdefault(row.pid, []).append(float(row.cores))
            self._seen_us[at] = max(self._seen_us[at], row.time_us)
        return {pid: sum(values) / len(values) for pid, values in shares.items()}

    def _call(self, name: str, *arguments: Any) -> int:
        function: Callable[..., int] | None = getattr(self._library, name, None)
        return function(*arguments) if function is not None else NOT_OFFERED
