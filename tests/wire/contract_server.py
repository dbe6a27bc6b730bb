"""A server for `Ingest`, written from proto/ alone: grpcio and protobuf, nothing of memscope.

    contract_server.py STUBS ADDRESS STORE [ACK_DELAY_S]

STUBS   folder with the stubs protoc made of proto/ (`memscope/v1/*_pb2.py`, `*_pb2_grpc.py`)
ADDRESS where to serve, e.g. unix:/path
STORE   file that keeps every request once, each behind its length (4 bytes, little-endian): Hello, batches,
        Goodbye. An existing file is read first, so that a restarted server knows what it has.

Prints "serving" when it does. Ends with SIGTERM, or by any death: a torn last entry is cut off at start.
"""

import concurrent.futures
import os
import struct
import sys
import threading
import time

import grpc

STUBS, ADDRESS, STORE = sys.argv[1:4]
ACK_DELAY_S = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
sys.path.insert(0, STUBS)

from memscope.v1 import ingest_service_pb2 as pb  # noqa: E402
from memscope.v1 import ingest_service_pb2_grpc as services  # noqa: E402


def read_store(path):
    """The requests in the file; cuts off what a death left unfinished."""
    requests, at = [], 0
    data = open(path, "rb").read() if os.path.exists(path) else b""  # noqa: PTH110, PTH123, SIM115
    while at + 4 <= len(data):
        (length,) = struct.unpack_from("<I", data, at)
        if at + 4 + length > len(data):
            break
        requests.append(pb.IngestStreamRequest.FromString(data[at + 4 : at + 4 + length]))
        at += 4 + length
    with open(path, "ab") as file:  # noqa: PTH123
        file.truncate(at)
    return requests


class Ingest(services.IngestServicer):
    def __init__(self, path):
        self.last_batch = {}  # by session id
        session_id = None
        for request in read_store(path):
            if request.HasField("hello"):
                session_id = request.hello.session_id
                self.last_batch.setdefault(session_id, 0)
            elif request.HasField("batch"):
                self.last_batch[session_id] = request.batch.batch_number
        self.lock = threading.Lock()
        self.file = open(path, "ab", buffering=0)  # noqa: PTH123, SIM115

    def store(self, request):
        data = request.SerializeToString()
        self.file.write(struct.pack("<I", len(data)) + data)

    def Stream(self, requests, context):  # noqa: N802
        hello = next(requests).hello
        if hello.protocol_version != 1:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this server speaks protocol 1")
        session_id = hello.session_id
        with self.lock:
            if session_id not in self.last_batch:
                self.store(pb.IngestStreamRequest(hello=hello))
                self.last_batch[session_id] = 0
        ack = pb.HelloAck(protocol_version=1, last_batch=self.last_batch[session_id])
        yield pb.IngestStreamResponse(hello_ack=ack)
        for request in requests:
            if request.HasField("goodbye"):
                with self.lock:
                    self.store(request)
                return
            number = request.batch.batch_number
            with self.lock:
                if number > self.last_batch[session_id]:  # a batch seen before is acknowledged, not kept
                    self.store(request)
                    self.last_batch[session_id] = number
            time.sleep(ACK_DELAY_S)
            yield pb.IngestStreamResponse(batch_ack=pb.BatchAck(batch_number=number))


server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
services.add_IngestServicer_to_server(Ingest(STORE), server)
if server.add_insecure_port(ADDRESS) == 0:
    sys.exit(f"cannot serve at {ADDRESS}")
server.start()
print("serving", flush=True)
server.wait_for_termination()
