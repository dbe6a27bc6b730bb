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
    """A point, or what is known of the target's own memory."""

    what: WatchPoint | SystemSample


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
        self._system = System(client, session_id)

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
                self._events.put(Came(point))
                if point.is_newest and (system := self._system.look()) is not None:
                    self._events.put(Came(system))
        except DaemonError as error:
            over = Over(error)
        except Exception as error:  # the connection was closed under it, or a bug: somebody looks at the view
            over = Over(DaemonError("client.failed", f"the watch failed: {error!r}", "report this as a bug"))
        if not self._stopped.is_set():
            self._events.put(over)


class System:
    """What is known of the target's own memory and processor. A daemon that looks at it tells with its
    figures; else a report says how large the target is, which takes a while and is asked for seldom."""

    def __init__(self, client: Client, session_id: str) -> None:
        self._client, self._session_id = client, session_id
        self._due = 0.0

    def look(self) -> SystemSample | None:
        """None: nothing new is known."""
        with contextlib.suppress(DaemonError):
            snapshot = self._client.figures(self._session_id)
            found = snapshot.system  # a daemon that does not look has none to tell
            if found is not None:
                return SystemSample(found.memory_usage_bytes, found.cpu_usage_percent)
            return self._reported()
        return None

    def _reported(self) -> SystemSample | None:
        began = time.monotonic()
        if began < self._due:
            return None
        document = json.loads(self._client.export(self._session_id, "json")[1])
        self._due = began + max(RESIDENT_EACH_S, (time.monotonic() - began) / RESIDENT_SHARE)
        return SystemSample(document["resident_memory"]["now_bytes"])
