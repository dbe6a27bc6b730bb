"""The connection to a daemon, and its failures as DaemonError. gRPC is imported here, when one is made."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import types
from typing import TYPE_CHECKING, Any

from memscope_client.errors import DaemonError

if TYPE_CHECKING:
    from memscope_client.calls import Call

ERROR_METADATA_KEY = "memscope-error-bin"
OPTIONS = [
    ("grpc.max_receive_message_length", 256 * 2**20),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


def default_address() -> str:
    """Where `memscoped serve` of this user listens if nobody says otherwise."""
    if address := os.environ.get("MEMSCOPE_DAEMON"):
        return address
    if base := os.environ.get("XDG_RUNTIME_DIR"):
        return f"unix:{base}/memscope/daemon.sock"
    return f"unix:{tempfile.gettempdir()}/memscope-{os.getuid()}/daemon.sock"


def open_channel(address: str) -> Any:
    """A channel to ``unix:/path`` or ``host:port``. Nothing is sent yet."""
    _quiet()
    import grpc

    return grpc.insecure_channel(address, options=OPTIONS)


def open_aio_channel(address: str) -> Any:
    """The same for asyncio, in the loop that runs."""
    _quiet()
    import grpc.aio

    return grpc.aio.insecure_channel(address, options=OPTIONS)


class _NotLoaded(types.ModuleType):
    """Stands for a module while another is loaded that mentions it, in annotations at most."""

    def __getattr__(self, name: str) -> Any:
        return Any


def load_without_asyncio() -> None:
    """Loads gRPC but for its half for asyncio, and our messages: for a program with one thread that wants its
    answer soon. To be called before there is a channel, whose threads want their share of the time. Who
    imports ``grpc.aio`` later gets it."""
    if "grpc" in sys.modules:
        return
    _quiet()
    sys.modules["grpc.aio"] = _NotLoaded("grpc.aio")
    try:
        import grpc
    finally:
        del sys.modules["grpc.aio"]
    del grpc.aio
    from memscope_client._pb import control_service_pb2_grpc  # noqa: F401


def _quiet() -> None:
    """gRPC's own log goes to standard error, where a command's user would have to read it."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


class Endpoint:
    """The daemon at an address: its methods by name, and its errors. ``channel``: grpc's or grpc.aio's."""

    def __init__(self, address: str, channel: Any) -> None:
        self.address, self.channel = address, channel

    def method(self, call: Call[Any]) -> Any:
        """What is called with the request."""
        return getattr(self._control if call.service == "control" else self._query, call.method)

    def error(self, error: Any) -> DaemonError:
        return as_daemon_error(error, self.address)

    @functools.cached_property
    def _control(self) -> Any:
        from memscope_client._pb import control_service_pb2_grpc

        return control_service_pb2_grpc.ControlStub(self.channel)

    @functools.cached_property
    def _query(self) -> Any:
        from memscope_client._pb import query_service_pb2_grpc

        return query_service_pb2_grpc.QueryStub(self.channel)


def as_daemon_error(error: Any, address: str) -> DaemonError:
    """The DaemonError that a grpc.RpcError of a call to ``address`` stands for."""
    return _detail(error) or _status(error, address)


def _detail(error: Any) -> DaemonError | None:
    """What the daemon itself said, from the trailing metadata; None where it said nothing."""
    from google.protobuf.message import DecodeError

    from memscope_client._pb import control_service_pb2

    for key, value in error.trailing_metadata() or ():
        if key != ERROR_METADATA_KEY:
            continue
        try:
            detail = control_service_pb2.ErrorDetail.FromString(value)
        except DecodeError:
            return None
        return DaemonError(
            detail.code,
            detail.message,
            detail.next_step,
            exit_code=detail.exit_code or 1,
            severity=detail.severity or "medium",
        )
    return None


def _status(error: Any, address: str) -> DaemonError:
    name = error.code().name.lower().replace("_", "-")
    message, next_step = {
        "unavailable": (f"no daemon answers at {address}", "start one with `memscoped serve`"),
        "unimplemented": (
            f"the server at {address} does not offer this",
            "ask a memscope daemon; a server that only takes events keeps its own reports",
        ),
        "deadline-exceeded": (f"the daemon at {address} did not answer in time", "try again; see its log"),
        "resource-exhausted": (
            f"the daemon at {address} has as many calls to answer as it can",
            "try again; end sessions that nobody needs, or start another daemon",
        ),
        "cancelled": ("the call was cancelled", "try again"),
    }.get(name, (error.details() or f"the call failed: {name}", "see the daemon's log"))
    return DaemonError(f"client.{name}", message, next_step)
