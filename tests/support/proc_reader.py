"""What the kernel says of a process and of the machine, read in a simple way: to hold the monitor against.

Shares no code with it, and where there is another file that says the same, reads that one.
"""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from types import TracebackType

import numpy as np

from memscope_daemon.model.columns import Array

TICKS = os.sysconf("SC_CLK_TCK")
EACH_S = 0.02
#: Of the process, then of the machine. Counters of bytes and of seconds, and what is so at the moment.
NAMES = (
    *("cpu_s", "memory", "threads", "disk_read", "disk_written", "received", "sent"),
    *("host_busy_s", "host_whole_s", "host_memory", "host_threads"),
    *("host_disk_read", "host_disk_written", "host_received", "host_sent"),
)


def process(pid: int) -> list[float]:
    folder = Path(f"/proc/{pid}")
    stat = (folder / "stat").read_text().rpartition(") ")[2].split()
    status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
    io = dict(line.split(": ") for line in (folder / "io").read_text().splitlines())
    return [
        (int(stat[11]) + int(stat[12])) / TICKS,
        1024.0 * int(status["VmRSS"].split()[0]),
        int(status["Threads"]),
        int(io["read_bytes"]),
        int(io["write_bytes"]),
        *network(folder / "net/dev"),
    ]


def machine() -> list[float]:
    user, nice, system, idle, waits, *rest = map(int, Path("/proc/stat").read_text().split()[1:9])
    busy = user + nice + system + sum(rest)
    memory = {
        name: int(kib) for name, kib in re.findall(r"(\w+): +(\d+) kB", Path("/proc/meminfo").read_text())
    }
    disks = [
        (one / "stat").read_text().split()
        for one in Path("/sys/block").iterdir()
        if (one / "device").exists()
    ]
    return [
        busy / TICKS,
        (busy + idle + waits) / TICKS,
        1024.0 * (memory["MemTotal"] - memory["MemAvailable"]),
        int(re.findall(r"/(\d+) ", Path("/proc/loadavg").read_text())[0]),
        512.0 * sum(int(disk[2]) for disk in disks),
        512.0 * sum(int(disk[6]) for disk in disks),
        *network(Path("/proc/net/dev")),
    ]


def network(path: Path) -> list[float]:
    rows = [re.split(r"[:\s]+", line.strip()) for line in path.read_text().splitlines()[2:]]
    return [float(sum(int(row[at]) for row in rows)) for at in (1, 9)]


class Readings:
    """Reads in a thread of its own while the block lasts."""

    def __init__(self, pid: int) -> None:
        self._pid, self._rows = pid, [self._read(pid)]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Readings:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    @property
    def span_ns(self) -> tuple[float, float]:
        """Monotonic times of the first and the last reading."""
        return self._rows[0][0], self._rows[-1][0]

    def at(self, name: str, times_ns: Array) -> Array:
        """What stood there at these monotonic times."""
        rows = np.array(self._rows)
        return np.interp(times_ns, rows[:, 0], rows[:, 1 + NAMES.index(name)])

    def _run(self) -> None:
        while not self._ending.wait(EACH_S):
            self._rows.append(self._read(self._pid))

    @staticmethod
    def _read(pid: int) -> list[float]:
        before_ns = time.monotonic_ns()
        found = [*process(pid), *machine()]
        return [(before_ns + time.monotonic_ns()) / 2, *found]
