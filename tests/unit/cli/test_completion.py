"""Completion scripts: made from the parser, and understood by the shells there are."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from memscope_daemon.cli.completion import WRITERS, describe
from memscope_daemon.cli.main import build_parser


@pytest.mark.parametrize("shell", sorted(WRITERS))
def test_every_command_and_option_can_be_completed(shell: str) -> None:
    script = WRITERS[shell](describe(build_parser()))
    commands = describe(build_parser())
    wanted = [command.name for command in commands]
    wanted += [option.name.lstrip("-") for command in commands for option in command.options]
    assert len(wanted) > 20
    assert [word for word in wanted if word not in script] == []


@pytest.mark.parametrize("shell", sorted(WRITERS))
def test_the_shell_itself_takes_the_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = WRITERS[shell](describe(build_parser()))
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_bash_completes_commands_and_presets() -> None:
    assert complete("memscoped", "at") == ["attach"]
    assert complete("memscoped", "attach", "7", "--preset", "pro") == ["production"]
    assert complete("memscoped", "attach", "--dur") == ["--duration"]
    assert complete("memscoped", "export", "7", "--format", "sp") == ["speedscope"]
    assert complete("memscoped", "export", "7", "--measure", "peak") == ["peak_bytes"]


def complete(*words: str) -> list[str]:
    script = WRITERS["bash"](describe(build_parser()))
    quoted = " ".join(f"'{word}'" for word in words)
    answer = "printf '%s\\n' \"${COMPREPLY[@]}\""
    ask = f"\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _memscoped; {answer}"
    out = subprocess.run(["bash", "-c", script + ask], capture_output=True, text=True, check=True)
    return out.stdout.split()
