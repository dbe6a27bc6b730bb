"""Small C libraries that a test needs loaded somewhere."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def compiled(source: str, folder: Path) -> Path:
    """The library, made of ``source``; without a compiler the test is skipped."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a compiler")
    text, library = folder / "image.c", folder / "image.so"
    text.write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, text], check=True)
    return library
