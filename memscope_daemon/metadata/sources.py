"""The source files of a target, read from outside while it runs or after. What is found there may be of
anybody's making: only plain files of bounded size are read, and nothing of them is executed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: Larger files are no source that anybody wrote; to parse one stops the daemon for half a second.
FILE_BYTES_MAX = 1 << 20


class Sources:
    """Of process ``pid``, in the root and the folder that it has. ``is_alive``: whether it still is that
    process. Where the root was this host's, its files are found after its end, too."""

    def __init__(self, pid: int) -> None:
        self._root, self._folder = f"/proc/{pid}/root", f"/proc/{pid}/cwd"
        self._is_in_our_root = _is_same(self._root, "/")
        self._folder_was = _link(self._folder) if self._is_in_our_root else ""

    def read(self, file: str, *, is_alive: bool) -> tuple[bytes, float] | None:
        """Its bytes, and when it was last changed (Unix time); None: it cannot be read, or is no plain
        file."""
        path = self._path(file, is_alive)
        try:
            return _read_plain(path) if path else None
        except (OSError, ValueError):
            return None

    def _path(self, file: str, is_alive: bool) -> str:
        if not file or file.startswith("<"):  # <string>, <frozen os>
            return ""
        if self._is_in_our_root:
            return file if file.startswith("/") else f"{self._folder_was}/{file}" if self._folder_was else ""
        if not is_alive:
            return ""
        return f"{self._root}{file}" if file.startswith("/") else f"{self._folder}/{file}"


def _read_plain(path: str) -> tuple[bytes, float] | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > FILE_BYTES_MAX:
            return None
        return stream.read(FILE_BYTES_MAX), found.st_mtime


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samestat(os.stat(one), os.stat(other))  # noqa: PTH116 (both follow a magic link)
    except OSError:
        return False


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
