"""A daemon of the wire alone whose session is watched: it hands out recorded points when it is told."""

from __future__ import annotations

import dataclasses
import json
import queue
from collections.abc import Iterator
from typing import Any

from memscope_client._pb import control_service_pb2, query_service_pb2, report_pb2
from memscope_client.convert import enum_number
from memscope_client.figures import WatchPoint
from tests.unit.cli.fake_daemon import FakeDaemon
from tests.unit.cli.live.recorded import MIB, SESSION

RESIDENT_BYTES = int(43.5 * MIB)


class WatchedDaemon(FakeDaemon):
    """``show`` sends a point to whoever watches; ``asked``: what came by the keys."""

    def __init__(self) -> None:
        super().__init__(SESSION.target.pid)
        fill(self.session, dataclasses.replace(SESSION, state=""))
        self.asked_for: list[Any] = []
        self._points: queue.SimpleQueue[WatchPoint | None] = queue.SimpleQueue()

    def show(self, *points: WatchPoint) -> None:
        for point in points:
            self.session.duration_ns = point.figures.time_ns
            self._points.put(point)

    def end(self, reason: str, detail: str = "") -> None:
        super().end(reason, detail)
        self._points.put(None)

    def Watch(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        while context.is_active():
            try:
                point = self._points.get(timeout=0.02)
            except queue.Empty:
                continue
            if point is None:
                return
            message = fill(query_service_pb2.WatchResponse(), point)
            message.session.paused = self.session.paused
            message.session.sampling.CopyFrom(self.session.sampling)
            yield message

    def SetPaused(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.session.paused = request.paused
        self.asked_for.append(request)
        return control_service_pb2.SetPausedResponse(session=self.session)

    def SetSampling(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.asked_for.append(request)
        return super().SetSampling(request, context)

    def AddMark(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.asked_for.append(request)
        mark = report_pb2.Mark(time_ns=7_000_000_000, label=request.label)
        return control_service_pb2.AddMarkResponse(mark=mark)

    def Export(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        if request.format != "json":
            yield from super().Export(request, context)
            return
        resident = {"resident_memory": {"now_bytes": RESIDENT_BYTES}}
        yield query_service_pb2.ExportResponse(file_name="x.json", chunk=json.dumps(resident).encode())


def fill(message: Any, value: Any) -> Any:
    """The message that a client reads as ``value``."""
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        if content is None:
            continue
        described = message.DESCRIPTOR.fields_by_name[field.name]
        if isinstance(content, tuple):
            for one in content:
                if dataclasses.is_dataclass(one):
                    fill(getattr(message, field.name).add(), one)
                else:
                    getattr(message, field.name).append(one)
        elif dataclasses.is_dataclass(content):
            fill(getattr(message, field.name), content)
        else:
            enum_type = described.enum_type
            setattr(message, field.name, content if enum_type is None else enum_number(enum_type, content))
    return message
