"""One target under one attach: from a pid to an active shim with a shipper beside it, and out again.

::

    session = TargetSession(pid, sampling, "unix:/run/…/daemon.sock", progress=print)
    session.start()      # blocks until the hooks are in
    ...
    session.detach()     # blocks until they are out
    session.shipper.wait()

A session belongs to the thread that made it; only :meth:`TargetSession.cancel` may come from another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from memscope_daemon import clock
from memscope_daemon.attach import procfs, target
from memscope_daemon.attach.handover import MappedShim, mapped_shims
from memscope_daemon.attach.host import SHIM_PATH
from memscope_daemon.attach.injection import Injection, InjectionResult, TracerProcess, build_job
from memscope_daemon.attach.plan import Plan, check, refuse
from memscope_daemon.attach.target import Facts
from memscope_daemon.errors import AttachRefused, TargetEnded, TrackingError
from memscope_daemon.model.sampling import SamplingConfig
from memscope_daemon.model.session import AttachFigures, Target, TargetStop
from memscope_daemon.shim import layout
from memscope_daemon.shim.geometry import geometry_for
from memscope_daemon.shim.job import Job, Resume, ShipperExit
from memscope_daemon.shim.launch import ShipperProcess

UNSTOPPABLE_TRIES = 3
Progress = Callable[[str], None]
SpawnTracer = Callable[[], TracerProcess]


def _silent(_: str) -> None:
    """Progress nobody wants."""


@dataclasses.dataclass(frozen=True, slots=True)
class LeaveResult:
    """``left_in_chain``: another tool's hooks stand on top of ours, which now only pass through."""

    had_hooks: bool
    left_in_chain: bool
    figures: AttachFigures

    def __str__(self) -> str:
        if not self.had_hooks:
            return "memscope's hooks were out already"
        return (
            "hooks left pass-through: another tool stands on top" if self.left_in_chain else "hooks taken out"
        )


