"""Takes events: one stream is one session, as ``ingest_service.proto`` tells."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon._pb import ingest_service_pb2_grpc as services
from memscope_daemon.config import check_sampling
from memscope_daemon.errors import MemoryOperationError, MemscopeError, SystemFailure
from memscope_daemon.model.sampling import SamplingConfig
from memscope_daemon.model.session import EndReason, SessionInfo, SessionState
from memscope_daemon.server import messages
from memscope_daemon.server.book import SessionBook
from memscope_daemon.server.line import Outgoing
from memscope_daemon.server.sessions import Entry
from memscope_daemon.server.status import abort, answering

PROTOCOL_VERSION = 1
STREAMS_MAX = 96  # at once; each takes two threads
HELLO_WAIT_S = 10.0
ROOM_WAIT_S = 0.2
SESSION_ID = re.compile(r"[0-9a-f]{16}")


class IngestService(services.IngestServicer):  # type: ignore[misc,unused-ignore]
    """``began`` is told of each session that a shipper opened or went on with."""

    def __init__(self, book: SessionBook, began: Callable[[Entry], None]) -> None:
        self._book = book
        self._began = began
        self._room = threading.BoundedSemaphore(STREAMS_MAX)

    def Stream(  # noqa: N802 (gRPC's name)
        self, requests: Iterator[Any], context: grpc.ServicerContext
    ) -> Iterator[pb.IngestStreamResponse]:
        if not self._room.acquire(blocking=False):
            abort(context, _too_many())
        try:
            yield from self._stream(requests, context)
        finally:
            self._room.release()

    def _stream(
        self, requests: Iterator[Any], context: grpc.ServicerContext
    ) -> Iterator[pb.IngestStreamResponse]:
        with answering(context):
            entry, sampling = self._open(_first(requests, context))
            outgoing: Outgoing = queue.SimpleQueue()
            last_batch = entry.connect(outgoing)
            entry.remind(sampling)
        reader = _Reader(entry, requests, outgoing, context)
        # The call may break at any yield, the first one included: gRPC then just drops this generator.
        try:
            self._began(entry)
            yield _hello_ack(last_batch)
            context.add_callback(lambda: outgoing.put(None))
            threading.Thread(target=reader.run, name="ingest-reader", daemon=True).start()
            yield from _until_end(outgoing, context)
        finally:
            reader.leave()
            entry.disconnect(outgoing)

    def _open(self, first: Any) -> tuple[Entry, SamplingConfig]:
        if first is None or first.WhichOneof("message") != "hello":
            raise _protocol_error("the first message was not Hello")
        hello = first.hello
        if hello.protocol_version != PROTOCOL_VERSION:
            raise _protocol_error(
                f"protocol {hello.protocol_version} is not spoken here, {PROTOCOL_VERSION} is"
            )
        if not SESSION_ID.fullmatch(hello.session_id):
            raise _protocol_error("the session id is not 16 hex digits")
        sampling = check_sampling(messages.sampling_from(hello.sampling))
        info = SessionInfo(
            hello.session_id,
            messages.target_from(hello.target),
            SessionState.ACTIVE,
            sampling,
            hello.started_unix_ns,
        )
        return self._book.begin(info), sampling


class _Reader:
    """Reads one stream in a thread of its own, and puts what ends it into ``outgoing``."""

    def __init__(
        self, entry: Entry, requests: Iterator[Any], outgoing: Outgoing, context: grpc.ServicerContext
    ) -> None:
        self._entry, self._requests = entry, requests
        self._outgoing, self._context = outgoing, context
        self._left = threading.Event()

    def leave(self) -> None:
        """The call is over: what has not been read is not wanted any more."""
        self._left.set()

    def run(self) -> None:
        end: MemscopeError | None = None
        try:
            self._read()
        except MemscopeError as error:
            end = error
        except Exception:  # gRPC raises a bare Exception when the call breaks
            end = None
        self._outgoing.put(end)

    def _read(self) -> None:
        for request in self._requests:
            match request.WhichOneof("message"):
                case "batch":
                    self._take(request.batch)
                case "goodbye":
                    detail = request.goodbye.detail[: messages.TEXT_CHARACTERS_MAX]
                    self._entry.finish(_reason(request.goodbye.reason), detail)
                    return
                case other:
                    raise _protocol_error(f"{other or 'an empty message'} in the middle of a session")
            if self._left.is_set():
                return

    def _take(self, batch: Any) -> None:
        """Waits while the store refuses: the shipper's window fills, then its rings, and losses are
        counted.
        """
        if batch.batch_number < 1:
            raise _protocol_error("a batch without a number")
        while not self._entry.take(batch, self._outgoing):
            if self._left.wait(ROOM_WAIT_S):
                return


def _first(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
    """The first message; None where the call ends before one.

    :raises MemoryOperationError: none came for so long that this thread is better used for somebody else.
    """
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()
    context.add_callback(lambda: came.put(None))
    threading.Thread(target=_read_first, args=(requests, came), name="ingest-reader", daemon=True).start()
    try:
        return came.get(timeout=HELLO_WAIT_S)
    except queue.Empty:
        raise _protocol_error(f"no Hello came within {HELLO_WAIT_S:.0f} s") from None


def _read_first(requests: Iterator[Any], came: queue.SimpleQueue[Any]) -> None:
    first = None
    with contextlib.suppress(Exception):  # gRPC raises a bare Exception when the call breaks
        first = next(requests, None)
    came.put(first)


def _hello_ack(last_batch: int) -> pb.IngestStreamResponse:
    ack = pb.HelloAck(protocol_version=PROTOCOL_VERSION, last_batch=last_batch)
    return pb.IngestStreamResponse(hello_ack=ack)


def _until_end(outgoing: Outgoing, context: grpc.ServicerContext) -> Iterator[pb.IngestStreamResponse]:
    while (item := outgoing.get()) is not None:
        if isinstance(item, MemscopeError):
            abort(context, item)
        yield item


def _reason(number: int) -> EndReason:
    try:
        return EndReason(number)
    except ValueError:
        return EndReason.SHIPPER_LOST


def _too_many() -> SystemFailure:
    return SystemFailure(
        "daemon.too-many-streams",
        f"{STREAMS_MAX} shippers are connected already",
        "end sessions that nobody needs, or start another daemon",
    )


def _protocol_error(fault: str) -> MemoryOperationError:
    return MemoryOperationError("ingest", "ingest.bad-protocol", fault, "use a shipper of the same version")
