"""Every call that a daemon answers, in one place: which method, the request, and what its answer becomes.

:class:`Client` and :class:`AsyncClient` differ in how they wait, and in nothing else.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from memscope_client.convert import from_message, to_message
from memscope_client.errors import DaemonError
from memscope_client.sessions import PROTOCOL_VERSION, AutoExport, Sampling, Session, Version

if TYPE_CHECKING:
    from memscope_client.figures import Mark, Report, Snapshot, SystemSamples, WatchPoint

Answer = TypeVar("Answer")

CALL_TIMEOUT_S = 30.0
EXPORT_TIMEOUT_S = 120.0  # a hundred thousand stacks take their time
DETACH_TIMEOUT_S = 120.0  # the target's GIL may be held for long by a call into C
WATCH_PATIENCE_S = 60.0
#: More than the number of any point: watch from now on.
FROM_NOW_ON = 2**64 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """``service``: ``control`` or ``query``. ``convert``: of the answer, or of each message of a stream."""

    service: str
    method: str
    request: Any
    convert: Callable[[Any], Answer]


def version() -> Call[Version]:
    from memscope_client._pb import control_service_pb2 as pb

    return Call("control", "GetVersion", pb.GetVersionRequest(), lambda found: from_message(Version, found))


def require_protocol(found: Version, address: str) -> Version:
    """Hands it back if it speaks our protocol; else a DaemonError ``client.other-protocol``."""
    if found.protocol_version != PROTOCOL_VERSION:
        raise DaemonError(
            "client.other-protocol",
            f"the daemon at {address} (memscope {found.version}) speaks protocol"
            f" {found.protocol_version}, this client {PROTOCOL_VERSION}",
            "use the command of that version, or end that daemon and start one of this version",
        )
    return found


def attach(
    pid: int,
    sampling: Sampling,
    max_overhead_percent: float,
    history: str,
    auto_export: AutoExport | None,
) -> Call[str | Session]:
    """A stream: texts of what is waited for, then the session."""
    from memscope_client._pb import control_service_pb2 as pb

    request = pb.AttachRequest(pid=pid, max_overhead_percent=max_overhead_percent, history=history)
    to_message(request.sampling, sampling)
    if auto_export is not None:
        to_message(request.auto_export, _absolute(auto_export))
    return Call("control", "Attach", request, _attach_news)


def _attach_news(message: Any) -> str | Session:
    if message.WhichOneof("message") == "session":
        return from_message(Session, message.session)
    return str(message.progress)


def no_session() -> DaemonError:
    return DaemonError("client.no-session", "the attach ended without a session", "see the daemon's log")


def detach(session_id: str) -> Call[Session]:
    from memscope_client._pb import control_service_pb2 as pb

    return Call("control", "Detach", pb.DetachRequest(session_id=session_id), _session)


def set_sampling(session_id: str, sampling: Sampling) -> Call[Session]:
    from memscope_client._pb import control_service_pb2 as pb

    request = pb.SetSamplingRequest(session_id=session_id)
    to_message(request.sampling, sampling)
    return Call("control", "SetSampling", request, _session)


def set_paused(session_id: str, paused: bool) -> Call[Session]:
    from memscope_client._pb import control_service_pb2 as pb

    return Call("control", "SetPaused", pb.SetPausedRequest(session_id=session_id, paused=paused), _session)


def set_auto_export(session_id: str, auto_export: AutoExport | None) -> Call[Session]:
    from memscope_client._pb import control_service_pb2 as pb

    request = pb.SetAutoExportRequest(session_id=session_id)
    if auto_export is not None:
        to_message(request.auto_export, _absolute(auto_export))
    return Call("control", "SetAutoExport", request, _session)


def _absolute(order: AutoExport) -> AutoExport:
    """The daemon has another current folder."""
    return dataclasses.replace(order, folder=os.path.abspath(order.folder) if order.folder else "")  # noqa: PTH100


def mark(session_id: str, label: str) -> Call[Mark]:
    from memscope_client._pb import control_service_pb2 as pb
    from memscope_client.figures import Mark

    request = pb.AddMarkRequest(session_id=session_id, label=label)
    return Call("control", "AddMark", request, lambda found: from_message(Mark, found.mark))


def sessions(include_ended: bool) -> Call[tuple[Session, ...]]:
    from memscope_client._pb import control_service_pb2 as pb

    request = pb.ListSessionsRequest(include_ended=include_ended)
    return Call("control", "ListSessions", request, _sessions)


def session(selector: int | str) -> Call[Session]:
    """The one that ``selector`` names; a DaemonError ``session.not-found`` if there is none."""
    from memscope_client._pb import control_service_pb2 as pb

    request = pb.ListSessionsRequest(include_ended=True)
    return Call("control", "ListSessions", request, lambda found: chosen(_sessions(found), selector))


def chosen(some: tuple[Session, ...], selector: int | str) -> Session:
    """Of sessions in the order they began: the one of that id, or on the process of that PID the one that
    runs, else the last that did."""
    text = str(selector).strip()
    found = [one for one in some if text in (one.session_id, str(one.target.pid))]
    running = [one for one in found if not one.is_ended]
    if not found:
        raise DaemonError(
            "session.not-found",
            f"there is no session {text[:64]!r}, nor one on a process of that number",
            "memscoped status --all lists those there are",
        )
    return (running or found)[-1]


def figures(session_id: str, site_count: int) -> Call[Snapshot]:
    from memscope_client._pb import query_service_pb2 as pb
    from memscope_client.figures import Snapshot

    request = pb.GetFiguresRequest(session_id=session_id, site_count=site_count)
    return Call("query", "GetFigures", request, lambda found: from_message(Snapshot, found))


def watch(session_id: str, after: int | None, site_count: int, every_s: float) -> Call[WatchPoint]:
    """A stream of points; ``after`` None: from now on."""
    from memscope_client._pb import query_service_pb2 as pb
    from memscope_client.figures import WatchPoint

    request = pb.WatchRequest(
        session_id=session_id,
        after_number=FROM_NOW_ON if after is None else after,
        site_count=site_count,
        every_s=every_s,
    )
    return Call("query", "Watch", request, lambda found: from_message(WatchPoint, found))


def report(session_id: str, site_count: int) -> Call[Report]:
    from memscope_client._pb import query_service_pb2 as pb
    from memscope_client.figures import Report

    request = pb.GetReportRequest(session_id=session_id, site_count=site_count)
    return Call("query", "GetReport", request, lambda found: from_message(Report, found.report))


def system_samples(session_id: str, after_ns: int, host: bool) -> Call[SystemSamples]:
    """A stream of pieces."""
    from memscope_client._pb import query_service_pb2 as pb
    from memscope_client.figures import SystemSamples

    request = pb.GetSystemSamplesRequest(session_id=session_id, after_ns=after_ns, host=host)
    return Call("query", "GetSystemSamples", request, lambda found: from_message(SystemSamples, found))


def all_samples(pieces: list[SystemSamples]) -> SystemSamples:
    """Of all pieces."""
    from memscope_client.figures import SystemSamples

    scopes = {name: text for piece in pieces for name, text in piece.scopes.items()}
    return SystemSamples(tuple(sample for piece in pieces for sample in piece.samples), scopes)


def export(session_id: str, format_name: str, measure: str) -> Call[tuple[str, bytes]]:
    """A stream of pieces, each with the file's name, which only the first one has."""
    from memscope_client._pb import query_service_pb2 as pb

    request = pb.ExportRequest(session_id=session_id, format=format_name, measure=measure)
    return Call("query", "Export", request, lambda found: (found.file_name, found.chunk))


def put_together(pieces: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The name and the content of an exported file."""
    return "".join(name for name, _ in pieces[:1]), b"".join(content for _, content in pieces)


def _session(answer: Any) -> Session:
    return from_message(Session, answer.session)


def _sessions(answer: Any) -> tuple[Session, ...]:
    return tuple(from_message(Session, item) for item in answer.sessions)
