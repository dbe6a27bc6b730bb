from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memscope_daemon.metadata import sources
from memscope_daemon.metadata.sources import Sources


def test_a_plain_file_is_read_with_its_date(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_bytes(b"kept = 1\n")
    os.utime(path, (17.0, 4711.0))
    for is_alive in (True, False):  # in our own root it is there after the end, too
        assert Sources(os.getpid()).read(str(path), is_alive=is_alive) == (b"kept = 1\n", 4711.0)


def test_a_name_without_a_folder_is_meant_in_that_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes(b"kept = 1\n")
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = Sources(process.pid)
        assert found.read("app.py", is_alive=True) is not None
        process.communicate()
    assert found.read("app.py", is_alive=False) is not None


@pytest.mark.parametrize("name", ["", "<string>", "<frozen os>", "/proc/self/nothing", "/a\0b", "/dev/zero"])
def test_what_is_no_file_is_nothing(name: str) -> None:
    assert Sources(os.getpid()).read(name, is_alive=True) is None


def test_what_could_make_us_wait_or_swell_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FILE_BYTES_MAX", 31)
    (tmp_path / "large.py").write_bytes(b"#" * 32)
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    found = Sources(os.getpid())
    for name in ("large.py", "pipe.py", "folder.py"):
        assert found.read(str(tmp_path / name), is_alive=True) is None


def test_a_root_that_is_gone_has_no_files() -> None:
    found = Sources(2**22 + 1)  # no such process
    assert found.read(__file__, is_alive=False) is None
    assert found.read(__file__, is_alive=True) is None
