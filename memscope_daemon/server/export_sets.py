"""Sets of exports on disk: the files of one moment, in a folder of their own.

    <folder>/<program>-<pid>-<session>/000017-20260102T030405Z/report.json
                                       latest -> 000017-20260102T030405Z

A set is written aside, synced and renamed as a whole: under its final name it is there with all its files or
not at all. Sets go by their numbers, so that a clock that is set back does no harm.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from memscope_daemon.errors import ConfigurationError, ExportError
from memscope_daemon.files import PART, sync_folder, write_new
from memscope_daemon.model.session import SessionInfo

LATEST = "latest"
_SET = re.compile(r"(\d{6,})-\d{8}T\d{6}Z")
_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")


def folder_name(session: SessionInfo) -> str:
    """``<program>-<pid>-<session>``: the same for every daemon that has the session."""
    words = session.target.program.split()
    program = _STRANGE.sub("-", Path(words[-1]).name if words else "").strip("-.")
    return f"{program[:100] or 'python'}-{session.target.pid}-{session.session_id}"


def require_folder(folder: Path) -> None:
    """Makes it (0700) if it is missing.

    :raises ConfigurationError: it cannot be made or written to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "it may not be written to")


def _unusable(folder: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        "config.auto-export-folder",
        f"{folder} cannot be used: {reason}",
        "choose a folder that the daemon's user may write to",
    )


def publish(folder: Path, contents: Mapping[str, bytes], keep_count: int, unix_ns: int) -> Path:
    """Writes a set into ``folder``, the session's own (made if missing, 0700), and removes what is older than
    the newest ``keep_count`` (0: nothing).

    :raises ExportError: it could not be written; nothing of it is left, and the sets before are as they were.
    """
    try:
        _make_own(folder)
        clear(folder)
        name = _next_name(folder, unix_ns)
        _write_aside(folder / f".{name}{PART}", contents, folder / name)
    except OSError as error:
        with contextlib.suppress(OSError):
            clear(folder)
        raise ExportError(
            "export.not-written",
            f"nothing could be written to {folder}: {error.strerror or error}",
            "make room, or choose another folder",
        ) from error
    _point_latest(folder, name)
    _remove_old(folder, keep_count)
    return folder / name


def sets_in(folder: Path) -> list[str]:
    """Names of the sets, the oldest first."""
    found = [path.name for path in folder.iterdir() if _SET.fullmatch(path.name)]
    return sorted(found, key=_number)


def clear(folder: Path) -> None:
    """Removes what was being written when somebody died. For the one who writes to the folder."""
    for path in folder.glob(f".*{PART}"):
        _remove(path)


def _make_own(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError("it belongs to somebody else")


def _next_name(folder: Path, unix_ns: int) -> str:
    last = max(map(_number, sets_in(folder)), default=0)
    return f"{last + 1:06d}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(unix_ns / 1e9))}"


def _number(name: str) -> int:
    return int(name.partition("-")[0])


def _write_aside(aside: Path, contents: Mapping[str, bytes], final: Path) -> None:
    aside.mkdir(mode=0o700)
    for name, content in contents.items():
        write_new(aside / Path(name).name, content)
    sync_folder(aside)
    aside.rename(final)
    with contextlib.suppress(OSError):  # it is there
        sync_folder(final.parent)


def _point_latest(folder: Path, name: str) -> None:
    """Where the file system has no links, the newest is the one with the highest number."""
    aside = folder / f".{LATEST}{PART}"
    try:
        aside.symlink_to(name)
        aside.replace(folder / LATEST)
    except OSError:
        for stale in (aside, folder / LATEST):
            with contextlib.suppress(OSError):
                stale.unlink()


def _remove_old(folder: Path, keep_count: int) -> None:
    """One that cannot be removed now is tried again after the next set."""
    for name in sets_in(folder)[:-keep_count] if keep_count else ():
        with contextlib.suppress(OSError):
            gone = folder / f".{name}{PART}"
            (folder / name).rename(gone)
            _remove(gone)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
