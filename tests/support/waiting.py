"""Waiting for a condition, with a deadline; never for luck."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

DEADLINE_S = 30.0


def until(condition: Callable[[], Value], what: str, deadline_s: float = DEADLINE_S) -> Value:
    """The first true value of ``condition``; an AssertionError that names ``what`` if none comes."""
    ends = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > ends:
            raise AssertionError(f"waited {deadline_s:g} s in vain for {what}")
        time.sleep(0.002)
    return value
