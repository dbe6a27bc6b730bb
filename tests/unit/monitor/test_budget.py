"""The controller of the budget: what it may do under any load, and what it does under plain ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from memscope_daemon.model.sampling import PRESETS, SamplingConfig, SamplingMode
from memscope_daemon.model.session import Step
from memscope_daemon.monitor import budget
from memscope_daemon.monitor.budget import Level, Standing
from memscope_daemon.monitor.cost import Spent

SECOND = 1_000_000_000
FULL = PRESETS["full"]
LEVELS = budget.ladder(FULL)
LAST_THAT_SAMPLES = len(LEVELS) - 3


def spent(slow_percent: float, floor_percent: float = 0.0, lost_share: float = 0.0) -> Spent:
    """One second in which the target took one for itself."""
    slow_ns, floor_ns = slow_percent * 1e7, floor_percent * 1e7
    lost = lost_share * 1000.0
    return Spent(1e9, 1e9 + slow_ns + floor_ns, slow_ns, floor_ns, 1000.0 - lost, lost)


Load = Callable[[float, Level], Spent]  # at which second, under which level


def play(load: Load, seconds: int, percent: float = 5.0) -> list[tuple[int, Standing]]:
    """The changes, each with its second."""
    standing, changes = Standing(changed_ns=1), []
    for second in range(1, seconds):
        before = standing
        measured = load(second, LEVELS[standing.level])
        standing = budget.judge(standing, LEVELS, percent, measured, second * SECOND)
        if standing.level != before.level:
            changes.append((second, standing))
    return changes


def proportional(slow_percent: float, floor_percent: float = 0.0) -> Load:
    """A load that never changes: samples cost what they are expected to."""
    return lambda second, level: spent(slow_percent * level.relative, floor_percent)


def test_the_ladder_of_full_leads_by_shallower_stacks_and_fewer_samples_to_counters_only() -> None:
    assert [level.step.name for level in LEVELS] == [
        "FULL",
        "SHALLOWER_STACKS",
        *["FEWER_SAMPLES"] * 3,
        "COUNTERS_ONLY",
        "DETACHED",
    ]
    assert [level.sampling.value for level in LEVELS[:5]] == [1.0, 1.0, 1 / 8, 1 / 64, 1 / 512]
    assert [level.sampling.depth for level in LEVELS[:3]] == [20, 5, 5]
    assert LEVELS[0].sampling is FULL
    assert [level.sampling.preset for level in LEVELS[1:]] == [""] * 6


def test_a_level_that_would_change_nothing_is_left_out() -> None:
    demo = budget.ladder(PRESETS["demo"])
    assert [level.step for level in demo[:2]] == [Step.FULL, Step.FEWER_SAMPLES]


SAMPLINGS = st.builds(
    SamplingConfig, st.just(SamplingMode.RATE), st.floats(1e-12, 1.0), st.booleans(), st.integers(0, 512)
) | st.builds(
    SamplingConfig, st.just(SamplingMode.BYTES), st.floats(1.0, 2.0**50), st.booleans(), st.integers(0, 512)
)


@given(sampling=SAMPLINGS)
def test_every_level_of_every_ladder_is_a_setting_that_the_sampler_can_follow(
    sampling: SamplingConfig,
) -> None:
    from memscope_daemon.config import check_sampling

    for above, below in zip(budget.ladder(sampling), budget.ladder(sampling)[1:], strict=False):
        check_sampling(below.sampling)
        assert below.sampling.seed == sampling.seed
        assert below.relative <= above.relative


def test_a_cost_within_the_budget_changes_nothing() -> None:
    assert play(proportional(4.9), 3600) == []


def test_a_short_burst_changes_nothing() -> None:
    assert play(lambda second, level: spent(50.0 if second % 20 < 2 else 1.0), 600) == []


def test_too_high_a_cost_leads_to_the_first_level_that_can_be_afforded_and_there_it_stays() -> None:
    changes = play(proportional(100.0), 3600)
    assert [LEVELS[standing.level].sampling.value for _, standing in changes] == [1 / 64]
    (second, standing) = changes[0]
    assert second <= 7
    assert standing.why == "cost 100 % of the target's processor time, the budget is 5 %"


def test_a_prediction_that_was_too_good_is_put_right_by_what_is_measured() -> None:
    changes = play(lambda second, level: spent(20.0 if level.relative > 1 / 1000 else 1.0), 60)
    assert [standing.level for _, standing in changes] == [2, 3, 4][-len(changes) :]
    assert changes[-1][1].level == LAST_THAT_SAMPLES


def test_hooks_that_cost_more_than_the_budget_by_themselves_lead_to_counters_only_and_then_out() -> None:
    changes = play(proportional(0.0, floor_percent=7.0), 3600)
    assert [LEVELS[standing.level].step for _, standing in changes] == [
        Step.FEWER_SAMPLES,
        Step.COUNTERS_ONLY,
        Step.DETACHED,
    ]
    assert changes[-1][0] - changes[-2][0] >= 10


def test_losses_lead_to_fewer_samples_and_never_further() -> None:
    changes = play(lambda second, level: spent(0.1, lost_share=0.4), 3600)
    assert [standing.level for _, standing in changes] == list(range(1, LAST_THAT_SAMPLES + 1))
    assert changes[0][1].why == "40% of the records found the rings full"


def test_a_load_that_has_gone_gives_back_what_was_asked_for() -> None:
    changes = play(lambda second, level: spent((100.0 if second < 60 else 0.01) * level.relative), 600)
    assert changes[0][0] < 60 < changes[1][0]
    assert changes[-1][1].level == 0
    assert changes[-1][0] < 60 + (LAST_THAT_SAMPLES + 1) * 40


def test_a_load_that_comes_and_goes_is_met_by_the_level_that_can_stand_it() -> None:
    """40 s of rest and 20 s of work: soon nobody goes up for the rest any more."""

    def load(second: float, level: Level) -> Spent:
        return spent((100.0 if second % 60 < 20 else 0.01) * level.relative)

    changes = [second for second, _ in play(load, 7200)]
    assert changes
    assert len([second for second in changes if second > 600]) == 0


@settings(max_examples=60, deadline=None)
@given(
    slow=st.floats(0.0, 1000.0),
    floor=st.floats(0.0, 10.0),
    gains=st.lists(st.floats(0.05, 1.0), min_size=7, max_size=7),
    percent=st.floats(0.1, 50.0),
    lost=st.sampled_from([0.0, 0.0, 0.04, 0.3]),
)
def test_under_any_load_that_stays_as_it_is_the_changes_thin_out(
    slow: float, floor: float, gains: list[float], percent: float, lost: float
) -> None:
    """Whatever each level costs in truth, and however little it has to do with what was expected."""
    costs = [slow * math.prod(gains[: at + 1]) for at in range(len(LEVELS))]

    def load(second: float, level: Level) -> Spent:
        at = LEVELS.index(level)
        return spent(costs[at] if level.relative else 0.0, floor, lost if at < 2 else 0.0)

    changes = [second for second, _ in play(load, 4 * 3600, percent)]
    assert len(changes) <= 2 * len(LEVELS) + 2 * math.log2(budget.PATIENCE_MAX_NS / budget.PATIENCE_NS) + 8
    assert len([second for second in changes if second > 3 * 3600]) <= 4


LOOKS = st.lists(
    st.tuples(st.floats(0.0, 300.0), st.floats(0.0, 20.0), st.sampled_from([0.0, 0.0, 0.02, 0.5])),
    min_size=1,
    max_size=400,
)


@settings(max_examples=100, deadline=None)
@given(looks=LOOKS)
def test_under_any_load_at_all_every_change_has_its_cause_and_its_distance(
    looks: list[tuple[float, float, float]],
) -> None:
    standing, over = Standing(changed_ns=1), 0
    for second, (slow, floor, lost) in enumerate(looks, start=1):
        before = standing
        standing = budget.judge(before, LEVELS, 5.0, spent(slow, floor, lost), second * SECOND)
        over = over + 1 if slow + floor > 5.0 or lost > 0.05 else 0
        if standing.level == before.level:
            continue
        step = LEVELS[standing.level].step
        assert 0 <= standing.level < len(LEVELS)
        assert standing.changed_ns - before.changed_ns >= 3 * SECOND
        if standing.level < before.level:
            assert standing.level == before.level - 1
            assert slow + floor <= 5.0
            assert standing.changed_ns - before.changed_ns >= before.patience_ns
        else:
            assert over >= 3
            assert LEVELS[before.level].step is not Step.DETACHED
        if step in (Step.COUNTERS_ONLY, Step.DETACHED) and standing.level > before.level:
            assert standing.level == before.level + 1
            assert slow + floor > 5.0


def test_what_was_spent_long_ago_counts_for_little() -> None:
    joined = spent(100.0).followed_by(dataclasses.replace(spent(1.0), elapsed_ns=1e10))
    assert joined.percent < 6.0
