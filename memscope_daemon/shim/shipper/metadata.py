"""Metadata entries: bytes from the target to checked values.

An entry that makes no sense is counted and skipped; an entry whose *size* makes no sense ends the run,
since nobody knows where the next one begins.
"""

from __future__ import annotations

import ctypes
import dataclasses
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from memscope_daemon.shim import layout
from memscope_daemon.shim.shipper.shared import Sampling

HEAD = struct.Struct("<IHH")
CODE = struct.Struct("<IiIIIBBH")
STACK = struct.Struct("<II")
THREAD = struct.Struct("<IIQQ")
SAMPLING = struct.Struct("<HHIdQ")
assert HEAD.size + CODE.size == ctypes.sizeof(layout.MetaCode)
assert HEAD.size + STACK.size == ctypes.sizeof(layout.MetaStack)
assert HEAD.size + THREAD.size == ctypes.sizeof(layout.MetaThread)
assert HEAD.size + SAMPLING.size == ctypes.sizeof(layout.MetaSampling)

#: Far above what a session gives out; for stacks it is what the wire takes.
CODE_MAX = 1 << 24
STACK_MAX = (1 << 22) - 1
TEXT_BYTES_MAX = 4096  # as the shim cuts them
_CODE_NO_LINES = 1
_ENCODINGS = {
    0: "ascii",
    layout.Text.UCS1: "latin-1",
    layout.Text.UCS2: "utf-16-le",
    layout.Text.UCS4: "utf-32-le",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    code: int
    first_line: int
    file: str
    name: str
    line_table: bytes  # empty: only the first line is known


@dataclasses.dataclass(frozen=True, slots=True)
class Stack:
    stack: int
    truncated: bool
    frames: npt.NDArray[np.uint32]  # rows (code, offset), innermost first


@dataclasses.dataclass(frozen=True, slots=True)
class Thread:
    thread: int
    native_id: int
    python_id: int
    time_ns: int  # CLOCK_MONOTONIC


@dataclasses.dataclass(frozen=True, slots=True)
class SamplingInForce:
    sampling: int
    mode: int
    depth: int
    value: float
    time_ns: int  # CLOCK_MONOTONIC


Entry = Code | Stack | Thread | SamplingInForce


@dataclasses.dataclass(slots=True)
class MetadataReader:
    """Turns runs of the metadata ring into entries; counts what it could not believe."""

    bad_count: int = 0

    def read(self, run: bytes) -> Iterator[Entry]:
        """The entries of a run that begins at an entry."""
        at = 0
        while at < len(run):
            if len(run) - at < HEAD.size:
                self.bad_count += 1
                return
            size, kind, flags = HEAD.unpack_from(run, at)
            if size < HEAD.size or size % 8 or size > len(run) - at:
                self.bad_count += 1
                return
            if kind != layout.MetaKind.PAD:
                entry = _decode(kind, flags, run[at + HEAD.size : at + size])
                if entry is None:
                    self.bad_count += 1
                else:
                    yield entry
            at += size


def _decode(kind: int, flags: int, body: bytes) -> Entry | None:
    decoders = {
        layout.MetaKind.CODE: _code,
        layout.MetaKind.STACK: _stack,
        layout.MetaKind.THREAD: _thread,
        layout.MetaKind.SAMPLING: _sampling,
    }
    decoder = decoders.get(kind)  # type: ignore[call-overload]
    try:
        entry: Entry | None = decoder(flags, body) if decoder else None
    except struct.error:  # shorter than its fixed part
        return None
    return entry


def _code(flags: int, body: bytes) -> Code | None:
    code, first_line, file_bytes, name_bytes, table_bytes, file_text, name_text, _ = CODE.unpack_from(body)
    name_at = CODE.size + file_bytes
    table_at = name_at + name_bytes
    if not 0 < code <= CODE_MAX or table_at + table_bytes > len(body):
        return None
    if max(file_bytes, name_bytes) > TEXT_BYTES_MAX:
        return None
    file = _text(body[CODE.size : name_at], file_text)
    name = _text(body[name_at:table_at], name_text)
    if file is None or name is None:
        return None
    table = b"" if flags & _CODE_NO_LINES else body[table_at : table_at + table_bytes]
    return Code(code, max(first_line, 0), file, name, table)


def _text(raw: bytes, form: int) -> str | None:
    """A text as the target holds it; what cannot be said in UTF-8 (lone surrogates) becomes U+FFFD."""
    encoding = _ENCODINGS.get(form & ~layout.Text.CUT)
    if encoding is None:
        return None
    text = raw.decode(encoding, errors="replace")
    return text + "…" if form & layout.Text.CUT else text


def _stack(flags: int, body: bytes) -> Stack | None:
    stack, frame_count = STACK.unpack_from(body)
    frame_bytes = ctypes.sizeof(layout.FrameRef)
    if not 0 < stack <= STACK_MAX or frame_count > layout.DEPTH_MAX:
        return None
    if frame_count * frame_bytes > len(body) - STACK.size:
        return None
    frames = np.frombuffer(body, "<u4", count=2 * frame_count, offset=STACK.size).reshape(-1, 2)
    return Stack(stack, bool(flags & layout.Flag.TRUNCATED), frames)


def _thread(_: int, body: bytes) -> Thread | None:
    thread, native_id, python_id, time_ns = THREAD.unpack_from(body)
    return Thread(thread, native_id, python_id, time_ns) if 0 < thread <= 0xFFFF else None


def _sampling(_: int, body: bytes) -> SamplingInForce | None:
    sampling, mode, depth, value, time_ns = SAMPLING.unpack_from(body)
    setting = Sampling(mode, value, True, depth, 0)
    if sampling == 0 or mode == layout.Mode.OFF or not setting.valid:
        return None
    return SamplingInForce(sampling, mode, depth, value, time_ns)
