"""Line tables of CPython 3.9 to 3.15: where an instruction stands in its source, from its byte offset.

Three formats (Objects/lnotab_notes.txt and Objects/locations.md of the CPython sources):

* 3.9 ``co_lnotab``: pairs (bytes forward, lines forward, signed).
* 3.10 ``co_linetable``: pairs (length in bytes, lines forward, signed; -128 = no line for this range).
* 3.11 and later ``co_linetable``: entries of a first byte ``1 kkkk lll`` (kind, length in code units - 1)
  and operands, bytes or 6-bit groups. These alone know columns.

A table comes from the target's memory and may hold anything: each loop moves forward by at least one byte,
and an entry that is cut short ends the search. What makes no sense is not known.
"""

from __future__ import annotations

from collections.abc import Callable

from memscope_daemon.model.dictionary import NOWHERE, Position

LineTable = Callable[[bytes, int, int], Position]

_MAX = (1 << 31) - 1  # what the wire can carry
_CODE_UNIT_BYTES = 2
_NO_LINE_310 = -128
_KIND_ONE_LINE = (10, 11, 12)
_KIND_NO_COLUMNS = 13
_KIND_LONG = 14
_KIND_NONE = 15


def line_table_of(version: tuple[int, int]) -> LineTable | None:
    """The reader for an interpreter's tables, called with (table, first line, byte offset)."""
    if version == (3, 9):
        return line_39
    if version == (3, 10):
        return line_310
    if (3, 11) <= version <= (3, 15):
        return line_311
    return None


def line_39(table: bytes, first_line: int, offset: int) -> Position:
    line, address = first_line, 0
    for at in range(0, len(table) - 1, 2):
        address += table[at]
        if address > offset:
            break
        line += _signed(table[at + 1])
    return _checked(line)


def line_310(table: bytes, first_line: int, offset: int) -> Position:
    line, end = first_line, 0
    for at in range(0, len(table) - 1, 2):
        end += table[at]
        delta = _signed(table[at + 1])
        if delta != _NO_LINE_310:
            line += delta
        if offset < end:
            return NOWHERE if delta == _NO_LINE_310 else _checked(line)
    return NOWHERE


def line_311(table: bytes, first_line: int, offset: int) -> Position:
    line, end, at = first_line, 0, 0
    try:
        while at < len(table):
            first = table[at]
            end += ((first & 7) + 1) * _CODE_UNIT_BYTES
            delta, end_delta, column, end_column, at = _entry_311(table, at + 1, (first >> 3) & 15)
            line += delta
            if offset < end:
                if (first >> 3) & 15 == _KIND_NONE:
                    return NOWHERE
                return _checked(line, line + end_delta, column, end_column)
    except IndexError:  # an entry cut short
        pass
    return NOWHERE


def _entry_311(table: bytes, at: int, kind: int) -> tuple[int, int, int, int, int]:
    """Of the entry whose operands begin at ``at``: lines forward, from there to its last line, its columns
    (from 1, 0 = not known), and where the next entry begins."""
    if kind == _KIND_NONE:
        return 0, 0, 0, 0, at
    if kind < _KIND_ONE_LINE[0]:
        column = (kind << 3) + (table[at] >> 4) + 1
        return 0, 0, column, column + (table[at] & 15), at + 1
    if kind in _KIND_ONE_LINE:
        return kind - _KIND_ONE_LINE[0], 0, table[at] + 1, table[at + 1] + 1, at + 2
    raw, at = _varint(table, at)
    delta, end_delta, column, end_column = -(raw >> 1) if raw & 1 else raw >> 1, 0, 0, 0
    if kind == _KIND_LONG:
        end_delta, at = _varint(table, at)
        column, at = _varint(table, at)
        end_column, at = _varint(table, at)
    return delta, end_delta, column, end_column, at


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


def _checked(line: int, end_line: int = 0, column: int = 0, end_column: int = 0) -> Position:
    if not 0 < line <= _MAX:
        return NOWHERE
    if not (line <= end_line <= _MAX and 0 < column <= _MAX and 0 < end_column <= _MAX):
        return Position(line)
    return Position(line, end_line, column, end_column)
