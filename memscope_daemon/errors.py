"""One hierarchy of errors: each says what happened, why, and what to do next.

Only the command line and ``server/status.py`` catch :class:`MemscopeError` in general; everybody else
lets it pass or catches the leaf it can do something about.

Exit codes are those of the manual: 0 done, 1 failed, 2 usage, 3 refused, 4 target ended, 5 partial.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class Severity(enum.Enum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ExitCode(enum.IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    TARGET_ENDED = 4
    PARTIAL = 5


class MemscopeError(Exception):
    """The base of every error that a user may see.

    ``code`` is stable and may be matched on by scripts, ``message`` is the reason, ``next_step`` what the
    user can do about it.
    """

    kind: ClassVar[str] = "internal"
    default_severity: ClassVar[Severity] = Severity.MEDIUM
    default_exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(
        self,
        code: str,
        message: str,
        next_step: str,
        *,
        severity: Severity | None = None,
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step
        self.severity = severity or self.default_severity
        self.exit_code = int(self.default_exit_code if exit_code is None else exit_code)

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class MemoryOperationError(MemscopeError):
    """An operation on memory failed: reading the target, the shared memory, the live table."""

    kind = "memory"

    def __init__(self, operation: str, code: str, message: str, next_step: str) -> None:
        super().__init__(code, message, next_step)
        self.operation = operation


class TrackingError(MemscopeError):
    """Tracking could not begin, go on or end."""

    kind = "tracking"


class AttachRefused(TrackingError):
    """memscope declined to touch this target. The target is as it was."""

    default_severity = Severity.LOW
    default_exit_code = ExitCode.REFUSED


class AttachFailed(TrackingError):
    """An attach was begun and given up. The target lives; what was left behind stands in the message."""

    default_severity = Severity.HIGH


class TargetEnded(TrackingError):
    """The target ended while we were at it."""

    default_severity = Severity.LOW
    default_exit_code = ExitCode.TARGET_ENDED


class AnalysisError(MemscopeError):
    kind = "analysis"
    default_severity = Severity.HIGH


class ExportError(MemscopeError):
    """A report could not be written. ``partial``: paths that were."""

    kind = "export"

    def __init__(self, code: str, message: str, next_step: str, *, partial: tuple[str, ...] = ()) -> None:
        super().__init__(code, message, next_step, exit_code=ExitCode.PARTIAL if partial else ExitCode.FAILED)
        self.partial = partial


class RenderError(MemscopeError):
    kind = "render"


class ConfigurationError(MemscopeError):
    """A value given by the user makes no sense."""

    kind = "configuration"
    default_severity = Severity.LOW
    default_exit_code = ExitCode.USAGE


class SystemFailure(MemscopeError):
    """The operating system said no; ``cause`` holds its error."""

    kind = "system"
    default_severity = Severity.HIGH

    def __init__(self, code: str, message: str, next_step: str, cause: BaseException | None = None) -> None:
        super().__init__(code, message, next_step)
        self.cause = cause


class InternalError(MemscopeError):
    """A bug of ours."""

    kind = "internal"
    default_severity = Severity.CRITICAL
