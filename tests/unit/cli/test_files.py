"""Files of a report: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memscope_daemon.cli import files
from memscope_daemon.errors import ExportError
from memscope_daemon.files import write_whole


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "report.json", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        write_whole(tmp_path / "report.json", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"report.json": b"old"}


def test_a_folder_that_cannot_be_made_is_an_export_error_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError) as caught:
        files.write_all(tmp_path / "file" / "below", {"report.json": b"{}"})
    assert caught.value.code == "export.not-written"
    assert caught.value.exit_code == 1


def test_a_write_that_fails_half_way_names_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "stacks.collapsed").mkdir()
    (tmp_path / "stacks.collapsed" / "x").write_text("")
    with pytest.raises(ExportError) as caught:
        files.write_all(tmp_path, {"report.json": b"{}", "stacks.collapsed": b""})
    assert caught.value.partial == (str(tmp_path / "report.json"),)
    assert caught.value.exit_code == 5


def test_a_name_from_the_daemon_cannot_leave_the_folder(tmp_path: Path) -> None:
    (written,) = files.write_all(tmp_path / "r", {"../../escape": b""})
    assert written == tmp_path / "r" / "escape"


def test_the_folder_is_named_after_the_script_and_holds_no_strange_characters() -> None:
    assert str(files.default_folder("python3 /srv/my app;rm.py", 104729)).startswith(
        "memscope-app-rm.py-104729-"
    )
    assert str(files.default_folder("", 7)).startswith("memscope-python-7-")
