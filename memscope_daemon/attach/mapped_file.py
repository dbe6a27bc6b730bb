"""The file behind a mapping: the one that is mapped, and no other of that name.

A package that was upgraded under a running program leaves a new file under the old path, with other
addresses in it. Root opens what is mapped through ``/proc/PID/map_files``, replaced or deleted; others may
not, and have only the path: what it leads to must be the same, byte for byte, as the mapped memory shows it.
"""

from __future__ import annotations

import os

from memscope_daemon.attach.procfs import Mapping

COMPARED_BYTES_MAX = 16 << 20
_PIECE_BYTES = 1 << 20


class FileReplaced(OSError):
    """The path leads to another file than the mapped one, which may not be opened."""


def path_of(pid: int, mapping: Mapping) -> str:
    """A path that opens the mapped file. ``mapping``: of its beginning, not written to.

    :raises FileReplaced: there is none for us.
    """
    exact = f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}"
    if os.access(exact, os.R_OK):
        return exact
    named = f"/proc/{pid}/root{mapping.path}"
    try:
        same = is_mapped(pid, mapping, named)
    except FileNotFoundError:
        same = False
    if not same:
        raise FileReplaced(mapping.path)
    return named


def is_mapped(pid: int, mapping: Mapping, path: str) -> bool:
    """Whether the memory shows what the file holds. By content: on overlay file systems, as containers have
    them, device and inode of a mapping are not those of the file."""
    end = min(mapping.end - mapping.start, COMPARED_BYTES_MAX)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory, open(path, "rb") as file:  # noqa: PTH123
        for at in range(0, end, _PIECE_BYTES):
            length = min(_PIECE_BYTES, end - at)
            held = os.pread(file.fileno(), length, at)
            if not held:
                return at > 0
            if os.pread(memory.fileno(), len(held), mapping.start + at) != held:
                return False
    return True
