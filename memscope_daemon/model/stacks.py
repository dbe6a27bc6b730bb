"""Call stacks with what was allocated under each: what flame graphs are made of."""

from __future__ import annotations

import dataclasses
import enum

#: What a stack can be weighed by; the first is the default.
MEASURES = ("live_bytes", "live_count", "allocated_bytes", "allocated_count", "peak_bytes")

#: How a stack is written that has no Python frame.
NO_FRAME_NAME = "[no Python frame]"


class Origin(enum.StrEnum):
    """Whose code a frame runs, told by the path of its file; nothing is read from the disk."""

    USER = "user"
    STDLIB = "stdlib"
    SITE_PACKAGES = "site-packages"
    UNKNOWN = "unknown"

    @property
    def is_library(self) -> bool:
        return self in (Origin.STDLIB, Origin.SITE_PACKAGES)


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """A line of a function; "" and 0 are "not known"."""

    function: str
    file: str
    line: int
    origin: Origin

    @property
    def text(self) -> str:
        """``function (file:12)``."""
        return f"{self.function or '?'} ({self.file or '?'}:{self.line})"


@dataclasses.dataclass(frozen=True, slots=True)
class Amount:
    """An estimate that can be added up: values, variances and samples of disjoint sets add.

    The standard error is the square root of ``variance``; for few samples it is no interval (the report has
    those). Lost samples are not in it.
    """

    value: float = 0.0
    variance: float = 0.0
    sample_count: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.value + other.value,
            self.variance + other.variance,
            self.sample_count + other.sample_count,
        )


NOTHING = Amount()


@dataclasses.dataclass(frozen=True, slots=True)
class StackFigures:
    """``frames``: outermost first; empty where there is no Python frame. Each measure, in bytes or blocks."""

    frames: tuple[Frame, ...]
    live_bytes: Amount
    live_count: Amount
    allocated_bytes: Amount
    allocated_count: Amount
    peak_bytes: Amount

    def of(self, measure: str) -> Amount:
        """One of :data:`MEASURES`."""
        found: Amount = getattr(self, measure)
        return found

    @property
    def texts(self) -> tuple[str, ...]:
        """The frames as texts, never empty."""
        return tuple(frame.text for frame in self.frames) or (NO_FRAME_NAME,)
