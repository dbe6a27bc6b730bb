"""One function per reader of foreign bytes. Each takes any bytes at all; it raises where the product fails:
an exception that its callers do not expect, or a promise that does not hold.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable

import numpy as np
from google.protobuf.message import DecodeError

from memscope_daemon._pb import dictionary_pb2
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.attach import debug_offsets, x86_64
from memscope_daemon.attach.elf import Elf, NotElf, read_kind
from memscope_daemon.errors import MemoryOperationError
from memscope_daemon.ingest import columns as ingest_columns
from memscope_daemon.ingest import dictionary as ingest_dictionary
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model.sampling import PRESETS
from memscope_daemon.shim import layout
from memscope_daemon.shim.geometry import Capacities, lay_out
from memscope_daemon.shim.shipper import columns, rings
from memscope_daemon.shim.shipper.dictionary import DictionaryWriter, Known
from memscope_daemon.shim.shipper.drain import Drain
from memscope_daemon.shim.shipper.line_tables import line_table_of
from memscope_daemon.shim.shipper.metadata import MetadataReader
from memscope_daemon.shim.shipper.shared import Sampling, SharedMemory

START_NS = 1_000_000
MESSAGE_BYTES_MAX = 4 << 20
VERSIONS = tuple((3, minor) for minor in range(9, 16))
TINY = lay_out(Capacities(event=64, raw=64, meta=4096, live=64, raw_live=64, stack=64, code=64))
SAMPLING = Sampling.of(PRESETS["full"])


class Daemon:
    """What the far end makes of batches. A shipper's own are never refused."""

    def __init__(self) -> None:
        self.tables = Tables()

    def take(self, request: bytes) -> None:
        assert len(request) < MESSAGE_BYTES_MAX, "a grpc server takes 4 MiB unless told otherwise"
        batch = pb.IngestStreamRequest.FromString(request).batch
        self.describe(batch.dictionary)
        found = ingest_columns.decode(batch.events)
        ingest_columns.resolve(found, self.tables.stack_limit, self.tables.thread_limit)

    def describe(self, rows: dictionary_pb2.Dictionary) -> None:
        self.tables.add(ingest_dictionary.decode(rows, self.tables))


