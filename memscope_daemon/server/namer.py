"""The names of variables in a report: inferred from the source files of the target, once for each stack.

Done in the thread of whoever asks, not where events are taken in: to parse a file takes milliseconds.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import socket
import threading
import time

from memscope_daemon.attach import procfs
from memscope_daemon.metadata.flow import Flow
from memscope_daemon.metadata.sources import Sources
from memscope_daemon.metadata.variables import infer
from memscope_daemon.model.report import Report, Site
from memscope_daemon.model.session import Target
from memscope_daemon.model.variables import Confidence, Frames, SitePath, Variable

ANSWERS_MAX = 10_000
#: Of source that one report may have parsed. What is beyond is found when somebody asks again.
PARSED_BYTES_MAX = 4 << 20


class Namer:
    """Of one session. Safe to use from many threads. To be made while the target runs."""

    def __init__(self, target: Target) -> None:
        self._target = target
        is_here = target.host == socket.gethostname() and self._is_alive()
        self._sources = Sources(target.pid) if is_here else None
        self._began = _started_unix(target.start_time_ticks)
        self._answers: collections.OrderedDict[Frames, Variable | None] = collections.OrderedDict()
        self._lock = threading.Lock()

    def name(self, report: Report) -> Report:
        """The report with the variables of its first sites; without what they are told from."""
        if self._sources is None or not report.paths:
            return dataclasses.replace(report, paths=())
        with self._lock:
            reading = _Reading(self._sources, self._is_alive())
            named = [
                self._named(site, paths, reading)
                for site, paths in zip(report.sites, report.paths, strict=False)
            ]
        return dataclasses.replace(report, sites=(*named, *report.sites[len(named) :]), paths=())

    def _named(self, site: Site, paths: tuple[SitePath, ...], reading: _Reading) -> Site:
        shares: dict[Variable, float] = {}
        for path in paths:
            variable = self._variable(path.frames, reading)
            if variable is not None:
                shares[variable] = shares.get(variable, 0.0) + path.share
        if not shares:
            return site
        best = max(shares, key=lambda each: shares[each])
        return dataclasses.replace(site, variable=best, variable_share=min(shares[best], 1.0))

    def _variable(self, frames: Frames, reading: _Reading) -> Variable | None:
        if frames in self._answers:
            self._answers.move_to_end(frames)
            return self._answers[frames]
        found = infer(frames, reading.flow_of)
        if found is not None and reading.changed_at(found.file) > self._began:
            found = dataclasses.replace(found, confidence=Confidence.LOW)  # it may have been another one
        if found is not None or not reading.is_over:
            self._answers[frames] = found
            while len(self._answers) > ANSWERS_MAX:
                self._answers.popitem(last=False)
        return found

    def _is_alive(self) -> bool:
        return procfs.is_process(self._target.pid, self._target.start_time_ticks)


def _started_unix(ticks: int) -> float:
    """When a process began that did so that long after the machine."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK")


class _Reading:
    """The files that one report makes use of. ``is_over``: no more are parsed."""

    def __init__(self, sources: Sources, is_alive: bool) -> None:
        self._sources, self._is_alive = sources, is_alive
        self._flows: dict[str, Flow | None] = {}
        self._changed: dict[str, float] = {}
        self._parsed_bytes = 0

    @property
    def is_over(self) -> bool:
        return self._parsed_bytes >= PARSED_BYTES_MAX

    def changed_at(self, file: str) -> float:
        """Unix time of the last change of a file that was parsed."""
        return self._changed.get(file, 0.0)

    def flow_of(self, file: str) -> Flow | None:
        if file not in self._flows and not self.is_over:
            self._flows[file] = self._parse(file)
        return self._flows.get(file)

    def _parse(self, file: str) -> Flow | None:
        found = self._sources.read(file, is_alive=self._is_alive)
        if found is None:
            return None
        source, self._changed[file] = found
        self._parsed_bytes += len(source)
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            return Flow(source)
        return None
