"""py-spy's answers, and its refusals as codes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memscope_daemon.metadata import py_spy


def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A py-spy that does as told."""
    path = tmp_path / "py-spy"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(py_spy, "program", lambda: str(path))


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exec sleep 60", "inspect.timeout"),
        ('echo "Error: Failed to find python version" >&2; exit 1', "inspect.not-readable"),
        ('echo "Error: Permission denied (os error 13)" >&2; exit 1', "inspect.not-permitted"),
        ("exit 1", "inspect.not-readable"),
        ("echo hello", "inspect.not-understood"),
        ("echo {}", "inspect.not-understood"),
    ],
)
def test_a_refusal_has_a_code_and_a_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: str
) -> None:
    reader(tmp_path, monkeypatch, script)
    with pytest.raises(py_spy.NotRead) as refusal:
        py_spy.dump(os.getpid(), timeout_s=0.2 if "sleep" in script else 30.0)
    assert refusal.value.code == code
    assert refusal.value.next_step
    assert refusal.value.exit_code == 3


def test_without_py_spy_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(py_spy, "program", lambda: None)
    with pytest.raises(py_spy.NotRead, match="not installed"):
        py_spy.dump(os.getpid())


def test_the_target_is_never_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/arguments; echo "[]"')
    assert py_spy.dump(4242) == []
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments == ["dump", "--nonblocking", "--json", "--pid", "4242"]
