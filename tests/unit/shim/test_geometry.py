from __future__ import annotations

import ctypes

import pytest

from memscope_daemon.model.sampling import PRESETS, SamplingConfig, SamplingMode
from memscope_daemon.shim import layout
from memscope_daemon.shim.geometry import (
    LARGE,
    PAGE_BYTES,
    SMALL,
    SMALL_TOTAL_BYTES_MAX,
    geometry_for,
    lay_out,
)


def parts(geometry):
    sizes = geometry.capacities
    record, slot, live = ctypes.sizeof(layout.Record), ctypes.sizeof(layout.Slot), layout.LIVE_BYTES
    return [
        (0, ctypes.sizeof(layout.Session)),
        (geometry.events_offset, sizes.event * record),
        (geometry.raw_offset, sizes.raw * record),
        (geometry.meta_offset, sizes.meta),
        (geometry.live_offset, sizes.live * live),
        (geometry.raw_live_offset, sizes.raw_live * live),
        (geometry.stacks_offset, sizes.stack * slot),
        (geometry.codes_offset, sizes.code * slot),
    ]


@pytest.mark.parametrize("capacities", [SMALL, LARGE])
def test_parts_are_aligned_disjoint_and_inside(capacities):
    geometry = lay_out(capacities)
    end = 0
    for begin, length in parts(geometry):
        assert begin % PAGE_BYTES == 0
        assert begin >= end
        end = begin + length
    assert end <= geometry.total_bytes
    assert geometry.total_bytes % PAGE_BYTES == 0


@pytest.mark.parametrize("capacities", [SMALL, LARGE])
def test_capacities_are_powers_of_two(capacities):
    for name in capacities.__dataclass_fields__:
        value = getattr(capacities, name)
        assert value & (value - 1) == 0, name


@pytest.mark.parametrize(
    "sampling",
    [
        PRESETS["production"],
        PRESETS["high_performance"],
        SamplingConfig(SamplingMode.BYTES, 65536.0),
        SamplingConfig(SamplingMode.RATE, 0.001),
    ],
)
def test_sparse_sampling_takes_at_most_8_mib(sampling):
    assert geometry_for(sampling).total_bytes <= SMALL_TOTAL_BYTES_MAX


@pytest.mark.parametrize(
    "sampling", [PRESETS["full"], PRESETS["demo"], SamplingConfig(SamplingMode.BYTES, 101.0)]
)
def test_dense_sampling_gets_the_large_size(sampling):
    assert geometry_for(sampling).capacities == LARGE
