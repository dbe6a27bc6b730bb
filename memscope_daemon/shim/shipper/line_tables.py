"""Line tables of CPython 3.9 to 3.15: the line of an instruction, from its byte offset.

Three formats (Objects/lnotab_notes.txt and Objects/locations.md of the CPython sources):

* 3.9 ``co_lnotab``: pairs (bytes forward, lines forward, signed).
* 3.10 ``co_linetable``: pairs (length in bytes, lines forward, signed; -128 = no line for this range).
* 3.11 and later ``co_linetable``: entries of a first byte ``1 kkkk lll`` (kind, length in code units - 1)
  and operands in 6-bit groups.

A table comes from the target's memory and may hold anything: each loop moves forward by at least one byte,
and an entry that is cut short ends the search. 0 = no line.
"""

from __future__ import annotations

from collections.abc import Callable

LineTable = Callable[[bytes, int, int], int]

_LINE_MAX = (1 << 31) - 1
_CODE_UNIT_BYTES = 2
_NO_LINE_310 = -128
_KIND_ONE_LINE = (10, 11, 12)
_KIND_NO_COLUMNS = 13
_KIND_LONG = 14
_KIND_NONE = 15
_OPERAND_BYTES = dict.fromkeys(range(10), 1) | dict.fromkeys(_KIND_ONE_LINE, 2)


def line_table_of(version: tuple[int, int]) -> LineTable | None:
    """The reader for an interpreter's tables, called with (table, first line, byte offset)."""
    if version == (3, 9):
        return line_39
    if version == (3, 10):
        return line_310
    if (3, 11) <= version <= (3, 15):
        return line_311
    return None


def line_39(table: bytes, first_line: int, offset: int) -> int:
    line, address = first_line, 0
    for at in range(0, len(table) - 1, 2):
        address += table[at]
        if address > offset:
            break
        line += _signed(table[at + 1])
    return _bounded(line)


def line_310(table: bytes, first_line: int, offset: int) -> int:
    line, end = first_line, 0
    for at in range(0, len(table) - 1, 2):
        end += table[at]
        delta = _signed(table[at + 1])
        if delta != _NO_LINE_310:
            line += delta
        if offset < end:
            return 0 if delta == _NO_LINE_310 else _bounded(line)
    return 0


def line_311(table: bytes, first_line: int, offset: int) -> int:
    line, end, at = first_line, 0, 0
    try:
        while at < len(table):
            kind = (table[at] >> 3) & 15
            end += ((table[at] & 7) + 1) * _CODE_UNIT_BYTES
            delta, at = _delta_311(table, at + 1, kind)
            line += delta
            if offset < end:
                return 0 if kind == _KIND_NONE else _bounded(line)
    except IndexError:  # an entry cut short
        pass
    return 0


def _delta_311(table: bytes, at: int, kind: int) -> tuple[int, int]:
    """Lines forward of the entry whose operands begin at ``at``, and where the next entry begins."""
    if kind == _KIND_NONE:
        return 0, at
    if kind in _OPERAND_BYTES:
        return (kind - 10 if kind in _KIND_ONE_LINE else 0), at + _OPERAND_BYTES[kind]
    raw, at = _varint(table, at)
    delta = -(raw >> 1) if raw & 1 else raw >> 1
    if kind == _KIND_LONG:
        for _ in range(3):  # end line, column, end column
            _, at = _varint(table, at)
    return delta, at


def _varint(table: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = table[at]
        at += 1
        if shift < 64:  # more is nonsense; keep moving
            value |= (byte & 63) << shift
            shift += 6
        if not byte & 64:
            return value, at


def _signed(byte: int) -> int:
    return byte - 256 if byte & 128 else byte


def _bounded(line: int) -> int:
    return line if 0 < line <= _LINE_MAX else 0
