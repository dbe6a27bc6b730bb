"""How much shared memory a session gets, and what lies where in it.

Nothing grows after the attach: what does not fit is dropped by the shim and counted. So the sizes follow
from how often the sampler will say yes. Two sizes are enough:

* *small* (under 8 MiB): bytes mode with a mean of 32 KiB and more, rates up to 1 %. A live table of 32 Ki
  sampled blocks stands for 12 GiB of live memory at the default of 512 KiB.
* *large* (about 100 MiB): everything denser, up to every single allocation.
"""

from __future__ import annotations

import ctypes
import dataclasses

from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.shim import layout

PAGE_BYTES = 4096
SMALL_TOTAL_BYTES_MAX = 8 << 20
DENSE_MEAN_BYTES = 32 << 10
DENSE_RATE = 0.01
KI = 1 << 10


@dataclasses.dataclass(frozen=True, slots=True)
class Capacities:
    """Powers of two. Records in the event rings, bytes in the metadata ring, slots in the tables."""

    event: int
    raw: int
    meta: int
    live: int
    raw_live: int
    stack: int
    code: int


SMALL = Capacities(
    event=16 * KI, raw=4 * KI, meta=2048 * KI, live=32 * KI, raw_live=8 * KI, stack=64 * KI, code=16 * KI
)
LARGE = Capacities(
    event=256 * KI,
    raw=64 * KI,
    meta=4096 * KI,
    live=1024 * KI,
    raw_live=256 * KI,
    stack=64 * KI,
    code=16 * KI,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Geometry:
    """Where each part begins (bytes from the start of the shared memory, page-aligned), and the whole."""

    capacities: Capacities
    events_offset: int
    raw_offset: int
    meta_offset: int
    live_offset: int
    raw_live_offset: int
    stacks_offset: int
    codes_offset: int
    total_bytes: int


def is_dense(sampling: SamplingConfig) -> bool:
    """Whether so much will be sampled that the small size would lose events."""
    if sampling.mode is SamplingMode.BYTES:
        return sampling.value < DENSE_MEAN_BYTES
    return sampling.value > DENSE_RATE


def geometry_for(sampling: SamplingConfig) -> Geometry:
    """The shared memory for a session that begins with ``sampling``."""
    return lay_out(LARGE if is_dense(sampling) else SMALL)


def lay_out(capacities: Capacities) -> Geometry:
    """One part behind the other, each on a page boundary, the header first."""
    record_bytes = ctypes.sizeof(layout.Record)
    live_bytes = layout.LIVE_BYTES
    slot_bytes = ctypes.sizeof(layout.Slot)
    row = _Row(whole_pages(ctypes.sizeof(layout.Session)))
    return Geometry(
        capacities,
        events_offset=row.place(capacities.event * record_bytes),
        raw_offset=row.place(capacities.raw * record_bytes),
        meta_offset=row.place(capacities.meta),
        live_offset=row.place(capacities.live * live_bytes),
        raw_live_offset=row.place(capacities.raw_live * live_bytes),
        stacks_offset=row.place(capacities.stack * slot_bytes),
        codes_offset=row.place(capacities.code * slot_bytes),
        total_bytes=row.end,
    )


class _Row:
    """Parts in a row."""

    def __init__(self, begin: int) -> None:
        self.end = begin

    def place(self, part_bytes: int) -> int:
        """Where a part of this length begins."""
        begin, self.end = self.end, self.end + whole_pages(part_bytes)
        return begin


def whole_pages(count_bytes: int) -> int:
    """So many bytes, or the next more that are pages."""
    return -(-count_bytes // PAGE_BYTES) * PAGE_BYTES
