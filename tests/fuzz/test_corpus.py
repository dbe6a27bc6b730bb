"""Every input that was kept, once more: those to begin with, and those that found something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.entries import ENTRIES
from tests.fuzz.seeds import seeds

CORPUS = Path(__file__).parent / "corpus"


def kept(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


@pytest.mark.parametrize("name", ENTRIES)
def test_what_was_kept_harms_nobody(name: str) -> None:
    inputs = seeds()[name] + kept(name)
    assert len(inputs) > len(seeds()[name]), "the corpus is there"
    for data in inputs:
        ENTRIES[name](data)


@pytest.mark.parametrize("name", ENTRIES)
def test_nothing_at_all_and_every_beginning_of_a_good_input_harm_nobody(name: str) -> None:
    for data in seeds()[name]:
        for end in range(0, len(data), max(1, len(data) // 200)):
            ENTRIES[name](data[:end])
