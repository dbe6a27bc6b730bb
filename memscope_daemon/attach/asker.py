"""The side of a tracer's socket where it is told what to do and where it tells what it did."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Sequence

from memscope_daemon.attach.stop import StopReport
from memscope_daemon.shim import messages


class Asker:
    """Whoever asked for the injection. ``cancelled`` once it said so, or is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.cancelled = False

    def tell(self, message: messages.Message, descriptors: Sequence[int] = ()) -> None:
        """An asker that is gone is noticed when it is next listened to."""
        with contextlib.suppress(OSError):
            messages.send(self._connection, message, descriptors)

    def tell_stop(self, stop: StopReport) -> None:
        self.tell(
            {
                "say": "stop",
                "purpose": stop.purpose,
                "duration_ns": stop.duration_ns,
                "interrupted_call": stop.interrupted_call,
            }
        )

    def listen(self, timeout_s: float = 0.0) -> bool:
        """Waits for a word, at most so long; whether it was "go"."""
        if not select.select([self._connection], [], [], timeout_s)[0]:
            return False
        received = messages.receive(self._connection)
        if received is None or received[0].get("ask") == "cancel":
            self.cancelled = True
            return False
        return received[0].get("ask") == "go"
