"""What a shipper is told to do: one session."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
from collections.abc import Iterator, Mapping
from typing import Any

from memscope_daemon.errors import InternalError
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode

INGEST_TIMEOUT_S = 30.0
UNACKNOWLEDGED_BYTES_MAX = 64 << 20


class ShipperExit(enum.IntEnum):
    """Exit codes of a shipper."""

    DONE = 0  # Goodbye was taken, or there was nothing to say
    CRASHED = 1
    BAD_JOB = 2
    INGEST_LOST = 3  # nobody took the events; the target was made quiet


@dataclasses.dataclass(frozen=True, slots=True)
class Resume:
    """Where a session stands whose shipper has died: what the ingest has taken of it.

    ``event_position``, ``raw_position``: records of either ring that it has, or that are known to be lost;
    ``thrown_away_count``: others that were read and counted as lost, of whichever ring. If there are any, the
    positions are not places in the rings.
    ``string_count`` and the like: the highest number of each table. ``losses``: what earlier shippers counted
    themselves, by cause.
    """

    sampling: SamplingConfig
    last_batch: int = 0
    shipped_count: int = 0
    event_position: int = 0
    raw_position: int = 0
    thrown_away_count: int = 0
    string_count: int = 0
    frame_count: int = 0
    stack_count: int = 0
    thread_count: int = 0
    setting_count: int = 0
    losses: dict[str, int] = dataclasses.field(default_factory=dict)

    def to_message(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_message(message: Mapping[str, Any]) -> Resume:
        """The inverse of :meth:`to_message`.

        :raises InternalError: a field is missing, unknown or of no sense.
        """
        with _making_sense():
            fields = dict(message)
            return Resume(sampling=_sampling(fields.pop("sampling")), **fields)


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One session, as TargetSession describes it to the shipper.

    ``session_id``: 16 hex digits. ``ingest_address``: a grpc target that serves ``Ingest``.
    ``start_monotonic_ns`` and ``started_unix_ns``: session time 0 on both clocks.
    ``start_time_ticks``: field 22 of /proc/PID/stat, 0 = not known.
    ``ingest_timeout_s``: how long the ingest may be out of reach before the shipper gives the session up.
    ``unacknowledged_bytes_max``: batches kept for a resume; beyond it the rings fill up instead.
    """

    session_id: str
    pid: int
    ingest_address: str
    sampling: SamplingConfig
    start_monotonic_ns: int
    started_unix_ns: int
    start_time_ticks: int = 0
    program: str = ""
    python_version: str = ""
    host: str = ""
    ingest_timeout_s: float = INGEST_TIMEOUT_S
    unacknowledged_bytes_max: int = UNACKNOWLEDGED_BYTES_MAX

    def to_message(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_message(message: Mapping[str, Any]) -> Job:
        """The inverse of :meth:`to_message`.

        :raises InternalError: a field is missing, unknown or of no sense.
        """
        with _making_sense():
            fields = dict(message)
            job = Job(sampling=_sampling(fields.pop("sampling")), **fields)
            int(job.session_id, 16)
            return job


def _sampling(message: Mapping[str, Any]) -> SamplingConfig:
    return SamplingConfig(**{**message, "mode": SamplingMode(message["mode"])})


@contextlib.contextmanager
def _making_sense() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise InternalError(
            "shipper.bad-job", f"the shipper was given a job that makes no sense: {error}", "report this"
        ) from error
