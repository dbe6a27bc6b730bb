"""How many captures of sessions that are over are kept: the newest, up to a sum of bytes."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import struct
from collections.abc import Collection, Iterable
from pathlib import Path

SUFFIX = ".duckdb"
#: The newest are kept whatever their size: their reports may be about to be fetched.
NEWEST_KEPT = 4
_FLOCK = "hhqqi4x"  # struct flock of Linux on 64 bits: type, whence, start, length, pid


@dataclasses.dataclass(frozen=True, slots=True)
class CaptureFile:
    """A capture on disk. ``size_bytes``: with the files beside it; ``modified_ns``: since 1970."""

    path: Path
    size_bytes: int
    modified_ns: int

    @property
    def session_id(self) -> str:
        return self.path.name.removesuffix(SUFFIX)


def captures_in(folder: Path) -> list[CaptureFile]:
    """Those that are in the folder now; one that vanishes meanwhile is left out."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            seen = path.stat()
            size_bytes = seen.st_size + sum(beside.stat().st_size for beside in _beside(path))
            found.append(CaptureFile(path, size_bytes, seen.st_mtime_ns))
    return found


def surplus(files: Iterable[CaptureFile], limit_bytes: int, in_use: Collection[str]) -> list[CaptureFile]:
    """Those to be removed, the oldest first, so that all together are no more than ``limit_bytes``.

    ``in_use``: ids of sessions whose captures stay, whatever they take.
    """
    ordered = sorted(files, key=lambda file: file.modified_ns)
    total_bytes = sum(file.size_bytes for file in ordered)
    chosen = []
    for file in ordered[: max(len(ordered) - NEWEST_KEPT, 0)]:
        if total_bytes <= limit_bytes:
            break
        if file.session_id not in in_use:
            chosen.append(file)
            total_bytes -= file.size_bytes
    return chosen


def date(path: Path, ended_unix_ns: int) -> None:
    """A capture is as old as its session's end, whenever its file was closed. For closed ones only."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(ended_unix_ns, ended_unix_ns))


def is_locked(path: Path) -> bool:
    """Whether another process has the capture open (DuckDB holds a record lock on it then).

    Must not be asked of a file that this process has open: to close any descriptor of a file gives up all
    locks that the process holds on it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        return bool(struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[0] != fcntl.F_UNLCK)
    finally:
        os.close(descriptor)


def remove(file: CaptureFile) -> None:
    """Takes the capture off the disk, with what lies beside it."""
    for path in (file.path, *_beside(file.path)):
        with contextlib.suppress(OSError):
            path.unlink()


def _beside(path: Path) -> list[Path]:
    """What DuckDB writes next to the file: what is not yet in it."""
    return [beside for beside in (path.with_name(path.name + ".wal"),) if beside.exists()]
