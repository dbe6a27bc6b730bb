"""What auto-export has left in a folder: every set that is there must be whole, and valid."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from pathlib import Path
from typing import Any

import jsonschema

from memscope_daemon.files import PART
from memscope_daemon.render.report_json import SCHEMA_PATH
from memscope_daemon.server.export_sets import LATEST, sets_in

REPORT = "report.json"
#: How a file ends that is not cut off.
CLOSED_BY = {".html": b"</html>", ".svg": b"</svg>"}


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text()))


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A set that is whole. ``report``: what the JSON report in it says."""

    path: Path
    files: tuple[str, ...]
    report: dict[str, Any]


def read_set(path: Path) -> Found:
    """Reads all of it; an AssertionError names the file that is not whole."""
    files = sorted(file.name for file in path.iterdir())
    assert REPORT in files, (path, files)
    for name in files:
        check_whole(path / name)
    report = json.loads((path / REPORT).read_bytes())
    validator().validate(report)
    return Found(path, tuple(files), report)


def check_whole(file: Path) -> None:
    content = file.read_bytes()
    if file.suffix == ".json":
        json.loads(content)
    elif file.suffix == ".collapsed":
        lines = content.decode().splitlines(keepends=True)
        assert all(line.endswith("\n") and line.split()[-1].isdecimal() for line in lines), file
    else:
        assert content.rstrip().endswith(CLOSED_BY[file.suffix]), file


def session_folder(folder: Path, session_id: str) -> Path | None:
    """Where the session's sets are; None: none was begun."""
    found = [path for path in folder.glob(f"*-{session_id}") if path.is_dir()] if folder.exists() else []
    assert len(found) <= 1, found
    return found[0] if found else None


def read_sets(folder: Path, session_id: str) -> list[Found]:
    """Every set of the session, the oldest first; those that are removed meanwhile are left out."""
    where = session_folder(folder, session_id)
    found = [read_if_there(where / name) for name in sets_in(where)] if where else []
    return [one for one in found if one is not None]


def read_if_there(path: Path) -> Found | None:
    """As :func:`read_set`; None: it is removed just now."""
    try:
        return read_set(path)
    except (FileNotFoundError, AssertionError):
        if path.exists():
            raise
    return None


def latest(folder: Path, session_id: str) -> Found | None:
    where = session_folder(folder, session_id)
    return read_set(where / LATEST) if where and (where / LATEST).exists() else None


def leftovers(folder: Path) -> set[str]:
    """Names of what is being written, or was when somebody died."""
    walked = os.walk(folder)  # what is removed meanwhile is no error to it
    return {name for _, *found in walked for names in found for name in names if name.endswith(PART)}
