"""Lines as bytes for a terminal: only those that differ from what stands there."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from memscope_daemon.cli.live.draw import Size

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"  # shown as a whole, where the terminal knows how
CLEAR = "\x1b[2J"
TO_END_OF_LINE = "\x1b[K"


class Screen:
    """What stands on the screen. ``console``: says which colours there are."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(
            file=io.StringIO(), force_terminal=True, highlight=False, markup=False, emoji=False
        )
        self._shown: list[Text] = []
        self._size = Size(0, 0)

    def forget(self) -> None:
        """Somebody else may have written there: all lines are written again."""
        self._shown = []

    def changes(self, lines: Sequence[Text], size: Size) -> bytes:
        """What to write; empty: nothing differs."""
        resized = size != self._size
        if resized:
            self.forget()
        self._size = size
        differ = [
            at for at, line in enumerate(lines) if at >= len(self._shown) or not _same(line, self._shown[at])
        ]
        self._shown = list(lines)
        if not differ:
            return b""
        pieces = [self._line(at, lines[at]) for at in differ]
        return "".join([BEGIN, CLEAR if resized else "", *pieces, END]).encode()

    def _line(self, at: int, line: Text) -> str:
        """A line that fills the width needs no clearing: at its end that would take the last character."""
        with self._console.capture() as captured:
            self._console.print(line, end="", soft_wrap=True)
        clear = TO_END_OF_LINE if line.cell_len < self._size.width else ""
        return f"\x1b[{at + 1};1H{captured.get()}{clear}"


def _same(one: Text, other: Text) -> bool:
    return one.plain == other.plain and one.style == other.style and one.spans == other.spans
