"""A target without an interpreter: fills a session's shared memory exactly as the shim would.

It obeys the same rules: metadata before the event that refers to it, heads raised last, a full ring drops
and counts. It keeps a list of what it wrote, so that a test can hold the far end against it.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct

import numpy as np

from memscope_daemon.shim import layout
from memscope_daemon.shim.geometry import Geometry
from memscope_daemon.shim.shipper.rings import RECORD

HEXVERSION_311 = 0x030B07F0
RAW_ID_BIT = 1 << 63


class FakeTarget:
    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.descriptor = os.memfd_create("memscope-test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.written: list[np.ndarray] = []
        self._next_id = {"events": 1, "raw": RAW_ID_BIT | 1}

    def map(self) -> FakeTarget:
        """After the shipper has sized it."""
        self.memory = mmap.mmap(self.descriptor, self.geometry.total_bytes)
        self.header = layout.Session.from_buffer(self.memory)
        assert self.header.magic == layout.SESSION_MAGIC
        return self

    def enter(self, hexversion: int = HEXVERSION_311, sampling: int = 1) -> FakeTarget:
        """What the shim does when it comes in: setting in force, state ACTIVE."""
        self.header.status.python_hexversion = hexversion
        self.sampling(sampling)
        self.header.status.state = layout.State.ACTIVE
        return self

    def leave(self, left_in_chain: int = 0) -> None:
        self.header.status.left_in_chain = left_in_chain
        self.header.status.state = layout.State.DETACHED

    @property
    def control(self) -> layout.Control:
        return self.header.control

    # --- metadata --------------------------------------------------------------------------------

    def meta(self, kind: int, body: bytes, flags: int = 0) -> bool:
        body += b"\0" * (-len(body) % 8)
        return self.meta_bytes(struct.pack("<IHH", 8 + len(body), kind, flags) + body)

    def meta_bytes(self, entry: bytes) -> bool:
        ring, capacity = self.header.meta, self.geometry.capacities.meta
        at = ring.head & (capacity - 1)
        pad = capacity - at if len(entry) > capacity - at else 0
        if ring.head - ring.tail + pad + len(entry) > capacity:
            return False
        base = self.geometry.meta_offset
        if pad:
            struct.pack_into("<IHH", self.memory, base + at, pad, layout.MetaKind.PAD, 0)
            at = 0
        self.memory[base + at : base + at + len(entry)] = entry
        ring.head += pad + len(entry)
        return True

    def sampling(self, number: int) -> None:
        control = self.control
        self.header.status.applied_generation = control.generation
        body = struct.pack("<HHIdQ", number, control.mode, control.depth, control.value, 0)
        self.meta(layout.MetaKind.SAMPLING, body)

    def thread(self, number: int, native_id: int = 4211, time_ns: int = 0) -> None:
        self.meta(layout.MetaKind.THREAD, struct.pack("<IIQQ", number, native_id, 0x7F00 + number, time_ns))

    def code(self, number: int, file: str, name: str, first_line: int, table: bytes = b"") -> None:
        texts = [_text(file), _text(name)]
        body = struct.pack(
            "<IiIIIBBH", number, first_line, len(texts[0][0]), len(texts[1][0]), len(table),
            texts[0][1], texts[1][1], 0,
        )  # fmt: skip
        self.meta(layout.MetaKind.CODE, body + texts[0][0] + texts[1][0] + table)

    def stack(self, number: int, frames: list[tuple[int, int]], truncated: bool = False) -> None:
        body = struct.pack("<II", number, len(frames))
        body += b"".join(struct.pack("<II", *frame) for frame in frames)
        self.meta(layout.MetaKind.STACK, body, layout.Flag.TRUNCATED if truncated else 0)

    # --- events ----------------------------------------------------------------------------------

    def allocate(self, count: int, ring: str = "events", time_ns: int = 1000, **fields: int) -> np.ndarray:
        """``count`` allocations with fresh ids."""
        first = self._next_id[ring]
        self._next_id[ring] += count
        records = np.zeros(count, RECORD)
        records["time_ns"] = time_ns
        records["id"] = np.arange(first, first + count, dtype=np.uint64)
        records["address"] = 0x7F0000000000 + 16 * (records["id"] & np.uint64(RAW_ID_BIT - 1))
        records["size"] = 101
        records["weight"] = 1.0
        records["kind"] = layout.Kind.ALLOCATE
        records["domain"] = layout.Domain.RAW if ring == "raw" else layout.Domain.OBJ
        records["sampling"] = 1
        for name, value in fields.items():
            records[name] = value
        return self.write(records, ring)

    def free(self, allocated: np.ndarray, ring: str = "events", time_ns: int = 2000) -> np.ndarray:
        records = allocated.copy()
        records["kind"] = layout.Kind.FREE
        records["alloc_time_ns"] = allocated["time_ns"]
        records["time_ns"] = time_ns
        return self.write(records, ring)

    def write(self, records: np.ndarray, ring: str = "events") -> np.ndarray:
        """Writes what fits; counts the rest as the shim does. Returns what was written."""
        shared = getattr(self.header, ring)
        capacity = self.geometry.capacities.event if ring == "events" else self.geometry.capacities.raw
        room = capacity - (shared.head - shared.tail)
        fitting = records[:room]
        self._lose(records[room:])
        base = self.geometry.events_offset if ring == "events" else self.geometry.raw_offset
        units = np.frombuffer(self.memory, RECORD, count=capacity, offset=base)
        units[(shared.head + np.arange(len(fitting))) % capacity] = fitting
        shared.head += len(fitting)
        self.written.append(fitting.copy())
        return fitting

    def _lose(self, records: np.ndarray) -> None:
        for cause, kind in (("ALLOC_RING_FULL", layout.Kind.ALLOCATE), ("FREE_RING_FULL", layout.Kind.FREE)):
            lost = records[records["kind"] == kind]
            counter = self.header.losses[layout.LOSSES.index(cause)]
            counter.weighted_count += float(lost["weight"].sum())
            counter.weighted_bytes += float((lost["weight"] * lost["size"]).sum())
            counter.records += len(lost)

    @property
    def written_ids(self) -> np.ndarray:
        """(kind, id) of every record written, as rows, sorted."""
        return sorted_ids(np.concatenate(self.written)["kind"], np.concatenate(self.written)["id"])


def sorted_ids(kinds: np.ndarray, ids: np.ndarray) -> np.ndarray:
    rows = np.stack([kinds.astype(np.uint64), ids.astype(np.uint64)], axis=1)
    return rows[np.lexsort((rows[:, 0], rows[:, 1]))]


def _text(text: str) -> tuple[bytes, int]:
    widest = max(map(ord, text), default=0)
    if widest < 0x80:
        return text.encode("ascii"), 0
    if widest < 0x100:
        return text.encode("latin-1"), layout.Text.UCS1
    if widest < 0x10000:
        return text.encode("utf-16-le", "surrogatepass"), layout.Text.UCS2
    return text.encode("utf-32-le", "surrogatepass"), layout.Text.UCS4


assert ctypes.sizeof(layout.Record) == RECORD.itemsize
