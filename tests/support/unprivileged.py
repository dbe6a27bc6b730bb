"""A user who may do nothing, and an interpreter that they can run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.daemon import ROOT

NOBODY = 65534


def readable_by_all(path: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.parents))


def python_for_all() -> Path:
    """One that everybody may run, with nothing but its standard library; else the test is skipped."""
    python = Path(sys.executable).resolve()
    if not (readable_by_all(ROOT) and readable_by_all(python.parent)):
        python = Path("/usr/bin/python3")
    if not readable_by_all(ROOT) or not python.exists():
        pytest.skip("nobody can read this checkout or a Python")
    return python
