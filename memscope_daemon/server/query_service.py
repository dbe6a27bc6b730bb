"""Answers questions about sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from memscope_daemon._pb import query_service_pb2 as pb
from memscope_daemon._pb import query_service_pb2_grpc as services
from memscope_daemon.model.system import HOST, HOST_SCOPES, TARGET_SCOPES, SystemSample, samples
from memscope_daemon.query import figures, quality, report
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.server import exports, messages
from memscope_daemon.server.book import SessionBook
from memscope_daemon.server.status import answering
from memscope_daemon.server.watching import Watchers, watch

CHUNK_BYTES = 1 << 20
SAMPLES_AT_ONCE = 4096


class QueryService(services.QueryServicer):  # type: ignore[misc,unused-ignore]
    def __init__(self, book: SessionBook) -> None:
        self._book = book
        self._watchers = Watchers()

    def GetFigures(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.GetFiguresResponse:
        with answering(context), self._book.in_use():
            entry, count = self._book.get(request.session_id), request.site_count
            answer = entry.ask(lambda at: _figures(at, count), exact=False)
            return _with_samples(answer, entry.observed.latest)

    def Watch(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchResponse]:
        with answering(context), self._book.in_use(), self._watchers.one_more():
            yield from watch(self._book.get(request.session_id), request, context)

    def GetReport(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.GetReportResponse:
        with answering(context), self._book.in_use():
            entry = self._book.get(request.session_id)
            answer = entry.ask(lambda at: report.report(at, request.site_count), exact=True)
            return pb.GetReportResponse(report=messages.report_to(entry.namer.name(answer)))

    def Export(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[pb.ExportResponse]:
        with answering(context), self._book.in_use():
            entry = self._book.get(request.session_id)
            exporter = exports.exporter_of(request.format)
            content = entry.ask(lambda at: exports.content(at, exporter, request.measure), exact=True)
            # Here, not where the session's events are taken in:
            data = exporter.render(exports.named(content, entry.namer))
            yield pb.ExportResponse(chunk=data[:CHUNK_BYTES], file_name=exporter.file_name)
            for start in range(CHUNK_BYTES, len(data), CHUNK_BYTES):
                yield pb.ExportResponse(chunk=data[start : start + CHUNK_BYTES])

    def GetSystemSamples(  # noqa: N802 (gRPC's name)
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[pb.GetSystemSamplesResponse]:
        with answering(context), self._book.in_use():
            entry, host, after_ns = self._book.get(request.session_id), request.host, request.after_ns
            yield pb.GetSystemSamplesResponse(scopes=HOST_SCOPES if host else TARGET_SCOPES)
            column = f"{HOST}timestamp" if host else "timestamp"
            while len(rows := entry.system_rows(column, after_ns, SAMPLES_AT_ONCE)):
                found = [messages.sample_to(sample) for sample in samples(rows, host=host)]
                yield pb.GetSystemSamplesResponse(samples=found)
                after_ns = found[-1].timestamp_ns
                if len(rows) < SAMPLES_AT_ONCE:
                    break


def _with_samples(
    answer: pb.GetFiguresResponse, latest: tuple[SystemSample | None, SystemSample | None]
) -> pb.GetFiguresResponse:
    for field, sample in zip((answer.system, answer.host), latest, strict=True):
        if sample is not None:
            field.CopyFrom(messages.sample_to(sample))
    return answer


def _figures(evidence: Evidence, site_count: int) -> pb.GetFiguresResponse:
    sites = figures.sites(evidence, site_count) if site_count else ()
    return pb.GetFiguresResponse(
        figures=messages.figures_to(figures.figures(evidence)),
        sites=[messages.site_to(site) for site in sites],
        quality=messages.quality_to(quality.assess(evidence)),
        cost=messages.cost_to(evidence.cost),
    )
