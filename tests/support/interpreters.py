"""The CPythons of this machine, for tests that run over all of them.

On a machine with fewer of them the tests run over what is found; the header of each run says which.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST, NEWEST = (3, 9), (3, 13)
ASK = (
    "import sys; print(sys.implementation.name, *sys.version_info[:3], hasattr(sys, 'gettotalrefcount'),"
    " hasattr(sys, '_is_gil_enabled') and not sys._is_gil_enabled())"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Interpreter:
    """One executable. ``name``: its version, and where it is from if that is not the usual folder."""

    path: Path
    version: tuple[int, int, int]
    name: str


@functools.cache
def all_interpreters() -> tuple[Interpreter, ...]:
    """Every CPython 3 (no debug or free-threaded build) that starts, oldest first, each file once."""
    found: dict[Path, Interpreter] = {}
    for path, origin in _candidates():
        real = path.resolve()
        if real not in found and (version := _version(path)) is not None:
            found[real] = Interpreter(path, version, _name(version, origin))
    return tuple(sorted(found.values(), key=lambda each: (each.version, each.name)))


def supported_interpreters() -> tuple[Interpreter, ...]:
    """Those that memscope can attach to."""
    return tuple(each for each in all_interpreters() if OLDEST <= each.version[:2] <= NEWEST)


def unsupported_interpreters() -> tuple[Interpreter, ...]:
    return tuple(each for each in all_interpreters() if not OLDEST <= each.version[:2] <= NEWEST)


def this_interpreter() -> Interpreter:
    """The one that runs the tests, with all the packages they need."""
    version = (sys.version_info.major, sys.version_info.minor, sys.version_info.micro)
    return Interpreter(Path(sys.executable), version, _name(version, "this"))


def _candidates() -> Iterator[tuple[Path, str]]:
    for folder in sorted(_pyenv_root().glob("versions/*/bin")):
        yield from ((path, "") for path in sorted(folder.glob("python3.[0-9]*")) if _is_program(path))
    for folder in (Path("/usr/bin"), Path("/usr/local/bin")):
        yield from ((path, "system") for path in sorted(folder.glob("python3.[0-9]*")) if _is_program(path))
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        if path := shutil.which(f"python3.{minor}"):
            yield Path(path), "path"
    yield Path(getattr(sys, "_base_executable", sys.executable)), "base"


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _is_program(path: Path) -> bool:
    return path.name.removeprefix("python3.").isdigit() and os.access(path, os.X_OK)


def _version(path: Path) -> tuple[int, int, int] | None:
    """The version of a CPython release build; None for anything else (a shim script, PyPy, a debug build)."""
    with open(path, "rb") as file:  # noqa: PTH123
        if file.read(4) != b"\x7fELF":
            return None
    try:
        done = subprocess.run([path, "-I", "-c", ASK], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    name, *numbers, debug, free_threaded = done.stdout.split()
    if (name, debug, free_threaded) != ("cpython", "False", "False"):
        return None
    major, minor, micro = (int(number) for number in numbers)
    return major, minor, micro


def _name(version: tuple[int, int, int], origin: str) -> str:
    return ".".join(map(str, version)) + (f"-{origin}" if origin else "")
