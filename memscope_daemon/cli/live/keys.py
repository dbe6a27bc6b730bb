"""Bytes of a terminal as keys: a character is itself, the others have names. Pure."""

from __future__ import annotations

import codecs

NAMED = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x0c": "redraw",
    "\x1b": "escape",
}
#: What follows ESC [ or ESC O, whatever modifiers stand in between.
SEQUENCES = {
    "A": "up",
    "B": "down",
    "H": "home",
    "F": "end",
    "1~": "home",
    "4~": "end",
    "5~": "page-up",
    "6~": "page-down",
    "7~": "home",
    "8~": "end",
}
ESCAPE = "\x1b"
SEQUENCE_CHARACTERS_MAX = 32


class Decoder:
    """Takes what was read at a time. A sequence may come in pieces; a lone escape is told by :meth:`rest`."""

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    def feed(self, data: bytes) -> list[str]:
        """The keys that are complete."""
        self._pending += self._text.decode(data)
        keys = []
        while self._pending:
            length, key = self._first()
            if not length:
                break
            self._pending = self._pending[length:]
            keys += [key] if key else []
        return keys

    @property
    def waits(self) -> bool:
        """Whether a sequence has begun."""
        return bool(self._pending)

    def rest(self) -> list[str]:
        """Nothing followed: an escape that was begun is the key itself."""
        begun, self._pending = self._pending, ""
        return ["escape"] if begun else []

    def _first(self) -> tuple[int, str]:
        """Length and name of the first key that is pending; length 0: more must come. A name may be empty."""
        text = self._pending
        if text[0] != ESCAPE:
            return 1, NAMED.get(text[0], text[0] if text[0].isprintable() else "")
        if len(text) < 2:
            return 0, ""
        if text[1] not in "[O":
            return 1, "escape"
        for at in range(2, min(len(text), SEQUENCE_CHARACTERS_MAX)):
            if "@" <= text[at] <= "~":
                return at + 1, _named(text[2 : at + 1])
        return (0, "") if len(text) < SEQUENCE_CHARACTERS_MAX else (len(text), "")


def _named(sequence: str) -> str:
    """``5;2~`` is ``5~`` with shift; ``1;5A`` is ``A`` with control."""
    last = sequence[-1]
    return SEQUENCES.get(sequence.partition(";")[0].rstrip("~") + "~" if last == "~" else last, "")
