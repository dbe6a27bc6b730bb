"""Collapsed stacks: a line for each stack, ``outermost;…;innermost value``, as flame graph tools read it."""

from __future__ import annotations

from collections.abc import Iterable

from memscope_daemon.model.report import StackValue

#: What has a meaning in the format, or would break a line.
REPLACED = str.maketrans({";": ":", "\n": " ", "\r": " ", "\t": " "})


def render(stacks: Iterable[StackValue]) -> bytes:
    """The file; values are rounded to whole bytes or blocks, and stacks that round to nothing are left out.

    Stacks that are written alike are one line: their values are added up first.
    """
    sums: dict[str, float] = {}
    for stack in stacks:
        line = ";".join(frame.translate(REPLACED) for frame in stack.frames)
        sums[line] = sums.get(line, 0.0) + stack.value
    lines = [f"{line} {round(value)}\n" for line, value in sums.items() if round(value)]
    return "".join(lines).encode("utf-8", "backslashreplace")
