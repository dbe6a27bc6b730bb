"""How the shim gets into a target: what of it is there already, and what the target can see.

The shim's file must be found by the target itself. Where it has another root, another mount namespace or no
right to read it, the loader makes a file of it in memory, loads that by its descriptor's name and closes it
(``shim/target/loader``); which takes a /proc in the target's root that shows the target itself. A shim that
is mapped already is never loaded again: it is called where it lies.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import stat
from pathlib import Path

from memscope_daemon.attach import mapped_file, procfs
from memscope_daemon.attach.elf import Elf, NotElf
from memscope_daemon.attach.procfs import Mapping
from memscope_daemon.shim import layout

SHIM_NAMES = ("memscope_shim", "memfd:memscope_shim")


@dataclasses.dataclass(frozen=True, slots=True)
class MappedShim:
    """A shim of ours in a target. ``entry``: the address of its entry, 0 = it could not be read.
    ``is_same``: it is the very build that would be loaded now."""

    path: str
    entry: int = 0
    is_same: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Who opens files inside a process, by the numbers of our own user namespace."""

    pid: int
    uid: int
    groups: frozenset[int]


def mapped_shims(
    pid: int, maps: tuple[Mapping, ...], shim: Path, build: bytes = b""
) -> tuple[MappedShim, ...]:
    """Those that are loaded there; the one that is the same as ``shim`` first. ``build``: what ``shim`` was
    when it was loaded, if it may be another by now."""
    wanted = build or (shim.read_bytes() if shim.exists() else b"")
    begins = (m for m in maps if m.offset == 0 and Path(m.path).name.startswith(SHIM_NAMES))
    found = {_mapped_shim(pid, begin, maps, wanted) for begin in begins}
    return tuple(sorted(found, key=lambda each: (not each.is_same, each.entry == 0, each.path)))


def _mapped_shim(pid: int, begin: Mapping, maps: tuple[Mapping, ...], wanted: bytes) -> MappedShim:
    with contextlib.suppress(NotElf, OSError):
        with Elf(mapped_file.path_of(pid, begin)) as elf:
            at = elf.symbols((layout.ENTRY_NAME,)).get(layout.ENTRY_NAME, 0)
            entry = at + elf.load_base(begin.start)
            is_same = elf.equals(wanted)
        if at and any(m.executable and m.path == begin.path and entry in m for m in maps):
            return MappedShim(begin.path, entry, is_same)
    return MappedShim(begin.path)


def shim_readable(reader: Reader, shim: Path) -> bool | None:
    """Whether the target can open the shim under the very path we hand it, and finds the same file."""
    root = f"/proc/{reader.pid}/root"
    try:
        seen, ours = os.stat(f"{root}{shim}"), shim.stat()  # noqa: PTH116
        if seen.st_size != ours.st_size or Path(f"{root}{shim}").read_bytes() != shim.read_bytes():
            return False
        way = [os.stat(f"{root}{parent}") for parent in shim.parents]  # noqa: PTH116
    except PermissionError:
        return None
    except OSError:
        return False
    return all(_allowed(reader, entry, stat.S_IXOTH) for entry in way) and _allowed(
        reader, seen, stat.S_IROTH
    )


def _allowed(reader: Reader, entry: os.stat_result, other_bit: int) -> bool:
    if reader.uid == 0:
        return True
    if entry.st_uid == reader.uid:
        return bool(entry.st_mode & other_bit << 6)
    if entry.st_gid in reader.groups:
        return bool(entry.st_mode & other_bit << 3)
    return bool(entry.st_mode & other_bit)


def sees_itself(pid: int, numbers: tuple[int, ...]) -> bool:
    """Whether /proc in the target's own root shows the target. ``numbers``: its pid in each PID namespace."""
    began, root = procfs.start_time_ticks(pid), Path(f"/proc/{pid}/root")
    for number in numbers:
        with contextlib.suppress(OSError, IndexError, ValueError):
            text = (root / "proc" / str(number) / "stat").read_text()
            if int(text.rpartition(")")[2].split()[19]) == began:
                return True
    return False


def clock_is_shifted(pid: int) -> bool:
    """Whether its clocks (a time namespace) do not count as ours do."""
    try:
        if os.stat(f"/proc/{pid}/ns/time").st_ino == os.stat("/proc/self/ns/time").st_ino:  # noqa: PTH116
            return False
        theirs, ours = (Path(f"/proc/{who}/timens_offsets").read_text() for who in (pid, "self"))
    except OSError:
        return False
    return theirs != ours


def image_path(shim: Path) -> str:
    """The beginning of the name by which an image is opened, for the number of its descriptor to follow.

    The C library takes a library for loaded when it has one of that name, so that each build must have its
    own, and one that no program uses: the path says the same thing with more or fewer "./" in it.
    """
    digest = int.from_bytes(hashlib.sha256(shim.read_bytes()).digest()[:4], "big")
    return "/proc/self/" + "".join("./" if digest >> bit & 1 else "/" for bit in range(32)) + "./fd/"
