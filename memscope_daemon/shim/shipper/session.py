"""One session, from the shared memory made ready to the Goodbye taken. One loop, one thread (the link to
the ingest has its own).

Phases::

    WAITING ──ACTIVE seen──▶ DRAINING ──DETACHED / target dead──▶ LEAVING ──▶ done
       └──abort, parent gone, target dead──▶ done without a word

The loop never blocks on the ingest: while that is away or slow, batches pile up to their bound, then the
rings do, and the shim counts. The heartbeat goes on as long as somebody may still want the events.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import select
import socket
import sys

from memscope_daemon import __version__, clock
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon._pb import session_pb2
from memscope_daemon.shim import layout, messages
from memscope_daemon.shim.job import Job, Resume, ShipperExit
from memscope_daemon.shim.shipper.drain import BATCH_EVENTS_MAX, Drain
from memscope_daemon.shim.shipper.hook_watch import HookWatch
from memscope_daemon.shim.shipper.link import PROTOCOL_VERSION, IngestLink, LinkState
from memscope_daemon.shim.shipper.outbox import Outbox
from memscope_daemon.shim.shipper.pace import (
    BEAT_NS,
    FEW_EVENTS,
    FEW_FLUSH_AGE_NS,
    FLUSH_AGE_NS,
    IDLE_SLEEP_NS,
    Pace,
)
from memscope_daemon.shim.shipper.shared import Sampling, SharedMemory
from memscope_daemon.shim.shipper.target_watch import TargetWatch

LOOK_AT_HOOKS_NS = 300_000_000
#: Times the ingest's timeout: once the hooks are out, waiting costs the target nothing.
LEAVING_PATIENCE = 4
LOOK_AROUND_NS = 1_000_000_000  # between looks at what changes seldom: exec, losses


class Phase(enum.Enum):
    WAITING = "waiting"  # for the shim to be entered
    DRAINING = "draining"
    LEAVING = "leaving"  # all is sent, the Goodbye is on its way


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """Why a session ended: the wire's reason, a word for the parent, and a detail for a human."""

    reason: session_pb2.EndReason
    word: str
    detail: str
    exit_code: ShipperExit = ShipperExit.DONE


