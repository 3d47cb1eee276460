"""How much selection a fall takes: against the formula of the chapter before."""

import numpy as np
import pandas as pd
import pytest

from illusion.afterwards import size
from illusion.extremes import maximum_moments
from illusion.private_testing import selection

ERROR = pd.Series([6.0, 8.0, 10.0])
FRESH = pd.Series([0.5, 0.8, 0.2])


@pytest.mark.parametrize("N", [1, 2, 10, 50])
@pytest.mark.parametrize("tau", [0, 5, 30])
def test_the_fall_is_the_curse_times_the_fresh_share(N, tau):
    curse = [selection.best_of(N, tau, error).curse for error in ERROR]
    expected = float((FRESH * curse).mean())
    assert size.expected_fall(N, tau, ERROR, FRESH) == pytest.approx(expected)


def test_the_fall_is_what_fresh_votes_take_away():
    # By simulation: choose the best of ten, then add as many votes again.
    rng = np.random.default_rng(31)
    skill = rng.normal(0, 4, (40_000, 10))
    first = skill + rng.normal(0, 6, skill.shape)
    chosen = first.argmax(axis=1)
    row = np.arange(len(chosen))
    again = skill[row, chosen] + rng.normal(0, 6, len(chosen))
    fall = (first[row, chosen] - again) / 2  # half of all votes are fresh
    one = pd.Series([6.0]), pd.Series([0.5])
    expected = size.expected_fall(10, 4, *one)
    assert abs(fall.mean() - expected) < 4 * fall.std() / len(fall) ** 0.5


def test_numbers_and_spreads_come_back():
    for N in (1, 3, 27, 900):
        fall = size.expected_fall(N, 3, ERROR, FRESH)
        assert size.variants_for(fall - 1e-9, 3, ERROR, FRESH) == N
    for tau in (0.5, 7, 40):
        fall = size.expected_fall(27, tau, ERROR, FRESH)
        assert size.spread_for(fall, 27, ERROR, FRESH) == pytest.approx(tau)


def test_what_no_number_and_no_spread_can_give():
    most = size.expected_fall(10, 0, ERROR, FRESH)
    assert np.isnan(size.spread_for(most + 1, 10, ERROR, FRESH))
    assert size.spread_for(0, 10, ERROR, FRESH) == np.inf
    assert size.variants_for(-2, 0, ERROR, FRESH) == 1
    assert size.variants_for(100, 0, ERROR, FRESH) == np.inf
    table = size.fits([most, 100], ERROR, FRESH, [0], [10])
    assert table.index.tolist() == ["N if tau = 0", "tau if N = 10"]
    assert table.iloc[0].tolist() == [10, np.inf]
    assert table.iloc[1, 0] == pytest.approx(0, abs=1e-6)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="tau=-1"):
        size.expected_fall(3, -1, ERROR, FRESH)
    with pytest.raises(ValueError, match="every error positive"):
        size.expected_fall(3, 0, ERROR * 0, FRESH)
    with pytest.raises(ValueError, match="at most 1"):
        size.expected_fall(3, 0, ERROR, FRESH + 1)
    with pytest.raises(ValueError, match="at least 1"):
        size.expected_fall(0, 0, ERROR, FRESH)


def test_the_largest_of_many_normals():
    # Harter (1961), table 1.
    first, second = maximum_moments(np.array([1, 2, 10, 100]))
    np.testing.assert_allclose(first, [0, 0.56419, 1.53875, 2.50759], atol=1e-5)
    np.testing.assert_allclose(second[:2], [1, 1])
