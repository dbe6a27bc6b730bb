"""Losses and counters off the wire, checked: they are added up, stored, and told in every report."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable
from typing import Any

from memscope_daemon.errors import MemoryOperationError
from memscope_daemon.model.dictionary import LossRow

CAUSES_MAX = 64
CAUSE = re.compile(r"[a-z][a-z0-9_]{0,63}")
COUNT_MAX = 1 << 62  # sums of two stay below what the store's columns hold
WEIGHTED_MAX = 2.0**80


def decode(messages: Iterable[Any], known: Container[str], known_count: int) -> list[LossRow]:
    """The losses of one batch. ``known``: causes that the session has already, ``known_count`` of them.

    :raises MemoryOperationError: code ``ingest.bad-losses``: no name, no number, or too many causes.
    """
    rows = [LossRow(one.cause, one.record_count, one.weighted_count, one.weighted_bytes) for one in messages]
    for row in rows:
        _check(row)
    if known_count + len({row.cause for row in rows if row.cause not in known}) > CAUSES_MAX:
        raise bad_losses(f"more than {CAUSES_MAX} causes")
    return rows


def check_counts(batch: Any) -> None:
    """:raises MemoryOperationError: a counter of a ``Batch`` that no target can have reached."""
    for name in ("produced_count", "shipped_count"):
        if getattr(batch, name) > COUNT_MAX:
            raise bad_losses(f"a {name} of {getattr(batch, name)}")


def bad_losses(reason: str) -> MemoryOperationError:
    return MemoryOperationError(
        "ingest", "ingest.bad-losses", f"a batch was refused: {reason}", "use a shipper of the same version"
    )


def _check(row: LossRow) -> None:
    if not CAUSE.fullmatch(row.cause):
        raise bad_losses(f"losses by {row.cause[:64]!r}")
    weighted = (row.weighted_count, row.weighted_bytes)
    if row.record_count > COUNT_MAX or not all(_makes_sense(value) for value in weighted):
        raise bad_losses(f"{row.record_count} records lost by {row.cause} that stand for {weighted}")


def _makes_sense(value: float) -> bool:
    return math.isfinite(value) and 0.0 <= value <= WEIGHTED_MAX
