"""The files of a report that a command writes."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from memscope_daemon.errors import ExportError
from memscope_daemon.files import write_whole


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
