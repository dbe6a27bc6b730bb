"""Collapsed stacks: a line for each stack, ``outermost;…;innermost value``, as flame graph tools read it."""

from __future__ import annotations

from collections.abc import Iterable

from memscope_daemon.model.stacks import StackFigures

#: What has a meaning in the format, or would break a line.
REPLACED = str.maketrans({";": ":", "\n": " ", "\r": " ", "\t": " "})


def render(stacks: Iterable[StackFigures], measure: str) -> bytes:
    """The file, most first; values are rounded to whole bytes or blocks, and stacks that round to nothing are
    left out.

    Stacks that are written alike are one line: their values are added up first.
    """
    sums: dict[str, float] = {}
    for stack in stacks:
        line = ";".join(text.translate(REPLACED) for text in stack.texts)
        sums[line] = sums.get(line, 0.0) + stack.of(measure).value
    rows = sorted(sums.items(), key=lambda row: (-row[1], row[0]))
    lines = [f"{line} {round(value)}\n" for line, value in rows if round(value)]
    return "".join(lines).encode("utf-8", "backslashreplace")
