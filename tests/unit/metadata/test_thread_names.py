from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memscope_daemon.metadata import py_spy, thread_names

PROGRAM = """
import sys, threading
stop = threading.Event()
thread = threading.Thread(target=stop.wait, name="a worker of mine")
thread.start()
print(thread.native_id, flush=True)
sys.stdin.read()
stop.set()
"""


def test_names_of_a_running_process_are_read_without_touching_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as target:
        assert target.stdout is not None and target.stdin is not None
        native_id = int(target.stdout.readline())
        names = thread_names.read_thread_names(target.pid, timeout_s=30.0)
        target.stdin.close()
        assert target.wait(30) == 0
    assert names[native_id] == "a worker of mine"
    assert "MainThread" in names.values()


def test_a_process_that_is_not_there_has_no_names() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert thread_names.read_thread_names(gone.pid) == {}


def test_a_reader_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "py-spy"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(py_spy, "program", lambda: str(slow))
    assert thread_names.read_thread_names(os.getpid(), timeout_s=0.1) == {}


def test_without_a_reader_there_are_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(py_spy, "program", lambda: None)
    assert thread_names.read_thread_names(os.getpid()) == {}


def test_what_is_not_understood_is_left_out() -> None:
    named = {"os_thread_id": 7, "thread_name": "x"}
    rows = [1, None, {}, {**named, "os_thread_id": "7"}, {**named, "thread_name": None}, named]
    assert thread_names.names_in(rows) == {7: "x"}


def test_output_that_is_no_list_of_threads_has_no_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for output in ("", "not json", "{}", "\\377\\376"):
        script = tmp_path / "py-spy"
        script.write_text(f"#!/bin/sh\nprintf '{output}'\n")
        script.chmod(0o755)
        monkeypatch.setattr(py_spy, "program", lambda path=script: str(path))
        assert thread_names.read_thread_names(os.getpid(), timeout_s=30.0) == {}
