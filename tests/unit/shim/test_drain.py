"""The drain against a fake target in the same process: true figures, and no trust in any byte."""

from __future__ import annotations

import os
import struct

import numpy as np
import pytest
from fake_target import FakeTarget
from harness import columns, numbered_without_gaps, received_ids
from hypothesis import given, settings
from hypothesis import strategies as st

from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.model.sampling import PRESETS
from memscope_daemon.shim import layout
from memscope_daemon.shim.geometry import Capacities, lay_out
from memscope_daemon.shim.shipper.drain import BATCH_EVENTS_MAX, Drain
from memscope_daemon.shim.shipper.rings import RECORD
from memscope_daemon.shim.shipper.shared import Sampling, SharedMemory

START_NS = 1_000_000
TINY = Capacities(event=64, raw=64, meta=4096, live=64, raw_live=64, stack=64, code=64)
WIDE = Capacities(event=131072, raw=64, meta=1 << 21, live=64, raw_live=64, stack=64, code=64)


class Bench:
    """A fake target and a drain over the same memory, and what came out."""

    def __init__(self, capacities: Capacities = TINY) -> None:
        geometry = lay_out(capacities)
        self.target = FakeTarget(geometry)
        sampling = Sampling.of(PRESETS["full"])
        self.shared = SharedMemory.create(self.target.descriptor, geometry, 1, sampling)
        self.target.map()
        self.requests: list[pb.IngestStreamRequest] = []
        self.drain = Drain(self.shared, START_NS, self._emit)
        self.drain.note_command(sampling)

    def _emit(self, data: bytes) -> None:
        assert len(data) < 4 << 20, "a grpc server takes 4 MiB unless told otherwise"
        self.requests.append(pb.IngestStreamRequest.FromString(data))

    def pump(self) -> list[pb.Batch]:
        """Reads until nothing is left, flushes, returns all batches so far."""
        for _ in range(1000):
            if not self.drain.read():
                break
        else:
            raise AssertionError("the rings never ran dry")
        self.drain.flush(START_NS + 10**9, even_empty=True)
        return [request.batch for request in self.requests]

    def losses(self) -> dict[str, int]:
        return {loss.cause: loss.record_count for loss in self.requests[-1].batch.losses}

    def close(self) -> None:
        os.close(self.target.descriptor)


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def wide():
    made = Bench(WIDE)
    yield made
    made.close()


def test_an_event_arrives_with_every_column_as_written(bench):
    target = bench.target.enter()
    target.thread(3)
    target.code(1, "app.py", "main", 10)
    target.stack(9, [(1, 4)])
    written = target.allocate(
        1, time_ns=START_NS + 101, stack=9, thread=3, size=211, flags=layout.Flag.TRUNCATED, other_id=5
    )
    target.free(written, time_ns=START_NS + 307)
    batches = bench.pump()
    expected = {
        "time_ns": [101, 307], "kind": [1, 2], "domain": [2, 2], "flags": [8, 8], "allocation_id": [1, 1],
        "other_id": [5, 5], "size_bytes": [211, 211], "weight": [1.0, 1.0], "stack_id": [9, 9],
        "thread_id": [3, 3], "alloc_time_ns": [0, 101], "sampling_id": [1, 1],
        "address": [int(written["address"][0])] * 2,
    }  # fmt: skip
    for name, values in expected.items():
        assert columns(batches, name).tolist() == values, name


def test_a_column_of_zeros_is_not_sent(bench):
    bench.target.enter().allocate(5)
    (batch,) = bench.pump()
    assert batch.events.count == 5
    assert batch.events.stack_id == batch.events.thread_id == batch.events.alloc_time_ns == b""
    assert batch.events.type_id == batch.events.task_id == b""


