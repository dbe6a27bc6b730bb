"""What memscope costs the target, told from counters. Pure.

Two parts, both in processor time of the target:

* *slow*: passes through the slow paths (a sample is taken, a sampled block goes, the control words are looked
  at). The shim times one pass in 61, so they took 61 times as much.
* *floor*: what every other allocation and free pays for going by the hooks. Nobody counts these; how many
  there were is estimated from the samples (the sum of their weights), what one takes is :data:`CALL_NS`.

The percentage is of what the target took for itself: its processor time from /proc less ours. A target that
all but sleeps has no such time to speak of, so that the last digit of a small number would decide: it counts
as taking :data:`IDLE_SHARE` of one processor at least. Time of the shipper and the daemon, which run beside
the target, is not counted.
"""

from __future__ import annotations

import dataclasses

from memscope_daemon.model.cost import Cost, CostCounters

#: One call by the hooks: 15 to 25 instructions, and a line of the filter for a free.
CALL_NS = 2.0
IDLE_SHARE = 0.05
#: What is older than this has lost two thirds of its say.
MEMORY_NS = 3_000_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """Within some time: nanoseconds of the target's processors, and records."""

    elapsed_ns: float = 0.0
    cpu_ns: float = 0.0
    slow_ns: float = 0.0
    floor_ns: float = 0.0
    recorded_count: float = 0.0
    lost_count: float = 0.0

    @property
    def slow_percent(self) -> float:
        return 100.0 * self.slow_ns / self._own_ns

    @property
    def floor_percent(self) -> float:
        return 100.0 * self.floor_ns / self._own_ns

    @property
    def percent(self) -> float:
        return self.slow_percent + self.floor_percent

    @property
    def lost_share(self) -> float:
        """Of the records, those that found a ring full."""
        return self.lost_count / max(self.lost_count + self.recorded_count, 1.0)

    @property
    def _own_ns(self) -> float:
        return max(self.cpu_ns - self.slow_ns - self.floor_ns, IDLE_SHARE * self.elapsed_ns, 1.0)

    def followed_by(self, newer: Spent) -> Spent:
        """The two joined; the older one counts for less, the longer the newer one lasted."""
        keep = 2.718281828 ** -(newer.elapsed_ns / MEMORY_NS)
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(newer), strict=True)
        return Spent(*(keep * before + now for before, now in pairs))


def between(before: CostCounters, now: CostCounters, cpu_ns: int, elapsed_ns: int) -> Spent:
    """What was spent from one reading of the counters to the next, while the target took ``cpu_ns``."""
    return Spent(
        elapsed_ns,
        cpu_ns,
        now.slow_ns - before.slow_ns,
        (now.call_count - before.call_count) * CALL_NS,
        now.recorded_count - before.recorded_count,
        now.lost_count - before.lost_count,
    )


def since_the_attach(now: CostCounters, cpu_ns: int) -> Cost:
    """The cost of the whole session."""
    spent = between(CostCounters(), now, cpu_ns, 0)
    return Cost(round(spent.slow_ns + spent.floor_ns), cpu_ns)
