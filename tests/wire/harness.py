"""A whole shipping session around a fake target: a process to watch, a real shipper, a real server."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import queue
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
from fake_target import FakeTarget, sorted_ids

from memscope_daemon import clock
from memscope_daemon._pb import ingest_service_pb2 as pb
from memscope_daemon._pb import ingest_service_pb2_grpc as services
from memscope_daemon.model.sampling import PRESETS, SamplingConfig
from memscope_daemon.shim.fork_server import ForkServer
from memscope_daemon.shim.geometry import geometry_for
from memscope_daemon.shim.job import Job
from memscope_daemon.shim.launch import ShipperOutcome, ShipperProcess

HERE = Path(__file__).parent
DEADLINE_S = 30.0
SESSION_ID = "00c0ffee00c0ffee"


def until(condition: Callable[[], object], what: str) -> None:
    """Waits for a condition with a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {DEADLINE_S} s for: {what}")
        time.sleep(0.005)


class ScriptedServer(services.IngestServicer):
    """An ingest whose every answer the test decides. ``ack`` False: batches are taken, not acknowledged."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.hellos: list[pb.Hello] = []
        self.batches: list[pb.Batch] = []
        self.goodbyes: list[pb.Goodbye] = []
        self.ended_count = 0  # streams
        self.ack = True
        self.refusal: grpc.StatusCode | None = None
        self.hello_ack = pb.HelloAck(protocol_version=1)
        self.commands: queue.SimpleQueue[pb.Command] = queue.SimpleQueue()
        self.extra: queue.SimpleQueue[pb.IngestStreamResponse] = queue.SimpleQueue()
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        services.add_IngestServicer_to_server(self, self._server)
        assert self._server.add_insecure_port(address)
        self._server.start()

    def Stream(self, requests, context):  # noqa: N802
        answers: queue.SimpleQueue[pb.IngestStreamResponse | None] = queue.SimpleQueue()
        threading.Thread(target=self._take_all, args=(requests, answers, context), daemon=True).start()
        while (answer := self._next_answer(answers)) is not None:
            yield answer
        if self.refusal:
            context.abort(self.refusal, "no")

    def _next_answer(self, answers):
        while True:
            with contextlib.suppress(queue.Empty):
                return pb.IngestStreamResponse(command=self.commands.get_nowait())
            with contextlib.suppress(queue.Empty):
                return self.extra.get_nowait()
            with contextlib.suppress(queue.Empty):
                return answers.get(timeout=0.01)

    def _take_all(self, requests, answers, context):
        with contextlib.suppress(grpc.RpcError, Exception):
            for request in requests:
                self._take(request, answers)
        self.ended_count += 1
        answers.put(None)

    def _take(self, request, answers):
        match request.WhichOneof("message"):
            case "hello":
                self.hellos.append(request.hello)
                if self.refusal:
                    answers.put(None)
                else:
                    answers.put(pb.IngestStreamResponse(hello_ack=self.hello_ack))
            case "batch":
                self.batches.append(request.batch)
                if self.ack:
                    number = pb.BatchAck(batch_number=request.batch.batch_number)
                    answers.put(pb.IngestStreamResponse(batch_ack=number))
            case "goodbye":
                self.goodbyes.append(request.goodbye)
                answers.put(None)

    def stop(self) -> None:
        self._server.stop(0).wait()


class ContractServer:
    """The server of the contract, as a process that sees grpcio and protobuf only."""

    def __init__(self, address: str, store: Path, stubs: Path, packages: Path) -> None:
        self.address, self.store = address, store
        self._stubs, self._packages = stubs, packages
        self._process: subprocess.Popen[str] | None = None

    def start(self, ack_delay_s: float = 0.0) -> ContractServer:
        bootstrap = (
            f"import sys, runpy; sys.path.append({str(self._packages)!r}); sys.argv = sys.argv[1:];"
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", bootstrap, str(HERE / "contract_server.py"),
             str(self._stubs), self.address, str(self.store), str(ack_delay_s)],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "serving\n"
        return self

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def requests(self) -> list[pb.IngestStreamRequest]:
        """Everything the server has stored."""
        data, at, found = self.store.read_bytes() if self.store.exists() else b"", 0, []
        while at + 4 <= len(data):
            (length,) = struct.unpack_from("<I", data, at)
            if at + 4 + length > len(data):
                break
            found.append(pb.IngestStreamRequest.FromString(data[at + 4 : at + 4 + length]))
            at += 4 + length
        return found

    def batches(self) -> list[pb.Batch]:
        return [request.batch for request in self.requests() if request.HasField("batch")]


class Shipping:
    """A session under way: ``target`` writes, ``shipper`` ships to ``address``, ``victim`` is watched."""

    def __init__(
        self,
        address: str,
        sampling: SamplingConfig = PRESETS["production"],
        program: str = "input()",
        fork_server: ForkServer | None = None,
        **job_fields: object,
    ) -> None:
        self.victim = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
        self.shipper = ShipperProcess.spawn(fork_server)
        self.start_ns = clock.monotonic_ns()
        self.job = Job(
            SESSION_ID, self.victim.pid, address, sampling, self.start_ns, time.time_ns(),
            program="victim", python_version="3.11.7", **job_fields,
        )  # type: ignore[arg-type] # fmt: skip
        self.target = FakeTarget(geometry_for(sampling))
        self.shipper.prepare(self.job, self.target.descriptor)
        self.target.map()

    def finish(self) -> ShipperOutcome:
        """The hooks go out; the shipper's end."""
        self.target.leave()
        return self.shipper.wait(DEADLINE_S)

    def close(self) -> None:
        if self.shipper.alive:
            self.shipper.kill()
        self.shipper.close()
        os.close(self.target.descriptor)
        assert self.victim.stdin is not None
        self.victim.kill()
        self.victim.wait()
        self.victim.stdin.close()


@contextlib.contextmanager
def shipping(address: str, **fields: object) -> Iterator[Shipping]:
    session = Shipping(address, **fields)  # type: ignore[arg-type]
    try:
        yield session
    finally:
        session.close()


DTYPES = {
    "time_ns": "<i8", "kind": "u1", "domain": "u1", "flags": "<u2", "allocation_id": "<u8", "other_id": "<u8",
    "address": "<u8", "size_bytes": "<u8", "weight": "<f8", "stack_id": "<u4", "thread_id": "<u4",
    "alloc_time_ns": "<i8", "sampling_id": "<u4",
}  # fmt: skip


def column(batch: pb.Batch, name: str) -> np.ndarray:
    """A column of a batch; absent = zeros."""
    data = getattr(batch.events, name)
    if not data:
        return np.zeros(batch.events.count, DTYPES[name])
    values = np.frombuffer(data, DTYPES[name])
    assert len(values) == batch.events.count
    return values


def columns(batches: list[pb.Batch], name: str) -> np.ndarray:
    return np.concatenate([column(batch, name) for batch in batches])


def received_ids(batches: list[pb.Batch]) -> np.ndarray:
    """(kind, id) of every event, as sorted rows: equal to what was written = each exactly once."""
    return sorted_ids(columns(batches, "kind"), columns(batches, "allocation_id"))


def numbered_without_gaps(batches: list[pb.Batch]) -> bool:
    return [batch.batch_number for batch in batches] == list(range(1, len(batches) + 1))
