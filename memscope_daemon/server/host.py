"""The gRPC server: three services at one address."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

import grpc

from memscope_daemon import config
from memscope_daemon._pb import (
    control_service_pb2_grpc,
    ingest_service_pb2_grpc,
    query_service_pb2_grpc,
)
from memscope_daemon.errors import ConfigurationError, SystemFailure
from memscope_daemon.server.book import SessionBook
from memscope_daemon.server.control_service import ControlService, Operations
from memscope_daemon.server.ingest_service import STREAMS_MAX, IngestService
from memscope_daemon.server.query_service import QueryService
from memscope_daemon.server.sessions import Entry

#: At once; one more is refused (RESOURCE_EXHAUSTED), not kept waiting in our memory. Streams of sessions may
#: take STREAMS_MAX of them and watchers half of the rest, so that there is always room for a question.
CALLS_MAX = STREAMS_MAX + 32
MESSAGE_BYTES_MAX = 16 << 20  # a shipper of ours sends 4 MiB at most
STOP_GRACE_S = 1.0
PROBE_S = 1.0


class Host:
    """A running server. ``close`` ends it and takes its socket away."""

    def __init__(
        self, address: str, book: SessionBook, operations: Operations, began: Callable[[Entry], None]
    ):
        """Serves at ``unix:/path``; nobody but this user may connect.

        :raises ConfigurationError: another kind of address.
        :raises SystemFailure: somebody else serves there, or the socket cannot be made.
        """
        self._path = _socket_path(address)
        _clear(self._path, address)
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=CALLS_MAX, thread_name_prefix="call"),
            options=[
                ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=CALLS_MAX,
        )
        ingest_service_pb2_grpc.add_IngestServicer_to_server(IngestService(book, began), self._server)
        control_service_pb2_grpc.add_ControlServicer_to_server(ControlService(book, operations), self._server)
        query_service_pb2_grpc.add_QueryServicer_to_server(QueryService(book), self._server)
        self._bind(address)
        self._server.start()

    def close(self) -> None:
        """Breaks off what still runs after a grace time."""
        self._server.stop(STOP_GRACE_S).wait()
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _bind(self, address: str) -> None:
        # The socket is made with the rights of the umask, and may be connected to from that moment on.
        before = os.umask(0o177)
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise SystemFailure(
                "daemon.not-bound", f"{address} cannot be served: {error}", "choose another --address", error
            ) from error
        finally:
            os.umask(before)


def _socket_path(address: str) -> Path:
    path = config.socket_path(address)
    if path is None:
        raise ConfigurationError(
            "daemon.address",
            f"{address} is no Unix socket, and nothing else can be served yet",
            "use unix:/path/to/a.sock",
        )
    return path


def _clear(path: Path, address: str) -> None:
    """Removes a socket that nobody listens at."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SystemFailure(
                "daemon.not-a-socket", f"{path} is something else", "choose another --address"
            )
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise SystemFailure("daemon.not-bound", f"{path}: {error}", "choose another --address") from error
    raise SystemFailure(
        "daemon.address-in-use", f"a daemon serves at {address} already", "use that one, or another --address"
    )
