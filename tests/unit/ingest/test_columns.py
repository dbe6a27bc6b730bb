from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memscope_daemon._pb import events_pb2
from memscope_daemon.errors import MemoryOperationError
from memscope_daemon.ingest import columns
from memscope_daemon.model.columns import COLUMN_TYPES, EventFlag
from tests.unit.server.mini_shipper import events


def test_columns_come_out_as_they_went_in() -> None:
    found = columns.decode(
        events(size_bytes=[31, 37, 41], stack_id=[1, 2, 3], weight=[1.0, 2.5, 1e6], kind=[1, 2, 3])
    )
    assert found.count == 3
    assert found.size_bytes.tolist() == [31, 37, 41]
    assert found.stack_id.tolist() == [1, 2, 3]
    assert found.weight.tolist() == [1.0, 2.5, 1e6]
    assert found.kind.tolist() == [1, 2, 3]


def test_an_absent_column_is_all_zeros() -> None:
    found = columns.decode(events(size_bytes=[31, 37]))
    assert found.type_id.tolist() == [0, 0]
    assert found.type_id.dtype == np.dtype("<u4")


def test_no_events_are_no_error() -> None:
    assert columns.decode(events_pb2.EventColumns()).count == 0


@pytest.mark.parametrize("name", sorted(COLUMN_TYPES))
def test_a_column_of_a_wrong_length_is_refused_by_name(name: str) -> None:
    message = events(size_bytes=[31, 37, 41])
    setattr(message, name, b"\x01" * 5)
    with pytest.raises(MemoryOperationError, match=f"column {name} has 5 bytes"):
        columns.decode(message)


@pytest.mark.parametrize(
    ("given_columns", "fault"),
    [
        ({"kind": [1, 4]}, "event 1 has an unknown kind"),
        ({"kind": [0, 1]}, "event 0 has an unknown kind"),
        ({"domain": [2, 9]}, "unknown allocator domain"),
        ({"allocation_id": [1, 0]}, "allocation id of 0"),
        ({"weight": [1.0, float("nan")]}, "weight"),
        ({"weight": [1.0, float("inf")]}, "weight"),
        ({"weight": [1.0, 0.5]}, "weight"),
        ({"weight": [1.0, -3.0]}, "weight"),
        ({"size_bytes": [31, (1 << 62) + 1]}, "size"),
        ({"time_ns": [0, -1]}, "before the session"),
    ],
)
def test_an_event_that_makes_no_sense_refuses_the_batch(
    given_columns: dict[str, list[float]], fault: str
) -> None:
    with pytest.raises(MemoryOperationError, match=fault) as refused:
        columns.decode(events(**given_columns))
    assert refused.value.code == "ingest.bad-columns"


def test_more_events_than_a_batch_may_have_are_refused_before_memory_is_taken() -> None:
    with pytest.raises(MemoryOperationError, match="the limit is"):
        columns.decode(events_pb2.EventColumns(count=(1 << 32) - 1))


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(0, 50),
    content=st.fixed_dictionaries({}, optional={name: st.binary(max_size=400) for name in COLUMN_TYPES}),
)
def test_whatever_bytes_come_they_are_taken_whole_or_refused(count: int, content: dict[str, bytes]) -> None:
    message = events_pb2.EventColumns(count=count, **content)
    try:
        found = columns.decode(message)
    except MemoryOperationError:
        return
    assert all(len(array) == count for array in found.arrays().values())


def test_an_unknown_stack_or_thread_costs_the_reference_and_not_the_event() -> None:
    found = columns.decode(events(stack_id=[1, 7], thread_id=[9, 1]))
    mended = columns.resolve(found, stack_count=2, thread_count=2)
    assert mended.stack_id.tolist() == [1, 0]
    assert mended.thread_id.tolist() == [0, 1]
    assert mended.flags.tolist() == [0, EventFlag.UNRESOLVED]
    assert columns.resolve(found, 8, 10) is found