def test_frames_of_one_function_and_line_are_one_row(bench):
    target = bench.target.enter(hexversion=0x030A00F0)
    table = bytes([4, 1, 8, 2])  # 3.10: 4 bytes of line 11, 8 bytes of line 13
    target.code(1, "app.py", "main", 10, table)
    target.stack(1, [(1, 0), (1, 4)])
    target.stack(2, [(1, 8), (0, 0), (77, 4)], truncated=True)
    (batch,) = bench.pump()
    strings = {0: ""} | {row.string_id: row.text for row in batch.dictionary.strings}
    frames = {
        row.frame_id: (strings[row.function_string_id], strings[row.file_string_id], row.line, row.first_line)
        for row in batch.dictionary.frames
    }
    stacks = {
        row.stack_id: ([frames[number] for number in row.frame_ids], row.truncated)
        for row in batch.dictionary.stacks
    }
    main_11, main_13, unresolved = ("main", "app.py", 11, 10), ("main", "app.py", 13, 10), ("", "", 0, 0)
    assert stacks == {1: ([main_11, main_13], False), 2: ([main_13, unresolved, unresolved], True)}
    assert sorted(frames) == [1, 2, 3]


def test_a_row_is_sent_once(bench):
    target = bench.target.enter()
    for _ in range(3):
        target.code(1, "app.py", "main", 10)
        target.stack(1, [(1, 0)])
        bench.pump()
    rows = [request.batch.dictionary for request in bench.requests]
    assert [len(dictionary.stacks) for dictionary in rows] == [1, 0, 0]
    assert sum(len(dictionary.strings) for dictionary in rows) == 2
    assert bench.losses() == {"bad_metadata": 2}


def test_the_setting_in_force_carries_the_seed_and_the_stacks_that_were_commanded(bench):
    bench.target.enter()
    (batch,) = bench.pump()
    (setting,) = batch.dictionary.sampling_settings
    control = bench.target.control
    assert (setting.sampling_id, setting.value, setting.depth, setting.stacks) == (1, 1.0, 20, True)
    assert setting.seed == control.seed != 0


def test_a_large_drain_is_cut_into_batches_that_any_grpc_server_takes(wide):
    wide.target.enter().allocate(100_003, weight=1.5, alloc_time_ns=5, other_id=7, thread=0)
    batches = wide.pump()
    assert numbered_without_gaps(batches)
    assert max(batch.events.count for batch in batches) == BATCH_EVENTS_MAX
    np.testing.assert_array_equal(received_ids(batches), wide.target.written_ids)
    assert batches[-1].shipped_count == batches[-1].produced_count == 100_003


def test_a_large_dictionary_goes_ahead_in_pieces(wide):
    target = wide.target.enter()
    for number in range(1, 401):
        target.code(number, f"{number}" * 1000, "f" * 97, number)
        target.stack(number, [(number, 0)])
    target.allocate(1, stack=400)
    batches = wide.pump()
    assert len(batches) > 1
    assert sum(len(batch.dictionary.stacks) for batch in batches) == 400
    assert [batch.events.count for batch in batches][-1] == 1


def test_a_reference_that_leads_nowhere_is_cleared_and_counted(bench):
    target = bench.target.enter()
    target.allocate(3, stack=2**31)
    target.allocate(2, thread=4211)
    target.allocate(1, sampling=999)
    batches = bench.pump()
    assert columns(batches, "flags").tolist() == [layout.Flag.UNRESOLVED] * 3 + [0] * 3
    assert not columns(batches, "stack_id").any() and not columns(batches, "thread_id").any()
    assert bench.losses() == {"bad_reference": 6}


@pytest.mark.parametrize(
    "fields",
    [{"kind": 0}, {"kind": 4}, {"domain": 4}, {"id": 0}, {"size": 1 << 63}, {"weight": 0.5},
     {"weight": float("nan")}, {"weight": float("inf")}],
)  # fmt: skip
def test_a_record_that_cannot_be_is_counted_and_skipped(bench, fields):
    target = bench.target.enter()
    target.allocate(1, **fields)
    target.allocate(1)
    assert sum(batch.events.count for batch in bench.pump()) == 1
    assert bench.losses() == {"bad_record": 1}