class Session:
    """Serves one job. ``connection`` leads to the parent, which may vanish at any time. ``resume``: another
    shipper began it and died."""

    def __init__(
        self,
        connection: socket.socket,
        job: Job,
        shared: SharedMemory,
        sampling: Sampling,
        resume: Resume | None = None,
    ) -> None:
        self._parent: socket.socket | None = connection
        self._job = job
        self._shared = shared
        self._sampling = sampling
        self._outbox = Outbox(job.unacknowledged_bytes_max, resume.last_batch if resume else 0)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._link = IngestLink(job.ingest_address, self._outbox, lambda: os.eventfd_write(self._wake_fd, 1))
        self._drain = Drain(shared, job.start_monotonic_ns, self._outbox.put)
        self._drain.note_command(sampling)
        self._is_successor = resume is not None
        if resume is not None:
            self._drain.go_on(resume)
        self._watch = TargetWatch(job.pid, job.start_time_ticks)
        self._pace = Pace()
        self._phase = Phase.WAITING
        self._end: End | None = None
        self._target_dead = self._watch.ended
        self._parent_speaks = True
        self._beat_ns = 0
        self._flushed_ns = 0
        self._looked_around_ns = 0
        self._looked_at_hooks_ns = 0
        self._heads_at_look = (0, 0, 0)
        self._hooks: HookWatch | None = None
        self._began_ns = clock.monotonic_ns()
        self._leaving_since_ns = 0
        self._detach_deadline_ns = 0  # 0 = nobody waits for an answer
        self._aborted = False
        self._poll = select.poll()
        for descriptor in (connection.fileno(), self._wake_fd, self._watch.fileno()):
            if descriptor >= 0:
                self._poll.register(descriptor, select.POLLIN)

    @property
    def skipped(self) -> tuple[int, int]:
        """Records of either ring that were lost with an earlier shipper."""
        return self._drain.skipped

    def run(self) -> ShipperExit:
        """Until the end; tells the parent how it ended."""
        self._link.warm_up()
        self._shared.touch()
        end = self._loop()
        self._tell_parent(
            {
                "say": "ended",
                "exit_code": int(end.exit_code),
                "reason": end.word,
                "detail": end.detail,
                "produced_count": self._drain.produced_count,
                "shipped_count": self._drain.shipped_count,
            }
        )
        return end.exit_code

    def _loop(self) -> End:
        while True:
            now_ns = clock.monotonic_ns()
            self._beat(now_ns)
            if self._parent_speaks:
                self._hear_parent()
            self._apply_commands(now_ns)
            sleep_ns = self._step(now_ns)
            self._answer_detach(now_ns)
            if end := self._finished(now_ns):
                return end
            self._sleep(sleep_ns)

    def _step(self, now_ns: int) -> int:
        """What the phase asks for; returns how long to sleep."""
        if self._phase is Phase.WAITING:
            return self._await_shim()
        if self._phase is Phase.DRAINING:
            return self._drain_once(now_ns)
        return IDLE_SLEEP_NS

    # --- phases ----------------------------------------------------------------------------------

    def _await_shim(self) -> int:
        if self._shared.state in (layout.State.ACTIVE, layout.State.DETACHED):
            # before anybody knows that the hooks are in, and could take them out again
            self._hooks = HookWatch(self._job.pid, *self._shared.hooks())
            self._link.start(self._hello())
            self._phase = Phase.DRAINING
            return 0
        if self._target_dead:
            self._end = self._target_end()
        elif self._aborted:
            self._end = End(session_pb2.END_REASON_ATTACH_FAILED, "aborted", "the attach was given up")
        return self._pace.awaiting(clock.monotonic_ns() - self._began_ns)

    def _drain_once(self, now_ns: int) -> int:
        if self._end is None:  # looked at before the rings: what is read then is all there is
            self._end = self._session_end(now_ns)
        end = self._end
        room = self._outbox.has_room
        read = self._drain.read() if room else 0
        self._flush_if_due(now_ns, ending=end is not None)
        if end is not None and room and not read:
            self._leave(end)
        if end is not None and room:
            return 0
        if self._detach_deadline_ns:
            return self._pace.hurry()
        return self._pace.after(read, self._drain.fill)

    def _session_end(self, now_ns: int) -> End | None:
        if self._target_dead:
            return self._target_end()
        if self._shared.state == layout.State.DETACHED:
            return End(session_pb2.END_REASON_DETACHED, "detached", self._detach_detail())
        if now_ns - self._looked_at_hooks_ns > LOOK_AT_HOOKS_NS:
            self._look_at_hooks(now_ns)
        if now_ns - self._looked_around_ns > LOOK_AROUND_NS:
            self._looked_around_ns = now_ns
            if self._watch.replaced:
                return End(
                    session_pb2.END_REASON_TARGET_EXITED, "target_exited", "became another program (exec)"
                )
            if self._drain.losses_changed:
                self._drain.flush(now_ns, even_empty=True)
        return None

    def _look_at_hooks(self, now_ns: int) -> None:
        """Whether they are still called: another tool that goes can take them along without a word."""
        if not self._drain.has_read(self._heads_at_look):
            return  # what was recorded while they were in comes first: a late reader is no late record
        self._looked_at_hooks_ns, self._heads_at_look = now_ns, self._shared.heads()
        cut_ns = self._hooks.look(now_ns, self._drain.latest_ns) if self._hooks else 0
        cut_off_ns = max(cut_ns - self._job.start_monotonic_ns, 1) if cut_ns > 0 else cut_ns
        if cut_off_ns != self._drain.cut_off_ns and not self._shared.detaching:
            self._drain.cut_off_ns = cut_off_ns
            self._drain.flush(now_ns, even_empty=True)

    def _flush_if_due(self, now_ns: int, *, ending: bool) -> None:
        drain = self._drain
        few = drain.waiting_count < FEW_EVENTS
        old = now_ns - self._flushed_ns >= (FEW_FLUSH_AGE_NS if few else FLUSH_AGE_NS)
        if drain.pending and (old or ending or drain.waiting_count >= BATCH_EVENTS_MAX):
            drain.flush(now_ns)
            self._flushed_ns = now_ns

    def _leave(self, end: End) -> None:
        if self._drain.losses_changed:
            self._drain.flush(clock.monotonic_ns(), even_empty=True)
        goodbye = pb.Goodbye(reason=end.reason, detail=end.detail, last_batch=self._drain.batch_count)
        self._outbox.finish(pb.IngestStreamRequest(goodbye=goodbye).SerializeToString())
        self._leaving_since_ns = clock.monotonic_ns()
        self._phase = Phase.LEAVING

    def _finished(self, now_ns: int) -> End | None:
        if self._phase is Phase.WAITING:
            return self._end
        if self._link.state is LinkState.FINISHED:
            return self._end or self._give_up("the ingest ended the session")
        if self._link.state is LinkState.REFUSED:
            return self._give_up(f"the ingest refused: {self._link.refusal}")
        if self._unheard_ns(now_ns) > self._job.ingest_timeout_s * 1e9:
            return self._give_up(f"the ingest did not answer for {self._job.ingest_timeout_s:.0f} s")
        return None

    def _unheard_ns(self, now_ns: int) -> int:
        """For how long the ingest has been away, or, once all is sent, silent. A server that is merely slow
        while the session runs is waited for."""
        if self._phase is Phase.LEAVING and self._link.state is LinkState.UP:
            silent_ns = min(self._link.silent_ns(now_ns), now_ns - self._leaving_since_ns)
            return silent_ns // LEAVING_PATIENCE
        return self._link.away_ns(now_ns)

    def _give_up(self, detail: str) -> End:
        """Nobody takes the events any more: ask the shim to leave; without a heartbeat it is quiet anyway."""
        self._shared.write_paused(True)
        self._shared.write_detach()
        return End(session_pb2.END_REASON_SHIPPER_LOST, "ingest_lost", detail, ShipperExit.INGEST_LOST)

    def _target_end(self) -> End:
        return End(session_pb2.END_REASON_TARGET_EXITED, "target_exited", self._watch.how_it_ended())

    def _detach_detail(self) -> str:
        stayed = self._shared.status().left_in_chain & 0b111
        names = [domain.name for domain in layout.Domain if stayed >> domain & 1]
        return f"hooks stay as pass-through under another tool's: {', '.join(names)}" if names else ""

    def _hello(self) -> bytes:
        job, sampling = self._job, self._sampling
        hello = pb.Hello(
            protocol_version=PROTOCOL_VERSION,
            session_id=job.session_id,
            target=session_pb2.Target(
                pid=job.pid,
                start_time_ticks=job.start_time_ticks,
                program=job.program,
                python_version=job.python_version,
                host=job.host or socket.gethostname(),
            ),
            sampling=session_pb2.SamplingConfig(**dataclasses.asdict(sampling)),
            started_unix_ns=job.started_unix_ns,
            shipper_version=__version__,
        )
        return pb.IngestStreamRequest(hello=hello).SerializeToString()

    # --- what others want --------------------------------------------------------------------------

    def _beat(self, now_ns: int) -> None:
        if now_ns - self._beat_ns >= BEAT_NS:
            self._shared.beat(now_ns)
            self._beat_ns = now_ns

    def _hear_parent(self) -> None:
        self._parent_speaks = False
        while self._parent is not None:
            self._parent.settimeout(0.0)
            try:
                received = messages.receive(self._parent)
            except (BlockingIOError, TimeoutError):
                return
            except (OSError, ValueError):
                received = None
            if received is None:
                self._lose_parent()
            else:
                self._obey(received[0])
                for descriptor in received[1]:
                    os.close(descriptor)

    def _lose_parent(self) -> None:
        """A session under way goes on (a daemon may come back), also one that another shipper began; one that
        never began ends here."""
        if self._parent is not None:
            self._poll.unregister(self._parent.fileno())
            self._parent.close()
            self._parent = None
        if self._phase is Phase.WAITING and not self._is_successor:
            self._abort()

    def _obey(self, message: messages.Message) -> None:
        match message.get("ask"):
            case "detach":
                grace_ns = int(float(message.get("grace_s", 0.0)) * 1e9)
                self._shared.write_detach()
                self._detach_deadline_ns = clock.monotonic_ns() + grace_ns
                self._answer_detach(clock.monotonic_ns())
            case "abort":
                self._abort()

    def _abort(self) -> None:
        """Should the shim still be entered after this, it finds that it is not wanted."""
        self._shared.write_paused(True)
        self._shared.write_detach()
        self._aborted = True

    def _answer_detach(self, now_ns: int) -> None:
        if not self._detach_deadline_ns:
            return
        status = self._shared.status()
        gone = status.state == layout.State.DETACHED or self._target_dead
        if gone or now_ns >= self._detach_deadline_ns:
            self._detach_deadline_ns = 0
            self._tell_parent(
                {"say": "detach", "detached": gone, "left_in_chain": status.left_in_chain & 0b111}
            )

    def _tell_parent(self, message: messages.Message) -> None:
        if self._parent is not None:
            try:
                messages.send(self._parent, message)
            except OSError:
                self._lose_parent()

    def _apply_commands(self, now_ns: int) -> None:
        while not self._link.commands.empty():
            command = self._link.commands.get()
            match command.WhichOneof("command"):
                case "set_sampling":
                    self._set_sampling(command.set_sampling.sampling)
                case "pause":
                    self._shared.write_paused(command.pause.paused)
                case "flush":
                    self._flush_on_command(now_ns)
                case "detach":
                    self._shared.write_detach()

    def _set_sampling(self, config: session_pb2.SamplingConfig) -> None:
        sampling = Sampling(
            config.mode,
            config.value,
            config.stacks,
            config.depth,
            config.seed if config.seed_given else self._sampling.seed,
            config.seed_given or self._sampling.seed_given,
            config.preset,
        )
        if not sampling.valid:
            print(f"ignored a sampling setting that makes no sense: {config!r}", file=sys.stderr)
            return
        self._sampling = sampling
        self._drain.note_command(sampling)
        self._shared.write_sampling(sampling)

    def _flush_on_command(self, now_ns: int) -> None:
        if self._phase is Phase.DRAINING:
            if self._outbox.has_room:
                self._drain.read()
            self._drain.flush(now_ns, even_empty=True)

    def _sleep(self, sleep_ns: int) -> None:
        for descriptor, _ in self._poll.poll(sleep_ns / 1e6):
            if descriptor == self._wake_fd:
                os.eventfd_read(descriptor)
            elif descriptor == self._watch.fileno():
                self._poll.unregister(descriptor)  # a dead target stays dead: do not spin on it
                self._target_dead = True
            else:
                self._parent_speaks = True
