"""What a daemon, or the way to it, answers when it does not answer with a result."""

from __future__ import annotations

EXIT_FAILED = 1


class DaemonError(Exception):
    """A call to the daemon failed.

    ``code`` is stable (``attach.already-traced``, ``client.unavailable``), ``message`` the reason,
    ``next_step`` what to do about it, ``exit_code`` what a command should end with.
    """

    def __init__(
        self,
        code: str,
        message: str,
        next_step: str,
        *,
        exit_code: int = EXIT_FAILED,
        severity: str = "medium",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step
        self.exit_code = exit_code
        self.severity = severity

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"

    @property
    def is_unavailable(self) -> bool:
        """Nobody listens at the address, or the connection broke."""
        return self.code == "client.unavailable"

    @property
    def is_unimplemented(self) -> bool:
        """The server does not offer this service (one that only takes events does not)."""
        return self.code == "client.unimplemented"
