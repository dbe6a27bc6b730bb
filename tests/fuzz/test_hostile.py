"""The shim inside a target whose shared memory somebody else writes to, and among its target's threads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fuzz.hostile import HOSTILE_SHIPPER, THREADS, build, run


@pytest.fixture(scope="module")
def hostile_shipper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(HOSTILE_SHIPPER, tmp_path_factory.mktemp("hostile") / "driver", "address,undefined")


@pytest.mark.parametrize("how", ["steps", "race"])
def test_whatever_stands_in_the_shared_memory_the_target_lives(hostile_shipper: Path, how: str) -> None:
    said = run(hostile_shipper, "4211", "3", how)
    sessions, refused, recorded = map(int, re.findall(r"\d+", said))
    assert 0 < refused < sessions
    assert recorded > 0


def test_threads_of_a_target_its_shipper_and_the_end_of_a_session_do_not_race(tmp_path: Path) -> None:
    said = run(build(THREADS, tmp_path / "threads", "thread"), timeout_s=300)
    read, wrong, of_raw = map(int, re.findall(r"\d+", said))
    assert wrong == 0
    assert read > 1000
    assert of_raw > 1000
