"""A daemon of the wire alone: real gRPC, real messages, and answers that a test has laid down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc

from memscope_client._pb import (
    control_service_pb2,
    control_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
    report_pb2,
    session_pb2,
)

SESSION_ID = "00000000075bcd15"
JSON = b'{"schema": "urn:memscope:report:1", "schema_version": 1, "preface": ["RSS 31 MiB; 7 before"]}\n'
COLLAPSED = b"main (app.py:3);leak (app.py:7) 104729\n"
HTML = b"<!doctype html><title>leak</title>\n"
CONTENTS = {"json": JSON, "collapsed": COLLAPSED, "html": HTML}


def estimate(value: float, samples: int = 31) -> report_pb2.Estimate:
    return report_pb2.Estimate(value=value, low=value * 0.7, high=value * 1.4, sample_count=samples)


class FakeDaemon(control_service_pb2_grpc.ControlServicer, query_service_pb2_grpc.QueryServicer):
    """``refusal`` set: attach answers with it. ``hold_attach``, ``hold_detach``: wait for these first."""

    def __init__(self, pid: int, program: str = "app.py") -> None:
        self.session = session_pb2.Session(
            session_id=SESSION_ID,
            target=session_pb2.Target(pid=pid, program=program, python_version="3.11.7"),
            duration_ns=2_500_000_000,
            sampling=session_pb2.SamplingConfig(
                mode="SAMPLING_MODE_BYTES", value=524288, stacks=True, depth=64
            ),
        )
        self.refusal: control_service_pb2.ErrorDetail | None = None
        self.hold_attach = threading.Event()
        self.hold_attach.set()
        self.hold_detach = threading.Event()
        self.hold_detach.set()
        self.attaching = threading.Event()
        self.detaching = threading.Event()
        self.asked: control_service_pb2.AttachRequest | None = None
        self.measure = ""

    def end(self, reason: str, detail: str = "") -> None:
        """The session ends by itself, as when the target does."""
        self.session.end_reason = session_pb2.EndReason.Value(reason)
        self.session.end_detail = detail
        self.session.state = session_pb2.SESSION_STATE_ENDED

    def GetVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        return control_service_pb2.GetVersionResponse(version="9.9.9", protocol_version=1, pid=7)

    def Attach(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        self.asked = request
        self.attaching.set()
        yield control_service_pb2.AttachResponse(progress="looking at the target")
        while not self.hold_attach.wait(0.02):
            if not context.is_active():
                return
        if self.refusal is not None:
            self._refuse(context)
        self.session.state = session_pb2.SESSION_STATE_ACTIVE
        yield control_service_pb2.AttachResponse(session=self.session)

    def _refuse(self, context: Any) -> None:
        context.set_trailing_metadata((("memscope-error-bin", self.refusal.SerializeToString()),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, self.refusal.message)

    def Detach(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.detaching.set()
        self.hold_detach.wait(30)
        if self.session.state != session_pb2.SESSION_STATE_ENDED:
            self.end("END_REASON_DETACHED")
        return control_service_pb2.DetachResponse(session=self.session)

    def SetSampling(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.session.sampling.CopyFrom(request.sampling)
        return control_service_pb2.SetSamplingResponse(session=self.session)

    def ListSessions(self, request: Any, context: Any) -> Any:  # noqa: N802
        known = self.session.state != session_pb2.SESSION_STATE_UNSPECIFIED
        return control_service_pb2.ListSessionsResponse(sessions=[self.session] if known else [])

    def GetFigures(self, request: Any, context: Any) -> Any:  # noqa: N802
        return query_service_pb2.GetFiguresResponse(
            figures=self._figures(), sites=[self._site()], quality=report_pb2.Quality(grade="good")
        )

    def GetReport(self, request: Any, context: Any) -> Any:  # noqa: N802
        quality = report_pb2.Quality(
            grade="good",
            recorded_count=271,
            unseen_bound_bytes=1572864,
            losses=[{"cause": "reentry", "record_count": 2}],
        )
        report = report_pb2.Report(
            session=self.session, figures=self._figures(), sites=[self._site()], quality=quality
        )
        return query_service_pb2.GetReportResponse(report=report)

    def Export(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        self.measure = request.measure
        if request.format not in CONTENTS:
            detail = control_service_pb2.ErrorDetail(code="render.unknown-format", message="no such format")
            context.set_trailing_metadata((("memscope-error-bin", detail.SerializeToString()),))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, detail.message)
        content = CONTENTS[request.format]
        yield query_service_pb2.ExportResponse(file_name=f"x.{request.format}", chunk=content[:11])
        yield query_service_pb2.ExportResponse(chunk=content[11:])

    def _figures(self) -> report_pb2.Figures:
        return report_pb2.Figures(
            live_bytes=estimate(7_340_033),
            allocated_bytes=estimate(15_728_641),
            peak_bytes=estimate(9_437_189),
        )

    def _site(self) -> report_pb2.Site:
        return report_pb2.Site(
            function="leak",
            file="/srv/app/app.py",
            line=7,
            live_bytes=estimate(6_291_469),
            allocated_bytes=estimate(6_291_469),
        )


class Serving:
    """While entered, the daemon answers at ``address``."""

    def __init__(self, daemon: Any, address: str) -> None:
        self.address = address
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        if isinstance(daemon, control_service_pb2_grpc.ControlServicer):
            control_service_pb2_grpc.add_ControlServicer_to_server(daemon, self._server)
            query_service_pb2_grpc.add_QueryServicer_to_server(daemon, self._server)
        assert self._server.add_insecure_port(address)

    def __enter__(self) -> Serving:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()
