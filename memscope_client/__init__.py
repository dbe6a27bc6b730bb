"""A library that speaks gRPC with a memscope daemon.

    from memscope_client import Client, Sampling

    with Client("unix:/run/user/1000/memscope/daemon.sock") as client:
        session = client.attach(pid, Sampling.bytes(524288)).result()
        ...
        client.detach(session.session_id)
        report = client.report(session.session_id)

Importing this package imports neither gRPC nor protobuf: that happens when a Client is made.
"""

from memscope_client.client import Attachment, Client
from memscope_client.errors import DaemonError
from memscope_client.model import (
    AttachFigures,
    DomainFigures,
    Estimate,
    Figures,
    Loss,
    Quality,
    Report,
    Sampling,
    Session,
    Site,
    Snapshot,
    Target,
    TargetStop,
    ThreadFigures,
    Version,
)

__all__ = [
    "AttachFigures",
    "Attachment",
    "Client",
    "DaemonError",
    "DomainFigures",
    "Estimate",
    "Figures",
    "Loss",
    "Quality",
    "Report",
    "Sampling",
    "Session",
    "Site",
    "Snapshot",
    "Target",
    "TargetStop",
    "ThreadFigures",
    "Version",
]
