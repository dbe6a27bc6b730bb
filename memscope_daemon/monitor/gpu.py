"""Looks at the GPUs, in a thread of its own: a driver may take its time, and nobody waits for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from memscope_daemon import clock
from memscope_daemon.monitor.nvml import GpuLook, Nvml
from memscope_daemon.monitor.reading import Gpu

#: The driver itself takes a figure between once and six times a second.
LOOK_EACH_S = 0.5
#: What is older is not told: the driver is stuck.
STALE_NS = 2_000_000_000
NOTHING = GpuLook(Gpu(), {})


class GpuWatch:
    """The latest look, for any thread. Begins with :meth:`start`; where there is no GPU it ends at once."""

    def __init__(self, load: Callable[[], Nvml] = Nvml) -> None:
        self._load = load
        self._latest, self._looked_ns = NOTHING, 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """The first call counts."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="monitor-gpu", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Does not wait: a driver that is stuck would keep whoever does."""
        self._stopping.set()

    @property
    def latest(self) -> GpuLook:
        is_fresh = clock.monotonic_ns() - self._looked_ns < STALE_NS
        return self._latest if is_fresh else NOTHING

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            library = self._load()
            while not self._stopping.wait(LOOK_EACH_S):
                self._latest = library.look()
                self._looked_ns = clock.monotonic_ns()
            library.close()
