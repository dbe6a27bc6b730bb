"""What is made of runs: ratios paired by round, verdicts, and tables that leave nobody out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.yardstick.runs import NOTHING, NOTHING_AGAIN, Outcome, Plan, Run, Traces
from tests.bench.yardstick.summary import Summary, summed_up
from tests.bench.yardstick.table import as_markdown, as_text

ROUNDS = 6
MIB = 1 << 20
#: The machine is slower in some rounds than in others; a ratio within a round does not know of it.
PACE = (1.0, 1.7, 0.8, 1.3, 1.1, 0.9)
FACTORS = {NOTHING: 0.998, NOTHING_AGAIN: 1.002, "production": 1.001, "full": 1.9, "tracemalloc-1": 5.7}
SESSION = Traces(
    (("look", 0.15), ("map", 0.25)), to_active_ms=211, to_first_event_ms=197, recorded_count=1009,
    lost_count=13, losses={"ring_full": 13}, written_bytes=3 * MIB,
)  # fmt: skip


def made_runs() -> Iterator[Run]:
    for number, pace in enumerate(PACE):
        for name, factor in FACTORS.items():
            watched = name in ("production", "full")
            yield Run(
                "storm", name, number, slices=10, operations=100, cpu_ns=int(factor * pace * 1e9),
                wall_ns=1_100_000_000, beside_ns=110_000_000 if watched else 0,
                resident_bytes=(40 + 5 * watched) * MIB, traces=SESSION if watched else Traces(),
            )  # fmt: skip
        yield Run("storm", "memray", number, failure="the program ended with -11")


@pytest.fixture(scope="module")
def summary() -> Summary:
    contestants = ("production", "full", "tracemalloc-1", "memray", "ddtrace")
    plan = Plan(Path("python3"), ("storm", "flask_sqlite"), contestants, ROUNDS, 1.0, 7)
    absent = {"ddtrace": "No matching distribution", "flask_sqlite": "flask is not installed"}
    return summed_up(Outcome(plan, tuple(made_runs()), absent, True, {"command": "scripts/bench"}))


def row(text: str, name: str) -> str:
    (found,) = (line for line in text.splitlines() if line.startswith(f"{name}  "))
    return " ".join(found.split())


def test_a_ratio_is_paired_by_round(summary: Summary) -> None:
    ratio = summary.cells["storm", "full"].ratio
    assert ratio is not None
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((1.9, 1.9, 1.9))


def test_a_row_tells_the_ratio_and_all_that_was_measured_beside_it(summary: Summary) -> None:
    ratio = "1.900 (1.900–1.900)"  # noqa: RUF001
    assert row(as_text(summary), "full") == f"full {ratio} 0.25 211 197 5.0 3.0 10 78 of 6,132"


def test_less_than_nothing_against_itself_cannot_be_told(summary: Summary) -> None:
    text = as_text(summary)
    assert row(text, "production").startswith("production cannot tell, 1.001 (")
    assert row(text, "nothing again").startswith("nothing again 1.004 (")
    assert "1048 µs; nothing differs from itself by 0.4 %" in text


def test_who_failed_and_who_could_not_be_had_stands_in_the_table(summary: Summary) -> None:
    for text in (as_text(summary), as_markdown(summary)):
        assert "memray on storm failed: the program ended with -11" in text
        assert "ddtrace: not to be had: No matching distribution" in text
        assert "flask_sqlite: not to be had: flask is not installed" in text
    assert row(as_text(summary), "memray").startswith("memray failed")


def test_full_is_held_against_each_that_records_everything(summary: Summary) -> None:
    (versus,) = summary.versus
    assert versus.rival == "tracemalloc-1"
    assert versus.ratio is not None
    assert versus.ratio.median == pytest.approx(1.9 / 5.7)


def test_a_round_without_nothing_is_not_compared() -> None:
    plan = Plan(Path("python3"), ("storm",), ("full",), ROUNDS, 1.0, 7)
    runs = tuple(run for run in made_runs() if run.round or run.contestant not in (NOTHING, NOTHING_AGAIN))
    ratio = summed_up(Outcome(plan, runs, {}, True, {})).cells["storm", "full"].ratio
    assert ratio is not None
    assert ratio.count == ROUNDS - 1


def test_every_row_of_a_markdown_table_has_every_column(summary: Summary) -> None:
    tables = [line for line in as_markdown(summary).splitlines() if line.startswith("|")]
    widths = {line.count("|") for line in tables}
    assert widths == {3, 9}  # ratios by workload and the rival's; what was measured beside them
    assert sum(line.startswith("| full ") for line in tables) == 2


def test_too_few_rounds_are_said_to_be(summary: Summary) -> None:
    assert "in 96.9% of all cases." in as_text(summary)
    few = Outcome(summary.outcome.plan, tuple(run for run in made_runs() if run.round < 5), {}, False, {})
    text = as_text(summed_up(few))
    assert "in 93.8% of all cases (not 95%: there are too few rounds)." in text
    assert "ended before its end" in text
