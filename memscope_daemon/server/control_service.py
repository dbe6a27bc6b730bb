"""Starts, changes and ends sessions. What is done stands in :class:`Operations`, which ``app`` provides."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import grpc

from memscope_daemon import __version__
from memscope_daemon._pb import control_service_pb2 as pb
from memscope_daemon._pb import control_service_pb2_grpc as services
from memscope_daemon.config import parse_history
from memscope_daemon.errors import InternalError, MemscopeError
from memscope_daemon.model.auto_export import AutoExport
from memscope_daemon.model.history import History
from memscope_daemon.model.report import Mark
from memscope_daemon.model.sampling import SamplingConfig
from memscope_daemon.model.session import SessionInfo, SessionState
from memscope_daemon.server import auto_export, messages
from memscope_daemon.server.book import SessionBook, not_found
from memscope_daemon.server.ingest_service import PROTOCOL_VERSION
from memscope_daemon.server.status import abort, answering


class Operations(Protocol):
    """Everything raises MemscopeError. Called from many threads."""

    def attach(self, attempt: Attempt) -> SessionInfo:
        """Returns when tracking is active."""

    def detach(self, session_id: str) -> SessionInfo:
        """Returns when the hooks are out and the last event is stored."""

    def set_sampling(self, session_id: str, sampling: SamplingConfig) -> SessionInfo:
        """Changes the setting from now on."""

    def set_paused(self, session_id: str, paused: bool) -> SessionInfo:
        """Nothing is sampled until a user says otherwise; or that user does."""

    def add_mark(self, session_id: str, label: str) -> Mark:
        """Notes down this moment of a session."""

    def set_auto_export(self, session_id: str, order: AutoExport | None) -> SessionInfo:
        """What is written by itself from now on."""


class Attempt:
    """One attach under way: what is wanted, and the way to tell of progress and of its being given up."""

    def __init__(
        self,
        pid: int,
        sampling: SamplingConfig,
        progress: Callable[[str], None],
        max_overhead_percent: float = 0.0,
        history: History | None = None,
        auto_export: AutoExport | None = None,
    ) -> None:
        self.pid, self.sampling, self.progress = pid, sampling, progress
        self.max_overhead_percent, self.history = max_overhead_percent, history
        self.auto_export = auto_export
        self._lock = threading.Lock()
        self._given_up = False
        self._cancel: Callable[[], None] | None = None

    def on_give_up(self, cancel: Callable[[], None] | None) -> None:
        """``cancel`` is called when the caller gives up, at once if it has; None: it is too late now."""
        with self._lock:
            self._cancel = cancel
            if not self._given_up or cancel is None:
                return
        cancel()

    @property
    def is_given_up(self) -> bool:
        """Whether the caller went while nobody could have answered it."""
        with self._lock:
            return self._given_up

    def give_up(self) -> None:
        """The caller is gone."""
        with self._lock:
            self._given_up = True
            cancel = self._cancel
        if cancel is not None:
            cancel()


class ControlService(services.ControlServicer):  # type: ignore[misc,unused-ignore]
    def __init__(self, book: SessionBook, operations: Operations) -> None:
        self._book = book
        self._operations = operations

    def GetVersion(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.GetVersionResponse:
        with self._book.in_use():  # somebody has come, and will want something
            pass
        return pb.GetVersionResponse(version=__version__, protocol_version=PROTOCOL_VERSION, pid=os.getpid())

    def Attach(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[pb.AttachResponse]:
        with answering(context):
            sampling = messages.sampling_from(request.sampling)
            history = parse_history(request.history) if request.history else None
            order = auto_export.accept(messages.auto_export_from(request.auto_export))
        said: queue.SimpleQueue[str | SessionInfo | MemscopeError] = queue.SimpleQueue()
        attempt = Attempt(request.pid, sampling, said.put, request.max_overhead_percent, history, order)
        context.add_callback(attempt.give_up)
        threading.Thread(target=self._attach, args=(attempt, said), name="attach", daemon=True).start()
        while isinstance(item := said.get(), str):
            yield pb.AttachResponse(progress=item)
        if isinstance(item, MemscopeError):
            abort(context, item)
        yield pb.AttachResponse(session=messages.session_to(item))

    def Detach(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.DetachResponse:
        with answering(context), self._book.in_use():
            session_id = request.session_id or self._on_pid(request.pid)
            return pb.DetachResponse(session=messages.session_to(self._operations.detach(session_id)))

    def SetSampling(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.SetSamplingResponse:
        with answering(context), self._book.in_use():
            sampling = messages.sampling_from(request.sampling)
            info = self._operations.set_sampling(request.session_id, sampling)
            return pb.SetSamplingResponse(session=messages.session_to(info))

    def SetPaused(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.SetPausedResponse:
        with answering(context), self._book.in_use():
            info = self._operations.set_paused(request.session_id, request.paused)
            return pb.SetPausedResponse(session=messages.session_to(info))

    def AddMark(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.AddMarkResponse:
        with answering(context), self._book.in_use():
            mark = self._operations.add_mark(request.session_id, request.label)
            return pb.AddMarkResponse(mark=messages.mark_to(mark))

    def SetAutoExport(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.SetAutoExportResponse:
        with answering(context), self._book.in_use():
            order = auto_export.accept(messages.auto_export_from(request.auto_export))
            info = self._operations.set_auto_export(request.session_id, order)
            return pb.SetAutoExportResponse(session=messages.session_to(info))

    def ListSessions(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.ListSessionsResponse:
        infos = [entry.info for entry in self._book.entries()]
        wanted = [one for one in infos if request.include_ended or one.state is not SessionState.ENDED]
        return pb.ListSessionsResponse(sessions=[messages.session_to(one) for one in wanted])

    def _attach(self, attempt: Attempt, said: queue.SimpleQueue[str | SessionInfo | MemscopeError]) -> None:
        try:
            with self._book.in_use():
                said.put(self._operations.attach(attempt))
        except MemscopeError as error:
            said.put(error)
        except Exception as error:  # somebody waits for an answer, whatever it is
            said.put(InternalError("daemon.bug", f"the attach failed: {error!r}", "report this as a bug"))

    def _on_pid(self, pid: int) -> str:
        entry = self._book.active_on(pid)
        if entry is None:
            raise not_found(f"on process {pid}")
        return entry.info.session_id
