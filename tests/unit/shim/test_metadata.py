from __future__ import annotations

import struct

import pytest
from fake_target import FakeTarget
from hypothesis import given
from hypothesis import strategies as st

from memscope_daemon import clock
from memscope_daemon.model.sampling import PRESETS
from memscope_daemon.shim import layout
from memscope_daemon.shim.geometry import geometry_for
from memscope_daemon.shim.shipper import metadata
from memscope_daemon.shim.shipper.metadata import MetadataReader
from memscope_daemon.shim.shipper.shared import Sampling, SharedMemory


def entry(kind: int, body: bytes, size: int | None = None) -> bytes:
    body += b"\0" * (-len(body) % 8)
    return struct.pack("<IHH", 8 + len(body) if size is None else size, kind, 0) + body


@pytest.fixture
def target():
    geometry = geometry_for(PRESETS["production"])
    fake = FakeTarget(geometry)
    fake.shared = SharedMemory.create(fake.descriptor, geometry, 1, Sampling.of(PRESETS["production"]))
    return fake.map()


def test_a_session_made_ready_has_a_reader_from_its_first_moment(target):
    """Once the first heartbeat came with the first turn of the loop, and the shim dropped what lay before."""
    assert 0 < target.control.heartbeat_ns <= clock.monotonic_ns()


def written(target: FakeTarget) -> list[metadata.Entry]:
    begin = target.geometry.meta_offset
    return list(MetadataReader().read(target.memory[begin : begin + target.header.meta.head]))


@pytest.mark.parametrize("text", ["plain", "", "Größe", "中文", "a🐍z", "x" * 4000])
def test_a_text_of_any_width_comes_out_as_it_went_in(target, text):
    target.code(7, text + ".py", text, 101, b"\1\2\3")
    (code,) = written(target)
    assert code == metadata.Code(7, 101, text + ".py", text, b"\1\2\3")


def test_a_lone_surrogate_becomes_a_replacement_character(target):
    target.code(1, "bad\udc80name.py", "f", 1)
    (code,) = written(target)
    assert code.file.encode() and code.file.startswith("bad\ufffd")


def test_a_cut_text_says_so():
    body = metadata.CODE.pack(1, 1, 3, 1, 0, layout.Text.CUT, 0, 0) + b"abcf"
    (code,) = MetadataReader().read(entry(layout.MetaKind.CODE, body))
    assert (code.file, code.name) == ("abc…", "f")


def test_threads_stacks_and_settings_come_out_as_they_went_in(target):
    target.thread(3, native_id=4211, time_ns=17)
    target.stack(5, [(7, 22), (8, layout.NOT_STARTED)], truncated=True)
    target.sampling(2)
    thread, stack, sampling = written(target)
    assert thread == metadata.Thread(3, 4211, 0x7F03, 17)
    assert (stack.stack, stack.truncated) == (5, True)
    assert stack.frames.tolist() == [[7, 22], [8, layout.NOT_STARTED]]
    assert (sampling.sampling, sampling.mode, sampling.value) == (2, layout.Mode.BYTES, 524288.0)


@pytest.mark.parametrize(
    "bad",
    [
        entry(99, b""),
        entry(layout.MetaKind.THREAD, b"short"),
        entry(layout.MetaKind.THREAD, struct.pack("<IIQQ", 0, 1, 1, 1)),
        entry(layout.MetaKind.STACK, struct.pack("<II", 1, 513)),
        entry(layout.MetaKind.STACK, struct.pack("<II", 1, 2) + b"\1" * 8),
        entry(layout.MetaKind.CODE, metadata.CODE.pack(1, 1, 2**31, 1, 0, 0, 0, 0)),
        entry(layout.MetaKind.CODE, metadata.CODE.pack(1, 1, 1, 1, 0, 3, 0, 0) + b"ab"),
        entry(layout.MetaKind.SAMPLING, struct.pack("<HHIdQ", 1, 1, 1, float("nan"), 1)),
        entry(layout.MetaKind.SAMPLING, struct.pack("<HHIdQ", 1, 77, 1, 1.0, 1)),
    ],
)
def test_a_bad_entry_is_counted_and_the_next_one_read(bad):
    reader = MetadataReader()
    good = entry(layout.MetaKind.THREAD, struct.pack("<IIQQ", 1, 4211, 5, 6))
    assert list(reader.read(bad + good)) == [metadata.Thread(1, 4211, 5, 6)]
    assert reader.bad_count == 1


@pytest.mark.parametrize("size", [0, 4, 7, 12, 2**32 - 8])
def test_a_size_that_cannot_be_ends_the_run(size):
    reader = MetadataReader()
    good = entry(layout.MetaKind.THREAD, struct.pack("<IIQQ", 1, 4211, 5, 6))
    assert list(reader.read(entry(layout.MetaKind.THREAD, b"", size) + good)) == []
    assert reader.bad_count == 1


heads = st.builds(
    lambda kind, size, flags, body: struct.pack("<IHH", size, kind, flags) + body,
    st.integers(0, 7),
    st.integers(0, 12).map(lambda words: 8 * words) | st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.binary(max_size=96),
)


@given(st.lists(heads | st.binary(max_size=64), max_size=12).map(b"".join))
def test_any_bytes_give_entries_within_bounds_or_are_counted(run):
    reader = MetadataReader()
    for found in reader.read(run):
        match found:
            case metadata.Code():
                found.file.encode(), found.name.encode()
                assert 0 < found.code <= metadata.CODE_MAX and found.first_line >= 0
            case metadata.Stack():
                assert len(found.frames) <= layout.DEPTH_MAX
            case metadata.Thread():
                assert 0 < found.thread <= 0xFFFF
