"""The daemon's services over real gRPC and real DuckDB, with attaches that a test makes up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memscope_daemon import clock
from memscope_daemon.config import KEEP_BYTES
from memscope_daemon.errors import MemscopeError, TrackingError
from memscope_daemon.model.session import AttachFigures, TargetStop
from memscope_daemon.server.auto_export import AutoExporter
from memscope_daemon.server.book import SessionBook
from memscope_daemon.server.control_service import Attempt
from memscope_daemon.server.host import Host
from memscope_daemon.server.tracking import Tracker
from memscope_daemon.shim.job import Resume
from tests.unit.server import mini_shipper
from tests.unit.server.mini_shipper import MiniShipper


class FakeShipper:
    """The process beside the target, as far as a daemon sees it."""

    def __init__(self) -> None:
        self.alive = True
        self.killed = False

    def wait(self, timeout_s: float | None = None) -> Any:
        if self.alive:
            raise TimeoutError
        return None

    def kill(self) -> None:
        self.alive, self.killed = False, True

    def close(self) -> None:
        """Nothing is held."""


class FakeTracking:
    """An attach connects a MiniShipper to the daemon, a detach sends a last batch and Goodbye."""

    refusal: MemscopeError | None = None
    says_hello = True
    says_goodbye = True
    hold: threading.Event | None = None
    successor: Callable[[FakeTracking], MiniShipper] | None = None
    is_closed = False

    def __init__(self, attempt: Attempt, address: str, number: int) -> None:
        self.attempt, self.address = attempt, address
        self.session_id = f"{number:016x}"
        self.attach_figures = AttachFigures("K", (TargetStop("map", 101_000),), 7_000_000)
        self.started_monotonic_ns = clock.monotonic_ns()
        self.shipper = FakeShipper()
        self.wire: MiniShipper | None = None
        self.cancelled = threading.Event()
        self.resumed: list[Resume] = []

    def start(self) -> None:
        self.attempt.progress("waiting for the GIL")
        if self.hold is not None:
            self.hold.wait(30)
        if self.refusal is not None:
            raise self.refusal
        if self.says_hello:
            self.wire = MiniShipper(self.address, mini_shipper.hello(self.session_id, pid=self.attempt.pid))

    def cancel(self) -> None:
        self.cancelled.set()
        if self.hold is not None:
            self.hold.set()

    def detach(self) -> AttachFigures:
        if self.wire is not None and self.says_goodbye:
            wire = self.wire
            wire.send(
                mini_shipper.batch(
                    1, mini_shipper.events(size_bytes=[31]), dictionary=mini_shipper.dictionary(1)
                )
            )
            wire.goodbye()
        elif self.wire is not None:
            self.wire.close()
        self.shipper.alive = False
        return AttachFigures("", (), 900_000)

    def resume(self, resume: Resume) -> None:
        if self.successor is None:
            raise TrackingError("shipper.ended", "no other could take over", "attach again")
        self.resumed.append(resume)
        self.shipper = FakeShipper()
        self.wire = self.successor(self)

    def close(self) -> None:
        self.is_closed = True


class Serving:
    """A host with a book and a tracker. ``made``: the trackings so far; ``prepare`` may change the next."""

    def __init__(self, folder: Path, keep_bytes: int = KEEP_BYTES) -> None:
        self.folder = folder
        self.address = f"unix:{folder}/s.sock"
        self.made: list[FakeTracking] = []
        self.prepare: Callable[[FakeTracking], None] = lambda tracking: None
        self.book = SessionBook(folder, keep_bytes)
        self.exports = AutoExporter(self.book, folder)
        self.tracker = Tracker(self.book, self._make, self.exports)
        self.host = Host(self.address, self.book, self.tracker, self.tracker.began)

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.tracker.stop()
        self.exports.stop()
        self.host.close()
        self.book.close()

    def crash(self) -> None:
        """Ends as a daemon does that is killed: without a word to anybody."""
        self.tracker._tracked.clear()
        self.exports._followed.clear()
        self.close()

    def _make(self, attempt: Attempt) -> FakeTracking:
        tracking = FakeTracking(attempt, self.address, len(self.made) + 1)
        self.prepare(tracking)
        self.made.append(tracking)
        return tracking
