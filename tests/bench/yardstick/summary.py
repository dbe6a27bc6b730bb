"""From runs to what is said of them: by workload and contestant, and by contestant over all workloads."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence

from tests.bench.yardstick.intervals import Interval, can_tell, noise, of_median
from tests.bench.yardstick.runs import NOTHING, NOTHING_AGAIN, Outcome, Run

#: Who says that it records every allocation, and is held against ``FULL`` in the same rounds.
FULL, RIVALS = "full", ("memray-python", "tracemalloc-1", "tracemalloc-20")


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """A contestant on a workload. ``ratio``: of its processor time for an operation to that of nothing in the
    same round; None: there is none, see ``failures``. ``noise``: how far nothing differs from itself, as a
    factor. ``added_bytes``: of the target's memory, against nothing in the same round."""

    workload: str
    contestant: str
    runs: tuple[Run, ...]
    ratio: Interval | None
    noise: float
    is_told: bool
    added_bytes: float | None
    failures: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Versus:
    """The processor time of ``FULL`` as a share of a rival's, paired by round; None: one of them failed."""

    workload: str
    rival: str
    ratio: Interval | None


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """In the order of the plan, what could not be had left out."""

    outcome: Outcome
    workloads: tuple[str, ...]
    contestants: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]
    versus: tuple[Versus, ...]


def summed_up(outcome: Outcome) -> Summary:
    workloads = tuple(name for name in outcome.plan.workloads if name not in outcome.absent)
    wanted = (NOTHING_AGAIN, *outcome.plan.contestants)
    contestants = tuple(name for name in wanted if name not in outcome.absent)
    cells = {
        (cell.workload, cell.contestant): cell
        for workload in workloads
        for cell in _cells(workload, contestants, [run for run in outcome.runs if run.workload == workload])
    }
    rivals = [name for name in RIVALS if name in contestants and FULL in contestants]
    versus = tuple(_versus(workload, rival, outcome.runs) for workload in workloads for rival in rivals)
    return Summary(outcome, workloads, contestants, cells, versus)


def _cells(workload: str, contestants: Sequence[str], runs: Sequence[Run]) -> Iterator[Cell]:
    nulls = _ratios(runs, NOTHING_AGAIN, lambda run: run.contestant == NOTHING)
    null = of_median(nulls) if nulls else None
    for name in contestants:
        mine = tuple(run for run in runs if run.contestant == name)
        ratios = nulls if name == NOTHING_AGAIN else _ratios(runs, name, _is_nothing)
        ratio = of_median(ratios) if ratios else None
        yield Cell(
            workload,
            name,
            mine,
            ratio,
            noise(null) if null else 1.0,
            ratio is not None and null is not None and can_tell(ratio, null),
            _added_bytes(runs, name),
            tuple(dict.fromkeys(run.failure for run in mine if run.failure)),
        )


def _added_bytes(runs: Sequence[Run], name: str) -> float | None:
    pairs = _paired(runs, name, _is_nothing)
    added = [run.resident_bytes - _mean(bases, _resident) for run, bases in pairs]
    return statistics.median(added) if added else None


def _is_nothing(run: Run) -> bool:
    return run.contestant in (NOTHING, NOTHING_AGAIN)


def _resident(run: Run) -> float:
    return run.resident_bytes


def _operation_ns(run: Run) -> float:
    return run.operation_ns


def _mean(runs: Iterable[Run], value: Callable[[Run], float]) -> float:
    return statistics.fmean(value(run) for run in runs)


def _paired(
    runs: Sequence[Run], name: str, is_base: Callable[[Run], bool]
) -> list[tuple[Run, tuple[Run, ...]]]:
    """Each good run of a contestant, with those of the same round to hold it against."""
    good = [run for run in runs if not run.failure]
    pairs = (
        (run, tuple(base for base in good if base.round == run.round and is_base(base)))
        for run in good
        if run.contestant == name
    )
    return [(run, bases) for run, bases in pairs if bases]


def _ratios(runs: Sequence[Run], name: str, is_base: Callable[[Run], bool]) -> list[float]:
    return [run.operation_ns / _mean(bases, _operation_ns) for run, bases in _paired(runs, name, is_base)]


def _versus(workload: str, rival: str, runs: Sequence[Run]) -> Versus:
    of_workload = [run for run in runs if run.workload == workload]
    ratios = _ratios(of_workload, FULL, lambda run: run.contestant == rival)
    return Versus(workload, rival, of_median(ratios) if ratios else None)


def values(runs: Iterable[Run], value: Callable[[Run], float | None]) -> list[float]:
    """Of the good runs, those that are known."""
    return [found for run in runs if not run.failure if (found := value(run)) is not None]
