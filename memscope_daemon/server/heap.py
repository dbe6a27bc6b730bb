"""How the C library hands memory to this process."""

from __future__ import annotations

import contextlib
import ctypes

_M_ARENA_MAX = -8  # of glibc's mallopt


def keep_to_one_arena() -> None:
    """Before the first thread: all threads share one arena of malloc.

    A daemon has several threads a session, each of which is busy for a moment at a time. With an arena for
    every few of them, what one has freed is no use to the others, and each arena keeps room for its own most
    demanding moment: over hours the daemon grows by that. Python's own lock lets one of them work at a time
    anyway, so they hardly wait for each other. Of another C library nothing is asked.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
