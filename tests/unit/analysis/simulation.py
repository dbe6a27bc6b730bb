"""Programs whose every allocation is known, sampled as the shim samples."""

from __future__ import annotations

import dataclasses

import numpy as np

from memscope_daemon.model import sums
from memscope_daemon.model.columns import Floats, Integers
from memscope_daemon.model.sums import Sums

INTERVAL = 524_288.0


@dataclasses.dataclass(frozen=True)
class Blocks:
    """Every block of a program: its size and its site."""

    size: Floats
    site: Integers

    @property
    def sites(self) -> int:
        return int(self.site.max(initial=-1)) + 1

    def bytes(self) -> Floats:
        return np.bincount(self.site, self.size, self.sites)

    def counts(self) -> Floats:
        return np.bincount(self.site, minlength=self.sites).astype(np.float64)


def uniform_sites(sizes: list[int], counts: list[int]) -> Blocks:
    """A site for each size."""
    return Blocks(np.repeat(np.array(sizes, np.float64), counts), np.repeat(np.arange(len(sizes)), counts))


def by_interval(size: Floats, interval: float) -> Floats:
    """Probabilities in bytes mode."""
    return -np.expm1(-np.maximum(size, 1.0) / interval)


def sampled(blocks: Blocks, probability: Floats, by_bytes: bool, random: np.random.Generator) -> Sums:
    """Sums per site of one sampling of the blocks."""
    taken = random.random(len(blocks.size)) < probability
    found = sums_of(Blocks(blocks.size[taken], blocks.site[taken]), probability[taken], by_bytes)
    return sums.regroup(found, np.arange(found.count), blocks.sites)


def sums_of(samples: Blocks, probability: Floats, by_bytes: bool) -> Sums:
    """Sums per site of samples; weights go through 32 bits, as on their way from the shim."""
    weight = (1.0 / probability).astype(np.float32).astype(np.float64)
    each = sums.statistics(samples.size, weight, np.full(len(weight), by_bytes))
    return sums.regroup(each, samples.site, samples.sites)
