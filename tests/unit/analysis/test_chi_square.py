from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from memscope_daemon.analysis import chi_square


@pytest.mark.parametrize("probability", [0.001, 0.01, 0.025, 0.05, 0.5, 0.95, 0.975, 0.99, 0.999])
def test_quantiles_agree_with_scipy_over_nine_orders_of_magnitude(probability: float) -> None:
    degrees = np.concatenate(
        [[0.5, 0.7, 1.0, 1.5], np.geomspace(2.0, 1e8, 4001), np.linspace(990.0, 1010.0, 201)]
    )
    wanted = stats.chi2.ppf(probability, degrees)
    assert np.max(np.abs(chi_square.quantile(probability, degrees) / wanted - 1.0)) < 1e-9


def test_the_two_ways_to_a_quantile_meet_where_they_are_joined() -> None:
    edge = chi_square.EXPANSION_FROM
    for probability in (0.025, 0.975):
        below, above = chi_square.quantile(probability, np.array([edge - 1e-9, edge]))
        assert above == pytest.approx(below, rel=1e-10)


def test_nothing_in_is_nothing_out() -> None:
    assert chi_square.quantile(0.5, np.array([])).shape == (0,)


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, float("nan")])
def test_what_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        chi_square.quantile(probability, np.array([3.0]))


def test_too_few_degrees_of_freedom_are_refused() -> None:
    with pytest.raises(ValueError, match="degree"):
        chi_square.quantile(0.5, np.array([0.1, 3.0]))
