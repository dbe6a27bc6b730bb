"""How much of a session's events is kept: bounds by count, age and bytes, and presets by their names."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """Bounds of the events that are kept; 0 is no bound.

    ``keep_share``: when a bound is passed, the oldest events are forgotten until this share of it is left, so
    that it is not passed again at once.
    """

    max_count: int = 0
    max_age_s: float = 0.0
    max_bytes: int = 0
    keep_share: float = 0.8
    preset: str = ""


MIB = 1 << 20
HISTORIES: dict[str, History] = {
    "development": History(1_000_000, 7200.0, 1024 * MIB, 0.9, "development"),
    "high_performance": History(200_000, 900.0, 512 * MIB, 0.85, "high_performance"),
    "production": History(50_000, 1800.0, 256 * MIB, 0.7, "production"),
    "testing": History(1_000, 60.0, 32 * MIB, 0.8, "testing"),
    "unbounded": History(preset="unbounded"),
}
DEFAULT_HISTORY = "development"


@dataclasses.dataclass(frozen=True, slots=True)
class HistoryFigures:
    """``bounds``, and how many events are kept and forgotten, the youngest of these at ``until_ns``."""

    bounds: History = HISTORIES["unbounded"]
    kept_count: int = 0
    forgotten_count: int = 0
    until_ns: int = 0
