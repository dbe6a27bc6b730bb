"""The stream to ``Ingest``, in a thread of its own: connect, say Hello, send, take acknowledgements and
commands, and after a break do it again behind the last batch the server has.

States: *away* (no answered Hello) → *up* → *finished* (the Goodbye was taken), or *refused* (the server
will never take this session; trying again would be noise).
"""

from __future__ import annotations

import contextlib
import enum
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from memscope_daemon import clock
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon.shim.shipper.outbox import Outbox

with contextlib.suppress(ImportError):
    # A channel imports it when it is made: each shipper, in the middle of an attach, from the disk. Imported
    # here, those that are forked have it. It starts no thread.
    import grpc._channel

PROTOCOL_VERSION = 1
METHOD = "/memscope.v1.Ingest/Stream"
HELLO_TIMEOUT_NS = 10_000_000_000
BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 1.0
_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]
_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)


class LinkState(enum.Enum):
    AWAY = "away"
    UP = "up"
    FINISHED = "finished"
    REFUSED = "refused"


class _Refused(Exception):
    """The server answered, and the answer is no."""


class _Call:
    """What one attempt at the stream knows; shared by its sending and its receiving thread."""

    def __init__(self, rpc_started_ns: int) -> None:
        self.started_ns = rpc_started_ns
        self.closed = threading.Event()
        self.answered = threading.Event()
        self.next_number = 0
        self.sent_number = 0
        self.rpc: Any = None


class IngestLink:
    """Owns the channel. ``wake`` is called (from this thread) whenever the loop should look.

    There is no close: thread and channel end with the process (closing a channel waits up to 200 ms for
    grpc's own threads, and nothing is left to be sent by then).
    """

    def __init__(self, address: str, outbox: Outbox, wake: Callable[[], None]) -> None:
        self.commands: queue.SimpleQueue[pb.Command] = queue.SimpleQueue()
        self.refusal = ""
        self._outbox = outbox
        self._wake = wake
        self._hello = b""
        self._state = LinkState.AWAY
        self._away_since_ns = clock.monotonic_ns()
        self._heard_ns = 0
        self._call: _Call | None = None
        self._sent_number = outbox.last_number  # highest batch ever handed to any call
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._method: Any = self._channel.stream_stream(
            METHOD,
            request_serializer=None,
            response_deserializer=pb.IngestStreamResponse.FromString,
        )
        self._thread = threading.Thread(target=self._run, name="ingest-link", daemon=True)

    @property
    def state(self) -> LinkState:
        return self._state

    def warm_up(self) -> None:
        """Connects ahead of the first call."""
        self._channel.subscribe(_ignore, try_to_connect=True)

    def start(self, hello: bytes) -> None:
        """Opens the session at the server; ``hello`` is the serialized first request."""
        self._hello = hello
        self._away_since_ns = clock.monotonic_ns()
        self._thread.start()

    def away_ns(self, now_ns: int) -> int:
        """For how long nobody has answered; 0 while up. Breaks off a Hello that hangs."""
        if self._state is not LinkState.AWAY:
            return 0
        call = self._call
        if call and call.rpc and not call.answered.is_set() and now_ns - call.started_ns > HELLO_TIMEOUT_NS:
            call.rpc.cancel()
        return now_ns - self._away_since_ns

    def silent_ns(self, now_ns: int) -> int:
        """For how long the server has not said a word."""
        return now_ns - self._heard_ns

    # --- the link's thread -----------------------------------------------------------------------

    def _run(self) -> None:
        backoff_s = BACKOFF_FIRST_S
        while True:
            call = self._call = _Call(clock.monotonic_ns())
            try:
                if self._one_call(call):
                    self._settle(LinkState.FINISHED)
                    return
            except _Refused as refusal:
                self.refusal = str(refusal)
                self._settle(LinkState.REFUSED)
                return
            finally:
                call.closed.set()
                self._outbox.wake()
            if call.answered.is_set():
                backoff_s = BACKOFF_FIRST_S
                self._away_since_ns = clock.monotonic_ns()
            self._settle(LinkState.AWAY)
            time.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)

    def _settle(self, state: LinkState) -> None:
        self._state = state
        self._wake()

    def _one_call(self, call: _Call) -> bool:
        """One attempt; True = the server ended the call after our Goodbye."""
        said_goodbye = threading.Event()
        try:
            call.rpc = self._method(self._requests(call, said_goodbye))
            for response in call.rpc:
                self._take(call, response)
        except grpc.RpcError as error:
            if error.code() in _REFUSALS:
                raise _Refused(f"{error.code().name}: {error.details()}") from error
            return False
        return said_goodbye.is_set()

    def _requests(self, call: _Call, said_goodbye: threading.Event) -> Iterator[bytes]:
        yield self._hello
        while not call.answered.wait(0.5):
            if call.closed.is_set():
                return
        number = call.next_number
        while (message := self._outbox.wait(number, call.closed)) is not None:
            if number > self._outbox.last_number:
                said_goodbye.set()
                yield message
                return
            call.sent_number = number
            self._sent_number = max(self._sent_number, number)
            yield message
            number += 1

    def _take(self, call: _Call, response: pb.IngestStreamResponse) -> None:
        self._heard_ns = clock.monotonic_ns()
        match response.WhichOneof("message"):
            case "hello_ack":
                self._take_hello_ack(call, response.hello_ack)
            case "batch_ack":
                had_room = self._outbox.has_room
                # a server may only acknowledge what this call has sent
                self._outbox.acknowledge(min(response.batch_ack.batch_number, call.sent_number))
                if not had_room:
                    self._wake()
            case "command":
                self.commands.put(response.command)
                self._wake()

    def _take_hello_ack(self, call: _Call, ack: pb.HelloAck) -> None:
        if ack.protocol_version != PROTOCOL_VERSION:
            call.rpc.cancel()
            raise _Refused(
                f"the server speaks protocol {ack.protocol_version}, this shipper {PROTOCOL_VERSION}"
            )
        if ack.last_batch > self._sent_number:
            call.rpc.cancel()
            raise _Refused(f"the server claims batch {ack.last_batch} of a session that never sent it")
        self._outbox.acknowledge(ack.last_batch)
        call.next_number = self._outbox.first_number
        call.answered.set()
        self._settle(LinkState.UP)


def _ignore(_: grpc.ChannelConnectivity) -> None:
    """Connectivity as such is of no interest; only asking for it is."""
