"""Whether estimates are unbiased: an honest statistic over all that was sampled.

A block of s bytes that is taken with probability p counts for s/p. Given all that happened before it, that
is s on the average, whatever setting is in force; so the error of a site, E - T (estimate less truth), is a
sum of steps of mean zero, and

    V = sum over the samples of w(w - 1)s^2        with w = 1/p

estimates the variance of that sum without bias. Errors of all sites, and of as many sessions as there are,
add up to one figure

    Z = sum a(E - T) / sqrt(sum a^2 V)

with a = 1/(64 KiB + 10 s), laid down beforehand: else the rare samples of huge blocks alone would decide. Z
is all but normal, 0 on the average if there is no bias: beyond 4 by chance once in 16,000. It is read from
the file of the session by SQL of our own, not from what the product makes of it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping

from tests.support.samples import FREE, opened

TOO_FAR = 4.0
SCALE_BYTES = 65_536.0
SCALE_SIZE = 10.0
SITES = f"""
SELECT f.text, g.text, count(*), sum(e.weight * e.size_bytes),
       sum(e.weight * (e.weight - 1.0) * e.size_bytes::DOUBLE * e.size_bytes)
FROM events e
LEFT JOIN stack_frames s ON s.stack_id = e.stack_id AND s.position = 0
LEFT JOIN frames USING (frame_id)
LEFT JOIN strings f ON f.string_id = frames.function_string_id
LEFT JOIN strings g ON g.string_id = frames.file_string_id
WHERE e.kind <> {FREE} GROUP BY 1, 2
"""


@dataclasses.dataclass(frozen=True, slots=True)
class SiteSum:
    """All samples of a site: how many, what they stand for, and the variance of that (bytes squared)."""

    samples: int
    estimate_bytes: float
    variance: float


@dataclasses.dataclass(frozen=True, slots=True)
class Error:
    """Of one site in one session; ``size_bytes`` of its largest block."""

    size_bytes: int
    true_bytes: float
    found: SiteSum

    @property
    def scale(self) -> float:
        return 1.0 / (SCALE_BYTES + SCALE_SIZE * self.size_bytes)


def read_sites(store_path: str, file: str) -> dict[str, SiteSum]:
    """Sums by function of that file, and of everything else under the name ""."""
    with opened(store_path) as connection:
        rows = connection.execute(SITES).fetchall()
    found: dict[str, SiteSum] = {}
    for function, where, *figures in rows:
        name = function if where == file and function else ""
        before = found.get(name, SiteSum(0, 0.0, 0.0))
        found[name] = SiteSum(
            before.samples + figures[0], before.estimate_bytes + figures[1], before.variance + figures[2]
        )
    return found


def errors_of(found: Mapping[str, SiteSum], truth: Iterable[tuple[str, int, float]]) -> list[Error]:
    """``truth``: function, largest block and bytes of each site."""
    nothing = SiteSum(0, 0.0, 0.0)
    return [Error(size, true, found.get(function, nothing)) for function, size, true in truth]


def z_of(errors: Iterable[Error]) -> float:
    """The figure above; 0 where everything was recorded and everything is right."""
    errors = list(errors)
    shift = sum(one.scale * (one.found.estimate_bytes - one.true_bytes) for one in errors)
    variance = sum(one.scale**2 * one.found.variance for one in errors)
    if not variance:
        return 0.0 if abs(shift) < 1e-9 else math.inf
    return shift / math.sqrt(variance)


def ratio_of(errors: Iterable[Error]) -> float:
    """Estimated over true bytes."""
    errors = list(errors)
    true = sum(one.true_bytes for one in errors)
    return sum(one.found.estimate_bytes for one in errors) / true if true else 1.0
