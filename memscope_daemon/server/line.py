"""The line to the shipper of a session: what is put into it goes out over the stream that is open now."""

from __future__ import annotations

import queue
import threading
from typing import Any

from memscope_daemon import clock
from memscope_daemon._pb import ingest_service_pb2 as ingest_pb
from memscope_daemon.errors import TrackingError
from memscope_daemon.model.sampling import SamplingConfig
from memscope_daemon.server import messages

#: Of one stream. What is put in is answered, in order; an error or None ends the call.
Outgoing = queue.SimpleQueue[Any]


class Line:
    """Of one session. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outgoing: Outgoing | None = None
        self._used_ns = clock.monotonic_ns()

    def connect(self, outgoing: Outgoing) -> None:
        """A shipper has come: answers go to ``outgoing``. The stream before, if it is still there, is told to
        end."""
        with self._lock:
            before, self._outgoing = self._outgoing, outgoing
        if before is not None:
            error = TrackingError(
                "ingest.replaced", "another stream took over this session", "none is needed"
            )
            before.put(error)

    def disconnect(self, outgoing: Outgoing) -> None:
        """That stream is gone."""
        with self._lock:
            if self._outgoing is outgoing:
                self._outgoing = None
                self._used_ns = clock.monotonic_ns()

    def is_current(self, outgoing: Outgoing) -> bool:
        with self._lock:
            return self._outgoing is outgoing

    @property
    def is_connected(self) -> bool:
        with self._lock:
            return self._outgoing is not None

    def use(self) -> None:
        """The session was asked for something."""
        with self._lock:
            self._used_ns = clock.monotonic_ns()

    @property
    def unused_ns(self) -> int:
        """Since its shipper went away, or since :meth:`use`; 0 while there is one."""
        with self._lock:
            return 0 if self._outgoing is not None else clock.monotonic_ns() - self._used_ns

    def command(self, command: ingest_pb.Command) -> bool:
        """Sends a command to the shipper; False: none is there."""
        return self._put(ingest_pb.IngestStreamResponse(command=command))

    def set_sampling(self, sampling: SamplingConfig) -> None:
        wire = ingest_pb.SetSampling(sampling=messages.sampling_to(sampling))
        self.command(ingest_pb.Command(set_sampling=wire))

    def pause(self, paused: bool) -> None:
        """Stops sampling, or lets it go on."""
        self.command(ingest_pb.Command(pause=ingest_pb.Pause(paused=paused)))

    def leave(self) -> None:
        """The hooks are to be taken out."""
        self.command(ingest_pb.Command(detach=ingest_pb.Detach()))

    def acknowledge(self, batch_number: int) -> None:
        """That batch is stored, with all before it."""
        ack = ingest_pb.BatchAck(batch_number=batch_number)
        self._put(ingest_pb.IngestStreamResponse(batch_ack=ack))

    def _put(self, answer: ingest_pb.IngestStreamResponse) -> bool:
        with self._lock:
            outgoing = self._outgoing
            if outgoing is not None:
                outgoing.put(answer)
        return outgoing is not None
