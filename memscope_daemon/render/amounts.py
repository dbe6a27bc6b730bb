"""Figures as words, for reports of every kind: an estimate with its interval, a sum with its error.

The page does the same in ``page/amounts.js``, and a test holds the two together.
"""

from __future__ import annotations

import math
from typing import Protocol

from memscope_daemon.model.stacks import Amount

DASH = "\u2013"  # en dash, as between the ends of an interval
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
COUNT_UNITS = ("", "k", "M", "G", "T")
FAR = 100  # an upper end so many times the value is shown in a unit of its own
SMALL_ERROR = 0.0005  # of the value; a smaller one is not worth words

#: What each measure is called in a sentence.
MEASURE_NAMES = {
    "live_bytes": "bytes live",
    "live_count": "blocks live",
    "allocated_bytes": "bytes allocated",
    "allocated_count": "blocks allocated",
    "peak_bytes": "bytes live at the peak",
}


class EstimateLike(Protocol):
    """The estimates of the daemon and those of the client."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def exact(self) -> bool: ...


def bytes_text(value: float) -> str:
    """``1.5 MiB``: three significant digits, units of 1024."""
    return _scaled((value,), UNITS, 1024.0)[0]


def count_text(value: float) -> str:
    return _scaled((value,), COUNT_UNITS, 1000.0)[0].replace(" ", "")


def bytes_estimate(estimate: EstimateLike) -> str:
    """``1.5 MiB (1.1–2.0)``, or ``= 1.5 MiB`` where nothing was estimated."""
    if estimate.exact:
        return f"= {bytes_text(estimate.value)}"
    if estimate.value == 0:
        return f"0 (0{DASH}{bytes_text(estimate.high)})"
    if estimate.high >= FAR * estimate.value:
        return f"{bytes_text(estimate.value)} ({bytes_text(estimate.low)}{DASH}{bytes_text(estimate.high)})"
    value, low, high = _scaled((estimate.value, estimate.low, estimate.high), UNITS, 1024.0)
    return f"{value} ({low.split()[0]}{DASH}{high.split()[0]})"


def count_estimate(estimate: EstimateLike) -> str:
    if estimate.exact:
        return f"= {count_text(estimate.value)}"
    if estimate.value == 0:
        return f"0 (0{DASH}{count_text(estimate.high)})"
    if estimate.high >= FAR * estimate.value:
        return f"{count_text(estimate.value)} ({count_text(estimate.low)}{DASH}{count_text(estimate.high)})"
    scaled = _scaled((estimate.value, estimate.low, estimate.high), COUNT_UNITS, 1000.0)
    value, low, high = (text.replace(" ", "") for text in scaled)
    return f"{value} ({low}{DASH}{high})"


def estimate_text(estimate: EstimateLike, measure: str) -> str:
    return bytes_estimate(estimate) if is_bytes(measure) else count_estimate(estimate)


def amount_text(amount: Amount, measure: str) -> str:
    """``1.5 MiB ± 19 %, 27 samples``: the standard error, left out where there is next to none."""
    value = bytes_text(amount.value) if is_bytes(measure) else count_text(amount.value)
    error = math.sqrt(amount.variance) / amount.value if amount.value > 0.0 else 0.0
    around = f" ± {percent_text(error)}" if error >= SMALL_ERROR else ""
    samples = "1 sample" if amount.sample_count == 1 else f"{amount.sample_count:,} samples"
    return f"{value}{around}, {samples}"


def percent_text(share: float) -> str:
    """``19 %``, ``3.4 %``."""
    percent = 100.0 * share
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %"


def is_bytes(measure: str) -> bool:
    return measure.endswith("_bytes")


def _scaled(values: tuple[float, ...], units: tuple[str, ...], base: float) -> tuple[str, ...]:
    """All values in the unit that suits the first of them, so that they can be compared at a glance."""
    size, index = abs(values[0]), 0
    while 999.5 <= size < math.inf and index < len(units) - 1:
        size, index = size / base, index + 1
    return tuple(f"{_digits(value / base**index, index)} {units[index]}".rstrip() for value in values)


def _digits(value: float, index: int) -> str:
    if not math.isfinite(value):
        return "∞"
    if index == 0:
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
