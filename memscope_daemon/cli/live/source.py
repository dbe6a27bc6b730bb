"""Points of a session as events of the command's queue: a watch of the daemon, in a thread of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import queue
import threading
import time
from typing import Any

from memscope_client import Client, DaemonError, WatchPoint
from memscope_daemon.cli.live.moment import SystemSample

SITES_ASKED = 100
RESIDENT_EACH_S = 10.0
RESIDENT_SHARE = 0.01  # of the time, at most, goes into asking for it


@dataclasses.dataclass(frozen=True, slots=True)
class Came:
    """``system`` None: not known."""

    point: WatchPoint
    system: SystemSample | None


@dataclasses.dataclass(frozen=True, slots=True)
class Over:
    """No more points come: the session has ended (None), or they cannot be had."""

    error: DaemonError | None = None


class Watch:
    """Of one session, from :meth:`start` to :meth:`stop`. ``from_start``: with the points there have been."""

    def __init__(
        self,
        client: Client,
        session_id: str,
        events: queue.SimpleQueue[Any],
        every_s: float,
        *,
        from_start: bool,
    ) -> None:
        self._client, self._session_id, self._events = client, session_id, events
        self._every_s, self._after = every_s, 0 if from_start else None
        self._stopped = threading.Event()
        self._resident = Resident(client, session_id)

    def start(self) -> None:
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def stop(self) -> None:
        """It ends by itself with the next point; nobody waits for that."""
        self._stopped.set()

    def _run(self) -> None:
        over = Over()
        try:
            for point in self._client.watch(
                self._session_id, after=self._after, site_count=SITES_ASKED, every_s=self._every_s
            ):
                if self._stopped.is_set():
                    return
                self._events.put(Came(point, self._resident.latest if point.is_newest else None))
        except DaemonError as error:
            over = Over(error)
        except Exception as error:  # the connection was closed under it, or a bug: somebody looks at the view
            over = Over(DaemonError("client.failed", f"the watch failed: {error!r}", "report this as a bug"))
        if not self._stopped.is_set():
            self._events.put(over)


class Resident:
    """The target's resident memory as reports have it. A report takes a while, so it is asked for seldom."""

    def __init__(self, client: Client, session_id: str) -> None:
        self._client, self._session_id = client, session_id
        self._sample: SystemSample | None = None
        self._due = 0.0

    @property
    def latest(self) -> SystemSample | None:
        began = time.monotonic()
        if began >= self._due:
            with contextlib.suppress(DaemonError):  # then what was known last
                document = json.loads(self._client.export(self._session_id, "json")[1])
                self._sample = SystemSample(document["resident_memory"]["now_bytes"])
            took_s = time.monotonic() - began
            self._due = began + max(RESIDENT_EACH_S, took_s / RESIDENT_SHARE)
        return self._sample
