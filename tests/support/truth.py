"""The program whose every allocation is known, under an attach: what is true, and what is reported."""

from __future__ import annotations

import dataclasses
import math

from memscope_client import Estimate, Report, Sampling, Site
from tests.support.daemon import Serving
from tests.support.samples import Sample, read_samples
from tests.support.targets import PROGRAMS, Target

FILE = str(PROGRAMS / "truth.py")


def probability(size_bytes: int, sampling: Sampling) -> float:
    """With which a block of that size is sampled."""
    if sampling.mode == "rate":
        return sampling.value
    return -math.expm1(-size_bytes / sampling.value)


@dataclasses.dataclass(frozen=True, slots=True)
class KnownSite:
    """What one run allocates at a site, and what of it stays."""

    function: str
    line: int
    largest_block_bytes: int
    count: int
    bytes: int
    live_count: int
    live_bytes: int

    @property
    def mixes_sizes(self) -> bool:
        """Whether it makes small blocks beside large ones."""
        return self.largest_block_bytes * self.count != self.bytes

    def probability(self, sampling: Sampling) -> float:
        """With which its largest block is sampled."""
        return probability(self.largest_block_bytes, sampling)


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A run that was watched from its first allocation to its last, then detached from."""

    sampling: Sampling
    known: tuple[KnownSite, ...]
    report: Report
    samples: tuple[Sample, ...]

    def site(self, known: KnownSite) -> Site | None:
        found = [one for one in self.report.sites if (one.function, one.file) == (known.function, FILE)]
        assert all(one.line == known.line for one in found), (
            f"{known.function} is at line {known.line}: {found}"
        )
        assert len(found) <= 1
        return found[0] if found else None

    def samples_of(self, known: KnownSite) -> list[Sample]:
        return [one for one in self.samples if (one.function, one.file) == (known.function, FILE)]

    def unseen(self) -> Estimate:
        """What the report says of a site that it does not list."""
        return Estimate(0.0, 0.0, self.report.quality.unseen_bound_bytes, 0, False)


def known_sites(target: Target, scale: float) -> tuple[KnownSite, ...]:
    return tuple(KnownSite(**one) for one in target.ask("sites", scale))


def watch_one_run(daemon: Serving, target: Target, sampling: Sampling, scale: float) -> Run:
    """Attach, let it work once, detach, ask for the report."""
    known = known_sites(target, scale)
    target.ask("prepare", scale)
    session = daemon.client.attach(target.pid, sampling).result()
    try:
        target.ask("work", deadline_s=120.0)
    finally:
        ended = daemon.detach(session)
    assert target.errors == 0
    report = daemon.client.report(session.session_id)
    target.ask("drop")
    return Run(sampling, known, report, tuple(read_samples(ended.store_path)))
