"""What is said beside the ratios: each column is a name, and a text made of some runs of a contestant."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from tests.bench.yardstick.runs import Run
from tests.bench.yardstick.summary import Cell, values

DASH = "\N{EN DASH}"
MIB = 1 << 20


def middle_and_worst(numbers: Sequence[float], form: str) -> str:
    """``0.42 (0.61)``: the median, and the largest if there is another; a dash for nothing."""
    if not numbers:
        return DASH
    middle, worst = format(statistics.median(numbers), form), format(max(numbers), form)
    return middle if middle == worst else f"{middle} ({worst})"


def stops(cells: Sequence[Cell]) -> str:
    """The longest of the stops of each attach, in milliseconds."""
    return middle_and_worst(values(_runs(cells), _longest_stop_ms), ".2f")


def to_active(cells: Sequence[Cell]) -> str:
    return middle_and_worst(values(_runs(cells), lambda run: run.traces.to_active_ms), ".0f")


def to_first_event(cells: Sequence[Cell]) -> str:
    return middle_and_worst(values(_runs(cells), lambda run: run.traces.to_first_event_ms), ".0f")


def added(cells: Sequence[Cell]) -> str:
    return middle_and_worst([cell.added_bytes / MIB for cell in cells if cell.added_bytes is not None], ".1f")


def lost(cells: Sequence[Cell]) -> str:
    """Records, of all that were to be recorded."""
    runs = [run for run in _runs(cells) if run.traces.lost_count is not None]
    if not runs:
        return DASH
    gone = sum(run.traces.lost_count or 0 for run in runs)
    total = gone + sum(run.traces.recorded_count or 0 for run in runs)
    return f"{gone:,} of {total:,}"


def written(cells: Sequence[Cell]) -> str:
    return middle_and_worst(values(_runs(cells), _written_mib), ".1f")


def beside(cells: Sequence[Cell]) -> str:
    """Processor time of the contestant's own processes, in percent of one processor."""
    return middle_and_worst(values(_runs(cells), _beside_percent), ".0f")


def _longest_stop_ms(run: Run) -> float | None:
    return max((length_ms for _, length_ms in run.traces.stops_ms), default=None)


def _written_mib(run: Run) -> float | None:
    return None if run.traces.written_bytes is None else run.traces.written_bytes / MIB


def _beside_percent(run: Run) -> float | None:
    return 100 * run.beside_ns / run.wall_ns if run.beside_ns else None


def _runs(cells: Sequence[Cell]) -> list[Run]:
    return [run for cell in cells for run in cell.runs if not run.failure]


COLUMNS: tuple[tuple[str, Callable[[Sequence[Cell]], str]], ...] = (
    ("stop, ms", stops),
    ("active, ms", to_active),
    ("1st event, ms", to_first_event),
    ("memory, MiB", added),
    ("written, MiB", written),
    ("beside, % of a CPU", beside),
    ("lost", lost),
)
LEGEND = """\
ratio: processor time (user and system) of the target for an operation, against nothing in the same round.
Beside that, median (worst): stop: the longest of an attach, as the tracer measured it; active, 1st event:
from the start of the command; memory: resident, what is shared included, more than with nothing; written: the
capture or output of one run; beside: processor time of memscope's own processes; lost: records, of all. A
dash: not known, or there is no such thing."""
