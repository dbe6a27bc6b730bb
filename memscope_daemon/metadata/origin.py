"""Whose code a file is, told by its path as the target had it. No file is looked at."""

from __future__ import annotations

import re

from memscope_daemon.model.stacks import Origin

#: ``lib/python3.11/…``, ``lib/python3.13t/…``, ``lib/python311.zip/…``: what comes with an interpreter.
STDLIB = re.compile(r"(?:^|/)lib(?:32|64)?/(?:python\d+\.\d+[a-z]*|pypy\d[\d.]*)/|(?:^|/)python\d{2,3}\.zip/")
PACKAGES = re.compile(r"(?:^|/)(?:site|dist)-packages/")


def origin_of(file: str) -> Origin:
    """A program that lies in a folder named like a library's counts as that library."""
    if not file:
        return Origin.UNKNOWN
    if PACKAGES.search(file):
        return Origin.SITE_PACKAGES
    # Modules frozen into the interpreter: <frozen importlib._bootstrap>.
    if file.startswith("<frozen ") or STDLIB.search(file):
        return Origin.STDLIB
    return Origin.USER
