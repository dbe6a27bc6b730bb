"""Which memory is a file's own, told in a real process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from memscope_daemon.shim.shipper.images import read_memory, writable_data
from tests.support.libraries import compiled
from tests.support.outside import mappings

BSS_BYTES = 48 << 20  # larger than any gap between the libraries: it is loaded below the latest mapping
SOURCE = f"char unset[{BSS_BYTES}]; unsigned long set[4] = {{4711}};"
#: Keeps room, loads the library below it, and maps memory right behind: one row with the library's .bss.
HOLDER = """
import ctypes, mmap, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
room = mmap.mmap(-1, 4 << 20)
library = ctypes.CDLL(sys.argv[1])
room.close()
end = 0
for line in open("/proc/self/maps"):
    start, stop = (int(part, 16) for part in line.split()[0].split("-"))
    if line.endswith(sys.argv[1] + "\\n") or start == end:
        end = stop
NOREPLACE = 0x100000
flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NOREPLACE
where = libc.mmap(ctypes.c_void_p(end), ctypes.c_size_t(1 << 16), 3, flags, -1, ctypes.c_long(0))
print(end, where, flush=True)
sys.stdin.read()
"""


def test_memory_right_behind_a_files_bss_is_not_its_own(tmp_path: Path) -> None:
    library = compiled(SOURCE, tmp_path)
    command = [sys.executable, "-c", HOLDER, str(library)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        end, where = map(int, holder.stdout.readline().split())
        assert where == end
        assert [row.end > end for row in mappings(holder.pid) if end in range(row.start, row.end)] == [True]
        spans = [span for span in writable_data(holder.pid) if span.file == str(library)]
        assert max(span.end for span in spans) == end
        size = sum(span.end - span.start for span in spans)
        assert BSS_BYTES < size < BSS_BYTES + (1 << 16)
        held = b"".join(read_memory(holder.pid, span.start, 1 << 16) for span in spans)
        assert (4711).to_bytes(8, "little") in held


def test_a_process_that_is_gone_has_none() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
        assert writable_data(gone.pid) == []
    assert read_memory(gone.pid, 4096, 8) == b""
