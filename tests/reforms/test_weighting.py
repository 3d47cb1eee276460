"""What weighing pairs alike does, on tables that show it by hand."""

from itertools import combinations

import numpy as np
import pytest

from illusion.concentration import gini
from illusion.rating.battles import PairCounts
from illusion.reforms import weighting


def votes(battles: list[int]) -> PairCounts:
    """Three models of which every pair has met so often and won half."""
    a, b = np.array(list(combinations(range(3), 2))).T
    half = np.array(battles) // 2
    none = np.zeros(3, dtype=int)
    return PairCounts(("x", "y", "z"), a, b, half, half, none)


def test_nothing_changes_where_all_pairs_have_met_as_often():
    wider, uneven = weighting.pairs_alike(votes([600, 600, 600]))
    assert wider == pytest.approx(1)
    assert uneven == pytest.approx((0, 0), abs=1e-12)


def test_intervals_widen_where_they_have_not():
    wider, uneven = weighting.pairs_alike(votes([100, 1_000, 10_000]))
    assert wider > 1.1
    of_models = np.array([1_100, 10_100, 11_000])  # x-y, x-z and y-z have met so often
    assert uneven == pytest.approx((gini(of_models), 0), abs=1e-12)


def test_a_pair_of_fewer_than_fifty_weighs_less():
    _, (_, after) = weighting.pairs_alike(votes([10, 1_000, 1_000]))
    assert after == pytest.approx(gini(np.array([1.2, 1.2, 2])))
