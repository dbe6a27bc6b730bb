"""Takes a sample of each watched target, and one of the host, every 100 ms, from outside.

One thread for all targets, asleep while there is none. It reads what the kernel keeps counted anyway:
nothing runs in the target, and it is not stopped. Left out is what would make the target wait: proportional
and unique set sizes (``smaps_rollup``), for which the kernel walks all of a process's memory with its map
locked.

Where a look takes long (many targets, a machine with hundreds of processors or interfaces), the next one
comes later, so that looking takes no more than a tenth of one processor: rates are per second that has really
passed, and timestamps show the gap.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from memscope_daemon.monitor.gpu import GpuWatch
from memscope_daemon.monitor.kernel import HostReader, Networks, TargetReader
from memscope_daemon.monitor.nvml import GpuLook
from memscope_daemon.monitor.reading import Reading, figures

LOG = logging.getLogger("memscope.monitor")
PERIOD_S = 0.1
SHARE_MAX = 0.1

Row = tuple[float, ...]


class Subject(Protocol):
    """Whom samples are for."""

    @property
    def is_over(self) -> bool: ...
    def live(self) -> tuple[float, float]:
        """Blocks live now, and most bytes live at once; NaN: not known."""

    def put(self, row: Row) -> None:
        """One of ``model.system.ROW``, with monotonic timestamps."""


class _Watched:
    def __init__(self, pid: int, reader: TargetReader, subject: Subject) -> None:
        self.pid, self.reader, self.subject = pid, reader, subject
        self.before: Reading | None = None


class Sampler:
    """Safe to use from many threads."""

    def __init__(self, gpus: GpuWatch | None = None) -> None:
        self._gpus = gpus or GpuWatch()
        self._lock = threading.Lock()
        self._watched: dict[Subject, _Watched] = {}
        self._wanted, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._networks, self._host = Networks(), HostReader()
        self._host_before: Reading | None = None

    def watch(self, pid: int, start_time_ticks: int, subject: Subject) -> bool:
        """Until the process ends, or the subject is over. False: there is no such process (any more), or
        nothing is watched any more."""
        with self._lock:
            if self._stopping.is_set():
                return False
            if subject in self._watched:
                return True
            try:
                reader = TargetReader(pid, start_time_ticks)
            except ProcessLookupError:
                return False
            self._watched[subject] = _Watched(pid, reader, subject)
            self._wanted.set()
            if self._thread is None:
                self._gpus.start()
                self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
                self._thread.start()
        return True

    def stop(self) -> None:
        """Takes no more samples. May be called once."""
        self._stopping.set()
        self._wanted.set()
        self._gpus.stop()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()
        with self._lock:
            left, self._watched = self._watched, {}
        for one in left.values():
            one.reader.close()

    def _run(self) -> None:
        due = time.monotonic()
        try:
            while not self._stopping.wait(max(due - time.monotonic(), 0.0)):
                if not self._wanted.is_set():
                    self._host_before = None
                    self._wanted.wait()
                    due = time.monotonic()
                began = time.thread_time()
                self._look()
                took = time.thread_time() - began
                rest = max(
                    took * (1.0 / SHARE_MAX - 1.0), PERIOD_S / 2
                )  # not two in a hurry after a late one
                due = max(due + PERIOD_S, time.monotonic() + rest)
        except Exception as error:  # of this machine's files none can be read as it should: no figures then
            LOG.error("the system monitor has ended: %r", error)

    def _look(self) -> None:
        with self._lock:
            watched = list(self._watched.values())
        self._networks.forget()
        gpus = self._gpus.latest
        host = self._host.read(self._networks, gpus.host)
        host_row = (host.time_ns, *figures(self._host_before, host))
        self._host_before = host
        for one in watched:
            try:
                goes_on = self._sampled(one, gpus, host_row)
            except Exception as error:  # whatever it is, the others want to be looked at too
                LOG.error("process %d is not looked at any more: %r", one.pid, error)
                goes_on = False
            if not goes_on:
                self._leave(one)

    def _sampled(self, one: _Watched, gpus: GpuLook, host_row: Row) -> bool:
        if one.subject.is_over:
            return False
        now = one.reader.read(self._networks, self._host.memory_total, gpus.of(one.pid))
        if now is None:
            return False
        one.subject.put((now.time_ns, *figures(one.before, now), *one.subject.live(), *host_row))
        one.before = now
        return True

    def _leave(self, one: _Watched) -> None:
        with self._lock:
            del self._watched[one.subject]
            if not self._watched and not self._stopping.is_set():
                self._wanted.clear()
        one.reader.close()
