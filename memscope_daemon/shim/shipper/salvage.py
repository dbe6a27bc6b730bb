"""What a shipper that died had taken out of the rings, and nobody else has.

A tail that was raised gives the room away: from then on the target may write there. It does so only when it
comes round again, so what lies between the last record that the ingest has and the tail is mostly still
there. It is copied first, and the head is looked at afterwards: what the target may have reached by then is
not believed, and counted as lost.

Metadata is read again from the beginning of its lap, because an entry never wraps: there one begins. Names
from an earlier lap are gone (frames "unresolved").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from memscope_daemon.shim.job import Resume
from memscope_daemon.shim.shipper.rings import Records, Ring
from memscope_daemon.shim.shipper.shared import SharedMemory

#: The longest entry that the target can be writing behind the head: a line table of a quarter of the ring,
#: two texts (host/code.c).
_TEXTS_BYTES_MAX = 16 << 10


@dataclasses.dataclass(frozen=True, slots=True)
class Salvaged:
    """``metadata``: whole entries, most of them known to the ingest. ``skipped``: records of either ring that
    are gone."""

    events: Records
    raw: Records
    metadata: bytes
    skipped: tuple[int, int]


def salvage(shared: SharedMemory, resume: Resume, events: Ring, raw: Ring, meta: Ring) -> Salvaged:
    """Copies what is still there, and lets the three rings go on behind it."""
    for ring, tail in zip((events, raw, meta), shared.tails(), strict=True):
        ring.start_at(tail)
    had = (min(resume.event_position, events.tail), min(resume.raw_position, raw.tail))
    from_places = (events.tail, raw.tail) if resume.thrown_away_count else had
    kept_events = _records(events, from_places[0], _head_of(shared, 0))
    kept_raw = _records(raw, from_places[1], _head_of(shared, 1))
    skipped = _without(
        resume.thrown_away_count,
        (events.tail - len(kept_events) - had[0], raw.tail - len(kept_raw) - had[1]),
    )
    return Salvaged(kept_events, kept_raw, _metadata(meta, _head_of(shared, 2)), skipped)


def _without(counted: int, missing: tuple[int, int]) -> tuple[int, int]:
    """What is missing, but for what has been counted already: nobody knows of which ring that was."""
    events = min(missing[0], counted)
    return missing[0] - events, missing[1] - min(missing[1], counted - events)


def _head_of(shared: SharedMemory, index: int) -> Callable[[], int]:
    return lambda: shared.heads()[index]


def _records(ring: Ring, received: int, head: Callable[[], int]) -> Records:
    """Those from ``received`` up to the tail that the target has not written over."""
    start = min(max(received, head() - ring.capacity + 1), ring.tail)
    copied = ring.copy(start, ring.tail)
    safe_from = head() - ring.capacity + 1  # it may be at work on the one at its head
    return copied[max(0, safe_from - start) :]


def _metadata(ring: Ring, head: Callable[[], int]) -> bytes:
    lap = ring.tail // ring.capacity * ring.capacity
    copied = ring.copy(lap, ring.tail).tobytes()
    reached = head() + ring.capacity // 4 + _TEXTS_BYTES_MAX
    return copied if reached < lap + ring.capacity else b""
