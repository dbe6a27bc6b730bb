"""Files that are there whole or not at all, readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: Ends the name of what is being written. What is found under such a name was left by somebody who died.
PART = ".part"


def write_whole(path: Path, content: bytes) -> Path:
    """Writes aside, syncs, renames: a crash at any moment leaves the old file or the new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        write_new(aside, content)
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    sync_folder(path.parent)
    return path


def write_new(path: Path, content: bytes) -> None:
    """Makes the file (0600), which must not be there yet, and waits until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """A rename reaches the disk only with the folder it took place in; some cannot, and say so."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
