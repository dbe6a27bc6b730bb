"""A daemon, as an object. Every method is one call; its failure is a DaemonError."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from memscope_client.errors import DaemonError
from memscope_client.sessions import PROTOCOL_VERSION, Sampling, Session, Version

if TYPE_CHECKING:
    from memscope_client.figures import Report, Snapshot, SystemSamples

Answer = TypeVar("Answer")

CALL_TIMEOUT_S = 30.0
DETACH_TIMEOUT_S = 120.0  # the target's GIL may be held for long by a call into C


class Attachment:
    """An attach under way: iterate over it for progress, ask it for the session, or cancel it.

    Iterating yields what is waited for, as text, until tracking is active. A refusal is a DaemonError,
    from the iteration or from ``result``. ``cancel`` may be called from any thread.
    """

    def __init__(self, call: Any, fail: Callable[[Any], DaemonError]) -> None:
        self._call = call
        self._fail = fail
        self._session: Session | None = None

    def __iter__(self) -> Iterator[str]:
        import grpc

        from memscope_client.convert import from_message

        try:
            for message in self._call:
                if message.WhichOneof("message") == "session":
                    self._session = from_message(Session, message.session)
                else:
                    yield message.progress
        except grpc.RpcError as error:
            raise self._fail(error) from error

    def result(self) -> Session:
        """Waits until tracking is active."""
        for _ in self:
            pass
        if self._session is None:
            raise DaemonError(
                "client.no-session", "the attach ended without a session", "see the daemon's log"
            )
        return self._session

    def cancel(self) -> None:
        """Gives up; a target in which nothing runs yet is left as it was."""
        self._call.cancel()


class Client:
    """A client of the daemon at ``address`` (``unix:/path`` or ``host:port``). Any thread may use it."""

    def __init__(self, address: str) -> None:
        from memscope_client._pb import control_service_pb2, control_service_pb2_grpc
        from memscope_client.channel import open_channel

        self.address = address
        self._channel = open_channel(address)
        self._control = control_service_pb2_grpc.ControlStub(self._channel)
        self._control_pb = control_service_pb2

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def version(self, *, timeout_s: float = CALL_TIMEOUT_S) -> Version:
        """Who answers; also the cheapest way to learn whether anybody does."""
        request = self._control_pb.GetVersionRequest()
        return self._convert(Version, self._ask(self._control.GetVersion, request, timeout_s))

    def require_protocol(self, *, timeout_s: float = CALL_TIMEOUT_S) -> Version:
        """Who answers, if it speaks our protocol; else a DaemonError ``client.other-protocol``."""
        found = self.version(timeout_s=timeout_s)
        if found.protocol_version != PROTOCOL_VERSION:
            raise DaemonError(
                "client.other-protocol",
                f"the daemon at {self.address} (memscope {found.version}) speaks protocol"
                f" {found.protocol_version}, this client {PROTOCOL_VERSION}",
                "use the command of that version, or end that daemon and start one of this version",
            )
        return found

    def attach(
        self, pid: int, sampling: Sampling, *, max_overhead_percent: float = 0.0, history: str = ""
    ) -> Attachment:
        """Begins to attach to process ``pid`` of the daemon's host.

        ``max_overhead_percent``: of the target's processor time. Above it memscope steps back: shallower
        stacks, fewer samples, none, detached; the report says when and why. 0: the sampling stays as it is.
        ``history``: events that are kept one by one: a preset, or ``COUNT,AGE,BYTES`` as in ``50k,30m,256M``;
        empty: as the daemon was told.
        """
        from memscope_client.convert import to_message

        request = self._control_pb.AttachRequest(
            pid=pid, max_overhead_percent=max_overhead_percent, history=history
        )
        to_message(request.sampling, sampling)
        return Attachment(self._control.Attach(request), self._error)

    def detach(self, session_id: str, *, timeout_s: float = DETACH_TIMEOUT_S) -> Session:
        """Takes the hooks out and ends the session; returns when its last event is stored."""
        request = self._control_pb.DetachRequest(session_id=session_id)
        return self._convert(Session, self._ask(self._control.Detach, request, timeout_s).session)

    def sessions(
        self, *, include_ended: bool = False, timeout_s: float = CALL_TIMEOUT_S
    ) -> tuple[Session, ...]:
        request = self._control_pb.ListSessionsRequest(include_ended=include_ended)
        answer = self._ask(self._control.ListSessions, request, timeout_s)
        return tuple(self._convert(Session, item) for item in answer.sessions)

    def set_sampling(self, session_id: str, sampling: Sampling) -> Session:
        """Changes how the target is sampled from now on. Figures stay unbiased."""
        from memscope_client.convert import to_message

        request = self._control_pb.SetSamplingRequest(session_id=session_id)
        to_message(request.sampling, sampling)
        return self._convert(Session, self._ask(self._control.SetSampling, request).session)

    def figures(self, session_id: str, *, site_count: int = 0) -> Snapshot:
        """The figures of this moment, with the ``site_count`` sites that hold most."""
        from memscope_client.figures import Snapshot

        request = self._query_pb.GetFiguresRequest(session_id=session_id, site_count=site_count)
        return self._convert(Snapshot, self._ask(self._query.GetFigures, request))

    def report(self, session_id: str, *, site_count: int = 0) -> Report:
        """The whole report; ``site_count`` 0 is all sites."""
        from memscope_client.figures import Report

        request = self._query_pb.GetReportRequest(session_id=session_id, site_count=site_count)
        return self._convert(Report, self._ask(self._query.GetReport, request).report)

    def system_samples(self, session_id: str, *, after_ns: int = 0, host: bool = False) -> SystemSamples:
        """What the system monitor saw of the target, or of its ``host``, after session time ``after_ns``.

        To go on from there, ask again with the time of the last sample.
        """
        import grpc

        from memscope_client.figures import SystemSample, SystemSamples

        request = self._query_pb.GetSystemSamplesRequest(session_id=session_id, after_ns=after_ns, host=host)
        found: list[SystemSample] = []
        scopes: dict[str, str] = {}
        try:
            for message in self._query.GetSystemSamples(request, timeout=CALL_TIMEOUT_S):
                found += [self._convert(SystemSample, sample) for sample in message.samples]
                scopes |= dict(message.scopes)
        except grpc.RpcError as error:
            raise self._error(error) from error
        return SystemSamples(tuple(found), scopes)

    def export(self, session_id: str, format_name: str, *, measure: str = "") -> tuple[str, bytes]:
        """A file name and its content; formats: ``json``, ``collapsed``."""
        import grpc

        request = self._query_pb.ExportRequest(session_id=session_id, format=format_name, measure=measure)
        name, chunks = "", []
        try:
            for message in self._query.Export(request, timeout=CALL_TIMEOUT_S):
                name = name or message.file_name
                chunks.append(message.chunk)
        except grpc.RpcError as error:
            raise self._error(error) from error
        return name, b"".join(chunks)

    @functools.cached_property
    def _query_pb(self) -> Any:
        from memscope_client._pb import query_service_pb2

        return query_service_pb2

    @functools.cached_property
    def _query(self) -> Any:
        from memscope_client._pb import query_service_pb2_grpc

        return query_service_pb2_grpc.QueryStub(self._channel)

    def _ask(self, method: Any, request: Any, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        import grpc

        try:
            return method(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def _error(self, error: Any) -> DaemonError:
        from memscope_client.channel import as_daemon_error

        return as_daemon_error(error, self.address)

    @staticmethod
    def _convert(kind: type[Answer], message: Any) -> Answer:
        from memscope_client.convert import from_message

        return from_message(kind, message)
