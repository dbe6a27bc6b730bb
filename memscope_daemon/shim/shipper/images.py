"""Where a process's files have their writable data, read from outside.

A file's .bss is anonymous memory right behind its data. So is whatever the program maps there later, an arena
or a thread's stack, and the kernel shows both as one row: only the file's program headers say where its own
memory ends. They are read where the loader put them, at the beginning of its first mapping.
"""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path

from memscope_daemon.shim.geometry import PAGE_BYTES, whole_pages

_HEADER_BYTES = 64
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")  # type, flags, offset, address, -, file bytes, memory bytes, -
_ET_EXEC, _PT_LOAD = 2, 1
_NOT_KNOWN = 1 << 64


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Writable private memory that belongs to ``file``: its data, or its .bss."""

    start: int
    end: int
    file: str


def writable_data(pid: int) -> list[Span]:
    """Of all files that are mapped, by address; empty when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError:
        return []
    found: list[Span] = []
    file, row_end, image_end = "", 0, 0
    for line in lines:
        span, permissions, offset, _, _, *path = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in span.split("-"))
        if path:
            if path[0] != file or int(offset, 16) == 0:
                image_end = _image_end(pid, start)
            file = path[0]
            own_end = end
        else:
            file = file if start == row_end else ""
            own_end = min(end, image_end)
        row_end = end
        if file and not file.startswith("[") and permissions.startswith("rw-p") and start < own_end:
            found.append(Span(start, own_end, file))
    return found


def read_memory(pid: int, address: int, count: int) -> bytes:
    """What can be read of it: less, or nothing, where it ends or the process is gone."""
    try:
        descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, count, address)
    except (OSError, OverflowError):
        return b""
    finally:
        os.close(descriptor)


def _image_end(pid: int, start: int) -> int:
    """Where the memory of the file that is mapped from ``start`` ends: 0 = it is no program's, and has none
    behind its mappings; a number beyond all memory where its headers cannot be read."""
    head = read_memory(pid, start, _HEADER_BYTES)
    if len(head) < _HEADER_BYTES:
        return _NOT_KNOWN
    if not head.startswith(b"\x7fELF\x02"):
        return 0
    (kind,) = struct.unpack_from("<H", head, 16)
    (table,) = struct.unpack_from("<Q", head, 32)
    each, count = struct.unpack_from("<HH", head, 54)
    if each != _PROGRAM_HEADER.size:
        return _NOT_KNOWN
    raw = read_memory(pid, start + table, each * count)
    headers = _PROGRAM_HEADER.iter_unpack(raw[: len(raw) // each * each])
    loads: list[tuple[int, int]] = [(row[3], row[6]) for row in headers if row[0] == _PT_LOAD]
    if len(raw) < each * count or not loads:
        return _NOT_KNOWN
    base = 0 if kind == _ET_EXEC else start - min(address for address, _ in loads) // PAGE_BYTES * PAGE_BYTES
    return whole_pages(base + max(address + memory for address, memory in loads))
