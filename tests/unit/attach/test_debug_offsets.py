"""An interpreter's own table of offsets, against what is known of its version: made tables and found ones."""

from __future__ import annotations

import struct

import pytest

from memscope_daemon.attach import debug_offsets
from memscope_daemon.attach.debug_offsets import COOKIE, FIELDS, KNOWN, strangeness
from memscope_daemon.attach.elf import Elf
from tests.support import roots
from tests.support.interpreters import Interpreter, rooted_interpreters

RELEASED = {(3, 14): 0x030E08F0, (3, 15): 0x030F00F0}
WORDS = {(3, 14): 95, (3, 15): 111}  # of the whole table, read off the headers
versions = pytest.mark.parametrize("version", sorted(FIELDS), ids=str)


def table(version: tuple[int, int], hexversion: int | None = None, **changes: int) -> bytes:
    values = {name: KNOWN.get(name, 7919) for name in FIELDS[version]} | {
        name.replace("__", "."): value for name, value in changes.items()
    }
    words = (hexversion or RELEASED[version], 0, *values.values())
    return COOKIE + struct.pack(f"<{len(words)}Q", *words)


@versions
def test_the_table_of_a_release_is_as_known(version: tuple[int, int]) -> None:
    assert strangeness(table(version), RELEASED[version]) == ""
    assert len(table(version)) == 8 * WORDS[version]


@versions
@pytest.mark.parametrize("name", KNOWN)
def test_each_offset_that_the_shim_relies_on_is_looked_at(version: tuple[int, int], name: str) -> None:
    changed = table(version, **{name.replace(".", "__"): KNOWN[name] + 8})
    assert strangeness(changed, RELEASED[version]) == f"{name} is {KNOWN[name] + 8}, not {KNOWN[name]}"


@versions
def test_an_alpha_whose_table_lacks_a_field_is_strange(version: tuple[int, int]) -> None:
    alpha = version[0] << 24 | version[1] << 16 | 0xA5
    whole = table(version, alpha)
    assert strangeness(whole, alpha) == ""
    for at in range(24, len(whole) - 8, 8):
        shorter = whole[:at] + whole[at + 8 :] + bytes(8)
        assert strangeness(shorter, alpha), f"without word {at // 8}"


@versions
def test_no_table_a_cut_one_or_that_of_another_build_is_strange(version: tuple[int, int]) -> None:
    whole, release = table(version), RELEASED[version]
    for cut in (b"", whole[:-8], b"y" + whole[1:]):
        assert strangeness(cut, release) == "it has no table of its own offsets"
    assert "0x030e08f1" in strangeness(table(version, 0x030E08F1), release)
    free_threaded = whole[:16] + struct.pack("<Q", 1) + whole[24:]
    assert "free-threaded" in strangeness(free_threaded, release)


def test_versions_without_a_list_are_not_judged() -> None:
    assert strangeness(b"", 0x030D00F0) == ""


@pytest.mark.skipif(bool(roots.why_not()), reason=roots.why_not() or "there is a root")
@pytest.mark.parametrize("interpreter", rooted_interpreters(), ids=lambda found: found.name)
def test_interpreters_that_were_tried_are_as_known(interpreter: Interpreter) -> None:
    with Elf(interpreter.path) as elf:
        found = elf.symbols(("Py_Version", "_PyRuntime"))
        hexversion = int.from_bytes(elf.bytes_at(found["Py_Version"], 4), "little")
        data = elf.bytes_at(found["_PyRuntime"], debug_offsets.TABLE_BYTES)
    assert (hexversion >> 24, hexversion >> 16 & 0xFF) in FIELDS
    assert strangeness(data, hexversion) == ""
