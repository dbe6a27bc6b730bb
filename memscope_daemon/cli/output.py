"""What goes to standard output: documents for scripts, tables for people."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import Any


def print_json(document: dict[str, Any]) -> None:
    """A NaN or an infinity in it would be no JSON, and is an error.

    :raises ValueError: there is one; nothing was written.
    """
    import json

    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Each row as a line, two blanks between its columns; those of ``right`` are flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
