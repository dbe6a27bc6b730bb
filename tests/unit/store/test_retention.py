"""Which captures go, and which never do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from memscope_daemon.store import retention
from memscope_daemon.store.retention import NEWEST_KEPT, CaptureFile

HOLDS_IT_OPEN = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"


def files(*sizes: int) -> list[CaptureFile]:
    """The first is the oldest."""
    return [CaptureFile(Path(f"{at}.duckdb"), size, at) for at, size in enumerate(sizes)]


def ids(chosen: list[CaptureFile]) -> list[str]:
    return [file.session_id for file in chosen]


def test_the_oldest_go_until_the_rest_is_within_the_limit():
    assert ids(retention.surplus(files(*[10] * 10), 65, ())) == ["0", "1", "2", "3"]
    assert not retention.surplus(files(*[10] * 10), 100, ())


def test_one_in_use_stays_and_another_goes_for_it():
    assert ids(retention.surplus(files(*[10] * 10), 85, {"0"})) == ["1", "2"]


def test_the_newest_stay_whatever_their_size():
    assert ids(retention.surplus(files(1, 1, 10, 10, 10, 10), 5, ())) == ["0", "1"]


@given(st.lists(st.integers(0, 100)), st.integers(0, 2000), st.sets(st.integers(0, 50)))
def test_no_more_goes_than_must(sizes, limit_bytes, in_use):
    held = {str(number) for number in in_use}
    found = files(*sizes)
    gone = retention.surplus(reversed(found), limit_bytes, held)
    kept_bytes = sum(sizes) - sum(file.size_bytes for file in gone)
    assert not held & set(ids(gone))
    assert not set(ids(gone)) & set(ids(found[len(found) - NEWEST_KEPT :]))
    assert not gone or kept_bytes + gone[-1].size_bytes > limit_bytes
    may_go = [file for file in found[: max(len(found) - NEWEST_KEPT, 0)] if file.session_id not in held]
    assert kept_bytes <= limit_bytes or gone == may_go


def test_a_capture_and_what_lies_beside_it_are_found_and_removed(tmp_path):
    (tmp_path / "a.duckdb").write_bytes(bytes(100))
    (tmp_path / "a.duckdb.wal").write_bytes(bytes(11))
    (tmp_path / "else.txt").write_bytes(bytes(5))
    (found,) = retention.captures_in(tmp_path)
    assert (found.session_id, found.size_bytes) == ("a", 111)
    retention.remove(found)
    assert [path.name for path in tmp_path.iterdir()] == ["else.txt"]


def test_a_capture_that_another_process_has_open_is_seen_to_be_locked(tmp_path):
    path = tmp_path / "a.duckdb"
    duckdb.connect(str(path)).close()
    assert not retention.is_locked(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_IT_OPEN, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        assert retention.is_locked(path)
        other.communicate(b"\n")
    assert not retention.is_locked(path)
    assert retention.is_locked(tmp_path / "not-there.duckdb")
