"""Answers questions about sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from memscope_daemon._pb import query_service_pb2 as pb
from memscope_daemon._pb import query_service_pb2_grpc as services
from memscope_daemon.query import figures, quality, report
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.server import messages
from memscope_daemon.server.book import SessionBook
from memscope_daemon.server.exports import export
from memscope_daemon.server.status import answering

CHUNK_BYTES = 1 << 20


class QueryService(services.QueryServicer):  # type: ignore[misc,unused-ignore]
    def __init__(self, book: SessionBook) -> None:
        self._book = book

    def GetFigures(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.GetFiguresResponse:
        with answering(context), self._book.in_use():
            count = request.site_count
            return self._book.get(request.session_id).ask(lambda at: _figures(at, count), exact=False)

    def GetReport(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.GetReportResponse:
        with answering(context), self._book.in_use():
            entry = self._book.get(request.session_id)
            answer = entry.ask(lambda at: report.report(at, request.site_count), exact=True)
            return pb.GetReportResponse(report=messages.report_to(answer))

    def Export(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[pb.ExportResponse]:
        with answering(context), self._book.in_use():
            entry = self._book.get(request.session_id)
            name, data = entry.ask(lambda at: export(at, request.format, request.measure), exact=True)
            yield pb.ExportResponse(chunk=data[:CHUNK_BYTES], file_name=name)
            for start in range(CHUNK_BYTES, len(data), CHUNK_BYTES):
                yield pb.ExportResponse(chunk=data[start : start + CHUNK_BYTES])


def _figures(evidence: Evidence, site_count: int) -> pb.GetFiguresResponse:
    sites = figures.sites(evidence, site_count) if site_count else ()
    return pb.GetFiguresResponse(
        figures=messages.figures_to(figures.figures(evidence)),
        sites=[messages.site_to(site) for site in sites],
        quality=messages.quality_to(quality.assess(evidence)),
        cost=messages.cost_to(evidence.cost),
    )
