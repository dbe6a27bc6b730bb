"""Attach here, ship elsewhere: for a server that takes events and offers nothing else.

Then the attaching is done by this command, in a thread of its own, since a server of that kind cannot. What
was measured is the server's to report.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from typing import Any

from memscope_daemon.attach.session import TargetSession
from memscope_daemon.cli.messages import say
from memscope_daemon.cli.signals import Signalled, SignalsAsEvents
from memscope_daemon.errors import ExitCode, MemscopeError, TrackingError
from memscope_daemon.model.sampling import SamplingConfig
from memscope_daemon.shim.launch import ShipperOutcome

LOOK_S = 0.1
DRAIN_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Active:
    """The hooks are in."""


@dataclasses.dataclass(frozen=True, slots=True)
class Over:
    """The session is over and its shipper has ended, or it never began."""

    outcome: ShipperOutcome | None = None
    error: MemscopeError | None = None


def run(pid: int, sampling: SamplingConfig, address: str, duration_s: float | None) -> int:
    """Attaches and ships to ``address`` until the time is over, a signal comes or the target ends."""
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    session = TargetSession(pid, sampling, address, progress=say)
    leave = threading.Event()
    worker = threading.Thread(target=_work, args=(session, events, leave))
    with SignalsAsEvents(events):
        worker.start()
        try:
            return _follow(session, events, leave, duration_s)
        finally:
            worker.join()


def _follow(
    session: TargetSession, events: queue.SimpleQueue[Any], leave: threading.Event, duration_s: float | None
) -> int:
    ends = None
    signalled: Signalled | None = None
    while True:
        event = _next(events, ends)
        if isinstance(event, Active):
            say(f"tracking {session.target.program}, session {session.session_id}")
            ends = time.monotonic() + duration_s if duration_s is not None else None
        elif isinstance(event, Over):
            return _over(event, signalled)
        else:
            ends = None
            signalled = signalled or event
            say("detaching")
            session.cancel()
            leave.set()


def _next(events: queue.SimpleQueue[Any], ends: float | None) -> Any:
    """The next event; None when the time is over."""
    try:
        return events.get(timeout=None if ends is None else max(ends - time.monotonic(), 0.0))
    except queue.Empty:
        return None


def _work(session: TargetSession, events: queue.SimpleQueue[Any], leave: threading.Event) -> None:
    try:
        session.start()
        events.put(Active())
        while session.shipper.alive and not leave.wait(LOOK_S):
            pass
        if session.shipper.alive:
            session.detach()
        events.put(Over(session.shipper.wait(DRAIN_S)))
    except MemscopeError as error:
        events.put(Over(error=error))
    except BaseException as error:  # whatever it is, somebody waits for an answer
        message = f"the session failed: {error!r}"
        events.put(Over(error=TrackingError("cli.agent-failed", message, "report this as a bug")))


def _over(event: Over, signalled: Signalled | None) -> int:
    if event.outcome is None:
        if signalled is not None:
            return signalled.exit_code
        raise event.error or AssertionError("an end without an outcome has an error")
    outcome = event.outcome
    say(f"{outcome.shipped_count} records shipped; the report is the server's to make")
    if outcome.exit_code != 0:
        say(f"the shipper ended early: {outcome.reason or outcome.exit_code} {outcome.detail}".rstrip())
        return int(ExitCode.FAILED)
    if signalled is not None:
        return signalled.exit_code
    return int(ExitCode.TARGET_ENDED if outcome.reason == "target_exited" else ExitCode.DONE)
