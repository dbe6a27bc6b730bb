"""A terminal as a person has it: a command runs in it, in the foreground; its screen can be looked at, keys
can be pressed, and its settings read when the command is gone."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyte

from tests.support.waiting import until

DEADLINE_S = 120.0  # a command that carries a daemon takes long to begin on a machine with much to do
#: The terminal becomes the controlling one of whoever begins a session and opens it first.
ON_TERMINAL = 'tty=$1; shift; exec "$@" <"$tty" >"$tty" 2>"$tty"'


class Terminal:
    """``sent``: all that the command has written."""

    def __init__(
        self, command: Sequence[str], width: int, height: int, env: Mapping[str, str], cwd: Path
    ) -> None:
        self._ours, self._theirs = pty.openpty()
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = b""
        self._set_size(width, height)
        self.before = self.settings
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", ON_TERMINAL, "sh", os.ttyname(self._theirs), *command],
            env={"TERM": "xterm-256color", **env},
            cwd=cwd,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    @property
    def text(self) -> str:
        """What is on the screen, without blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip() + "\n"

    @property
    def settings(self) -> list[Any]:
        """As ``termios`` has them."""
        return termios.tcgetattr(self._theirs)

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def resize(self, width: int, height: int) -> None:
        self.screen.resize(height, width)
        self._set_size(width, height)

    def shows(self, wanted: str, deadline_s: float = DEADLINE_S) -> str:
        """Waits until that can be read somewhere; the whole screen."""

        def look() -> bool:
            self.read()
            return wanted in self.text

        try:
            until(look, f"{wanted!r} on the screen", deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows:\n{self.text}") from None
        return self.text

    def shows_no_more(self, unwanted: str, deadline_s: float = DEADLINE_S) -> None:
        """Waits until that can be read nowhere."""

        def look() -> bool:
            self.read()
            return unwanted not in self.text

        until(look, f"{unwanted!r} to go from the screen", deadline_s)

    def ends(self, deadline_s: float = DEADLINE_S) -> int:
        """Waits for the end of the command; its exit code."""

        def ended() -> bool:
            self.read()
            return self.process.poll() is not None

        until(ended, "the command to end", deadline_s)
        self.read()
        return self.process.returncode

    def read(self) -> None:
        """Takes in what has been written until now."""
        while select.select([self._ours], [], [], 0)[0]:
            try:
                data = os.read(self._ours, 65536)
            except OSError as error:
                if error.errno == errno.EIO:  # nobody has it open
                    return
                raise
            self.sent += data
            self._stream.feed(data)

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


def check_given_back(terminal: Terminal) -> None:
    """It is as it was before the command."""
    assert terminal.settings == terminal.before
    assert not terminal.screen.cursor.hidden
    assert pyte.modes.DECAWM in terminal.screen.mode
    assert terminal.sent.count(b"\x1b[?1049h") == terminal.sent.count(b"\x1b[?1049l")


def drain(terminal: Terminal, for_s: float) -> None:
    """Reads on for a while, so that the command never waits for room."""
    ends = time.monotonic() + for_s
    while time.monotonic() < ends and terminal.process.poll() is None:
        terminal.read()
        with contextlib.suppress(subprocess.TimeoutExpired):
            terminal.process.wait(0.002)
