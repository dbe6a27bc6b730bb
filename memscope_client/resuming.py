"""How a watch goes on after its connection was lost: what was seen, whether to try again, and when."""

from __future__ import annotations

import time

from memscope_client.errors import DaemonError
from memscope_client.figures import WatchPoint

PATIENCE_S = 60.0
FIRST_REST_S, LONGEST_REST_S = 0.1, 1.0
#: The daemon is away, or about to be.
AWAY = frozenset({"client.unavailable", "client.cancelled", "daemon.stopping", "store.not-opened"})
#: A daemon that has just begun does not know the session until its shipper has come again; one that goes on
#: may not have noticed yet that the watcher before is gone.
NOT_YET = frozenset({"session.not-found", "daemon.too-many-watchers"})


class Resumption:
    """Of one watch. Belongs to whoever iterates."""

    def __init__(self, address: str, after: int | None, patience_s: float) -> None:
        self._address, self._patience_s = address, patience_s
        self.after = after
        self._has_begun = False
        self._lost_at: float | None = None
        self._rest_s = FIRST_REST_S

    def is_new(self, point: WatchPoint) -> bool:
        """Whether it has not been seen; from now on it has."""
        self._has_begun, self._lost_at, self._rest_s = True, None, FIRST_REST_S
        if self.after is not None and point.number <= self.after:
            return False
        self.after = point.number
        return True

    def rest_after(self, error: DaemonError) -> float:
        """Seconds until it makes sense to try again.

        :raises DaemonError: it does not: the error itself, or ``client.watch-lost``.
        """
        if not (error.code in AWAY or (self._has_begun and error.code in NOT_YET)):
            raise error
        now = time.monotonic()
        self._lost_at = self._lost_at or now
        if now - self._lost_at >= self._patience_s:
            raise DaemonError(
                "client.watch-lost",
                f"the daemon at {self._address} could not be watched for {self._patience_s:g} s:"
                f" {error.message}",
                f"see whether it runs; watch with after={self.after or 0} goes on where this one ended",
            ) from error
        rest_s, self._rest_s = self._rest_s, min(2 * self._rest_s, LONGEST_REST_S)
        return rest_s
