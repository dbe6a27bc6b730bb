"""How the keys + and - change the sampling: by a factor of two, within bounds. Pure."""

from __future__ import annotations

import dataclasses

from memscope_client import Sampling
from memscope_daemon.cli import text

FACTOR = 2.0
#: Below it a busy program's samples no longer fit into the memory of a session that began with few.
BYTES_BOUNDS = (4096.0, float(64 << 20))
RATE_BOUNDS = (0.0001, 1.0)


def stepped(sampling: Sampling, *, finer: bool) -> Sampling | None:
    """The next setting in that direction; None: it is as far as it goes."""
    is_bytes = sampling.mode == "bytes"
    low, high = BYTES_BOUNDS if is_bytes else RATE_BOUNDS
    value = sampling.value / FACTOR if finer is is_bytes else sampling.value * FACTOR
    value = min(max(value, low), high)
    if value == sampling.value or (value > sampling.value) is (finer is is_bytes):
        return None  # it is at the bound, or beyond
    return dataclasses.replace(sampling, value=value, preset="")


def bounds_text(sampling: Sampling) -> str:
    if sampling.mode == "bytes":
        low, high = map(text.bytes_text, BYTES_BOUNDS)
        return f"+/-: {low} to {high}"
    return f"+/-: {RATE_BOUNDS[0]:g} to {RATE_BOUNDS[1]:g}"
