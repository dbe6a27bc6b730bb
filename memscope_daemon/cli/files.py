"""Files of a report: written whole or not at all, readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from memscope_daemon.errors import ExportError


def default_folder(program: str, pid: int) -> Path:
    """``memscope-<program>-<pid>-<time>`` in the current folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(program.split()[-1] if program.split() else "").name)
    return Path(f"memscope-{name.strip('-.') or 'python'}-{pid}-{time.strftime('%Y%m%d-%H%M%S')}")


def write_all(folder: Path, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Writes every file into ``folder`` (made if missing, 0700); an ExportError names what was written."""
    written: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in contents.items():
            written.append(write_whole(folder / Path(name).name, content))
    except OSError as error:
        raise ExportError(
            "export.not-written",
            f"the report could not be written to {folder}: {error.strerror or error}",
            "make room or choose another folder with --out",
            partial=tuple(str(path) for path in written),
        ) from error
    return tuple(written)


def write_whole(path: Path, content: bytes) -> Path:
    """Writes aside, syncs, renames: a crash at any moment leaves the old file or the new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(_create(aside), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    _sync_folder(path.parent)
    return path


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _sync_folder(folder: Path) -> None:
    """The rename itself reaches the disk only with the folder; some file systems cannot, and say so."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
