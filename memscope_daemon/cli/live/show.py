"""The live view of one session: takes events, draws what is to be shown, asks the daemon what is wanted."""

from __future__ import annotations

import collections
import dataclasses
import logging
import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from memscope_client import Client, DaemonError, Sampling, Session
from memscope_daemon.cli import text
from memscope_daemon.cli.live.draw import frame
from memscope_daemon.cli.live.finer import bounds_text, stepped
from memscope_daemon.cli.live.moment import Moment, SystemSample, Trail
from memscope_daemon.cli.live.screen import Screen
from memscope_daemon.cli.live.source import SITES_ASKED, Came, Over, Watch
from memscope_daemon.cli.live.terminal import Key, Resized, Terminal
from memscope_daemon.cli.live.view import Ask, Asked, View, press, say
from memscope_daemon.cli.messages import say as say_on_stderr
from memscope_daemon.cli.signals import Signalled

LOG_LINES_KEPT = 100
WHOLE_EACH = 10  # points: then all lines are written again, in case somebody else wrote on the screen


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """A call to the daemon is over. ``session``: as it is now, where the answer told."""

    remark: str
    session: Session | None = None


class LiveView:
    """While entered, shows the session on ``terminal``. Belongs to the main thread.

    ``leaving``: what the key q does, in words. ``from_start``: the session has just begun.
    """

    def __init__(
        self,
        client: Client,
        session: Session,
        terminal: Terminal,
        events: queue.SimpleQueue[Any],
        *,
        every_s: float,
        leaving: str,
        from_start: bool,
    ) -> None:
        self._client, self._session, self._terminal, self._events = client, session, terminal, events
        self._leaving = leaving
        self._watch = Watch(client, session.session_id, events, every_s, from_start=from_start)
        self._trail, self._screen = Trail(SITES_ASKED), Screen()
        self._view, self._page = View(), 1
        self._moment: Moment | None = None
        self._newest: Moment | None = None
        self._system: SystemSample | None = None
        self._count = 0

    def __enter__(self) -> LiveView:
        self._watch.start()
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.stop()

    def take(self, event: Any) -> bool:
        """Shows what an event brings. True: whoever looks has had enough."""
        if isinstance(event, Came):
            self._came(event)
        elif isinstance(event, Key):
            return self._pressed(event.name)
        elif isinstance(event, Resized):
            self._screen.forget()
        elif isinstance(event, Over):
            self._over(event)
        elif isinstance(event, Answered):
            self._session = event.session or self._session
            self._view = say(self._view, event.remark)
        else:
            return False
        self._draw()
        return False

    def _came(self, event: Came) -> None:
        if isinstance(event.what, SystemSample):
            self._system = event.what
            self._newest = self._newest and dataclasses.replace(self._newest, system=self._system)
        else:
            self._session = event.what.session or self._session
            self._newest = self._trail.take(event.what, self._system) or self._newest
            self._count += 1
            if self._count % WHOLE_EACH == 0:
                self._screen.forget()
        if not self._view.held:
            self._moment = self._newest

    def _over(self, event: Over) -> None:
        if event.error is not None:
            self._view = say(self._view, f"no more figures: {event.error.message}")
        else:
            self._view = say(self._view, "the session has ended; these are its last figures")

    def _pressed(self, name: str) -> bool:
        if name == "redraw":
            self._screen.forget()
        self._view, asked = press(self._view, name, self._page)
        if not self._view.held:
            self._moment = self._newest
        if asked is not None and asked.what is Ask.LEAVE:
            return True
        if asked is not None:
            self._ask(asked)
        self._draw()
        return False

    def _draw(self) -> None:
        size = self._terminal.size
        drawn = frame(self._session, self._moment, self._view, size, self._leaving)
        self._view, self._page = drawn.view, drawn.page
        if not self._terminal.write(self._screen.changes(drawn.lines, size)):
            self._screen.forget()  # what stands there is not known any more

    # --- what the daemon is asked for, each in a thread of its own --------------------------------------

    def _ask(self, asked: Asked) -> None:
        session_id = self._session.session_id
        if asked.what is Ask.MARK:
            self._call(lambda: self._mark(session_id, asked.label))
        elif asked.what is Ask.TOGGLE_SAMPLING:
            resumes = self._session.paused
            self._view = say(self._view, "sampling goes on …" if resumes else "pausing …")
            self._call(lambda: self._toggle(session_id, resumes))
        else:
            self._change(session_id, stepped(self._session.sampling, finer=asked.what is Ask.FINER))

    def _change(self, session_id: str, sampling: Sampling | None) -> None:
        limits = bounds_text(self._session.sampling)
        if sampling is None:
            self._view = say(self._view, f"as far as it goes: {limits}")
            return
        self._view = say(self._view, f"{text.sampling_text(sampling)} · {limits}")
        self._call(lambda: self._set(session_id, sampling, limits))

    def _set(self, session_id: str, sampling: Sampling, limits: str) -> Answered:
        session = self._client.set_sampling(session_id, sampling)
        return Answered(f"{text.sampling_text(session.sampling)} · {limits}", session)

    def _toggle(self, session_id: str, resumes: bool) -> Answered:
        if resumes:
            return Answered("sampling goes on", self._client.resume(session_id))
        remark = "sampling is paused: what is allocated now is in no figure; p goes on"
        return Answered(remark, self._client.pause(session_id))

    def _mark(self, session_id: str, label: str) -> Answered:
        mark = self._client.mark(session_id, label)
        return Answered(f"marked {text.duration_text(mark.time_ns / 1e9)}: {text.printable(mark.label)}")

    def _call(self, call: Callable[[], Answered]) -> None:
        def run() -> None:
            try:
                self._events.put(call())
            except DaemonError as error:
                self._events.put(Answered(f"{error.message}: {error.next_step}"))

        threading.Thread(target=run, daemon=True).start()


def until_left(view: LiveView, events: queue.SimpleQueue[Any]) -> Signalled | None:
    """Shows the session until whoever looks has had enough (None), or a signal comes."""
    while True:
        event = events.get()
        if isinstance(event, Signalled):
            return event
        if view.take(event):
            return None


class LogLines(logging.Handler):
    """What a daemon inside this process has to say. While entered, each line is a remark; then all are said
    once more, for which the terminal should be what it was again."""

    def __init__(self, events: queue.SimpleQueue[Any]) -> None:
        super().__init__(logging.WARNING)
        self._events = events
        self._lines: collections.deque[str] = collections.deque(maxlen=LOG_LINES_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        line = text.printable(record.getMessage())
        self._lines.append(line)
        self._events.put(Answered(line))

    def __enter__(self) -> LogLines:
        logging.getLogger("memscope").addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger("memscope").removeHandler(self)
        for line in self._lines:
            say_on_stderr(line)
