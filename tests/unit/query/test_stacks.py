"""What was allocated under each stack, and whose code its frames are."""

from __future__ import annotations

import math

import pytest

from memscope_daemon.metadata.origin import origin_of
from memscope_daemon.model.stacks import MEASURES, NO_FRAME_NAME, Amount, Origin
from memscope_daemon.query import figures
from memscope_daemon.query.stacks import stack_figures
from tests.unit.query.evidence_for_tests import evidence
from tests.unit.server.mini_shipper import BYTES, events

PROGRAM = events(
    kind=[1, 1, 1, 2, 1],
    allocation_id=[1, 2, 3, 1, 4],
    size_bytes=[31, 37, 101, 31, 13],
    stack_id=[1, 1, 2, 1, 0],
)
ONE, TWO = ("main (main.py:1)", "allocate_1 (file_1.py:1)"), ("main (main.py:1)", "allocate_2 (file_2.py:2)")
NONE = (NO_FRAME_NAME,)


def test_each_measure_of_each_stack_is_what_happened() -> None:
    rows = stack_figures(evidence(PROGRAM))
    found = {measure: {row.texts: row.of(measure).value for row in rows} for measure in MEASURES}
    assert found == {
        "live_bytes": {ONE: 37, TWO: 101, NONE: 13},
        "live_count": {ONE: 1, TWO: 1, NONE: 1},
        "allocated_bytes": {ONE: 68, TWO: 101, NONE: 13},
        "allocated_count": {ONE: 2, TWO: 1, NONE: 1},
        "peak_bytes": {ONE: 68, TWO: 101, NONE: 0},
    }


def test_where_everything_was_recorded_no_stack_has_an_error() -> None:
    for row in stack_figures(evidence(PROGRAM)):
        assert row.allocated_bytes.variance == 0.0
        assert row.allocated_bytes.sample_count == row.allocated_count.value


def test_stacks_add_up_to_the_figures_of_the_session() -> None:
    sampled = events(
        size_bytes=[31, 1009, 8_388_617, 47],
        weight=[16_913.3, 520.1, 1.0000001, 11_155.6],
        stack_id=[1, 2, 3, 1],
    )
    made = evidence(sampled, mode=BYTES, value=524_288.0)
    whole, rows = figures.figures(made), stack_figures(made)
    for measure in MEASURES:
        total = sum((row.of(measure) for row in rows), Amount())
        expected = getattr(whole, measure)
        assert total.value == pytest.approx(expected.value, rel=1e-6), measure
        assert total.sample_count == expected.sample_count


def test_the_error_of_equal_samples_is_one_over_the_root_of_their_number() -> None:
    made = evidence(events(size_bytes=[31] * 25, weight=[16_913.3] * 25), mode=BYTES, value=524_288.0)
    (row,) = stack_figures(made)
    for amount in (row.live_bytes, row.live_count):
        assert math.sqrt(amount.variance) / amount.value == pytest.approx(1 / 5)


def test_stacks_that_read_the_same_are_one() -> None:
    made = evidence(events(stack_id=[1, 2, 3], size_bytes=[31, 37, 41]))
    made.tables.stacks[3] = made.tables.stacks[1]
    assert {row.texts: row.live_bytes.value for row in stack_figures(made)} == {ONE: 72, TWO: 37}


def test_a_session_without_events_has_no_stacks() -> None:
    assert stack_figures(evidence(events(size_bytes=[]))) == ()


@pytest.mark.parametrize(
    ("file", "origin"),
    [
        ("/usr/lib/python3.11/json/encoder.py", Origin.STDLIB),
        ("/opt/py/lib/python3.13t/threading.py", Origin.STDLIB),
        ("/opt/py/lib64/python3.9/asyncio/events.py", Origin.STDLIB),
        ("/usr/lib/python311.zip/os.py", Origin.STDLIB),
        ("<frozen importlib._bootstrap>", Origin.STDLIB),
        ("/srv/env/lib/python3.11/site-packages/flask/app.py", Origin.SITE_PACKAGES),
        ("/usr/lib/python3/dist-packages/apt/cache.py", Origin.SITE_PACKAGES),
        ("/srv/app/lib/pythonic/main.py", Origin.USER),
        ("app.py", Origin.USER),
        ("<string>", Origin.USER),
        ("", Origin.UNKNOWN),
    ],
)
def test_whose_code_it_is_stands_in_its_path(file: str, origin: Origin) -> None:
    assert origin_of(file) is origin
    assert origin.is_library is (origin in (Origin.STDLIB, Origin.SITE_PACKAGES))