def rings_of_a_hostile_target(data: bytes) -> None:
    """Heads, records, metadata, status and losses as the input has them, while the drain reads."""
    descriptor = os.memfd_create("memscope-fuzz", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        shared = SharedMemory.create(descriptor, TINY, 1, SAMPLING)
        daemon = Daemon()
        drain = Drain(shared, START_NS, daemon.take)
        drain.note_command(SAMPLING)
        for at in range(0, len(data), 80):
            _write(shared, data[at : at + 80])
            drain.read()
            if at % 160 == 0:
                drain.flush(START_NS + at)
        drain.flush(START_NS + 10**9, even_empty=True)
    finally:
        os.close(descriptor)


#: Where a step of the hostile target writes: each ring's memory, the status words, the losses.
_PLACES = (
    TINY.events_offset,
    TINY.raw_offset,
    TINY.meta_offset,
    layout.Session.status.offset,
    layout.Session.losses.offset,
)
_HEADS = tuple(getattr(layout.Session, name).offset for name in ("events", "raw", "meta"))


def _write(shared: SharedMemory, step: bytes) -> None:
    """Up to 64 bytes somewhere, then a head raised by a little or set to anything."""
    if len(step) < 12:
        return
    place, slot, ring, raised, head = struct.unpack_from("<BBBBQ", step)
    at = _PLACES[place % len(_PLACES)] + slot % 64 * (64 if place % len(_PLACES) < 3 else 8)
    shared.map[at : at + len(step) - 12] = step[12:]
    word = _HEADS[ring % 3]
    (before,) = struct.unpack_from("<Q", shared.map, word)
    after = head if raised == 0xFF else before + raised
    struct.pack_into("<Q", shared.map, word, after & (1 << 64) - 1)


def metadata_entries(data: bytes) -> None:
    """A run of the metadata ring, as rows for the far end; the first byte is the interpreter's version."""
    writer = DictionaryWriter(START_NS, lambda met: None)
    writer.line_table = line_table_of(VERSIONS[data[0] % len(VERSIONS)]) if data else None
    for entry in MetadataReader().read(data[1:]):
        writer.take(entry)
    daemon = Daemon()
    for rows in writer.rows():
        daemon.describe(rows)


def records_to_columns(data: bytes) -> None:
    """Records as they lie in the rings, the first half of them RAW's."""
    records = np.frombuffer(data, rings.RECORD, count=len(data) // layout.RECORD_BYTES).copy()
    stacks, threads, samplings = Known(), Known(), Known()
    for known in (stacks, threads, samplings):
        known.add(1)
    half = len(records) // 2
    merged = columns.merge(records[half:], records[:half])
    checked = columns.check(merged, stacks, threads, samplings)
    assert len(checked.records) + checked.bad_count == len(records)
    found = ingest_columns.decode(columns.encode(checked.records, START_NS, START_NS + 10**9))
    assert found.count == len(checked.records)
    assert all(len(column) == found.count for column in found.arrays().values())


def a_stream_from_anybody(data: bytes) -> None:
    """Requests as they come in at the daemon, each after two bytes of length: taken whole, or refused."""
    daemon, at = Daemon(), 0
    while at + 2 <= len(data):
        (length,) = struct.unpack_from("<H", data, at)
        with contextlib.suppress(DecodeError, MemoryOperationError):
            daemon.take(data[at + 2 : at + 2 + length])
        at += 2 + length
    for stack_id in [*daemon.tables.stacks, 0, 7]:
        daemon.tables.outermost_first(stack_id)


def offsets_of_an_interpreter(data: bytes) -> None:
    """The table in which 3.14 and 3.15 say where their fields lie; the first byte chooses the version."""
    version = (0x030E08F0, 0x030F00F0, 0x030E00A5, 0x030D01F0)[data[0] % 4] if data else 0
    said = debug_offsets.strangeness(data[1:], version)
    assert version >> 16 not in debug_offsets_known() or said or data[1:9] == debug_offsets.COOKIE


def debug_offsets_known() -> set[int]:
    return {major << 8 | minor for major, minor in debug_offsets.FIELDS}


def a_file_that_is_mapped(data: bytes) -> None:
    """An ELF file of anybody's, with all that an attach asks of it."""
    descriptor = os.memfd_create("memscope-fuzz", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, data)
        path = f"/proc/self/fd/{descriptor}"
        with contextlib.suppress(NotElf):
            read_kind(path)
            with Elf(path) as elf:
                _ask(elf)
    finally:
        os.close(descriptor)


def _ask(elf: Elf) -> None:
    elf.symbols(("Py_AddPendingCall", "_PyRuntime", "Py_Version"))
    elf.find_code(b"\x0f\x05\xc3")
    elf.load_base(0x7F0000000000)
    assert elf.is_static in (True, False)
    for segment in elf.segments[:4]:
        assert len(elf.bytes_at(segment.address, 64)) <= 64
    for section in elf.sections[:4]:
        elf.section_bytes(section.name)


def what_a_target_says_to_the_tracer(data: bytes) -> None:
    """The attach page as the target may have left it, and its main thread's block and vector."""
    page = layout.Attach.from_buffer_copy(data.ljust(layout.ATTACH_BYTES, b"\0"))
    assert isinstance(bytes(page.error).decode(errors="replace"), str)
    main = int(page.pthread_id)
    vector = data[: (x86_64.DTV_ENTRIES_MAX + 2) * 16]
    tcb = data[: x86_64.TCB_BYTES].ljust(x86_64.TCB_BYTES, b"\0")
    made = x86_64.build_thread_block(0x7F0000000000, main & (1 << 46) - 1, tcb, vector)
    assert len(made) == x86_64.THREAD_BLOCK_BYTES


ENTRIES: dict[str, Callable[[bytes], None]] = {
    "rings": rings_of_a_hostile_target,
    "metadata": metadata_entries,
    "records": records_to_columns,
    "ingest": a_stream_from_anybody,
    "offsets": offsets_of_an_interpreter,
    "elf": a_file_that_is_mapped,
    "page": what_a_target_says_to_the_tracer,
}
