"""How the target is sampled: modes, values, and the presets by their known names."""

from __future__ import annotations

import dataclasses
import enum


class SamplingMode(enum.IntEnum):
    """Numbers as on the wire and in the shared memory."""

    BYTES = 1
    RATE = 2


@dataclasses.dataclass(frozen=True, slots=True)
class SamplingConfig:
    """A setting of the sampler.

    ``value``: mean bytes between samples (bytes mode, >= 1), or the probability of each allocation
    (rate mode, 0 < p <= 1). ``stacks`` False: the innermost frame only. ``depth``: frames per stack,
    0..512. ``seed`` None: chosen at random and reported. Checked by ``config.check_sampling``.
    """

    mode: SamplingMode
    value: float
    stacks: bool = True
    depth: int = 64
    seed: int | None = None
    preset: str = ""


PRESETS: dict[str, SamplingConfig] = {
    "demo": SamplingConfig(SamplingMode.RATE, 0.1, stacks=False, depth=5, preset="demo"),
    "full": SamplingConfig(SamplingMode.RATE, 1.0, stacks=True, depth=20, preset="full"),
    "high_performance": SamplingConfig(
        SamplingMode.RATE, 0.01, stacks=False, depth=0, preset="high_performance"
    ),
    "production": SamplingConfig(SamplingMode.BYTES, 524_288.0, stacks=True, depth=64, preset="production"),
}
DEFAULT_PRESET = "production"
DEPTH_MAX = 512
