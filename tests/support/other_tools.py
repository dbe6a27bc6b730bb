"""Interpreters that have other people's tools installed, each in a venv that is made once and kept."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys

from tests.support import roots
from tests.support.interpreters import Interpreter

INSTALL_S = 300.0


@functools.cache
def with_tool(interpreter: Interpreter, package: str) -> tuple[Interpreter | None, str]:
    """One that can import ``package``, or None and the reason."""
    if str(interpreter.path) == sys.executable:
        return (interpreter, "") if _has(interpreter, package) else (None, f"{package} is not installed")
    folder = roots.folder().parent / "venvs" / f"{interpreter.name}-{package}"
    found = dataclasses.replace(interpreter, path=folder / "bin/python")
    is_there = found.path.exists() and _has(found, package)
    why_not = "" if is_there else _make(interpreter, found, package)
    return (None, why_not) if why_not else (found, "")


def _make(interpreter: Interpreter, found: Interpreter, package: str) -> str:
    """Why not; "" = it is there now."""
    steps = (
        [str(interpreter.path), "-m", "venv", str(found.path.parents[1])],
        [str(found.path), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", package],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{package} cannot be installed: {error}"
        if done.returncode:
            return f"{package} cannot be installed: {(done.stderr or done.stdout).strip().splitlines()[-1]}"
    return ""


def _has(interpreter: Interpreter, package: str) -> bool:
    asked = [str(interpreter.path), "-I", "-c", f"import {package}"]
    return subprocess.run(asked, capture_output=True, timeout=60, check=False).returncode == 0
