"""Reads of an ELF file what an attach needs: kind, dynamic symbols, a byte pattern in code. No more.

Files are opened as the target maps them (``/proc/PID/map_files``), so the target's root, its mount
namespace, or a file deleted since make no difference.
"""

from __future__ import annotations

import dataclasses
import mmap
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

ELF_CLASS_64 = 2
ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PF_X = 1
SHT_DYNSYM = 11
HEADER_BYTES = 64
SECTIONS_MAX = 4096
SYMBOLS_MAX = 1 << 20
NAME_BYTES_MAX = 256  # longer ones are nothing that we look for
FILE_BYTES_MAX = 1 << 48


class NotElf(ValueError):
    """The file is no ELF file, or a damaged one."""


@dataclasses.dataclass(frozen=True, slots=True)
class ElfKind:
    """``bits`` 32 or 64, ``machine`` as in e_machine, ``type`` as in e_type."""

    bits: int
    machine: int
    type: int


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    type: int
    flags: int
    offset: int
    address: int
    file_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    name: str
    type: int
    address: int
    offset: int
    size_bytes: int
    link: int


def read_kind(path: Path | str) -> ElfKind:
    """Of any ELF file, 32-bit ones too.

    :raises NotElf: it is none.
    """
    with open(path, "rb") as file:  # noqa: PTH123 (map_files links do not resolve)
        head = file.read(20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        raise NotElf(str(path))
    kind, machine = struct.unpack_from("<HH", head, 16)
    return ElfKind(64 if head[4] == ELF_CLASS_64 else 32, machine, kind)


class Elf:
    """One 64-bit little-endian file, mapped. Use as a context manager.

    :raises NotElf: on opening, when it is none.
    """

    def __init__(self, path: Path | str) -> None:
        with open(path, "rb") as file:  # noqa: PTH123
            try:
                self._data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            except (ValueError, OSError) as error:
                raise NotElf(str(path)) from error
        try:
            self._read_headers()
        except (struct.error, IndexError, OverflowError) as error:
            self._data.close()
            raise NotElf(str(path)) from error

    def __enter__(self) -> Elf:
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def _read_headers(self) -> None:
        data = self._data
        if data[:5] != b"\x7fELF\x02":
            raise IndexError("not a 64-bit ELF file")
        self.type, self.machine = struct.unpack_from("<HH", data, 16)
        phoff, shoff = struct.unpack_from("<QQ", data, 32)
        phentsize, phnum, shentsize, shnum, shstrndx = struct.unpack_from("<5H", data, 54)
        self.segments = tuple(self._segment(phoff + i * phentsize) for i in range(phnum))
        raw = [self._section(shoff + i * shentsize) for i in range(min(shnum, SECTIONS_MAX))]
        names = raw[shstrndx][1].offset if shstrndx < len(raw) else 0
        self.sections = tuple(dataclasses.replace(s, name=self._text(names + n)) for n, s in raw)

    def _segment(self, at: int) -> Segment:
        kind, flags, offset, address, _, size = struct.unpack_from("<IIQQQQ", self._data, at)
        if max(offset, size) > FILE_BYTES_MAX:
            raise IndexError("a segment beyond any file")
        return Segment(kind, flags, offset, address, size)

    def _section(self, at: int) -> tuple[int, Section]:
        name, kind, _, address, offset, size, link = struct.unpack_from("<IIQQQQI", self._data, at)
        if max(offset, size) > FILE_BYTES_MAX:
            raise IndexError("a section beyond any file")
        return name, Section("", kind, address, offset, size, link)

    def _text(self, at: int) -> str:
        return self._data[at : at + NAME_BYTES_MAX].partition(b"\0")[0].decode(errors="replace")

    def equals(self, content: bytes) -> bool:
        """Whether the file is this, byte for byte."""
        return self._data[:] == content

    @property
    def is_static(self) -> bool:
        """Nothing is loaded into it: no dynamic linker is asked for, and it is not a library."""
        kinds = {segment.type for segment in self.segments}
        return (PT_INTERP not in kinds and self.type == ET_EXEC) or PT_DYNAMIC not in kinds

    def load_base(self, first_mapping: int) -> int:
        """What to add to a file's addresses, given where its first loaded segment is mapped."""
        if self.type == ET_EXEC:
            return 0
        loads = [segment.address for segment in self.segments if segment.type == PT_LOAD]
        return first_mapping - (min(loads) & ~0xFFF) if loads else first_mapping

    def symbols(self, wanted: Iterable[str]) -> dict[str, int]:
        """Defined dynamic symbols among ``wanted``: name → address in the file's terms."""
        names = frozenset(wanted)
        found: dict[str, int] = {}
        for table in self.sections:
            if table.type == SHT_DYNSYM and table.link < len(self.sections):
                self._scan(table, self.sections[table.link], names, found)
        return found

    def _scan(self, table: Section, strings: Section, names: frozenset[str], found: dict[str, int]) -> None:
        texts = self._data[strings.offset : strings.offset + strings.size_bytes]
        places = {place: name for name in names for place in _places(texts, name.encode() + b"\0")}
        count = min(table.size_bytes // 24, SYMBOLS_MAX)
        entries = self._data[table.offset : table.offset + count * 24]
        whole = entries[: len(entries) // 24 * 24]  # a file that was cut short
        for name_at, _, _, section, value, _ in struct.iter_unpack("<IBBHQQ", whole):
            if name_at in places and value and section:
                found.setdefault(places[name_at], value)

    def section_bytes(self, name: str) -> tuple[int, bytes]:
        """Address and contents of the section called ``name``.

        :raises KeyError: there is none.
        """
        for section in self.sections:
            if section.name == name:
                return section.address, self._data[section.offset : section.offset + section.size_bytes]
        raise KeyError(name)

    def find_code(self, pattern: bytes) -> int:
        """Address of the first occurrence of ``pattern`` in an executable segment, 0 = none."""
        for segment in self.segments:
            if segment.type == PT_LOAD and segment.flags & PF_X:
                at = self._data.find(pattern, segment.offset, segment.offset + segment.file_bytes)
                if at >= 0:
                    return segment.address + at - segment.offset
        return 0

    def bytes_at(self, address: int, count: int) -> bytes:
        """Of the file's contents, by address; empty where none are."""
        for segment in self.segments:
            if segment.type == PT_LOAD and segment.address <= address < segment.address + segment.file_bytes:
                at = segment.offset + address - segment.address
                return self._data[at : at + count]
        return b""


def _places(texts: bytes, name: bytes) -> Iterator[int]:
    """Wherever a symbol of that name may say that its name begins: linkers let names share their ends."""
    at = texts.find(name)
    while at >= 0:
        yield at
        at = texts.find(name, at + 1)
