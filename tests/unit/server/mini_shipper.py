"""A shipper as small as can be: speaks ``Ingest`` over real gRPC, with events made up by the test."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np

from memscope_daemon._pb import dictionary_pb2, events_pb2, session_pb2
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon._pb import ingest_service_pb2_grpc as services

SESSION_ID = "00000000000000c7"
BYTES = 1
RATE = 2
WAIT_S = 20.0


def hello(session_id: str = SESSION_ID, mode: int = RATE, value: float = 1.0, pid: int = 0) -> pb.Hello:
    return pb.Hello(
        protocol_version=1,
        session_id=session_id,
        target=session_pb2.Target(pid=pid, program="made_up.py", python_version="3.11.2", host="here"),
        sampling=session_pb2.SamplingConfig(mode=mode, value=value, stacks=True, depth=64, seed=7),
        started_unix_ns=1_700_000_000_000_000_000,
    )


def dictionary(sites: int, mode: int = RATE, value: float = 1.0) -> dictionary_pb2.Dictionary:
    """Stack i is allocate_i (file_i.py:i) under main (main.py:1); two threads; one setting."""
    found = dictionary_pb2.Dictionary()
    found.strings.add(string_id=1, text="main")
    found.strings.add(string_id=2, text="main.py")
    found.frames.add(frame_id=1, function_string_id=1, file_string_id=2, line=1, first_line=1)
    for at in range(1, sites + 1):
        found.strings.add(string_id=2 * at + 1, text=f"allocate_{at}")
        found.strings.add(string_id=2 * at + 2, text=f"file_{at}.py")
        found.frames.add(
            frame_id=at + 1, function_string_id=2 * at + 1, file_string_id=2 * at + 2, line=at, first_line=1
        )
        found.stacks.add(stack_id=at, frame_ids=[at + 1, 1])
    found.threads.add(thread_id=1, native_id=101, python_id=1 << 63)
    found.threads.add(thread_id=2, native_id=103, python_id=2)
    found.sampling_settings.add(sampling_id=1, mode=mode, value=value, depth=64, stacks=True, seed=7)
    return found


def events(**given: Any) -> events_pb2.EventColumns:
    """Columns from sequences; what is not given is plain: an allocation of 31 bytes by thread 1."""
    count = len(next(iter(given.values())))
    columns: dict[str, Any] = {
        "time_ns": np.arange(count),
        "kind": np.ones(count),
        "domain": np.full(count, 2),
        "allocation_id": np.arange(1, count + 1),
        "size_bytes": np.full(count, 31),
        "weight": np.ones(count),
        "stack_id": np.ones(count),
        "thread_id": np.ones(count),
        "sampling_id": np.ones(count),
        **given,
    }
    types = {
        "kind": "<u1",
        "domain": "<u1",
        "flags": "<u2",
        "weight": "<f8",
        "time_ns": "<i8",
        "alloc_time_ns": "<i8",
    }
    narrow = {"stack_id", "thread_id", "sampling_id", "type_id", "task_id"}
    packed = {
        name: np.asarray(values).astype(types.get(name, "<u4" if name in narrow else "<u8")).tobytes()
        for name, values in columns.items()
    }
    return events_pb2.EventColumns(count=count, **packed)


def batch(number: int, columns: events_pb2.EventColumns | None = None, **fields: Any) -> pb.Batch:
    return pb.Batch(batch_number=number, time_ns=number * 1_000_000, events=columns, **fields)


class MiniShipper:
    """One stream. Answers are read by whoever waits for one."""

    def __init__(self, address: str, greeting: pb.Hello | None = None) -> None:
        self._channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        self._requests: queue.SimpleQueue[pb.IngestStreamRequest | None] = queue.SimpleQueue()
        self.call = services.IngestStub(self._channel).Stream(self._outgoing(), timeout=WAIT_S)
        self.acknowledged = 0
        self.commands: list[pb.Command] = []
        self.last_batch = -1
        if greeting is not None:
            self._requests.put(pb.IngestStreamRequest(hello=greeting))
            self.last_batch = next(self.call).hello_ack.last_batch

    def send(self, message: pb.Batch) -> None:
        self._requests.put(pb.IngestStreamRequest(batch=message))

    def send_raw(self, request: pb.IngestStreamRequest) -> None:
        self._requests.put(request)

    def await_ack(self, number: int) -> None:
        """Reads until batch ``number`` is stored."""
        while self.acknowledged < number:
            self.read()

    def read(self) -> None:
        """Takes one answer."""
        answer = next(self.call)
        if answer.WhichOneof("message") == "command":
            self.commands.append(answer.command)
        else:
            self.acknowledged = answer.batch_ack.batch_number

    def goodbye(self, reason: int = 1, detail: str = "") -> None:
        """Ends the session, and waits until the server has ended the call."""
        self._requests.put(pb.IngestStreamRequest(goodbye=pb.Goodbye(reason=reason, detail=detail)))
        for answer in self.call:
            if answer.WhichOneof("message") == "batch_ack":
                self.acknowledged = answer.batch_ack.batch_number

    def error(self) -> grpc.RpcError:
        """The error that the server ends the call with."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError as error:
            return error
        raise AssertionError("the call ended well")

    def close(self) -> None:
        self.call.cancel()
        self._channel.close()

    def _outgoing(self) -> Iterator[pb.IngestStreamRequest]:
        while (request := self._requests.get()) is not None:
            yield request
