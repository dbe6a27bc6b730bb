"""Records to event columns: check, merge in time order, encode. No I/O, no clock, no state."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from memscope_daemon._pb import events_pb2 as pb
from memscope_daemon.shim import layout
from memscope_daemon.shim.shipper.dictionary import Known
from memscope_daemon.shim.shipper.rings import Records

_FLAGS = sum(layout.Flag)
#: As the wire takes them: one record beyond would have its whole batch refused.
_SIZE_BYTES_MAX = 1 << 62
_WEIGHT_MAX = 2.0**62


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """Records that make sense, and how many did not. ``bad_reference_count``: records kept whose stack,
    thread or sampling setting nobody has described; the reference is cleared."""

    records: Records
    bad_count: int
    bad_reference_count: int


def check(records: Records, stacks: Known, threads: Known, samplings: Known) -> Checked:
    """Drops what cannot be an event; clears references that lead nowhere."""
    good = (
        (records["kind"] >= layout.Kind.ALLOCATE)
        & (records["kind"] <= layout.Kind.REALLOCATE)
        & (records["domain"] <= layout.Domain.NATIVE)
        & (records["id"] != 0)
        & (records["size"] <= _SIZE_BYTES_MAX)
        & (records["weight"] >= 1.0)  # false for NaN
        & (records["weight"] <= _WEIGHT_MAX)
    )
    kept = records if good.all() else records[good]
    lost_stacks = ~stacks.contains(kept["stack"])
    lost = lost_stacks | ~threads.contains(kept["thread"]) | ~samplings.contains(kept["sampling"])
    if lost.any():
        _clear_references(kept, lost_stacks, threads, samplings)
    return Checked(kept, len(records) - len(kept), int(np.count_nonzero(lost)))


def _clear_references(
    records: Records, lost_stacks: npt.NDArray[np.bool_], threads: Known, samplings: Known
) -> None:
    records["stack"][lost_stacks] = 0
    records["flags"][lost_stacks] |= np.uint16(layout.Flag.UNRESOLVED)
    records["thread"][~threads.contains(records["thread"])] = 0
    records["sampling"][~samplings.contains(records["sampling"])] = 0


def merge(events: Records, raw: Records) -> Records:
    """Both rings' records by time. The order within a ring is never changed, whatever its clock says:
    a free stays behind its allocation, since both are in the same ring."""
    if not len(raw):
        return events
    if not len(events):
        return raw
    times = np.concatenate([np.maximum.accumulate(events["time_ns"]), np.maximum.accumulate(raw["time_ns"])])
    merged: Records = np.concatenate([events, raw])[np.argsort(times, kind="stable")]
    return merged


def encode(records: Records, start_ns: int, now_ns: int) -> pb.EventColumns:
    """The columns of ``records``; times are clipped to the session's span."""
    frees = records["kind"] == layout.Kind.FREE
    return pb.EventColumns(
        count=len(records),
        time_ns=_bytes(_session_ns(records["time_ns"], start_ns, now_ns), "<i8"),
        kind=_bytes(records["kind"], "u1"),
        domain=_bytes(records["domain"], "u1"),
        flags=_bytes(records["flags"] & np.uint16(_FLAGS), "<u2"),
        allocation_id=_bytes(records["id"], "<u8"),
        other_id=_bytes(records["other_id"], "<u8"),
        address=_bytes(records["address"], "<u8"),
        size_bytes=_bytes(records["size"], "<u8"),
        weight=_bytes(records["weight"], "<f8"),
        stack_id=_bytes(records["stack"], "<u4"),
        thread_id=_bytes(records["thread"], "<u4"),
        alloc_time_ns=_bytes(
            np.where(frees, _session_ns(records["alloc_time_ns"], start_ns, now_ns), 0), "<i8"
        ),
        sampling_id=_bytes(records["sampling"], "<u4"),
    )


def _session_ns(times: npt.NDArray[np.uint64], start_ns: int, now_ns: int) -> npt.NDArray[np.int64]:
    span: npt.NDArray[np.int64] = (
        np.clip(times, np.uint64(start_ns), np.uint64(max(start_ns, now_ns))) - np.uint64(start_ns)
    ).astype(np.int64)
    return span


def _bytes(column: npt.NDArray[np.generic], dtype: str) -> bytes:
    """A column on the wire; all zeros travel as nothing."""
    return column.astype(dtype).tobytes() if column.any() else b""
