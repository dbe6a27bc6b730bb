"""A foreground session: attach, watch, detach, as one loop over one queue of events.

Calls that may take long run in threads of their own and put their result into the queue, as signals do.
So a Ctrl-C is seen at once, whatever is being waited for, and no call is ever cut short half done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from memscope_client import Attachment, AutoExport, Client, DaemonError, Sampling, Session
from memscope_daemon.cli.messages import say
from memscope_daemon.cli.outcome import ended_code
from memscope_daemon.cli.signals import Signalled
from memscope_daemon.errors import ExitCode

LOOK_S = 0.25  # so often whether the session has ended, and
LOOK_LIVE_S = 1.0  # where somebody sees it end


class Looking(Protocol):
    """What shows a session to somebody while it runs."""

    def take(self, event: Any) -> bool:
        """Shows what an event of the queue brings. True: whoever looks has had enough."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What an attach is asked for; see ``Client.attach``."""

    sampling: Sampling
    max_overhead_percent: float = 0.0
    history: str = ""
    auto_export: AutoExport | None = None

    def attach(self, client: Client, pid: int) -> Attachment:
        return client.attach(
            pid,
            self.sampling,
            max_overhead_percent=self.max_overhead_percent,
            history=self.history,
            auto_export=self.auto_export,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """A call in a thread of its own is over, one way or the other."""

    session: Session | None
    error: DaemonError | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Leaving:
    """The session is to end now; the command ends with ``exit_code``."""

    exit_code: int


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """How a foreground session ended. ``session`` None: no session, or its end not waited for."""

    session: Session | None
    exit_code: int


class Foreground:
    """One session from attach to detach. Used by the main thread only."""

    def __init__(self, client: Client, events: queue.SimpleQueue[Any]) -> None:
        self._client = client
        self._events = events

    def attach(
        self, pid: int, wanted: Wanted, meanwhile: Callable[[], None] | None = None
    ) -> Session | Ending:
        """Waits until tracking is active; a signal meanwhile gives up. A refusal is a DaemonError.

        ``meanwhile``: what is to be done while the daemon is at it.
        """
        attachment = wanted.attach(self._client, pid)
        self._call(lambda: self._attach(attachment))
        if meanwhile is not None:
            meanwhile()
        said = ""
        signalled: Signalled | None = None
        while True:
            event = self._events.get()
            if isinstance(event, Progress):
                if event.text != said:
                    say(event.text)
                said = event.text
            elif isinstance(event, Signalled):
                signalled = signalled or event
                say("giving up; a target in which nothing runs yet is left as it was")
                attachment.cancel()
            elif isinstance(event, Finished) and signalled is not None:
                self._take_back(pid, event.session)
                return Ending(None, signalled.exit_code)
            elif isinstance(event, Finished):
                if event.session is None:
                    raise event.error or AssertionError("a call that is over has a result")
                return event.session

    def watch(self, session: Session, duration_s: float | None, look: Looking | None) -> Session | Leaving:
        """Until the time is over, a signal comes, or whoever looks has had enough: then it is :meth:`end`'s
        turn. Or until the session ends by itself: that session."""
        ends = time.monotonic() + duration_s if duration_s is not None else None
        each_s = LOOK_S if look is None else LOOK_LIVE_S
        due = time.monotonic() + each_s
        while True:
            event = self._next(due if ends is None else min(due, ends))
            if isinstance(event, Signalled):
                return Leaving(event.exit_code)
            if ends is not None and time.monotonic() >= ends:
                return Leaving(int(ExitCode.DONE))
            if event is not None and look is not None and look.take(event):
                return Leaving(int(ExitCode.DONE))
            if time.monotonic() >= due:
                now = self._find(session)
                if now.is_ended:
                    return now
                due = time.monotonic() + each_s

    def end(self, session: Session, why: Session | Leaving) -> Ending:
        """Hooks are out when it returns. ``why``: what :meth:`watch` said."""
        if isinstance(why, Leaving):
            return self._detach(session, why.exit_code)
        return Ending(why, int(ended_code(why)))

    def _detach(self, session: Session, exit_code: int) -> Ending:
        say("detaching")
        self._call(lambda: self._client.detach(session.session_id))
        while True:
            event = self._events.get()
            if isinstance(event, Signalled):
                say("not waiting any longer; the hooks take themselves out when the target passes by")
                return Ending(None, event.exit_code)
            if isinstance(event, Finished):
                break
        ended = event.session or self._find(session)
        if event.session is None and not ended.is_ended:
            raise event.error or AssertionError("a call that is over has a result")
        # It may have ended by itself in the same moment.
        return Ending(ended, exit_code or int(ended_code(ended)))

    def _next(self, until: float) -> Any:
        """The next event; None: none came until then."""
        with contextlib.suppress(queue.Empty):
            return self._events.get(timeout=max(until - time.monotonic(), 0.0))
        return None

    def _find(self, session: Session) -> Session:
        for found in self._client.sessions(include_ended=True):
            if found.session_id == session.session_id:
                return found
        raise DaemonError("client.session-lost", "the daemon lost the session", "see its log")

    def _attach(self, attachment: Attachment) -> Session:
        for text in attachment:
            self._events.put(Progress(text))
        return attachment.result()

    def _take_back(self, pid: int, session: Session | None) -> None:
        """The attach was given up, but may have gone through in the same moment."""
        left = [session] if session else [one for one in self._client.sessions() if one.target.pid == pid]
        for one in left:
            with contextlib.suppress(DaemonError):
                self._client.detach(one.session_id)

    def _call(self, call: Callable[[], Session]) -> None:
        def run() -> None:
            try:
                self._events.put(Finished(call()))
            except DaemonError as error:
                self._events.put(Finished(None, error))
            except BaseException as error:  # whatever it is, somebody waits for an answer
                wrapped = DaemonError("client.failed", f"the call failed: {error!r}", "report this as a bug")
                self._events.put(Finished(None, wrapped))

        threading.Thread(target=run, daemon=True).start()
