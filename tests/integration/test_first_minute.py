"""The newcomer's path: the commands of the README, typed as they stand there, lead to the line that leaks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.daemon import ROOT, environment
from tests.support.waiting import until

HEADING = "## A leak, found"
EXAMPLE = ROOT / "docs/examples/leaky_flask.py"
#: What a person types after the installation.
COMMANDS_AT_MOST = 3


def commands_of_readme() -> list[str]:
    """The indented lines right after the heading."""
    _, section = (ROOT / "README.md").read_text().split(f"\n{HEADING}\n\n")
    return [line.strip() for line in section.split("\n\n")[0].splitlines()]


def leaking_place() -> str:
    (number,) = (
        number for number, line in enumerate(EXAMPLE.read_text().splitlines(), 1) if "# the leak" in line
    )
    return f"{EXAMPLE.name}:{number}"


@contextlib.contextmanager
def shell(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A shell in a folder that looks like the clone, with memscope installed, and what it shows. At the end
    all that was started from it is killed."""
    (folder / "docs").symlink_to(ROOT / "docs")
    shown, bin_folder = folder / "shown", Path(sys.executable).parent
    told = environment(folder)
    told["PATH"] = f"{bin_folder}{os.pathsep}{told['PATH']}"
    with shown.open("wb") as output:
        process = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=folder, env=told,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process, shown
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_the_commands_of_the_readme_lead_to_the_leaking_line(tmp_path: Path) -> None:
    install, start, *others = commands_of_readme()
    assert install.startswith("pip install . flask")
    assert len(others) + 1 <= COMMANDS_AT_MOST
    with shell(tmp_path) as (process, shown):
        assert process.stdin is not None
        process.stdin.write(f"{start}\n".encode())
        process.stdin.flush()
        until(lambda: b"serving at" in shown.read_bytes(), "the application to serve")
        process.stdin.write("".join(f"{line}\n" for line in others).encode())
        process.stdin.close()
        process.wait(120)
        text = shown.read_text()
    assert process.returncode == 0, text
    lines = text.splitlines()
    (head,) = (number for number, line in enumerate(lines) if line.startswith("live (95 % interval)"))
    assert lines[head + 1].endswith(f"{leaking_place()})"), text
