"""Evidence made from events, the way a recording makes it."""

from __future__ import annotations

import numpy as np

from memscope_daemon._pb import events_pb2
from memscope_daemon.ingest import columns as wire_columns
from memscope_daemon.ingest import dictionary as wire_dictionary
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model.dictionary import LossRow
from memscope_daemon.model.report import Resident
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import (
    AttachFigures,
    EndReason,
    SessionInfo,
    SessionState,
    Target,
    TargetStop,
)
from memscope_daemon.model.system import SystemSeries
from memscope_daemon.query.evidence import Evidence
from memscope_daemon.timeline.live import LiveState
from tests.unit.server import mini_shipper

SESSION = SessionInfo(
    "00000000000000c7",
    Target(4242, 17, "made_up.py", "3.11.2", "here"),
    SessionState.ENDED,
    SamplingConfig(SamplingMode.RATE, 1.0, seed=7, preset="full"),
    1_700_000_000_000_000_000,
    2_000_000_000,
    EndReason.DETACHED,
    attach=AttachFigures("K", (TargetStop("map", 120_000), TargetStop("call", 180_000, True)), 5_000_000, 0),
    detach=AttachFigures("", (), 900_000, 0),
    store_path="captures/00000000000000c7.duckdb",
)


def evidence(
    events: events_pb2.EventColumns,
    *,
    mode: int = mini_shipper.RATE,
    value: float = 1.0,
    losses: tuple[LossRow, ...] = (),
    resident: Resident = Resident(),  # noqa: B008 (frozen)
    sites: int = 7,
    system: SystemSeries = SystemSeries(),  # noqa: B008 (frozen)
) -> Evidence:
    tables = Tables(SamplingMode(mode))
    tables.add(wire_dictionary.decode(mini_shipper.dictionary(sites, mode, value), tables))
    columns = wire_columns.decode(events)
    live = LiveState()
    live.add(columns, np.full(columns.count, mode == mini_shipper.BYTES))
    return Evidence(
        SESSION,
        tables,
        live.by_stack,
        live.by_thread,
        live.by_domain,
        live.peak,
        losses,
        2_000_000_000,
        live.event_count,
        live.unresolved_count,
        live.largest_bytes,
        resident,
        {101: "MainThread"},
        system=system,
    )
