"""The few pages of ours in the target: what lies where, and what is written there.

::

    0x00000  code        the loader's instructions; read and execute, never writable at the same time
    0x02000  page        struct ms_attach, the words that both sides watch
    0x03000  static TLS  of route K's bare thread, all zero
    0x13000  block       its thread block
    0x17000  stack       of the bare thread (K), or of the call to pthread_create (P)
    0x37000  image       the shim's file, for a target that cannot see it; else never touched
    0x77000  end
"""

from __future__ import annotations

import ctypes
import dataclasses
import errno
import os
import struct
from pathlib import Path
from typing import Any

from memscope_daemon.attach import ptrace, x86_64
from memscope_daemon.attach.elf import Elf
from memscope_daemon.attach.stop import Park
from memscope_daemon.shim import layout

CODE_BYTES = 0x2000
PAGE_AT = 0x2000
BLOCK_AT = 0x3000 + x86_64.STATIC_TLS_BYTES
STACK_AT = BLOCK_AT + x86_64.THREAD_BLOCK_BYTES
IMAGE_AT = STACK_AT + 0x20000
IMAGE_BYTES_MAX = 0x40000
REGION_BYTES = IMAGE_AT + IMAGE_BYTES_MAX
LOADER_SECTION = "memscope_loader"
CLONE_ENTRY, PTHREAD_ENTRY, PARK = "ms_loader_clone_child", "ms_loader_pthread_main", "ms_loader_park"

Attach = layout.Attach


@dataclasses.dataclass(frozen=True, slots=True)
class Loader:
    """The loader's instructions and where in them (bytes from the start) the two routes begin, and where a
    thread that was sent to a function waits."""

    code: bytes
    clone_entry: int
    pthread_entry: int
    park: int


def read_loader(shim: Path) -> Loader:
    """Out of the built shim.

    :raises KeyError: it has no loader (a damaged or foreign build).
    """
    with Elf(shim) as elf:
        start, code = elf.section_bytes(LOADER_SECTION)
        entries = elf.symbols((CLONE_ENTRY, PTHREAD_ENTRY, PARK))
    if len(code) > CODE_BYTES:
        raise KeyError("the loader is larger than its room")
    return Loader(code, *(entries[name] - start for name in (CLONE_ENTRY, PTHREAD_ENTRY, PARK)))


def read_image(shim: str) -> bytes:
    """The file that is to be handed over; "" = none is.

    :raises OSError: it cannot be read, or is larger than its room.
    """
    image = Path(shim).read_bytes() if shim else b""
    if len(image) > IMAGE_BYTES_MAX:
        raise OSError(errno.EFBIG, "the shim is larger than its room")
    return image


class Region:
    """The pages, once mapped, seen from outside. Reads and writes take the target's memory as it runs."""

    def __init__(self, pid: int, address: int) -> None:
        self.pid, self.address = pid, address
        self.page_address = address + PAGE_AT
        self.top = address + IMAGE_AT - 64
        self.is_spent = False  # a munmap was sent for it: what lies there now may be the program's own

    def __contains__(self, address: int) -> bool:
        return self.address <= address < self.address + REGION_BYTES

    def word_address(self, field: str) -> int:
        return self.page_address + int(getattr(Attach, field).offset)

    def park(self, entry: int) -> Park:
        """``entry``: of the loader's park, from the start of its code."""
        return Park(self.address + entry, self.page_address, self.word_address("parked"))

    def read(self) -> Attach:
        """:raises ProcessLookupError: the target, or this memory of it, is gone."""
        try:
            data = ptrace.read_memory(self.pid, self.page_address, ctypes.sizeof(Attach))
        except OSError as error:
            raise ProcessLookupError(self.pid) from error
        page = Attach.from_buffer_copy(data)
        if self.is_spent or page.magic != layout.ATTACH_MAGIC:
            raise ProcessLookupError(self.pid)
        return page

    def has_helper(self) -> bool:
        """Whether the bare thread was made, even if it has ended since."""
        page = self.read()
        return bool(page.helper_tid or page.stage)

    def set_word(self, field: str, value: int) -> None:
        """One aligned 32-bit word: one store."""
        ptrace.write_memory(self.pid, self.word_address(field), struct.pack("<I", value))

    def fill(self, page: Attach) -> None:
        ptrace.write_memory(self.pid, self.page_address, bytes(page))

    def fill_image(self, image: bytes, page: Attach) -> None:
        """The shim's file, if any, and on ``page`` where it lies. Before :meth:`fill`."""
        if not image:
            return
        ptrace.write_memory(self.pid, self.address + IMAGE_AT, image)
        page.image_address, page.image_bytes = self.address + IMAGE_AT, len(image)

    def fill_thread_block(self, main: int) -> None:
        """:raises OSError: main's own block cannot be read, or its vector is larger than our room."""
        tcb = ptrace.read_memory(self.pid, main, x86_64.TCB_BYTES)
        (vector,) = struct.unpack_from("<Q", tcb, 8)
        (length,) = struct.unpack("<Q", ptrace.read_memory(self.pid, vector - 16, 8))
        if length > x86_64.DTV_ENTRIES_MAX:
            raise OSError(0, "too many thread-local modules")
        entries = ptrace.read_memory(self.pid, vector - 16, (length + 2) * 16)
        block = x86_64.build_thread_block(self.address + BLOCK_AT, main, tcb, entries)
        ptrace.write_memory(self.pid, self.address + BLOCK_AT, block)

    def prepare_clone(self) -> tuple[int, ...]:
        """The arguments of route K's clone; its stack holds the child's first address and its argument."""
        stack = self.top - 16
        return (
            x86_64.CLONE_FLAGS,
            stack,
            self.word_address("helper_tid"),
            self.word_address("helper_tid"),
            self.address + BLOCK_AT,
        )

    def fill_clone_stack(self, entry: int) -> None:
        ptrace.write_memory(
            self.pid, self.top - 16, struct.pack("<QQ", self.address + entry, self.page_address)
        )


def build_page(job: dict[str, Any], shared_address: int) -> Attach:
    """The attach page for a job (see ``injection``)."""
    page = Attach()
    page.magic, page.abi_version = layout.ATTACH_MAGIC, layout.ABI_VERSION
    page.operation = job["operation"]
    page.shared_bytes, page.shared_address, page.shared_fd = job["shared_bytes"], shared_address, -1
    page.python_hexversion, page.go_timeout_ms = job["hexversion"], job["go_timeout_ms"]
    page.go = 1 if shared_address else 0
    page.interpreter_current = job["python"].get("interpreter_current", 0)
    page.interpreter_main = job["python"].get("interpreter_main", 0)
    for name in layout.PYTHON_API:
        setattr(page.python, name, job["python"].get(name, 0))
    for name in layout.LIBC_API:
        setattr(page.libc, name, job["libc"].get(name, 0))
    page.memfd_name, page.entry_name = job["memfd_name"].encode(), job["entry_name"].encode()
    page.shim_path = os.fsencode(job["shim_path"])
    page.image_digits, page.image_name = len(page.shim_path), b"memscope_shim.so"
    page.entry_address = job["entry_address"]
    page.debug_offsets = job["python"].get("_PyRuntime", 0) if job["hexversion"] >> 16 >= 0x030D else 0
    return page
