from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from memscope_daemon.ingest import columns as wire_columns
from memscope_daemon.model import lifetimes
from memscope_daemon.model.columns import Columns
from memscope_daemon.timeline.live import LIFETIMES, LiveState
from tests.unit.server.mini_shipper import events

Program = list[tuple[bool, int, int]]  # frees its oldest block?, size, stack


def run(program: Program) -> Columns:
    """The events of a program: allocate a block, or free the oldest one that is live."""
    rows: list[tuple[int, int, int, int]] = []
    live: list[tuple[int, int, int]] = []
    for frees, size, stack in program:
        if frees and live:
            number, old_size, old_stack = live.pop(0)
            rows.append((2, number, old_size, old_stack))
        else:
            number = len(rows) + 1
            live.append((number, size, stack))
            rows.append((1, number, size, stack))
    kind, ids, size, stack = (np.array(values) for values in zip(*rows, strict=True))
    time = np.arange(len(rows)) * 10
    return wire_columns.decode(
        events(
            kind=kind, allocation_id=ids, size_bytes=size, stack_id=stack, time_ns=time, thread_id=stack % 3
        )
    )


def part(columns: Columns, start: int, stop: int) -> Columns:
    arrays = {name: array[start:stop] for name, array in columns.arrays().items()}
    return Columns(len(arrays["kind"]), **arrays)


def followed(columns: Columns, cut: int) -> LiveState:
    state = LiveState()
    for start in range(0, columns.count, cut):
        piece = part(columns, start, start + cut)
        state.add(piece, np.zeros(piece.count, np.bool_))
    return state


def by_hand(columns: Columns) -> tuple[int, int, dict[int, int], dict[int, int]]:
    """Peak bytes, the event of it, live bytes by stack then and at the end."""
    live: dict[int, int] = {}
    peak, at, then = 0, -1, {}
    for index in range(columns.count):
        sign = -1 if columns.kind[index] == 2 else 1
        stack = int(columns.stack_id[index])
        live[stack] = live.get(stack, 0) + sign * int(columns.size_bytes[index])
        if sum(live.values()) > peak:
            peak, at, then = sum(live.values()), index, dict(live)
    return peak, at, then, live


PROGRAMS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 100_003), st.integers(0, 11)), min_size=1, max_size=120
)


@settings(max_examples=150, deadline=None)
@given(program=PROGRAMS, cut=st.sampled_from([1, 3, 7, 1000]))
def test_peak_and_live_figures_are_those_counted_by_hand_however_batches_are_cut(
    program: Program, cut: int
) -> None:
    columns = run(program)
    state = followed(columns, cut)
    peak, at, then, end = by_hand(columns)
    assert state.peak.live_bytes == peak
    assert state.peak.time_ns == columns.time_ns[at]
    stood = state.peak.by_stack.weighted_bytes
    assert {stack: stood[stack] for stack in range(len(stood)) if stood[stack]} == {
        k: v for k, v in then.items() if v
    }
    live = state.by_stack.live.weighted_bytes
    assert {stack: live[stack] for stack in range(len(live)) if live[stack]} == {
        k: v for k, v in end.items() if v
    }


def test_sums_by_thread_and_domain_are_those_by_stack() -> None:
    state = followed(run([(False, 31, 1), (False, 37, 2), (True, 0, 0), (False, 41, 5)]), 2)
    totals = {part.live.weighted_bytes.sum() for part in (state.by_stack, state.by_thread, state.by_domain)}
    assert totals == {78.0}
    assert state.event_count == 4
    assert state.largest_bytes == 41


def test_lifetimes_are_counted_and_survive_a_dump() -> None:
    lived_ns = [7, 1_000_000, 1_000_001, 30_000_000_000, 1_000_000]
    now_ns = 60_000_000_000
    columns = wire_columns.decode(
        events(
            kind=[2] * 5,
            allocation_id=range(1, 6),
            size_bytes=[31, 37, 41, 43, 47],
            time_ns=[now_ns] * 5,
            alloc_time_ns=[now_ns - each for each in lived_ns],
        )
    )
    state = LiveState()
    state.add(part(columns, 0, 2), np.zeros(2, np.bool_))
    state = LiveState.of(state.dump())
    state.add(part(columns, 2, 5), np.zeros(3, np.bool_))
    found = state.dump().sums[LIFETIMES]
    wanted = np.zeros(found.count)
    np.add.at(wanted, lifetimes.bins_of(np.array(lived_ns)), [31, 37, 41, 43, 47])
    assert found.weighted_bytes.tolist() == wanted.tolist()


def test_what_is_all_freed_is_exactly_nothing() -> None:
    """Fractional weights leave rounding behind; zero blocks are zero bytes all the same."""
    state = LiveState()
    weight = [1.1 + at / 7.0 for at in range(97)]
    for kind in (1, 2):
        columns = wire_columns.decode(events(kind=[kind] * 97, weight=weight, size_bytes=[1009] * 97))
        state.add(columns, np.ones(97, np.bool_))
        weight.reverse()
    live = state.by_stack.live
    assert not live.added.any()
    assert not live.largest.any()