class TargetSession:
    """One attach. ``session_id``: 16 hex digits, or None for a random one. ``spawn_shipper``,
    ``spawn_tracer``: where the helpers come from, as they are needed."""

    def __init__(
        self,
        pid: int,
        sampling: SamplingConfig,
        ingest_address: str,
        *,
        progress: Progress = _silent,
        session_id: str | None = None,
        shim: Path = SHIM_PATH,
        spawn_shipper: Callable[[], ShipperProcess] = ShipperProcess.spawn,
        spawn_tracer: SpawnTracer = TracerProcess,
    ) -> None:
        self.pid, self.ingest_address, self.progress = pid, ingest_address, progress
        self.session_id = session_id or secrets.token_hex(8)
        self.sampling = sampling
        self.target = Target(pid)
        self.started_unix_ns = 0
        self.started_monotonic_ns = 0
        self.attach_figures = AttachFigures()
        self.detach_figures = AttachFigures()
        self._shipper: ShipperProcess | None = None
        self._shim = shim
        self._spawn = spawn_shipper
        self._spawn_tracer = spawn_tracer
        self._job: Job | None = None
        self._build = b""  # the shim as it was: its file may be replaced while the session runs
        self._shared_fd = -1  # kept for a shipper that has to take over
        self._skipped = (0, 0)
        self._injection: Injection | None = None
        self._cancelled = False

    @property
    def shipper(self) -> ShipperProcess:
        """The shipper of this session; there is one from :meth:`start` on."""
        if self._shipper is None:
            raise TrackingError("session.not-started", "this session was never started", "start it first")
        return self._shipper

    def start(self) -> None:
        """Attaches; returns when the hooks are in.

        :raises AttachRefused: the target was not touched, or is as it was.
        :raises AttachFailed: it was given up half-way; the message says what is left behind.
        :raises TargetEnded: the target ended.
        :raises TrackingError: the shipper failed.
        """
        began = clock.monotonic_ns()
        try:
            result = self._try()
        except BaseException:
            if self._shipper is not None:
                self._shipper.abort()
            self.close()
            raise
        self.attach_figures = _figures(result, began)
        if result.region_left:
            self.progress("a few idle pages of memscope's stay mapped in the target for now")

    def _try(self) -> InjectionResult:
        for left in reversed(range(UNSTOPPABLE_TRIES)):
            tracer = self._spawn_tracer()  # it comes up while we look
            try:
                facts, plan = _look(self.pid, self._shim)
                self._shipper = self._shipper or self._spawn()
                self.target = _describe(facts)
                return self._inject(tracer, facts, plan)
            except AttachRefused as refusal:
                if refusal.code != "attach.unstoppable" or self.started_unix_ns or not left:
                    raise
            finally:
                tracer.close()
        raise AssertionError("the last try returns or raises")

    def _inject(self, tracer: TracerProcess, facts: Facts, plan: Plan) -> InjectionResult:
        shared_bytes = geometry_for(self.sampling).total_bytes
        job = build_job(facts, plan, layout.Operation.ENTER, self._shim, shared_bytes)
        self._build = self._shim.read_bytes()
        self._injection = Injection(tracer, job, self._hand_over, self.progress)
        if self._cancelled:
            self._injection.cancel()
        return self._injection.run()

    def _hand_over(self, descriptor: int) -> None:
        """Runs when the target has made the shared memory and waits for it to be filled in."""
        self.started_unix_ns, self.started_monotonic_ns = clock.unix_ns(), clock.monotonic_ns()
        job = Job(
            session_id=self.session_id,
            pid=self.pid,
            ingest_address=self.ingest_address,
            sampling=self.sampling,
            start_monotonic_ns=self.started_monotonic_ns,
            started_unix_ns=self.started_unix_ns,
            start_time_ticks=self.target.start_time_ticks,
            program=self.target.program,
            python_version=self.target.python_version,
            host=self.target.host,
        )
        self.shipper.prepare(job, descriptor)
        self._job, self._shared_fd = job, os.dup(descriptor)

    def resume(self, resume: Resume) -> None:
        """The shipper has died: another takes over the same shared memory. The target is not touched.

        ``resume`` tells what the ingest has; its positions are counted from the records it was sent.

        :raises TrackingError: the shipper lives, has ended by itself, or no other could take over.
        """
        died_of = self.shipper.wait(0.0).exit_code
        if self._job is None or not (died_of < 0 or died_of == ShipperExit.CRASHED):
            raise TrackingError("shipper.ended", "the shipper ended by itself", "attach again")
        events, raw = self._skipped
        resume = dataclasses.replace(
            resume,
            event_position=resume.event_position + events,
            raw_position=resume.raw_position + raw,
            # a shipper that died at once has told nobody what was lost before it
            losses={**resume.losses, "shipper_died": events + raw},
        )
        successor = self._spawn()
        try:
            more_events, more_raw = successor.adopt(self._job, resume, self._shared_fd)
        except BaseException:
            successor.kill()
            successor.close()
            raise
        self._skipped = (events + more_events, raw + more_raw)
        self.shipper.close()
        self._shipper = successor

    def close(self) -> None:
        """Gives back what is held for a shipper that would have to take over. May be called twice."""
        descriptor, self._shared_fd = self._shared_fd, -1
        if descriptor >= 0:
            os.close(descriptor)

    def cancel(self) -> None:
        """Gives a :meth:`start` up that is still at it; it then raises ``attach.cancelled``, or returns
        if the hooks were in already. From any thread."""
        self._cancelled = True
        if self._injection is not None:
            self._injection.cancel()

    def detach(self) -> AttachFigures:
        """Takes the hooks out: first by asking the shim, which needs no stop of the target, then by a call
        of ours. The shipper goes on to the last byte: wait for it with ``shipper.wait()``.

        :raises AttachRefused: they could not be taken out now (a stopped target, say); try again.
        """
        began = clock.monotonic_ns()
        with contextlib.suppress(TrackingError):  # a dead shipper: then by the call
            if self.shipper.detach().detached:
                self.detach_figures = AttachFigures(total_ns=clock.monotonic_ns() - began)
                return self.detach_figures
        with contextlib.suppress(TargetEnded):
            if self._still_there():
                self.detach_figures = leave(self.pid, self.progress, self._build, self._spawn_tracer).figures
        return self.detach_figures

    def _still_there(self) -> bool:
        with contextlib.suppress(ProcessLookupError):
            same = procfs.start_time_ticks(self.pid) == self.target.start_time_ticks
            return same and procfs.status(self.pid)["State"][:1] not in "ZX"
        return False


