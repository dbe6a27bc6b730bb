"""Whether hooks are still called, told from words in the memory of a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_daemon.shim.shipper.hook_watch import CALLED_AFTER_ALL, TABLE_BYTES, HookWatch
from tests.support.libraries import compiled

HOOKS = (0x6D656D73636F7031, 0x6D656D73636F7032, 0x6D656D73636F7033)
NOTHING_RECORDED = (0, 0, 0)
SOURCE = "unsigned long tables[64] = {1}, notes[64] = {1}; int constant = 1;"


#: In a process of its own: this one is large, and reads of it leave copies of what was read in it.
HOLDER = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
words = {name: (ctypes.c_ulong * 64).in_dll(library, name) for name in ("tables", "notes")}
for each in words.values():
    ctypes.memset(each, 0, ctypes.sizeof(each))
print(ctypes.addressof(ctypes.c_int.in_dll(library, "constant")), flush=True)
for line in sys.stdin:
    name, at, value = line.split()
    words[name][int(at)] = int(value)
    print(flush=True)
"""


class Image:
    """A library with writable words, as an interpreter has them, in process ``holder``."""

    def __init__(self, holder: subprocess.Popen[str]) -> None:
        self.holder = holder
        self.address = int(self._answer())

    def _answer(self) -> str:
        assert self.holder.stdout is not None
        return self.holder.stdout.readline()

    def put(self, words: str, at: int, value: int) -> None:
        assert self.holder.stdin is not None
        print(words, at, value, file=self.holder.stdin, flush=True)
        assert self._answer() == "\n"

    def note(self, at: int, value: int) -> None:
        self.put("notes", at, value)

    def hook(self) -> None:
        for domain, hook in enumerate(HOOKS):
            self.put("tables", domain * TABLE_BYTES // 8 + 1, hook)

    def unhook(self, domain: int) -> None:
        self.put("tables", domain * TABLE_BYTES // 8 + 1, 7)

    def watch(self) -> HookWatch:
        return HookWatch(self.holder.pid, self.address, HOOKS)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    command = [sys.executable, "-c", HOLDER, str(compiled(SOURCE, tmp_path))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        made = Image(holder)
        made.hook()
        yield made
        assert holder.stdin is not None
        holder.stdin.close()


def test_hooks_in_place_are_said_to_be_in_place(image: Image) -> None:
    watch = image.watch()
    assert [watch.look(now, NOTHING_RECORDED) for now in (10, 20, 30)] == [0, 0, 0]


def test_a_hook_that_nobody_holds_is_missed_at_the_second_look(image: Image) -> None:
    watch = image.watch()
    assert watch.look(10, NOTHING_RECORDED) == 0
    image.unhook(2)
    assert [watch.look(now, NOTHING_RECORDED) for now in (20, 30, 40)] == [0, 10, 10]


def test_a_hook_that_another_tool_has_noted_is_called(image: Image) -> None:
    watch = image.watch()
    image.unhook(1)
    image.note(5, HOOKS[1])
    assert [watch.look(now, NOTHING_RECORDED) for now in (20, 30)] == [0, 0]


def test_a_record_that_comes_later_takes_the_word_back_for_good(image: Image) -> None:
    watch = image.watch()
    image.unhook(2)
    later = 10**9
    assert [watch.look(now, (0, 0, 5)) for now in (10, 20)] == [0, 5]
    assert watch.look(later, (later, later, 0)) == 5
    assert watch.look(later, (0, 0, later)) == CALLED_AFTER_ALL
    assert watch.look(later, NOTHING_RECORDED) == CALLED_AFTER_ALL


def test_an_old_note_of_another_tool_is_told_from_the_tables(image: Image) -> None:
    for domain, place in ((1, 1), (0, 6), (2, 11)):  # in an order of its own
        image.note(place, HOOKS[domain])
    watch = image.watch()
    assert watch.look(10, NOTHING_RECORDED) == 0
    for place in (1, 6, 11):
        image.note(place, 0)
    image.unhook(0)
    assert [watch.look(now, NOTHING_RECORDED) for now in (20, 30)] == [0, 10]


def test_where_the_tables_are_not_certain_nothing_is_said(image: Image) -> None:
    for domain in range(3):
        image.note(domain * TABLE_BYTES // 8, HOOKS[domain])
    watch = image.watch()
    for domain in range(3):
        image.unhook(domain)
        image.note(domain * TABLE_BYTES // 8, 0)
    assert [watch.look(now, NOTHING_RECORDED) for now in (20, 30)] == [0, 0]
    assert HookWatch(image.holder.pid, 0, (0, 0, 0)).look(10, NOTHING_RECORDED) == 0
