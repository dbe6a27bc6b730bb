from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from memscope_daemon.analysis.pattern import SAMPLES_MIN, SLICES, pattern
from memscope_daemon.model.columns import Floats

Rate = Callable[[Floats], Floats]


def seen(rng: np.random.Generator, rate: Rate, samples: float) -> str:
    """The word for a site with that rate over 0..1, of which ``samples`` were taken, of unequal weight."""
    middle = (np.arange(SLICES) + 0.5) / SLICES
    wanted = rate(middle)
    counts = rng.poisson(wanted / wanted.sum() * samples)
    amounts, variances = np.zeros(SLICES), np.zeros(SLICES)
    for at, count in enumerate(counts):
        bytes_each = 524_288.0 * (1.0 + rng.random(count))
        amounts[at], variances[at] = bytes_each.sum(), (bytes_each**2).sum()
    return pattern(amounts, variances, int(counts.sum()))


@pytest.mark.parametrize("samples", [25, 60, 500, 20_000])
def test_a_constant_rate_is_hardly_ever_called_anything_else(samples: int) -> None:
    rng = np.random.default_rng(samples)
    words = [seen(rng, np.ones_like, samples) for _ in range(1000)]
    told = [word for word in words if word]
    assert sum(word != "constant" for word in told) <= 5


@pytest.mark.parametrize(
    ("word", "rate"),
    [
        ("increasing", lambda at: 0.1 + at),
        ("increasing", lambda at: np.exp(4 * at)),
        ("decreasing", lambda at: 1.1 - at),
        ("bursty", lambda at: 1.0 + 30.0 * ((at * 8) % 1 < 0.2)),
        ("sporadic", lambda at: 0.001 + 1.0 * (np.abs(at - 0.3) < 0.03) + (np.abs(at - 0.55) < 0.03)),
    ],
)
def test_other_rates_are_told_by_their_word(word: str, rate: Rate) -> None:
    rng = np.random.default_rng(7)
    words = [seen(rng, rate, 400) for _ in range(200)]
    assert words.count(word) >= 190, {each: words.count(each) for each in set(words)}


def test_too_few_samples_have_no_pattern() -> None:
    amounts = np.zeros(SLICES)
    amounts[-1] = 1e9
    assert pattern(amounts, amounts**2 / (SAMPLES_MIN - 1), SAMPLES_MIN - 1) == ""
    assert pattern(np.zeros(SLICES), np.zeros(SLICES), 0) == ""
    assert pattern(amounts[:3], amounts[:3], 1000) == "", "too much of it was not watched"
