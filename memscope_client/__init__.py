"""A library that speaks gRPC with a memscope daemon.

    from memscope_client import Client, Sampling, default_address

    with Client(default_address()) as client:
        session = client.attach(pid, Sampling.bytes(524288)).result()
        ...
        client.detach(session.session_id)
        report = client.report(session.session_id)

:class:`AsyncClient` is the same for asyncio.

Importing this package imports neither gRPC nor protobuf: that happens when a Client is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memscope_client.aio import AsyncAttachment, AsyncClient
    from memscope_client.channel import default_address
    from memscope_client.client import Attachment, Client
    from memscope_client.errors import DaemonError
    from memscope_client.figures import (
        Cost,
        DomainFigures,
        Estimate,
        Figures,
        History,
        LifetimeClass,
        Lifetimes,
        Loss,
        Mark,
        Percentile,
        Quality,
        Report,
        SamplingPause,
        Site,
        Snapshot,
        StepChange,
        SystemSample,
        SystemSamples,
        ThreadFigures,
        Variable,
        WatchPoint,
    )
    from memscope_client.sessions import (
        AttachFigures,
        AutoExport,
        AutoExportStatus,
        Sampling,
        Session,
        Target,
        TargetStop,
        Version,
    )

__all__ = [
    "AsyncAttachment",
    "AsyncClient",
    "AttachFigures",
    "Attachment",
    "AutoExport",
    "AutoExportStatus",
    "Client",
    "Cost",
    "DaemonError",
    "DomainFigures",
    "Estimate",
    "Figures",
    "History",
    "LifetimeClass",
    "Lifetimes",
    "Loss",
    "Mark",
    "Percentile",
    "Quality",
    "Report",
    "Sampling",
    "SamplingPause",
    "Session",
    "Site",
    "Snapshot",
    "StepChange",
    "SystemSample",
    "SystemSamples",
    "Target",
    "TargetStop",
    "ThreadFigures",
    "Variable",
    "Version",
    "WatchPoint",
    "default_address",
]

_HOMES = {
    "aio": ("AsyncAttachment", "AsyncClient"),
    "channel": ("default_address",),
    "client": ("Attachment", "Client"),
    "errors": ("DaemonError",),
    "sessions": (
        "AttachFigures",
        "AutoExport",
        "AutoExportStatus",
        "Sampling",
        "Session",
        "Target",
        "TargetStop",
        "Version",
    ),
}


def __getattr__(name: str) -> Any:
    """Each name is loaded when it is first asked for: a command is to be quick."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "figures")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    return value
