"""Attach here, ship elsewhere: for a server that takes events and offers nothing else."""

from __future__ import annotations

from memscope_daemon.model.sampling import SamplingConfig


def run(pid: int, sampling: SamplingConfig, address: str, duration_s: float | None) -> int:
    raise NotImplementedError
