"""Runs everything that a plan asks for, round by round, interleaved."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from memscope_client import DaemonError
from tests.bench.yardstick.contestants import CONTESTANTS, Contestant, Scene
from tests.bench.yardstick.runs import NOTHING, NOTHING_AGAIN, Plan, Run
from tests.bench.yardstick.workloads import WORKLOADS, Running, Workload, running
from tests.support.daemon import Serving

#: The program alone, and with its contestant: after an attach the daemon starts its next spare shipper.
WARM_UP_S, SETTLE_S = 0.25, 0.5
SLOWEST = 3.0  # so many times the processor time of nothing is waited for
SLICES_AT_LEAST = 4
FAILURES_AT_MOST = 2  # then a contestant is not tried again on that workload


class Runner:
    """``daemon``: serves all the sessions. Runs are told on standard error as they end."""

    def __init__(self, plan: Plan, daemon: Serving, absent: Sequence[str]) -> None:
        self.plan, self._daemon = plan, daemon
        self._warm_up_s, self._settle_s = min(WARM_UP_S, plan.seconds), min(SETTLE_S, plan.seconds)
        self._slices: dict[str, int] = {}
        self._failures: Counter[tuple[str, str]] = Counter()
        self._workloads = [WORKLOADS[name] for name in plan.workloads if name not in absent]
        names = (NOTHING, NOTHING_AGAIN, *plan.contestants)
        self._contestants = [CONTESTANTS[name] for name in names if name not in absent]

    def runs(self) -> Iterator[Run]:
        """One after another; the consumer may stop at any of them."""
        order, began = list(self._order()), time.monotonic()
        for number, (round_number, workload, contestant) in enumerate(order):
            if self._failures[workload.name, contestant.name] >= FAILURES_AT_MOST:
                continue
            run = self._run(round_number, workload, contestant)
            self._failures[workload.name, contestant.name] += bool(run.failure)
            left_s = (time.monotonic() - began) / (number + 1) * (len(order) - number - 1)
            told = run.failure or f"{run.operation_ns / 1e3:.2f} µs of processor time for an operation"
            progress = f"[{number + 1}/{len(order)}, {left_s / 60:.0f} min left]"
            say(f"{progress} round {round_number + 1}, {workload.name}, {contestant.name}: {told}")
            yield run

    def _order(self) -> Iterator[tuple[int, Workload, Contestant]]:
        dice = random.Random(self.plan.seed)
        for round_number in range(self.plan.rounds):
            for workload in dice.sample(self._workloads, len(self._workloads)):
                for contestant in dice.sample(self._contestants, len(self._contestants)):
                    yield round_number, workload, contestant

    def _run(self, round_number: int, workload: Workload, contestant: Contestant) -> Run:
        try:
            return self._measured(round_number, workload, contestant)
        except (AssertionError, DaemonError, OSError, subprocess.SubprocessError) as error:
            return Run(workload.name, contestant.name, round_number, failure=str(error) or repr(error))

    def _measured(self, round_number: int, workload: Workload, contestant: Contestant) -> Run:
        slices = self._slices_of(workload)
        with self._running(workload, contestant) as (target, folder):
            visit = contestant.enter(Scene(target, self._daemon, folder))
            target.warm_up(self._settle_s)
            first, beside = target.next_moment(), Beside(visit.beside())
            last = target.moment_after(first, slices, SLOWEST * self.plan.seconds)
            beside_ns, resident_bytes = beside.took_ns(visit.beside()), target.resident_bytes()
            return Run(
                workload.name, contestant.name, round_number,
                slices=last.done - first.done, operations=target.operations,
                cpu_ns=last.cpu_ns - first.cpu_ns, wall_ns=last.clock_ns - first.clock_ns,
                beside_ns=beside_ns, resident_bytes=resident_bytes, traces=visit.leave(),
            )  # fmt: skip

    def _slices_of(self, workload: Workload) -> int:
        """So many slices of the workload take the seconds that were asked for, beside nothing."""
        if workload.name not in self._slices:
            with self._running(workload, CONTESTANTS[NOTHING]) as (target, _):
                first = target.next_moment()
                last = target.moment_after(first, SLICES_AT_LEAST, self.plan.seconds)
            slice_ns = (last.cpu_ns - first.cpu_ns) / (last.done - first.done)
            self._slices[workload.name] = max(SLICES_AT_LEAST, round(self.plan.seconds * 1e9 / slice_ns))
        return self._slices[workload.name]

    @contextlib.contextmanager
    def _running(self, workload: Workload, contestant: Contestant) -> Iterator[tuple[Running, Path]]:
        """The workload, warm, and a folder for files of the run."""
        with tempfile.TemporaryDirectory(prefix="yardstick-") as name:
            python, folder = self.plan.python, Path(name)
            with running(
                workload, python, folder, before=contestant.before, inside=contestant.inside
            ) as target:
                target.warm_up(self._warm_up_s)
                yield target, folder


class Beside:
    """The processor time of processes beside the target, from now on."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._before = {pid: cpu_ns(pid) for pid in pids}

    def took_ns(self, pids: Sequence[int]) -> int:
        """Of these; those that were not there before count from their start."""
        return sum(max(0, cpu_ns(pid) - self._before.get(pid, 0)) for pid in pids)


def cpu_ns(pid: int) -> int:
    """The processor time of all threads of a process, those included that have ended; 0: it is gone."""
    scheduler = 2  # CPUCLOCK_SCHED: what clock_getcpuclockid(3) gives for a process
    with contextlib.suppress(OSError):
        return time.clock_gettime_ns((~pid << 3) | scheduler)
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