def leave(
    pid: int,
    progress: Progress = _silent,
    build: bytes = b"",
    spawn_tracer: SpawnTracer = TracerProcess,
) -> LeaveResult:
    """Takes hooks of ours out of a process, with no session of ours needed. Safe to repeat.

    ``build``: only those of this shim, as its file was; another build's may belong to a session that runs.

    :raises AttachRefused: it cannot be done now, or no shim of ours is there (``attach.no-shim``).
    :raises TargetEnded: the target ended.
    """
    began = clock.monotonic_ns()
    facts, plan = _look(pid, SHIM_PATH, leaving=True)
    asked = facts.mapped_shims if not build else _of_build(pid, build)
    if not asked:
        raise refuse("no-shim", f"memscope is not in process {pid}", "there is nothing to take out")
    for mapped in asked:
        result = _leave_one(facts, plan, mapped, progress, spawn_tracer)
        if result.outcome is not layout.Outcome.NOTHING_TO_DO:
            break
    return LeaveResult(
        had_hooks=result.outcome is not layout.Outcome.NOTHING_TO_DO,
        left_in_chain=result.outcome is layout.Outcome.LEFT_IN_CHAIN,
        figures=_figures(result, began),
    )


def _leave_one(
    facts: Facts, plan: Plan, mapped: MappedShim, progress: Progress, spawn_tracer: SpawnTracer
) -> InjectionResult:
    """Several builds may be in a process; each answers for its own hooks."""
    tracer = spawn_tracer()
    try:
        facts = dataclasses.replace(facts, shim_path=mapped.path)
        plan = dataclasses.replace(plan, entry_address=mapped.entry, hands_over=False)
        job = build_job(facts, plan, layout.Operation.LEAVE, SHIM_PATH, 0)
        return Injection(tracer, job, _no_descriptor, progress).run()
    finally:
        tracer.close()


def _no_descriptor(_: int) -> None:
    raise TrackingError("attach.unexpected", "a leaving shim shares no memory", "report this")


def _of_build(pid: int, build: bytes) -> tuple[MappedShim, ...]:
    try:
        found = mapped_shims(pid, procfs.mappings(pid), SHIM_PATH, build)
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(each for each in found if each.is_same)


def _look(pid: int, shim: Path, leaving: bool = False) -> tuple[Facts, Plan]:
    """:raises AttachRefused: as ``plan.check``. To leave, the shim's file need not be readable any more."""
    facts = target.collect(pid, shim)
    if leaving:
        facts = dataclasses.replace(facts, shim_readable=True, memory_headroom_bytes=None)
    return facts, check(facts)


def _describe(facts: Facts) -> Target:
    version = facts.interpreter.version_text if facts.interpreter else ""
    return Target(facts.pid, facts.start_time_ticks, facts.program, version, socket.gethostname())


def _figures(result: InjectionResult, began_ns: int) -> AttachFigures:
    return AttachFigures(
        result.route,
        tuple(TargetStop(stop.purpose, stop.duration_ns, stop.interrupted_call) for stop in result.stops),
        clock.monotonic_ns() - began_ns,
        result.waited_for_gil_ns,
    )


__all__ = ["AttachRefused", "LeaveResult", "TargetSession", "leave"]
