"""Steps back, and forth again, so that memscope keeps to a budget. Pure: figures in, a level out.

The ladder leads from what was asked for down to nothing::

    full → shallower stacks → fewer samples (an eighth, a 64th, a 512th) → counters only → detached

*Down*: the cost has been above the budget for :data:`OVER_NS`, or more than :data:`LOST_MAX` of the records
found a ring full. Down to the first level whose cost, as predicted, keeps to the budget; but counters only
and detached are gone to one at a time, by what is measured and not by what is predicted, and never because
of losses.

*Up*, one level: the cost predicted for the level above has been below half the budget for the length of the
*patience*, and nothing was lost. A step up that has to be taken back within twice the patience doubles the
patience, to an hour at most; so under any load that stays as it is, the changes thin out, and a load that
comes and goes is met by the level that can stand it. A step down that comes later than that is news, and the
patience is as at the start.

Between a change and the next judgement lies :data:`SETTLE_NS`: the target applies a setting when it next goes
through the slow path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from memscope_daemon.model.cost import StepChange
from memscope_daemon.model.sampling import SamplingConfig, SamplingMode
from memscope_daemon.model.session import Step
from memscope_daemon.monitor.cost import Spent

SETTLE_NS = 2_000_000_000
OVER_NS = 3_000_000_000
DETACH_NS = 10_000_000_000  # over the budget with counters only
PATIENCE_NS = 30_000_000_000
PATIENCE_MAX_NS = 3_600_000_000_000
ROOM = 0.5  # of the budget
LOST_MAX = 0.05
SHALLOW_DEPTH = 5
FEWER_FACTOR = 8
FEWER_LEVELS = 3
INTERVAL_MAX_BYTES = 2.0**50  # as config.check_sampling has it


@dataclasses.dataclass(frozen=True, slots=True)
class Level:
    """``relative``: what its samples are expected to cost, those of the full level being 1."""

    step: Step
    sampling: SamplingConfig
    relative: float


Ladder = tuple[Level, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """Where the budget stands: a level of the ladder, and what led to it. Times are monotonic, 0 = not."""

    level: int = 0
    changed_ns: int = 0
    over_since_ns: int = 0
    calm_since_ns: int = 0
    raised_ns: int = 0
    patience_ns: int = dataclasses.field(default_factory=lambda: PATIENCE_NS)
    why: str = "as asked for"


def ladder(asked: SamplingConfig) -> Ladder:
    """The levels for a session, least sparing first. Levels that would change nothing are left out."""
    levels = [Level(Step.FULL, asked, 1.0)]
    relative = 1.0
    if asked.stacks and asked.depth > SHALLOW_DEPTH:
        asked = dataclasses.replace(asked, depth=SHALLOW_DEPTH, preset="")
        relative = 0.5
        levels.append(Level(Step.SHALLOWER_STACKS, asked, relative))
    for power in range(1, FEWER_LEVELS + 1):
        fewer = _thinned(asked, FEWER_FACTOR**power)
        levels.append(Level(Step.FEWER_SAMPLES, fewer, relative / FEWER_FACTOR**power))
    sparsest = levels[-1].sampling
    levels += [Level(step, sparsest, 0.0) for step in (Step.COUNTERS_ONLY, Step.DETACHED)]
    return tuple(levels)


def level_of(levels: Ladder, steps: Sequence[StepChange]) -> Level:
    """The level that the last of the steps put into force; the first one, where that is of another ladder."""
    for last in steps[-1:]:
        for level in levels:
            if (level.step, level.sampling) == (last.step, last.sampling):
                return level
    return levels[0]


def judge(standing: Standing, levels: Ladder, budget_percent: float, spent: Spent, now_ns: int) -> Standing:
    """The standing after a look at what was spent lately. A changed ``level`` is to be put into force."""
    step = levels[standing.level].step
    if step is Step.DETACHED or now_ns - standing.changed_ns < SETTLE_NS:
        return standing
    cost = spent.percent
    losing = spent.lost_share > LOST_MAX and standing.level < _last_sampling(levels)
    if cost > budget_percent or losing:
        since_ns = standing.over_since_ns or now_ns
        if now_ns - since_ns < (DETACH_NS if step is Step.COUNTERS_ONLY else OVER_NS):
            return dataclasses.replace(standing, over_since_ns=since_ns, calm_since_ns=0)
        return _down(standing, levels, budget_percent, spent, now_ns)
    if not standing.level or spent.lost_count >= 1 or not _has_room(standing, levels, budget_percent, spent):
        return dataclasses.replace(standing, over_since_ns=0, calm_since_ns=0)
    since_ns = standing.calm_since_ns or now_ns
    if now_ns - since_ns < standing.patience_ns:
        return dataclasses.replace(standing, over_since_ns=0, calm_since_ns=since_ns)
    why = f"cost {cost:.3g} %, well below the budget of {budget_percent:g} %"
    return Standing(standing.level - 1, now_ns, raised_ns=now_ns, patience_ns=standing.patience_ns, why=why)


def _down(standing: Standing, levels: Ladder, budget_percent: float, spent: Spent, now_ns: int) -> Standing:
    cost = spent.percent
    if cost > budget_percent:
        level = _affordable(standing.level, levels, budget_percent, spent)
        why = f"cost {cost:.3g} % of the target's processor time, the budget is {budget_percent:g} %"
    else:
        level = standing.level + 1
        why = f"{spent.lost_share:.0%} of the records found the rings full"
    return Standing(level, now_ns, patience_ns=_patience_ns(standing, now_ns), why=why)


def _patience_ns(standing: Standing, now_ns: int) -> int:
    """After a step down at ``now_ns``."""
    if now_ns - standing.changed_ns >= 2 * standing.patience_ns:
        return PATIENCE_NS
    taken_back = standing.raised_ns == standing.changed_ns
    return min(2 * standing.patience_ns, PATIENCE_MAX_NS) if taken_back else standing.patience_ns


def _affordable(level: int, levels: Ladder, budget_percent: float, spent: Spent) -> int:
    """The first level below that is predicted to keep to the budget, not beyond the last that samples."""
    last = _last_sampling(levels)
    if level >= last:
        return level + 1
    for below in range(level + 1, last):
        if _predicted(levels[level], levels[below], spent) <= budget_percent:
            return below
    return last


def _has_room(standing: Standing, levels: Ladder, budget_percent: float, spent: Spent) -> bool:
    now, above = levels[standing.level], levels[standing.level - 1]
    return _predicted(now, above, spent) <= ROOM * budget_percent


def _predicted(now: Level, then: Level, spent: Spent) -> float:
    """Only what samples cost changes with the level. From a level without samples nothing can be told of
    one with: it is tried."""
    scale = then.relative / now.relative if now.relative else 1.0
    return spent.floor_percent + spent.slow_percent * scale


def _last_sampling(levels: Ladder) -> int:
    return len(levels) - 3


def _thinned(asked: SamplingConfig, factor: int) -> SamplingConfig:
    if asked.mode is SamplingMode.RATE:
        return dataclasses.replace(asked, value=asked.value / factor, preset="")
    value = min(asked.value * factor, INTERVAL_MAX_BYTES)
    return dataclasses.replace(asked, value=value, preset="")
