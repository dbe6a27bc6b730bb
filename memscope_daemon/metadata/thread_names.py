"""Names of a target's threads, read from outside by py-spy. That it cannot tell is an answer: no names."""

from __future__ import annotations

from typing import Any

from memscope_daemon.metadata import py_spy

TIMEOUT_S = py_spy.TIMEOUT_S
NAME_CHARACTERS_MAX = 256


def read_thread_names(pid: int, *, timeout_s: float = TIMEOUT_S) -> dict[int, str]:
    """Thread names by native id (from 3.11 on as the target's own PID namespace has them, which is how the
    interpreter keeps them); empty when they cannot be had."""
    try:
        return names_in(py_spy.dump(pid, timeout_s=timeout_s))
    except py_spy.NotRead:
        return {}


def names_in(rows: list[Any]) -> dict[int, str]:
    """Names out of py-spy's rows; anything that is not understood is left out."""
    return {row["os_thread_id"]: row["thread_name"][:NAME_CHARACTERS_MAX] for row in rows if _has_name(row)}


def _has_name(row: object) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("os_thread_id"), int)
        and isinstance(row.get("thread_name"), str)
        and bool(row["thread_name"])
    )
