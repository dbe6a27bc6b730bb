"""Reports that a daemon writes by itself: what is wanted, how it stands. Fields as in ``session.proto``."""

from __future__ import annotations

import dataclasses

DEFAULT_FORMAT = "json"


@dataclasses.dataclass(frozen=True, slots=True)
class AutoExport:
    """An order. ``folder``: absolute. ``every_s``: 0 = at the end only. ``keep_count``: so many of the newest
    sets stay, 0 = all. Checked by ``config.check_auto_export``."""

    folder: str
    every_s: float = 0.0
    formats: tuple[str, ...] = (DEFAULT_FORMAT,)
    keep_count: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class AutoExportStatus:
    """``written_unix_ns``: 0 = none yet. ``skipped_count``: times that passed while one was being written,
    or something stood in the way. ``error_code``, ``error_message``: of the last attempt, "" = it was
    written."""

    written_unix_ns: int = 0
    written_count: int = 0
    skipped_count: int = 0
    error_code: str = ""
    error_message: str = ""
