"""What the system monitor saw, read back from a session's file, and thinned there as it grows older."""

from __future__ import annotations

import numpy as np

from memscope_daemon.model.columns import Array
from memscope_daemon.model.system import MOST, ROW, ROW_NAMES, SystemSeries
from memscope_daemon.store.capture import Capture
from memscope_daemon.store.schema import SYSTEM_SAMPLES

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
#: What is older than the first is kept as means over the second: a day takes a tenth of what it was, a year
#: some 500,000 rows.
AGES = ((HOUR_NS, SECOND_NS), (24 * HOUR_NS, 60 * SECOND_NS))
THIN_EACH_NS = HOUR_NS // 6

#: NULL does not come through numpy.
_PLAIN = ", ".join(
    name if ROW[name].str == "<i8" else f"coalesce({name}, 'nan'::DOUBLE) AS {name}" for name in ROW_NAMES
)
_MEANS = ", ".join(
    f"coalesce({'max' if name in MOST else 'avg'}({name}), 'nan'::DOUBLE) AS {name}"
    if ROW[name].str == "<f8"
    else f"max({name}) AS {name}"
    for name in ROW_NAMES
)


def after(capture: Capture, column: str, time_ns: int, count: int) -> Array:
    """The oldest ``count`` rows with a ``column`` above ``time_ns``.

    :raises SystemFailure: the file cannot be read.
    """
    sql = f"SELECT {_PLAIN} FROM {SYSTEM_SAMPLES} WHERE {column} > ? ORDER BY {column} LIMIT ?"
    return _rows(capture, sql, (time_ns, count))


def series(capture: Capture, point_count: int) -> SystemSeries:
    """All that is there, in at most so many points, each the mean of as much time.

    :raises SystemFailure: the file cannot be read.
    """
    sql = f"SELECT count(*), min(timestamp), max(timestamp) FROM {SYSTEM_SAMPLES}"
    ((count, first, last),) = capture.rows(sql)
    if count <= point_count:
        return SystemSeries(after(capture, "timestamp", -(1 << 62), point_count))
    width_ns = (last - first) // point_count + 1
    return SystemSeries(_means(capture, first, last + 1, width_ns), width_ns)


class Thinning:
    """Of one capture."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._done_ns = [0] * len(AGES)  # so far each age has been thinned
        self._looked_ns = 0

    def do_if_due(self, time_ns: int) -> None:
        """``time_ns``: session time now.

        :raises SystemFailure: the store refused; what is there stays as it is.
        """
        if time_ns - self._looked_ns < THIN_EACH_NS:
            return
        self._looked_ns = time_ns
        for at, (age_ns, width_ns) in enumerate(AGES):
            first_ns, before_ns = self._done_ns[at], (time_ns - age_ns) // width_ns * width_ns
            if before_ns > first_ns:
                rows = _means(self._capture, first_ns, before_ns, width_ns)
                self._capture.replace_looks(first_ns, before_ns, rows)
                self._done_ns[at] = before_ns


def _means(capture: Capture, first_ns: int, before_ns: int, width_ns: int) -> Array:
    sql = (
        f"SELECT {_MEANS} FROM {SYSTEM_SAMPLES} WHERE timestamp >= ? AND timestamp < ?"
        " GROUP BY (timestamp - ?) // ? ORDER BY 1"
    )
    return _rows(capture, sql, (first_ns, before_ns, first_ns, width_ns))


def _rows(capture: Capture, sql: str, parameters: tuple[int, ...]) -> Array:
    found = capture.query(sql, parameters)
    rows = np.zeros(len(found[ROW_NAMES[0]]), ROW)
    for name in ROW_NAMES:
        rows[name] = found[name]
    return rows
