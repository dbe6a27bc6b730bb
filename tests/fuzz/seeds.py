"""Inputs to begin with: what the readers see when nobody is hostile."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np

from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.attach import debug_offsets
from memscope_daemon.shim import layout
from memscope_daemon.shim.shipper import columns
from memscope_daemon.shim.shipper.rings import RECORD
from tests.fuzz.entries import START_NS


def _entry(kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 8)
    return struct.pack("<IHH", 8 + len(body), kind, 0) + body


def _code(table: bytes) -> bytes:
    head = struct.pack("<IiIIIBBH", 1, 10, 6, 8, len(table), 0, layout.Text.UCS2, 0)
    return _entry(layout.MetaKind.CODE, head + b"app.py" + "main".encode("utf-16-le") + table)


def metadata() -> bytes:
    """One entry of each kind."""
    return b"".join(
        (
            _code(bytes([0x80, 4, 0xF1, 3, 2, 1, 0, 0xF8])),
            _entry(layout.MetaKind.STACK, struct.pack("<6I", 1, 2, 1, 4, 1, 0xFFFFFFFF)),
            _entry(layout.MetaKind.THREAD, struct.pack("<IIQQ", 1, 4211, 0x7F01, START_NS)),
            _entry(layout.MetaKind.SAMPLING, struct.pack("<HHIdQ", 1, 2, 20, 1.0, START_NS)),
            _entry(layout.MetaKind.PAD, b""),
        )
    )


def records() -> np.ndarray:
    made = np.zeros(4, RECORD)
    made["id"], made["kind"], made["domain"] = [1, 2, 1, 3], [1, 1, 2, 3], [2, 1, 2, 0]
    made["time_ns"], made["size"], made["weight"] = START_NS + 101, [211, 307, 211, 401], 2.5
    made["stack"] = made["thread"] = made["sampling"] = 1
    return made


def _stream() -> bytes:
    batch = pb.Batch(batch_number=1, events=columns.encode(records(), START_NS, START_NS + 10**9))
    rows = batch.dictionary
    rows.strings.add(string_id=1, text="main")
    rows.frames.add(frame_id=1, function_string_id=1, line=7)
    rows.stacks.add(stack_id=1, frame_ids=[1])
    rows.threads.add(thread_id=1, native_id=4211)
    rows.sampling_settings.add(sampling_id=1, mode=2, value=1.0, depth=20)
    request = pb.IngestStreamRequest(batch=batch).SerializeToString()
    return struct.pack("<H", len(request)) + request


def _rings() -> bytes:
    meta = metadata()
    steps = [
        struct.pack("<BBBBQ", 2, at // 64, 2, min(64, len(meta) - at), 0) + meta[at : at + 64]
        for at in range(0, len(meta), 64)
    ]
    steps += [
        struct.pack("<BBBBQ", 0, slot, 0, 1, 0) + record.tobytes() for slot, record in enumerate(records())
    ]
    return b"".join(step.ljust(80, b"\0") for step in steps)


def _offsets(version: tuple[int, int], hexversion: int) -> bytes:
    names = debug_offsets.FIELDS[version]
    values = (debug_offsets.KNOWN.get(name, 7919) for name in names)
    return debug_offsets.COOKIE + struct.pack(f"<{2 + len(names)}Q", hexversion, 0, *values)


def _elf() -> bytes:
    """A small shared library: one loaded segment, a symbol table with its strings, names of sections."""
    texts, names = b"\0Py_AddPendingCall\0", b"\0.dynsym\0.dynstr\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 18, 0, 1, 0x1000, 8)
    body_at = 64 + 56
    code = b"\x90\x0f\x05\xc3"
    parts = (symbols, texts, names, code)
    starts = [body_at + sum(map(len, parts[:index])) for index in range(4)]
    sections_at = starts[3] + len(code)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHI", 3, 62, 1)
    head += struct.pack("<QQQI6H", 0, 64, sections_at, 0, 64, 56, 1, 64, 4, 3)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, sections_at, sections_at, 4096)
    rows = ((0, 0, 0, 0, 0), (1, 11, 0, 48, 2), (9, 3, 1, len(texts), 0), (9, 3, 2, len(names), 0))
    sections = b"".join(
        struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, starts[part], size, link, 0, 8, 24)
        for name, kind, part, size, link in rows
    )
    return head + segment + b"".join(parts) + sections


def seeds() -> dict[str, list[bytes]]:
    """By entry."""
    page = layout.Attach()
    page.magic, page.stage, page.error = layout.ATTACH_MAGIC, layout.Stage.FAILED, b"no such file"
    return {
        "rings": [_rings()],
        "metadata": [bytes([version]) + metadata() for version in (0, 1, 2)],
        "records": [records().tobytes()],
        "ingest": [_stream()],
        "offsets": [
            b"\0" + _offsets((3, 14), 0x030E08F0),
            b"\1" + _offsets((3, 15), 0x030F00F0),
        ],
        "elf": [_elf()],
        "page": [bytes(page)],
    }


def write(folder: Path) -> None:
    for name, inputs in seeds().items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs):
            (folder / name / f"seed{number}").write_bytes(data)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
