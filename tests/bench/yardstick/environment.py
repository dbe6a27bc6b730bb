"""The environment that the targets run in: packages of the workloads and of the other tools, for one
interpreter. It lies in ``.venv-bench`` and is made once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.daemon import ROOT

FOLDER = ROOT / ".venv-bench"
PACKAGES = ("aiohttp", "flask", "memray", "ddtrace")
ASK_VERSION = "import platform; print(platform.python_implementation().lower(), platform.python_version())"
ASK_PACKAGES = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def version_of(python: Path) -> str:
    """``cpython-3.12.1``.

    :raises OSError: there is no such program; ``subprocess.CalledProcessError``: it is no Python.
    """
    return "-".join(_output(python, ASK_VERSION).split())


def packages_of(python: Path) -> dict[str, str]:
    """Those of :data:`PACKAGES` that an interpreter has, with their versions."""
    found: dict[str, str] = json.loads(_output(python, ASK_PACKAGES, *PACKAGES))
    return found


def made(python: Path, say: Callable[[str], None]) -> tuple[Path, dict[str, str]]:
    """The interpreter of the environment, and the packages that could not be installed, each with pip's word.

    What is there stays as it is; what could not be installed is tried again.
    """
    folder = FOLDER / version_of(python)
    inside, stamp = folder / "bin" / "python", folder / "made"
    if not stamp.exists():
        say(f"making {folder.relative_to(ROOT)}")
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        stamp.touch()
    absent = {}
    for package in PACKAGES:
        if package not in packages_of(inside):
            say(f"installing {package}")
            if reason := _install(inside, package):
                absent[package] = reason
    return inside, absent


def _install(python: Path, package: str) -> str:
    """Empty, or why not."""
    options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    pip = [str(python), "-m", "pip", "install", *options, package]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    said = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
    return said[-1] if done.returncode else ""


def _output(python: Path, program: str, *arguments: str) -> str:
    command = [str(python), "-I", "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
