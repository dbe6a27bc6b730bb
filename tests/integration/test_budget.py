"""A real program that allocates a lot, recorded whole, under a budget that it cannot keep."""

from __future__ import annotations

import json

import pytest

from memscope_client import Estimate, Report, Sampling, Session
from memscope_daemon.monitor.process import cpu_ns
from tests.support.interpreters import Interpreter, every_interpreter, supported_interpreters
from tests.support.targets import PROGRAMS, Target
from tests.support.waiting import until

FILE = str(PROGRAMS / "steady.py")
EVERYTHING = Sampling.rate(1.0, depth=20, seed=7)
BUDGET = 2.0  # percent
STEPS_S = 60.0
ROUNDS = 400  # of about 750 allocations
SLACK = 0.05  # beyond an interval that claims 95 %
NAP_S = 0.01  # after each: recorded whole, without pause, more is written than a slow machine takes in


def now(daemon, session: Session) -> Session:
    listed = daemon.client.sessions(include_ended=True)
    return next(one for one in listed if one.session_id == session.session_id)


def some_rounds(target: Target) -> float:
    """Processor time of the target for each round, in microseconds."""
    before_ns, beats = cpu_ns(target.pid), target.beats
    until(lambda: target.beats >= beats + ROUNDS, "the program to go on", STEPS_S)
    now_ns = cpu_ns(target.pid)
    assert before_ns is not None
    assert now_ns is not None
    return (now_ns - before_ns) / 1e3 / (target.beats - beats)


def estimates(report: Report, known: list[dict[str, int]]) -> list[tuple[str, Estimate, int]]:
    """By site and measure: name, what the report says, the truth."""
    found = []
    for site in known:
        (reported,) = [one for one in report.sites if (one.function, one.file) == (site["function"], FILE)]
        for measure in ("count", "bytes"):
            name = f"{site['function']} {measure}"
            found.append((name, getattr(reported, f"allocated_{measure}"), site[measure]))
    return found


@pytest.mark.parametrize("interpreter", supported_interpreters()[-1:], ids=lambda found: found.name)
def test_full_sampling_steps_back_to_its_budget_and_the_figures_stay_unbiased(
    daemon, interpreter: Interpreter, figures: list[str]
) -> None:
    with Target(interpreter, "steady") as target:
        target.ask("nap", NAP_S)
        target.ask("go")
        bare_us = some_rounds(target)
        target.ask("halt")
        target.ask("drop")
        session = daemon.client.attach(target.pid, EVERYTHING, max_overhead_percent=BUDGET).result()
        target.ask("go")
        full_us = some_rounds(target)
        until(lambda: now(daemon, session).step == "fewer_samples", "a step back", STEPS_S)
        sparing_us = some_rounds(target)
        known = target.ask("halt")
        daemon.detach(session)
        target.end()
    report = daemon.client.report(session.session_id)
    document = json.loads(daemon.client.export(session.session_id, "json")[1])
    claimed = report.steps[1].cost_percent
    whole, after = full_us / bare_us, sparing_us / bare_us
    figures.append(
        f"budget 2 %: a round takes {bare_us:.0f} µs bare, x{whole:.2f} recorded whole (claimed"
        f" x{1 + claimed / 100:.2f}), x{after:.2f} after the step back"
    )
    assert [step.step for step in report.steps][:2] == ["full", "fewer_samples"]
    assert report.steps[0].until_ns == report.steps[1].since_ns > 0
    assert claimed > BUDGET
    applied = {(setting["value"], setting["depth"]) for setting in document["sampling_settings"]}
    assert applied >= {(step.sampling.value, step.sampling.depth) for step in report.steps}
    found = estimates(report, known)
    lost = report.quality.lost_count
    figures.append(
        f"budget 2 %, {lost} records lost, estimate over truth: "
        + ", ".join(f"{name} {estimate.value / true - 1:+.4f}" for name, estimate, true in found)
    )
    for name, estimate, true in found:
        assert lost or abs(estimate.value / true - 1) < SLACK, (name, estimate, true)
        assert estimate.low * (1 - SLACK) <= true <= estimate.high * (1 + SLACK), (name, estimate, true, lost)


def test_a_session_with_a_budget_it_keeps_is_left_as_asked(daemon) -> None:
    with Target(supported_interpreters()[-1], "busy") as target:
        session = daemon.client.attach(
            target.pid, Sampling.bytes(512 << 10), max_overhead_percent=25.0
        ).result()
        until(
            lambda: daemon.client.figures(session.session_id).cost.target_cpu_ns > 2e9, "two seconds of work"
        )
        daemon.detach(session)
        target.works()
        target.end()
    report = daemon.client.report(session.session_id)
    assert [step.step for step in report.steps] == ["full"]
    assert 0.0 < report.cost.percent < 25.0


@pytest.mark.parametrize("interpreter", every_interpreter(), ids=lambda found: found.name)
def test_every_interpreter_tells_what_the_slow_path_costs_it(
    daemon, interpreter: Interpreter, figures: list[str]
) -> None:
    with Target(interpreter, "steady") as target:
        session = daemon.client.attach(target.pid, EVERYTHING).result()
        target.ask("go")
        until(lambda: daemon.client.figures(session.session_id).cost.in_target_ns > 0, "a cost")
        target.ask("halt")
        daemon.detach(session)
        target.end()
    cost = daemon.client.report(session.session_id).cost
    assert 0 < cost.in_target_ns < cost.target_cpu_ns
    recorded = daemon.client.report(session.session_id).quality.recorded_count
    figures.append(f"slow path {interpreter.name:<10} {cost.in_target_ns / recorded:.0f} ns a record")