@pytest.mark.parametrize("head", [65, 2**63, 2**64 - 1])
def test_a_head_that_cannot_be_ends_that_ring_only(bench, head):
    target = bench.target.enter()
    target.header.events.head = head
    target.allocate(7, "raw")
    batches = bench.pump()
    assert columns(batches, "domain").tolist() == [layout.Domain.RAW] * 7
    assert bench.losses() == {"bad_ring": 1}
    assert target.header.events.tail == 0


def test_times_are_clipped_to_the_session(bench):
    target = bench.target.enter()
    for time_ns in (0, START_NS - 1, START_NS + 5, 2**64 - 1):
        target.allocate(1, time_ns=time_ns)
    assert columns(bench.pump(), "time_ns").tolist() == [0, 0, 5, 10**9]


def test_losses_that_are_no_numbers_become_zero(bench):
    counter = bench.target.enter().header.losses[0]
    counter.records, counter.weighted_count, counter.weighted_bytes = 3, float("nan"), float("-inf")
    (batch,) = bench.pump()
    (loss,) = batch.losses
    assert (loss.cause, loss.record_count) == ("alloc_ring_full", 3)
    assert (loss.weighted_count, loss.weighted_bytes) == (0.0, 0.0)


@settings(max_examples=60, deadline=None)
@given(
    header=st.binary(min_size=448, max_size=448),
    events=st.binary(max_size=64 * RECORD.itemsize),
    meta=st.binary(max_size=512),
    heads=st.tuples(*[st.integers(0, 64) | st.integers(0, 2**64 - 1)] * 3),
)
def test_any_memory_at_all_is_read_to_an_end(header, events, meta, heads):
    bench = Bench()
    try:
        target, geometry = bench.target, bench.target.geometry
        target.memory[704 : 704 + len(header)] = header  # the loss counters and behind
        target.memory[256:304] = header[:48]  # the status
        target.memory[geometry.events_offset : geometry.events_offset + len(events)] = events
        target.memory[geometry.raw_offset : geometry.raw_offset + len(events)] = events[::-1]
        target.memory[geometry.meta_offset : geometry.meta_offset + len(meta)] = meta
        rings = target.header.events, target.header.raw, target.header.meta
        for ring, head in zip(rings, heads, strict=True):
            ring.head = head
        batches = bench.pump()
        seen = sum(batch.events.count for batch in batches)
        believable = sum(head for head in heads[:2] if head <= 64)
        assert seen + bench.losses().get("bad_record", 0) == believable
    finally:
        bench.close()


def test_a_metadata_ring_that_fills_is_a_ring_that_fills(wide):
    target = wide.target.enter()
    target.allocate(1)
    for number in range(1, 8001):
        target.stack(number, [(1, 4 * at) for at in range(20)])
    wide.drain.read()
    assert wide.drain.fill > 0.5, "the pace goes by it"


def test_metadata_that_comes_while_some_is_being_read_finds_room(wide, monkeypatch):
    target, count = wide.target.enter(), 0
    take = wide.drain._dictionary.take

    def take_slowly(entry):
        nonlocal count
        take(entry)
        while count < 40_000 and describe(count + 1):
            count += 1

    def describe(number):
        body = struct.pack("<II", number, 20) + bytes(20 * 8)
        return target.meta(layout.MetaKind.STACK, body)

    monkeypatch.setattr(wide.drain._dictionary, "take", take_slowly)
    target.thread(1)
    wide.pump()
    target.allocate(1, stack=40_000)
    batches = wide.pump()
    assert sum(len(batch.dictionary.stacks) for batch in batches) == 40_000
    assert columns(batches, "stack_id").tolist() == [40_000]
    assert wide.losses() == {}
