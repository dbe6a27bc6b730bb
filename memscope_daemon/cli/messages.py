"""What goes to standard error: progress, remarks, and errors with their next step."""

from __future__ import annotations

import contextlib
import sys


def say(text: str) -> None:
    """One line on standard error. A closed one is no reason to fail, nor to leave a target half done."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"memscoped: {text}\n")
        sys.stderr.flush()


def complain(error: object) -> None:
    """An error of the hierarchy in three lines: reason, next step, code."""
    say(str(getattr(error, "message", error)))
    if next_step := getattr(error, "next_step", ""):
        say(f"  what to do: {next_step}")
    if code := getattr(error, "code", ""):
        say(f"  code: {code}")
