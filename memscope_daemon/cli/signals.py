"""Ctrl-C, SIGTERM and SIGHUP as events of the command's own queue, so that no call is cut short by them."""

from __future__ import annotations

import dataclasses
import queue
import signal
from types import FrameType, TracebackType
from typing import Any

EXIT_BASE = 128
CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclasses.dataclass(frozen=True, slots=True)
class Signalled:
    """A signal has come; ``exit_code`` is what the command should end with."""

    number: int

    @property
    def exit_code(self) -> int:
        return EXIT_BASE + self.number


class SignalsAsEvents:
    """While entered, each of the signals puts a Signalled into ``events``.

    ``SimpleQueue.put`` is one of the few things that a Python signal handler may do at any moment: it is
    re-entrant, where the lock of a ``threading.Event`` would deadlock with the code it interrupted.
    """

    def __init__(self, events: queue.SimpleQueue[Any]) -> None:
        self._events = events
        self._before: dict[int, Any] = {}

    def __enter__(self) -> SignalsAsEvents:
        for number in CAUGHT:
            self._before[number] = signal.signal(number, self._put)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _put(self, number: int, _frame: FrameType | None) -> None:
        self._events.put(Signalled(number))
