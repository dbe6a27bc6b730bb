from __future__ import annotations

import os

import pytest

from memscope_daemon.model.cost import CostCounters
from memscope_daemon.monitor import cost
from memscope_daemon.monitor.process import cpu_ns
from tests.support.waiting import until

BEFORE = CostCounters(0, 10_000, 1_000.0, 120, 1)
NOW = CostCounters(10**9, 650_000, 3_001_000.0, 1_620, 101)


def test_the_slow_path_costs_what_was_timed_and_each_call_by_the_hooks_its_share() -> None:
    spent = cost.between(BEFORE, NOW, 500_000_000, 10**9)
    assert spent.slow_ns == 640_000
    assert spent.floor_ns == 3_000_000 * cost.CALL_NS
    assert spent.percent == pytest.approx(100 * (640_000 + 6_000_000) / (500_000_000 - 6_640_000))
    assert spent.lost_share == 100 / 1_600


def test_a_target_that_sleeps_counts_as_taking_a_twentieth_of_a_processor() -> None:
    now = CostCounters(10**9, 110_000, 1_000.0)
    assert cost.between(BEFORE, now, 0, 10**9).percent == pytest.approx(100 * 100_000 / 50_000_000)


def test_nothing_spent_costs_nothing() -> None:
    assert cost.between(CostCounters(), CostCounters(), 0, 0).percent == 0.0
    assert cost.since_the_attach(CostCounters(), 0).percent == 0.0


def test_the_cost_of_a_session_is_told_in_processor_time_of_the_target() -> None:
    whole = cost.since_the_attach(NOW, 200_000_000)
    assert whole.in_target_ns == round(650_000 + 3_001_000 * cost.CALL_NS)
    assert whole.percent == pytest.approx(100 * whole.in_target_ns / (200_000_000 - whole.in_target_ns))


def test_processor_time_is_that_of_the_process_and_a_process_that_is_gone_has_none() -> None:
    before = cpu_ns(os.getpid())
    assert before is not None
    until(lambda: (cpu_ns(os.getpid()) or 0) > before, "the clock of our own work to go on")
    assert cpu_ns(2**22 + 1) is None
