"""The terminal: taken over for a while, and given back as it was, however that ends.

Keys come one by one and are not echoed. Ctrl-C stays a signal. Ctrl-Z and Ctrl-backslash are off meanwhile:
they would leave the terminal as it is now, or the hooks in the target. What is written never waits for a
terminal that takes nothing: a session must be able to end behind it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from memscope_daemon.cli.live.draw import Size
from memscope_daemon.cli.live.keys import Decoder

ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"  # the other screen, no cursor, no wrapping, empty
LEAVE = b"\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
PIECE_BYTES = 256  # a terminal that is ready for any takes so many at once
WRITE_S = 0.5
ESCAPE_S = 0.05  # how long the rest of a sequence may take
SIZE_UNKNOWN = Size(80, 24)
TURNED_OFF = b"\0"


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key was pressed; names as in ``keys``."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Resized:
    """The terminal has another size now."""


def is_usable() -> bool:
    """Whether standard output is a terminal that can show a whole screen, and is ours to use just now."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return False
    try:
        return os.tcgetpgrp(sys.stdout.fileno()) == os.getpgrp()  # not in the background of a shell
    except OSError:
        return False


class Terminal:
    """While entered, it is ours. ``events`` gets keys and changes of size. For the main thread."""

    def __init__(self, events: queue.SimpleQueue[Any]) -> None:
        self._events = events
        self._out, self._in = sys.stdout.fileno(), sys.stdin.fileno() if _has_keys() else -1
        self._before: list[Any] = []
        self._winch: Any = None
        self._keyboard: _Keyboard | None = None

    def __enter__(self) -> Terminal:
        sys.stdout.flush()
        try:
            self._winch = signal.signal(signal.SIGWINCH, self._resized)
            if self._in >= 0:
                self._before = termios.tcgetattr(self._in)
                _set(self._in, _key_by_key(self._before))
                self._keyboard = _Keyboard(self._in, self._events)
            self.write(ENTER)
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    @property
    def size(self) -> Size:
        try:
            width, height = os.get_terminal_size(self._out)
        except OSError:
            return SIZE_UNKNOWN
        return Size(width or SIZE_UNKNOWN.width, height or SIZE_UNKNOWN.height)

    def write(self, data: bytes) -> bool:
        """False: the terminal took only a part of it, or nothing."""
        ends = time.monotonic() + WRITE_S
        for at in range(0, len(data), PIECE_BYTES):
            left_s = max(ends - time.monotonic(), 0.0)
            try:
                if not select.select([], [self._out], [], left_s)[1]:
                    return False
                os.write(self._out, data[at : at + PIECE_BYTES])
            except OSError:  # it has been closed; a SIGHUP follows
                return False
        return True

    def _restore(self) -> None:
        if self._keyboard is not None:
            self._keyboard.close()
        self.write(LEAVE)
        if self._before:
            _set(self._in, self._before)
            with contextlib.suppress(termios.error):
                termios.tcflush(self._in, termios.TCIFLUSH)  # keys meant for us are not for the shell
        if self._winch is not None:
            signal.signal(signal.SIGWINCH, self._winch)

    def _resized(self, _number: int, _frame: FrameType | None) -> None:
        self._events.put(Resized())


class _Keyboard:
    """Reads keys in a thread of its own."""

    def __init__(self, descriptor: int, events: queue.SimpleQueue[Any]) -> None:
        self._descriptor, self._events = descriptor, events
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run, name="keyboard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._stopped)  # the other end wakes up
        self._thread.join()
        os.close(self._stop)

    def _run(self) -> None:
        decoder = Decoder()
        for data in self._pieces(decoder):
            for name in decoder.feed(data) if data else decoder.rest():
                self._events.put(Key(name))

    def _pieces(self, decoder: Decoder) -> Iterator[bytes]:
        """What was read at a time; empty: nothing followed what had begun."""
        while True:
            wait_s = ESCAPE_S if decoder.waits else None
            ready = select.select([self._descriptor, self._stop], [], [], wait_s)[0]
            if self._stop in ready:
                return
            try:
                data = os.read(self._descriptor, 1024) if ready else b""
            except OSError:
                return
            if ready and not data:  # the terminal is gone
                return
            yield data


def _has_keys() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _key_by_key(before: list[Any]) -> list[Any]:
    """Those settings, with each key at once, unseen, and no key that would stop us behind our back."""
    changed = [*before[:6], list(before[6])]
    changed[0] &= ~termios.IXON
    changed[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
    changed[6][termios.VSUSP] = changed[6][termios.VQUIT] = TURNED_OFF
    return changed


def _set(descriptor: int, settings: list[Any]) -> None:
    """Also from the background, where the kernel would stop us for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
