"""Asks which of several sessions is to be looked at, on a terminal that is ours."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from typing import Any

from memscope_client import Session
from memscope_daemon.cli.live.choose import Choice, lines, press
from memscope_daemon.cli.live.screen import Screen
from memscope_daemon.cli.live.terminal import Key, Terminal
from memscope_daemon.cli.signals import Signalled


def ask(
    sessions: Sequence[Session], terminal: Terminal, events: queue.SimpleQueue[Any]
) -> int | Signalled | None:
    """The number of the one that was chosen; None: none was; or the signal that came."""
    screen, choice = Screen(), Choice()
    while True:
        size = terminal.size
        terminal.write(screen.changes(lines(sessions, choice, size), size))
        event = events.get()
        if isinstance(event, Signalled):
            return event
        if isinstance(event, Key):
            if event.name in ("q", "escape"):
                return None
            if event.name == "enter":
                return choice.at
            choice = press(choice, event.name, len(sessions))
