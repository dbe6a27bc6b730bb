"""Engines: kept for the files to come, one file each, and nothing within their reach but those."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from memscope_daemon.errors import SystemFailure
from memscope_daemon.store.capture import Capture
from memscope_daemon.store.engine import Engine, Engines
from tests.support.waiting import until


def note(capture: Capture, **meta: str) -> None:
    capture.append((), (), (), meta)


def noted(path: Path, name: str) -> str | None:
    """As DuckDB by itself reads the file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
    return found[0] if found else None


def ready(engines: Engines) -> list[Engine]:
    return engines._ready


def test_one_engine_serves_one_file_after_the_other(tmp_path: Path) -> None:
    engines = Engines(tmp_path)
    until(lambda: ready(engines), "the first, made ahead")
    made_ahead = ready(engines)[0]
    for number in range(5):
        path = tmp_path / f"it's {number}.duckdb"
        capture = Capture.open(path, engines)
        assert capture.meta().keys() == {"store_version"}, "nothing of the file before"
        note(capture, number=str(number))
        capture.close()
        assert ready(engines) == [made_ahead]
        assert noted(path, "number") == str(number)
        assert not path.with_name(path.name + ".wal").exists(), "all of it is in the file"
    engines.close()


def test_files_that_are_open_at_once_have_an_engine_each(tmp_path: Path) -> None:
    """A few of them stay; those that are given back when all is over end."""
    engines = Engines(tmp_path, keeps=2)
    captures = [Capture.open(tmp_path / f"{number}.duckdb", engines) for number in range(4)]
    for number, capture in enumerate(captures):
        note(capture, number=str(number))
    assert [capture.meta()["number"] for capture in captures] == ["0", "1", "2", "3"]
    for capture in captures[:3]:
        capture.close()
    assert len(ready(engines)) == 2
    engines.close()
    captures[3].close()
    assert not ready(engines)
    assert noted(tmp_path / "3.duckdb", "number") == "3"


def test_a_file_is_open_once_in_a_process(tmp_path: Path) -> None:
    engines = Engines(tmp_path)
    path = tmp_path / "a.duckdb"
    first = Capture.open(path, engines)
    with pytest.raises(SystemFailure, match="this process has it open") as refused:
        Capture.open(path, engines)
    assert refused.value.code == "store.not-opened"
    note(first, still="there")
    first.close()
    again = Capture.open(path, engines)
    assert again.meta()["still"] == "there"
    again.close()


def test_an_engine_that_could_not_open_a_file_serves_no_other(tmp_path: Path) -> None:
    engines = Engines(tmp_path)
    until(lambda: ready(engines), "the first, made ahead")
    damaged = tmp_path / "damaged.duckdb"
    damaged.write_bytes(b"no database" * 1000)
    with pytest.raises(SystemFailure, match="could not be opened"):
        Capture.open(damaged, engines)
    assert not ready(engines)
    damaged.unlink()
    Capture.open(damaged, engines).close()  # the next one may


def test_nothing_else_is_within_reach(tmp_path: Path) -> None:
    inside, outside = tmp_path / "captures", tmp_path / "secret.csv"
    inside.mkdir()
    outside.write_text("a,b\n1,2\n")
    capture = Capture.open(inside / "a.duckdb")
    for sql in (
        f"SELECT * FROM read_csv('{outside}')",
        f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
        f"ATTACH '{tmp_path / 'other.duckdb'}' AS other",
        "SET allowed_directories = ['/']",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(SystemFailure):
            capture.rows(sql)
    assert {one.name for one in tmp_path.iterdir()} == {"captures", "secret.csv"}
    capture.close()
