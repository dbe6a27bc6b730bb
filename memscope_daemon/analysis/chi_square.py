"""Quantiles of the chi-square distribution, for arrays.

The quantile x of probability q and n degrees of freedom solves P(n/2, x/2) = q, where P is the regularised
lower incomplete gamma function. Two ways, joined at :data:`EXPANSION_FROM` degrees of freedom:

* below, Halley's iteration on P, started from Wilson and Hilferty's cube; P by its power series left of
  the mode and by Legendre's continued fraction right of it (Abramowitz & Stegun 6.5.29 and 6.5.31);
* above, the Cornish-Fisher expansion of Goldberg and Levine (1946), whose next term is below 1e-10 there.

Both agree with an independent implementation within 1e-9, relative (a test holds them to it).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from memscope_daemon.model.columns import Floats

EXPANSION_FROM = 1000.0
HALLEY_STEPS_MAX = 60
TERMS_MAX = 2000
TINY = 1e-300
EPSILON = 1e-16


def quantile(probability: float, degrees: Floats) -> Floats:
    """The chi-square quantile of ``probability`` (0 < q < 1) for each of ``degrees`` (>= 0.5) of freedom."""
    if not 0.0 < probability < 1.0:
        raise ValueError(f"not a probability between 0 and 1: {probability}")
    different, where = np.unique(np.asarray(degrees, np.float64), return_inverse=True)
    if different.size and not different[0] >= 0.5:
        raise ValueError("less than half a degree of freedom")
    many = different >= EXPANSION_FROM
    found = np.empty_like(different)
    found[many] = _expand(probability, different[many])
    found[~many] = _solve(probability, different[~many])
    answer: Floats = found[where]
    return answer


def _expand(probability: float, n: Floats) -> Floats:
    z = NormalDist().inv_cdf(probability)
    root = np.sqrt(n)
    terms = (
        (root, math.sqrt(2.0) * z),
        (np.ones_like(n), 2.0 / 3.0 * (z**2 - 1.0)),
        (1.0 / root, (z**3 - 7.0 * z) / (9.0 * math.sqrt(2.0))),
        (-1.0 / n, (6.0 * z**4 + 14.0 * z**2 - 32.0) / 405.0),
        (1.0 / (n * root), (9.0 * z**5 + 256.0 * z**3 - 433.0 * z) / (4860.0 * math.sqrt(2.0))),
        (1.0 / n**2, (12.0 * z**6 - 243.0 * z**4 - 923.0 * z**2 + 1472.0) / 25515.0),
    )
    answer = n.copy()
    for power, factor in terms:
        answer += power * factor
    return answer


def _solve(probability: float, n: Floats) -> Floats:
    a = n / 2.0
    log_gamma = np.array([math.lgamma(value) for value in a])
    x = _start(probability, n) / 2.0
    for _ in range(HALLEY_STEPS_MAX):
        density = np.exp((a - 1.0) * np.log(x) - x - log_gamma)
        step = (lower_gamma(a, x, log_gamma) - probability) / np.maximum(density, TINY)
        step /= 1.0 - np.minimum(1.0, step * ((a - 1.0) / x - 1.0)) / 2.0
        moved = np.maximum(x - step, x / 2.0)  # never past zero
        settled = np.abs(moved - x) <= 1e-14 * x
        x = moved
        if settled.all():
            break
    return 2.0 * x


def _start(probability: float, n: Floats) -> Floats:
    z = NormalDist().inv_cdf(probability)
    cube = n * (1.0 - 2.0 / (9.0 * n) + z * np.sqrt(2.0 / (9.0 * n))) ** 3
    a = n / 2.0
    gamma = np.array([math.lgamma(value + 1.0) for value in a])
    small = 2.0 * np.exp((math.log(probability) + gamma) / a)  # P(a, x) -> x^a / gamma(a + 1)
    return np.where(cube > 0.05 * n, cube, small)


def lower_gamma(a: Floats, x: Floats, log_gamma: Floats) -> Floats:
    """P(a, x), the regularised lower incomplete gamma function; ``log_gamma`` is that of ``a``."""
    scale = np.exp(a * np.log(x) - x - log_gamma)
    left = x < a + 1.0
    answer = np.empty_like(a)
    answer[left] = _series(a[left], x[left]) * scale[left]
    answer[~left] = 1.0 - _fraction(a[~left], x[~left]) * scale[~left]
    return answer


def _series(a: Floats, x: Floats) -> Floats:
    term = 1.0 / a
    total = term.copy()
    for step in range(1, TERMS_MAX):
        term = term * x / (a + step)
        total += term
        if (term <= total * EPSILON).all():
            break
    return total


def _fraction(a: Floats, x: Floats) -> Floats:
    """Lentz's evaluation of the continued fraction of the upper function."""
    b = x + 1.0 - a
    c = np.full_like(b, 1.0 / TINY)
    d = 1.0 / b
    total = d.copy()
    for step in range(1, TERMS_MAX):
        numerator = -step * (step - a)
        b = b + 2.0
        d = 1.0 / _not_zero(numerator * d + b)
        c = _not_zero(b + numerator / c)
        total *= d * c
        if (np.abs(d * c - 1.0) <= 1e-15).all():
            break
    return total


def _not_zero(values: Floats) -> Floats:
    return np.where(np.abs(values) < TINY, TINY, values)
