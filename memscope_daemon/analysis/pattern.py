"""How a site's allocations lie in time: constant, increasing, decreasing, bursty, sporadic.

The time is cut into slices. Under a constant rate the estimates of the slices differ by the error of sampling
only, whose variance the samples give away (Σ b², see ``estimate``). Two figures are held against that:

* the trend: the slope over the slices, in units of its error; where the slices scatter more than sampling
  explains, of the error that the scatter itself gives;
* the scatter around the trend: Σ (difference)² / variance, a chi-square variable for a constant rate, whose
  own variance is a little larger where there are few samples a slice.

A site with too few samples has no pattern: nothing is guessed.
"""

from __future__ import annotations

import math

import numpy as np

from memscope_daemon.model.columns import Floats

SLICES = 24
SAMPLES_MIN, SLICES_MIN = 20, 6
SIGMAS = 3.5  # of trend or scatter before they are believed: 1 in 2,000 by chance
CHANGE_MIN = 0.5  # of the mean, from the first third to the last one: a trend worth a word
MOST = 0.9  # of what a sporadic site allocates lies in so few of the slices:
FEW = 0.25


def pattern(amounts: Floats, variances: Floats, samples: int) -> str:
    """The word for one site; empty: too few samples. ``amounts``: by slice, with their ``variances``."""
    count = len(amounts)
    if samples < SAMPLES_MIN or count < SLICES_MIN:
        return ""
    mean, variance = float(amounts.mean()), float(variances.mean())
    if variance <= 0.0:
        return ""
    places = np.arange(count) - (count - 1) / 2.0
    slope = float(places @ amounts) / math.sqrt(variance * float(places @ places))
    scatter = max(float(((amounts - mean) ** 2).sum()) / variance - slope**2, 0.0)
    degrees = count - 2
    by_chance = math.sqrt(2.0 * degrees + degrees * count / samples)
    third = count // 3
    change = float(amounts[-third:].mean() - amounts[:third].mean()) / mean
    if abs(slope) / math.sqrt(max(scatter / degrees, 1.0)) > SIGMAS and abs(change) > CHANGE_MIN:
        return "increasing" if slope > 0.0 else "decreasing"
    if (scatter - degrees) / by_chance <= SIGMAS:
        return "constant"
    held = np.cumsum(np.sort(amounts)[::-1])
    return "sporadic" if held[int(FEW * count) - 1] >= MOST * held[-1] else "bursty"
