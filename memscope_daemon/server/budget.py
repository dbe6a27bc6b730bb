"""Looks at what a session costs its target, and keeps it to its budget, if it has one.

Judged by ``monitor.budget``; this is the part that reads, commands and notes down.
"""

from __future__ import annotations

import dataclasses
import logging

from memscope_daemon import clock
from memscope_daemon._pb import ingest_service_pb2 as ingest_pb
from memscope_daemon.model.cost import CostCounters, StepChange
from memscope_daemon.model.session import Step
from memscope_daemon.monitor import budget
from memscope_daemon.monitor.budget import Ladder, Standing
from memscope_daemon.monitor.cost import Spent, between, since_the_attach
from memscope_daemon.monitor.process import cpu_ns
from memscope_daemon.server.sessions import Entry
from memscope_daemon.server.terms import Terms

LOG = logging.getLogger("memscope.budget")
LOOK_NS = 1_000_000_000
DETACH_AGAIN_NS = 10_000_000_000
FLUSH = ingest_pb.Command(flush=ingest_pb.Flush())


class BudgetKeeper:
    """Of one session. Used by one thread at a time. ``goes_on``: another daemon looked after it before; what
    it cost until now is not judged again."""

    def __init__(self, entry: Entry, terms: Terms, *, goes_on: bool = False) -> None:
        self._entry, self._terms = entry, terms
        self._budget_percent = terms.max_overhead_percent
        self._levels: Ladder = budget.ladder(terms.sampling)
        self._standing = self._stood()
        self._spent = Spent()
        self._floor_share = 0.0
        self._counters = None if goes_on else CostCounters()
        self._cpu_ns = terms.cpu_at_attach_ns
        self._looked_ns = self._detached_ns = clock.monotonic_ns()
        if self._budget_percent and not entry.steps:
            self._note(self._standing, 0.0)

    def _stood(self) -> Standing:
        """At the first level, or where it stood when the daemon before was lost."""
        steps = self._entry.steps
        level = self._levels.index(budget.level_of(self._levels, steps))
        standing = Standing(level, changed_ns=clock.monotonic_ns())
        return dataclasses.replace(standing, why=steps[-1].why) if steps else standing

    def look(self) -> bool:
        """Once in a while; True: the session should be detached."""
        now_ns = clock.monotonic_ns()
        if now_ns - self._looked_ns < LOOK_NS:
            return False
        counters, cpu = self._entry.counters, cpu_ns(self._entry.info.target.pid)
        if self._budget_percent:
            # In a batch, though it be empty: a target at rest is told from a stream at rest.
            self._entry.line.command(FLUSH)
        before = self._counters
        if cpu is None or counters.time_ns == (before.time_ns if before else 0):
            return False
        elapsed_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        if before is not None:
            self._spent = self._spent.followed_by(
                self._with_floor(between(before, counters, cpu - self._cpu_ns, elapsed_ns))
            )
        self._counters, self._cpu_ns = counters, cpu
        self.note()
        return bool(self._budget_percent) and self._judge(now_ns)

    def note(self) -> None:
        """The cost so far, into the report."""
        cpu = cpu_ns(self._entry.info.target.pid) or self._cpu_ns
        self._entry.note_cost(since_the_attach(self._entry.counters, cpu - self._terms.cpu_at_attach_ns))

    @property
    def _step(self) -> Step:
        return self._levels[self._standing.level].step

    def _with_floor(self, spent: Spent) -> Spent:
        """While sampling is paused nothing tells how many calls there are: as many as before, it is taken."""
        if self._step is Step.COUNTERS_ONLY or self._entry.info.paused:
            return dataclasses.replace(spent, floor_ns=spent.cpu_ns * self._floor_share)
        self._floor_share = self._spent.floor_ns / self._spent.cpu_ns if self._spent.cpu_ns else 0.0
        return spent

    def _judge(self, now_ns: int) -> bool:
        if self._entry.info.sampling != self._levels[self._standing.level].sampling:
            self._begin_anew(now_ns)
        if self._step is Step.DETACHED:
            return self._detach_again(now_ns)
        if self._entry.info.paused and self._step < Step.COUNTERS_ONLY:
            # What it costs now says nothing of what it will when the user goes on.
            self._standing = dataclasses.replace(self._standing, over_since_ns=0, calm_since_ns=0)
            return False
        before, self._standing = (
            self._standing,
            budget.judge(self._standing, self._levels, self._budget_percent, self._spent, now_ns),
        )
        if self._standing.level == before.level:
            return False
        return self._put_into_force(before)

    def _begin_anew(self, now_ns: int) -> None:
        """Somebody has set the sampling: that is what is asked for now."""
        self._terms = dataclasses.replace(self._terms, sampling=self._entry.info.sampling)
        self._levels = budget.ladder(self._terms.sampling)
        self._standing = Standing(changed_ns=now_ns, why="the sampling was set anew")
        self._entry.set_paused(False)
        self._note(self._standing, self._spent.percent)

    def _put_into_force(self, before: Standing) -> bool:
        level = self._levels[self._standing.level]
        LOG.warning("session %s: %s: %s", self._entry.info.session_id, _words(level.step), self._standing.why)
        if not self._entry.replace_sampling(self._levels[before.level].sampling, level.sampling):
            return False  # somebody was quicker: begun anew at the next look
        self._entry.set_paused(level.step >= Step.COUNTERS_ONLY)
        self._note(self._standing, self._spent.percent)
        self._spent = Spent()
        return level.step is Step.DETACHED

    def _note(self, standing: Standing, cost_percent: float) -> None:
        level = self._levels[standing.level]
        since_ns = self._counters.time_ns if self._counters else 0
        self._entry.note_step(StepChange(level.step, since_ns, level.sampling, cost_percent, standing.why))

    def _detach_again(self, now_ns: int) -> bool:
        due = now_ns - self._detached_ns >= DETACH_AGAIN_NS
        self._detached_ns = now_ns if due else self._detached_ns
        return due


def _words(step: Step) -> str:
    return step.name.lower().replace("_", " ")
