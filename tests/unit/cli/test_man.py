"""The manual page: made from the parser, and roff that formatters take without a word."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from memscope_daemon.cli.completion import describe
from memscope_daemon.cli.main import build_parser
from memscope_daemon.cli.man import page

#: Each prints what is wrong on standard error, or (mandoc) ends with another code than 0.
FORMATTERS = {
    "groff": ["groff", "-man", "-Tutf8", "-ww", "-z"],
    "mandoc": ["mandoc", "-Tlint", "-Wwarning"],
}


def test_every_command_and_option_stands_in_it() -> None:
    written = page(build_parser()).replace(r"\-", "-")
    commands = describe(build_parser())
    wanted = [f".SS {command.name}\n" for command in commands]
    options = {option.name for command in commands for option in command.options} - {"--help"}
    wanted += [rf"\fB{name}\fR" for name in options]
    assert len(wanted) > 25
    assert [word for word in wanted if word not in written] == []


@pytest.mark.parametrize("name", sorted(FORMATTERS))
def test_a_formatter_takes_it_without_a_word(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here: the page is not checked by it")
    written = page(build_parser())
    done = subprocess.run(FORMATTERS[name], input=written, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr + done.stdout) == (0, "")


def test_no_line_is_taken_for_a_request_that_is_none() -> None:
    known = {".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi"}
    requests = {line.split()[0] for line in page(build_parser()).splitlines() if line.startswith((".", "'"))}
    assert requests <= known
