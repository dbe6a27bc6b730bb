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
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support import roots

OLDEST, NEWEST = (3, 9), (3, 15)
ASK = (
    "import sys; print(sys.implementation.name, *sys.version_info[:3], hasattr(sys, 'gettotalrefcount'),"
    " hasattr(sys, '_is_gil_enabled') and not sys._is_gil_enabled())"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Interpreter:
    """One executable. ``name``: its version, and where it is from if that is not the usual folder.

    ``root``: it runs in a root of its own (see ``roots``); ``isolated``: in namespaces of its own, too;
    ``user``: as somebody else.
    """

    path: Path
    version: tuple[int, int, int]
    name: str
    root: Path | None = None
    isolated: bool = False
    user: int | None = None

    def command(self, *arguments: str, shows: Iterable[Path] = ()) -> list[str]:
        """What starts it. ``shows``: folders that it must see under the names they have here."""
        if self.root is None:
            return [str(self.path), *arguments]
        path = f"/{self.path.relative_to(self.root)}"
        inside = [path, *arguments]
        return roots.entering(self.root, inside, shows=shows, isolated=self.isolated, user=self.user)


@functools.cache
def all_interpreters() -> tuple[Interpreter, ...]:
    """Every CPython 3 (no debug or free-threaded build) that starts, oldest first, each file once."""
    found: dict[Path, Interpreter] = {}
    for path, origin in _candidates():
        real = path.resolve()
        if real not in found and _is_elf(path) and (version := _version([str(path)])) is not None:
            found[real] = Interpreter(path, version, _name(version, origin))
    return tuple(sorted(found.values(), key=lambda each: (each.version, each.name)))


def supported_interpreters() -> tuple[Interpreter, ...]:
    """Those that memscope can attach to."""
    return tuple(each for each in all_interpreters() if OLDEST <= each.version[:2] <= NEWEST)


def unsupported_interpreters() -> tuple[Interpreter, ...]:
    return tuple(each for each in all_interpreters() if not OLDEST <= each.version[:2] <= NEWEST)


@functools.cache
def rooted_interpreters() -> tuple[Interpreter, ...]:
    """Those of the root beside this system, where there is one (``roots.why_not`` says if not)."""
    where = roots.root()
    found = []
    for path in sorted(where.glob("usr/bin/python3.[0-9]*")) if where else ():
        if _is_program(path) and (version := _version(Interpreter(path, (0, 0, 0), "", where).command())):
            found.append(Interpreter(path, version, _name(version, "root"), where))
    return tuple(found)


def isolated_interpreters() -> tuple[Interpreter, ...]:
    """The same, each as in a container."""
    return tuple(
        dataclasses.replace(each, name=_name(each.version, "isolated"), isolated=True)
        for each in rooted_interpreters()
    )


def every_interpreter() -> tuple[Interpreter, ...]:
    """Those that memscope can attach to, in roots of their own too."""
    return (*supported_interpreters(), *rooted_interpreters())


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


def _is_elf(path: Path) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read(4) == b"\x7fELF"


def _version(command: list[str]) -> tuple[int, int, int] | None:
    """The version of a CPython release build; None for anything else (PyPy, a debug build)."""
    try:
        done = subprocess.run(
            [*command, "-I", "-c", ASK], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    name, *numbers, debug, free_threaded = done.stdout.split()
    if (name, debug, free_threaded) != ("cpython", "False", "False"):
        return None
    major, minor, micro = (int(number) for number in numbers)
    return major, minor, micro


def _name(version: tuple[int, int, int], origin: str) -> str:
    return ".".join(map(str, version)) + (f"-{origin}" if origin else "")
