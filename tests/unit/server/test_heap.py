from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import ctypes, sys, threading
from memscope_daemon.server.heap import keep_to_one_arena

if sys.argv[1] == "one":
    keep_to_one_arena()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(8)

def allocate():
    together.wait()
    for _ in range(1000):
        libc.malloc(ctypes.c_size_t(5003))

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas(tmp_path: Path, which: str) -> int:
    told = tmp_path / which
    subprocess.run([sys.executable, "-c", PROGRAM, which, str(told)], check=True)
    return told.read_text().count("<heap nr=")


def test_all_threads_allocate_from_one_arena(tmp_path: Path) -> None:
    assert arenas(tmp_path, "one") == 1
    assert arenas(tmp_path, "many") > 1, "or this shows nothing"
