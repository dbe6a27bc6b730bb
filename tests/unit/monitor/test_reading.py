from __future__ import annotations

import math

import pytest

from memscope_daemon.model.system import HOST_FIGURES
from memscope_daemon.monitor.reading import Gpu, Reading, Traffic, figures

BEFORE = Reading(
    1_000_000_000, 7e9, 1e9, 4096.0, 1.0, 3, Traffic(10_007, 20_011), Traffic(31, 37), Gpu(5.0, 41.0, 43.0)
)


def told(before: Reading | None, now: Reading) -> dict[str, float]:
    return dict(zip(HOST_FIGURES, figures(before, now), strict=True))


def test_rates_are_per_second_of_the_time_that_has_really_passed() -> None:
    now = Reading(
        1_250_000_000,
        7.4e9,
        1.5e9,
        8192.0,
        2.0,
        5,
        Traffic(10_507, 20_011),
        Traffic(1031, 137),
        Gpu(7, 47, 53),
    )
    assert told(BEFORE, now) == {
        "cpu_usage_percent": pytest.approx(80.0),
        "memory_usage_bytes": 8192.0,
        "memory_usage_percent": 2.0,
        "thread_count": 5,
        "disk_read_bps": 2000.0,
        "disk_write_bps": 0.0,
        "network_rx_bps": 4000.0,
        "network_tx_bps": 400.0,
        "gpu_usage_percent": 7,
        "gpu_memory_used": 47,
        "gpu_memory_total": 53,
    }


def test_the_first_reading_knows_no_rate_and_what_was_not_read_is_never_zero() -> None:
    first = told(None, BEFORE)
    rates = {name for name in HOST_FIGURES if name.endswith("_bps")} | {"cpu_usage_percent"}
    assert {name for name, value in first.items() if math.isnan(value)} == rates
    nothing = told(Reading(1), Reading(100_000_001))
    assert all(math.isnan(value) for value in nothing.values())


def test_a_counter_that_went_backwards_tells_nothing() -> None:
    now = BEFORE._replace(time_ns=2_000_000_000, network=Traffic(30, 38), disk=Traffic(math.nan, 20_012))
    found = told(BEFORE, now)
    assert math.isnan(found["network_rx_bps"]) and math.isnan(found["disk_read_bps"])
    assert (found["network_tx_bps"], found["disk_write_bps"]) == (1.0, 1.0)
