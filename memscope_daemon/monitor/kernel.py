"""Counters as the kernel tells them in /proc. What cannot be read is NaN, never 0.

Plain reads of a few small files: psutil makes objects, reads more files and looks at /sys for the same
figures, which is several times as slow, and this is done ten times a second for each target.
"""

from __future__ import annotations

import os
from pathlib import Path

from memscope_daemon import clock
from memscope_daemon.monitor.reading import NAN, Gpu, Reading, Traffic

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICK_NS = 1e9 / os.sysconf("SC_CLK_TCK")
SECTOR_BYTES = 512  # of /proc/diskstats, whatever the disk has
_PIECE = 1 << 14
_CPU_CLOCK = 2  # CPUCLOCK_SCHED: what the scheduler has counted, of all threads


def slurp(path: str, *, dir_fd: int | None = None) -> bytes:
    """A whole file of /proc; nothing where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    except OSError:
        return b""
    pieces = []
    try:
        while piece := os.read(descriptor, _PIECE):
            pieces.append(piece)
            if dir_fd is not None and len(piece) < _PIECE:
                break  # those of a process are one piece
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return b"".join(pieces)


class Networks:
    """Counters of network namespaces, all interfaces of one added up. Each is read once between two calls of
    :meth:`forget`, however many targets are in it: a host with many interfaces takes its time."""

    def __init__(self) -> None:
        self._read: dict[int, Traffic] = {}

    def forget(self) -> None:
        self._read.clear()

    def of(self, process: str) -> Traffic:
        """``process``: its folder in /proc."""
        try:
            namespace = os.stat(f"{process}/ns/net").st_ino  # noqa: PTH116 (a Path takes as long again)
        except OSError:
            return Traffic()
        if namespace not in self._read:
            self._read[namespace] = traffic(slurp(f"{process}/net/dev"))
        return self._read[namespace]


def traffic(text: bytes) -> Traffic:
    """The sum over the interfaces in a ``net/dev``."""
    lines = text.splitlines()[2:]
    if not lines:
        return Traffic()
    fields = [line.rpartition(b":")[2].split() for line in lines]
    return Traffic(sum(int(row[0]) for row in fields), sum(int(row[8]) for row in fields))


class TargetReader:
    """One process, from outside. A folder of /proc that is held open stays that process's: a reused PID is
    never taken for it."""

    def __init__(self, pid: int, start_time_ticks: int) -> None:
        """:raises ProcessLookupError: there is none of that PID that started then."""
        self._process = f"/proc/{pid}"
        self._clock = ~pid << 3 | _CPU_CLOCK
        try:
            self._folder = os.open(self._process, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ProcessLookupError(self._process) from error
        fields = self._stat()
        if not fields or int(fields[19]) != start_time_ticks:
            self.close()
            raise ProcessLookupError(self._process)

    def close(self) -> None:
        os.close(self._folder)

    def read(self, networks: Networks, memory_total: float, gpu: Gpu) -> Reading | None:
        """None: the process has ended."""
        time_ns, cpu_ns = clock.monotonic_ns(), self._cpu_ns()
        fields = self._stat()
        if not fields or (fields[0] in (b"Z", b"X") and int(fields[17]) <= 1):
            return None
        resident = slurp("statm", dir_fd=self._folder).split()
        # No page at all: the process is on its way out, or its first thread is and took its view along.
        memory_bytes = float(int(resident[1]) * PAGE_BYTES or NAN) if resident else NAN
        return Reading(
            time_ns,
            cpu_ns,
            time_ns,
            memory_bytes,
            100.0 * memory_bytes / memory_total,
            int(fields[17]),
            self._storage(),
            networks.of(self._process),
            gpu,
        )

    def _cpu_ns(self) -> float:
        """By the clock that every process has: to the nanosecond, where stat counts ticks of 10 ms. That the
        PID still is the target's is seen by what is read after it."""
        try:
            return clock.processor_ns(self._clock)
        except OSError:
            return NAN

    def _stat(self) -> list[bytes]:
        """The fields of stat from the third on: the second may hold anything."""
        return slurp("stat", dir_fd=self._folder).rpartition(b")")[2].split()

    def _storage(self) -> Traffic:
        """Who may not trace the process may not read it."""
        told = dict(line.split(b": ") for line in slurp("io", dir_fd=self._folder).splitlines())
        if b"write_bytes" not in told:
            return Traffic()
        return Traffic(int(told[b"read_bytes"]), int(told[b"write_bytes"]))


class HostReader:
    """The machine that the daemon runs on."""

    def __init__(self) -> None:
        self._disks: dict[bytes, bool] = {}
        self.memory_total = NAN

    def read(self, networks: Networks, gpu: Gpu) -> Reading:
        time_ns = clock.monotonic_ns()
        used = self._memory()
        threads = slurp("/proc/loadavg").partition(b"/")[2].split()
        return Reading(
            time_ns,
            *busy_and_whole_ns(slurp("/proc/stat")),
            used,
            100.0 * used / self.memory_total,
            float(threads[0]) if threads else NAN,
            self._storage(),
            networks.of("/proc/self"),
            gpu,
        )

    def _memory(self) -> float:
        lines = (line.split() for line in slurp("/proc/meminfo").splitlines()[:4])
        told = {words[0]: 1024.0 * int(words[1]) for words in lines}
        self.memory_total = told.get(b"MemTotal:", NAN)
        return self.memory_total - told.get(b"MemAvailable:", NAN)

    def _storage(self) -> Traffic:
        rows = [line.split() for line in slurp("/proc/diskstats").splitlines()]
        chosen = [row for row in rows if self._is_disk(row[2])]
        if not chosen:
            return Traffic()
        read, written = (sum(int(row[at]) for row in chosen) for at in (5, 9))
        return Traffic(read * SECTOR_BYTES, written * SECTOR_BYTES)

    def _is_disk(self, name: bytes) -> bool:
        """Not a part of a disk, and nothing that is made of other disks: those would be counted twice."""
        if name not in self._disks:
            self._disks[name] = Path(f"/sys/block/{os.fsdecode(name)}/device").exists()
        return self._disks[name]


def busy_and_whole_ns(text: bytes) -> tuple[float, float]:
    """Of a ``/proc/stat``, all processors added up: time not spent idle or waiting for a disk, and all time.
    The kernel counts whole ticks of either, so that in a tenth of a second there are few."""
    first = text.partition(b"\n")[0].split()
    if first[:1] != [b"cpu"]:
        return NAN, NAN
    ticks = [int(word) for word in first[1:9]]  # user, nice, system, idle, waiting for a disk, ...
    whole = sum(ticks)
    return (whole - ticks[3] - ticks[4]) * TICK_NS, whole * TICK_NS
