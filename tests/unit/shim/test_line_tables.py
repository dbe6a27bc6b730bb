"""Our reading of the line tables against the interpreters' own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscope_daemon.model.dictionary import NOWHERE, Position
from memscope_daemon.shim.shipper.line_tables import line_39, line_310, line_311, line_table_of
from tests.support.interpreters import every_interpreter

PROGRAM = Path(__file__).with_name("line_table_program.py")
VERSIONS = [(3, minor) for minor in range(9, 16)]


def some(lines: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """All instructions of short functions, every 13th of long ones (the search is linear)."""
    return lines if len(lines) < 200 else lines[::13]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_instruction_has_the_place_its_interpreter_gives_it(version):
    python = next((each for each in every_interpreter() if each.version[:2] == version), None)
    if python is None:
        pytest.skip(f"no CPython {version} here")
    command = python.command(str(PROGRAM), shows=[PROGRAM.parent])
    output = subprocess.run(command, capture_output=True, check=True).stdout
    line_of = line_table_of(version)
    assert line_of is not None
    compared = without_line = with_columns = 0
    for table, first_line, lines, places in json.loads(output):
        data = bytes.fromhex(table)
        for offset, line in some(lines):
            assert line_of(data, first_line, offset).line == (line or 0), (version, first_line, offset)
            compared += 1
            without_line += line is None
        for offset, place in some(places):
            found = line_of(data, first_line, offset)
            assert found == (from_one(place) if place[0] else NOWHERE), (version, first_line, offset)
            with_columns += place[-1] is not None
    assert compared > 10_000
    assert without_line or version == (3, 9)
    assert (with_columns > 10_000) == (version >= (3, 11))


def from_one(place: list[int | None]) -> Position:
    """As we count columns; of them all or nothing is known."""
    line, end_line, column, end_column = place
    if None in place:
        return Position(line)
    return Position(line, end_line, column + 1, end_column + 1)


def test_versions_never_tried_have_no_reader():
    assert line_table_of((3, 8)) is None
    assert line_table_of((3, 16)) is None
    assert line_table_of((0, 0)) is None


@given(st.binary(max_size=300), st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1))
def test_any_bytes_give_a_place_that_the_wire_can_carry(table, first_line, offset):
    for reader in (line_39, line_310, line_311):
        place = reader(table, first_line, offset)
        assert all(0 <= number < 2**31 for number in place)
        assert place.end_line == 0 or place.end_line >= place.line > 0
