"""The loader is copied byte for byte into a foreign process: it must stand alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memscope_daemon.attach.elf import Elf
from memscope_daemon.attach.region import CODE_BYTES, LOADER_SECTION, read_loader
from tests.support.injecting import build_stub


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_stub(tmp_path_factory.mktemp("loader"))


def extent(library: Path) -> tuple[int, int]:
    with Elf(library) as elf:
        start, code = elf.section_bytes(LOADER_SECTION)
    return start, start + len(code)


def test_both_entries_lie_inside_and_the_whole_fits_its_room(library: Path) -> None:
    loader = read_loader(library)
    assert 0 <= loader.clone_entry < len(loader.code)
    assert 0 < loader.pthread_entry < len(loader.code)
    assert 500 < len(loader.code) <= CODE_BYTES


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs binutils")
def test_nothing_in_it_is_relocated(library: Path) -> None:
    start, end = extent(library)
    text = subprocess.run(["readelf", "-rW", library], capture_output=True, text=True, check=True).stdout
    places = [int(line.split()[0], 16) for line in text.splitlines() if re.match(r"^[0-9a-f]{12,}", line)]
    assert not [place for place in places if start <= place < end]


@pytest.mark.skipif(shutil.which("objdump") is None, reason="needs binutils")
def test_it_neither_calls_nor_reads_outside_itself(library: Path) -> None:
    start, end = extent(library)
    command = ["objdump", "-d", "-j", LOADER_SECTION, "--no-show-raw-insn", library]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    jumps = re.findall(r"\b(?:call|j[a-z]+)\s+([0-9a-f]+)\b", text)
    relative = re.findall(r"\(%rip\).*# ([0-9a-f]+)", text)
    assert len(jumps) > 10
    assert relative
    assert not [place for place in (*jumps, *relative) if not start <= int(place, 16) < end]
    assert "%fs:" not in text


FORKED = """
import ctypes, os, sys
from memscope_daemon.shim.layout import Attach, Operation
loader = ctypes.CDLL(sys.argv[1])
main = loader.ms_loader_pthread_main
main.argtypes = [ctypes.c_void_p]
page, keep, parent = Attach(), [], os.getpid()
def give(part, name, result, *arguments, act=None):
    kind = ctypes.CFUNCTYPE(result, *arguments)
    keep.append(kind(act))
    setattr(part, name, ctypes.cast(keep[-1], ctypes.c_void_p).value)
    return getattr(part, name)
def entered(_):
    os.write(1, b"parent " if os.getpid() == parent else b"child ")
    return 1
give(page.libc, "pthread_self", ctypes.c_uint64, act=lambda: 0)
give(page.libc, "pthread_detach", ctypes.c_int, ctypes.c_uint64, act=lambda _: 0)
give(page.libc, "dlopen", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, act=lambda *_: 1)
entry = give(page, "debug_offsets", ctypes.c_int, ctypes.c_void_p, act=entered)
give(page.libc, "dlsym", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, act=lambda *_: entry)
give(page.python, "Py_IsInitialized", ctypes.c_int, act=lambda: 1)
give(page.python, "PyGILState_Ensure", ctypes.c_int, act=lambda: 1 if os.fork() else 0)
give(page.python, "PyGILState_Release", None, ctypes.c_int, act=lambda _: None)
page.operation = Operation.LEAVE
main(ctypes.addressof(page))
if os.getpid() != parent:
    os._exit(0)
os.wait()
"""


def test_a_call_that_a_fork_took_along_does_nothing_in_the_child(library: Path) -> None:
    root = str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-c", FORKED, str(library)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, check=True)
    assert done.stdout == "parent "
