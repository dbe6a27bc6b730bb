"""The Python processes of this host, told by the names that /proc shows. Nothing is opened of theirs, nobody
is stopped.

What is in a process shows in its mappings. A shim that was loaded stays mapped for good; the memory of a
session goes when the hooks are taken out. Where that memory is there, and no shipper has it mapped too, the
hooks were left behind: nobody reads them, and nobody will take them out unasked.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from memscope_daemon.attach.plan import NEWEST, OLDEST
from memscope_daemon.attach.target import program_of

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGESIZE")
_NAMED_PYTHON = re.compile(r"(python|pypy)(\d(?:\.\d+)?)?([a-z]{0,2})(?:[-.].*)?$")
_LIBRARY = re.compile(rb"/lib(python|pypy)(\d\.\d+)([a-z]*)[-.\w]*\.so")
_OWN_MODULE = re.compile(rb"/(?:lib/)?python(\d\.\d+)([a-z]*)/lib-dynload/")
_SHIM = re.compile(rb"memscope_shim[^/\n]*$", re.MULTILINE)
_MEMORY = re.compile(rb" (\w+:\w+) (\d+) +/memfd:memscope(?: \(deleted\))?$", re.MULTILINE)
#: Of commands, and of the helpers that a daemon starts.
_OURS = re.compile(rb"(^|/)memscoped\0|\0-m\0memscope_daemon[.\0]|\bfrom memscope_daemon\.(attach|shim)\.")


class Inside(enum.Enum):
    """What there is of memscope in a process."""

    NOTHING = "nothing"
    HOOKS = "hooks"  # of a session that somebody reads
    LEFT_BEHIND = "left_behind"  # of one that nobody reads
    SHIPPER = "shipper"  # it is one of memscope's own


@dataclasses.dataclass(frozen=True, slots=True)
class PythonProcess:
    """``version``: "3.11", "3.13t", or "" where no name tells it. ``program``: and script, nothing else of
    the command line. ``cpu_s``: processor time since it began, ``age_s`` ago. ``is_readable``: its mappings
    could be looked at, so that ``inside`` is known."""

    pid: int
    uid: int
    start_time_ticks: int
    kind: str  # "cpython", "pypy"
    version: str
    program: str
    resident_bytes: int
    cpu_s: float
    age_s: float
    is_readable: bool = True
    is_ours: bool = False  # a part of memscope
    inside: Inside = Inside.NOTHING

    @property
    def objection(self) -> str:
        """Why memscope would not attach, as far as names tell; "" = nothing speaks against it."""
        if self.is_ours or self.inside is Inside.SHIPPER:
            return "memscope itself"
        if not self.is_readable:
            return "of another user"
        if self.kind != "cpython":
            return "PyPy"
        if not self.version:
            return ""
        if self.version[-1].isalpha():
            return "a free-threaded or debug build"
        numbers = tuple(map(int, self.version.split(".")))
        return "" if OLDEST <= numbers <= NEWEST else "a version that memscope does not know"


@dataclasses.dataclass(frozen=True, slots=True)
class _Names:
    """What the names of a process's files say."""

    kind: str
    version: str
    has_shim: bool = False
    memory: bytes = b""  # device and inode of a session's memory
    is_readable: bool = True


def list_pythons() -> tuple[PythonProcess, ...]:
    """All that can be told apart, by pid. Those of other users only by what /proc shows everybody."""
    named = ((pid, names) for pid in _pids() if (names := _names(pid)) is not None)
    return _judged([(found, names) for pid, names in named if (found := _process(pid, names)) is not None])


def _pids() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208


def _names(pid: int) -> _Names | None:
    """None: it is no Python process, or gone."""
    try:
        executable = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115
        mapped = _bytes(f"/proc/{pid}/maps")
    except PermissionError:
        return _by_command(pid)
    except OSError:  # it has ended, or is of the kernel
        return None
    return by_names(executable, mapped)


def by_names(executable: str, mapped: bytes) -> _Names | None:
    """What the path of the program and the lines of its mappings say; None: it is no Python."""
    named = _NAMED_PYTHON.match(Path(executable.removesuffix(" (deleted)")).name)
    library = _LIBRARY.search(mapped)
    if named is None and library is None:
        return None
    kind = library.group(1).decode() if library else named.group(1) if named else ""
    memory = _MEMORY.search(mapped)
    return _Names(
        "pypy" if kind == "pypy" else "cpython",
        _version(named, library or _OWN_MODULE.search(mapped)),
        _SHIM.search(mapped) is not None,
        b" ".join(memory.groups()) if memory else b"",
    )


def _version(named: re.Match[str] | None, mapped: re.Match[bytes] | None) -> str:
    """By the library or a module of its own, else by the program's name. With the letters of its build."""
    if mapped is not None:
        return b"".join(mapped.groups()[-2:]).decode()
    version = named.group(2) or "" if named else ""
    return version + (named.group(3) if named else "") if "." in version else ""


def _by_command(pid: int) -> _Names | None:
    """Of another user: the program's name as everybody may read it."""
    try:
        name = Path(os.fsdecode(_bytes(f"/proc/{pid}/cmdline").split(b"\0")[0])).name
    except OSError:
        return None
    named = _NAMED_PYTHON.match(name)
    if named is None:
        return None
    kind = "pypy" if named.group(1) == "pypy" else "cpython"
    return _Names(kind, _version(named, None), is_readable=False)


def _process(pid: int, names: _Names) -> PythonProcess | None:
    """None: it has ended meanwhile."""
    try:
        fields = _bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        pages = int(_bytes(f"/proc/{pid}/statm").split()[1])
        uid = Path(f"/proc/{pid}").stat().st_uid
        is_ours = is_own_command(_bytes(f"/proc/{pid}/cmdline"))
    except (OSError, IndexError):
        return None
    if not fields or fields[0] in (b"Z", b"X"):
        return None
    user, system, began = (int(fields[at]) for at in (11, 12, 19))
    return PythonProcess(
        pid,
        uid,
        began,
        names.kind,
        names.version,
        program_of(pid),
        pages * _PAGE_BYTES,
        (user + system) / _TICKS,
        max(time.clock_gettime(time.CLOCK_BOOTTIME) - began / _TICKS, 0.0),
        names.is_readable,
        is_ours,
    )


def is_own_command(command: bytes) -> bool:
    """Whether a command line, as /proc has it, is one of memscope's own."""
    return _OURS.search(command) is not None


def _judged(found: Iterable[tuple[PythonProcess, _Names]]) -> tuple[PythonProcess, ...]:
    """With what of memscope is in each. A shipper has a session's memory and no shim; a target has both."""
    rows = list(found)
    read = {names.memory for _, names in rows if names.memory and not names.has_shim}
    return tuple(dataclasses.replace(process, inside=_inside(names, read)) for process, names in rows)


def _inside(names: _Names, read: set[bytes]) -> Inside:
    if not names.memory:
        return Inside.NOTHING
    if not names.has_shim:
        return Inside.SHIPPER
    return Inside.HOOKS if names.memory in read else Inside.LEFT_BEHIND


def _bytes(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.readall()
