"""A session of memscope as the yardstick sees it: from outside, by its command line and its client."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from memscope_client import Report, Session
from tests.bench.yardstick.runs import Traces
from tests.support.daemon import Serving, memscoped
from tests.support.rings import descendants
from tests.support.samples import first_event_ns


@dataclasses.dataclass(frozen=True, slots=True)
class Attached:
    """``began_unix_ns``: when the command was started; ``active_ns``: so long it took to active hooks."""

    daemon: Serving
    session_id: str
    began_unix_ns: int
    active_ns: int

    def processes(self) -> tuple[int, ...]:
        """The daemon, the shipper, and what else is started for them."""
        return (self.daemon.process.pid, *descendants(self.daemon.process.pid))

    def leave(self) -> Traces:
        session = self.daemon.client.detach(self.session_id)
        report = self.daemon.client.report(self.session_id, site_count=1)
        return Traces(
            stops_ms=tuple((stop.purpose, stop.duration_ns / 1e6) for stop in session.attach.stops),
            to_active_ms=self.active_ns / 1e6,
            to_first_event_ms=self._first_event_ms(session, report),
            recorded_count=report.quality.recorded_count,
            lost_count=report.quality.lost_count,
            losses={loss.cause: loss.record_count for loss in report.quality.losses},
            written_bytes=written_bytes(Path(session.store_path)),
        )

    def _first_event_ms(self, session: Session, report: Report) -> float | None:
        """None: there was none, or it is among those that are kept by their sums only."""
        if report.quality.recorded_count == 0 or report.history.forgotten_count:
            return None
        return (session.started_unix_ns + first_event_ns(session.store_path) - self.began_unix_ns) / 1e6


def attach(daemon: Serving, pid: int, options: Sequence[str]) -> Attached:
    """``memscoped attach`` by PID, as a user types it, with a daemon that runs.

    :raises AssertionError: refused, or failed; with what it said.
    """
    began_unix_ns, began_ns = time.time_ns(), time.perf_counter_ns()
    done = memscoped(daemon.folder, "attach", str(pid), "--background", "--daemon", daemon.address, *options)
    active_ns = time.perf_counter_ns() - began_ns
    assert done.returncode == 0, done.stderr.strip()
    return Attached(daemon, done.stdout.strip(), began_unix_ns, active_ns)


def written_bytes(store: Path) -> int:
    """What a session's capture takes on disk, its log included."""
    total = 0
    for path in store.parent.glob(f"{store.name}*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
