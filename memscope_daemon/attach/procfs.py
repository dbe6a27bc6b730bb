"""What /proc says of a process. Reads only, stops nothing. A vanished process is ProcessLookupError."""

from __future__ import annotations

import contextlib
import dataclasses
import os


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """One line of /proc/PID/maps. ``path`` without " (deleted)"; "" or "[stack]" for anonymous memory."""

    start: int
    end: int
    permissions: str
    offset: int
    path: str

    @property
    def executable(self) -> bool:
        return "x" in self.permissions

    @property
    def writable(self) -> bool:
        return "w" in self.permissions

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """One thread, seen without stopping it.

    ``call``: number of the system call it is blocked in, -1 = blocked outside a call (or preempted),
    None = running. ``wchan``: the kernel function it waits in, "" = not known.
    """

    tid: int
    call: int | None = None
    arguments: tuple[int, ...] = ()
    sp: int = 0
    pc: int = 0
    wchan: str = ""


def _read(path: str, limit: int = 1 << 26) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(limit).decode(errors="surrogateescape")
    except FileNotFoundError as error:
        raise ProcessLookupError(path) from error


def status(pid: int) -> dict[str, str]:
    """The fields of /proc/PID/status."""
    lines = _read(f"/proc/{pid}/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def start_time_ticks(pid: int) -> int:
    """Field 22 of /proc/PID/stat: together with the pid it names a process for good."""
    return int(_read(f"/proc/{pid}/stat").rpartition(")")[2].split()[19])


def is_process(pid: int, ticks: int) -> bool:
    """Whether ``pid`` still is the process that had that start time."""
    try:
        return start_time_ticks(pid) == ticks
    except (OSError, ValueError, IndexError):
        return False


def mappings(pid: int) -> tuple[Mapping, ...]:
    return tuple(_mapping(line) for line in _read(f"/proc/{pid}/maps").splitlines())


def _mapping(line: str) -> Mapping:
    fields = line.split(None, 5)
    start, _, end = fields[0].partition("-")
    path = fields[5] if len(fields) > 5 else ""
    return Mapping(
        int(start, 16), int(end, 16), fields[1], int(fields[2], 16), path.removesuffix(" (deleted)")
    )


def tids(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    except FileNotFoundError as error:
        raise ProcessLookupError(pid) from error


def task(pid: int, tid: int) -> Task | None:
    """One thread; None when it is gone."""
    try:
        line = _read(f"/proc/{pid}/task/{tid}/syscall", 4096).split()
        if not line or line[0] == "running":
            return Task(tid)
        numbers = [int(word, 0) for word in line]
        if numbers[0] < 0:
            return Task(tid, -1, (), numbers[1], numbers[2])
        wchan = _read(f"/proc/{pid}/task/{tid}/wchan", 4096)
        return Task(
            tid,
            numbers[0],
            tuple(numbers[1:7]),
            numbers[7],
            numbers[8],
            "" if wchan == "0" else wchan.partition(".")[0],
        )
    except (ProcessLookupError, ValueError, IndexError):
        return None


def tasks(pid: int, limit: int = 256) -> tuple[Task, ...]:
    """The threads, main first; at most ``limit`` of them, for a look must stay cheap."""
    order = [pid, *(tid for tid in tids(pid) if tid != pid)][:limit]
    return tuple(seen for tid in order if (seen := task(pid, tid)) is not None)


def descriptor_target(pid: int, descriptor: int) -> str:
    """What a descriptor is: "pipe:[…]", "socket:[…]", a path; "" = not known."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{descriptor}")  # noqa: PTH115
    except OSError:
        return ""


def tid_inside(pid: int, tid: int) -> int:
    """A thread's number as the target itself counts."""
    with contextlib.suppress(ProcessLookupError, OSError):
        for line in _read(f"/proc/{pid}/task/{tid}/status", 8192).splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return tid
