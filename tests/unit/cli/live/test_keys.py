"""Bytes of a terminal as keys."""

from __future__ import annotations

import pytest

from memscope_daemon.cli.live.keys import Decoder


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"sS+?", ["s", "S", "+", "?"]),
        ("é→".encode(), ["é", "→"]),
        (b"\r\n\x7f\x08\x0c", ["enter", "enter", "backspace", "backspace", "redraw"]),
        (b"\x1b[A\x1b[B\x1bOA\x1bOB", ["up", "down", "up", "down"]),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[F\x1b[1~\x1b[4~", ["page-up", "page-down", "home", "end", "home", "end"]),
        (b"\x1b[1;5A\x1b[5;2~", ["up", "page-up"]),
        (b"\x1b[200~", []),  # a sequence that means nothing to us
        (b"\x1bq", ["escape", "q"]),
        (b"\x00\x1a\x1c", []),
        (b"\xff", ["\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_keys_have_their_names(data: bytes, keys: list[str]) -> None:
    assert Decoder().feed(data) == keys


def test_a_sequence_may_come_in_pieces() -> None:
    decoder = Decoder()
    assert [key for byte in "é\x1b[5~".encode() for key in decoder.feed(bytes([byte]))] == ["é", "page-up"]
    assert not decoder.waits


def test_an_escape_that_nothing_follows_is_the_key() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.waits
    assert decoder.rest() == ["escape"]
    assert decoder.rest() == []


def test_a_sequence_without_end_is_given_up() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x1b[" + b"0" * 100) == []
    assert decoder.feed(b"q") == ["q"]
