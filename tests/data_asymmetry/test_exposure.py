"""Shares, sampling rates and what unequal sampling does."""

import itertools

import numpy as np
import pandas as pd
import pytest

from illusion.data_asymmetry import exposure
from illusion.rating.battles import PairCounts


def test_shares_add_up_and_ignore_corrections():
    amount = pd.Series({"a": 30, "b": -5, "c": 10, "d": 60})
    group = pd.Series({"a": "x", "b": "x", "c": "y", "d": "z"})
    found = exposure.shares(amount, group)
    assert list(found.index) == ["z", "x", "y"]
    assert found.to_dict() == {"z": 0.6, "x": 0.3, "y": 0.1}


def test_shares_need_groups_and_something_to_share():
    with pytest.raises(ValueError, match=r"'b'.* have no group"):
        exposure.shares(pd.Series({"a": 1, "b": 2}), pd.Series({"a": "x"}))
    with pytest.raises(ValueError, match="nothing to share"):
        exposure.shares(pd.Series({"a": -1}), pd.Series({"a": "x"}))


def test_battle_shares_by_counting_each_battle():
    wins = {("a", "b"): 3, ("b", "c"): 4, ("a", "c"): 1, ("c", "d"): 2}
    kind = {"a": "open", "b": "open", "c": "closed", "d": "closed"}
    table = exposure.battle_shares(PairCounts.from_wins(wins), pd.Series(kind))
    battles = [pair for pair, n in wins.items() for _ in range(n)]
    for name in ("open", "closed"):
        sides = [[kind[m] == name for m in pair] for pair in battles]
        expected = np.sum(sides) / (2 * len(battles)), np.mean([any(s) for s in sides])
        assert tuple(table.loc[name]) == pytest.approx(expected)
    assert table["participations"].sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="have no group"):
        exposure.battle_shares(PairCounts.from_wins(wins), pd.Series({"a": "x"}))


def test_largest_rate_against_simulation():
    days, rate, n = np.array([120, 150, 180] * 5), 0.04, 8
    theory = exposure.largest_rate(days, rate, n)
    rng = np.random.default_rng(2)
    drawn = rng.binomial(days, rate, (20_000, n, len(days))) / days
    largest = drawn.max(axis=(1, 2))
    assert abs(largest.mean() - theory.mean) < 4 * largest.std() / 20_000**0.5
    inside = (largest >= theory.lower) & (largest <= theory.upper)
    assert inside.mean() >= 0.95 - 0.01
    assert theory.lower < theory.mean < theory.upper


def test_largest_rate_of_one_day_and_model_is_binomial():
    one = exposure.largest_rate(np.array([50]), 0.2, 1)
    assert one.mean == pytest.approx(0.2)
    for bad in ((np.array([50]), 1.2, 1), (np.array([50]), 0.2, 0)):
        with pytest.raises(ValueError, match="must lie in 0 to 1"):
            exposure.largest_rate(*bad)


def test_rates_by_number_are_largest_rates():
    days = np.array([100, 150, 150])
    found = exposure.rates_by_number(days, np.array([20, 40]), {"new": (5, 24)})
    assert found["number"].tolist() == [20, 40]
    one = exposure.largest_rate(days, 10 / 44, 1)
    ten = exposure.largest_rate(days, 10 / 44, 10)
    assert found.loc[0, "lower"] == pytest.approx(100 * one.lower)
    assert found.loc[0, "upper"] == pytest.approx(100 * ten.upper)
    # Among more models each is drawn more rarely.
    assert (found.loc[1, ["lower", "upper"]] < found.loc[0, ["lower", "upper"]]).all()


def test_seen_against_drawing_pairs():
    weights = np.array([2.0] * 3 + [1.0] * 6)
    p = weights / weights.sum()
    pairs = sum(
        p[i] * p[j] / (1 - p[i])
        for i, j in itertools.permutations(range(9), 2)
        if i < 3 or j < 3
    )
    assert exposure.seen(3, 2, 6) == pytest.approx(pairs)
    assert exposure.seen(0, 1, 6) == pytest.approx(0)
    assert (np.diff(exposure.seen(np.arange(40), 1, 6)) > 0).all()
    with pytest.raises(ValueError, match="2 or more"):
        exposure.seen(3, 1, 1)


def test_unequal_sampling_blurs_and_does_not_bias():
    truth = np.linspace(-60, 60, 6)
    skill, often = np.stack([truth, truth]), np.array([6.0, 1, 1, 1, 1, 1])
    rng = np.random.default_rng(4)
    errors = exposure.sampled_boards(skill, np.stack([often, often]), 6_000, 400, rng)
    bias, spread = errors.mean(axis=0), errors.std(axis=0)
    assert (abs(bias) < 4 * spread / 20).all()
    assert spread[0] < 0.7 * spread[1:].min()


def test_sampling_that_moves_with_the_tasks_biases():
    shift = np.array([40.0, -40, 40, -40, 40, -40])
    truth = np.linspace(-60, 60, 6)
    skill = np.stack([truth + shift, truth - shift])
    first = np.array([5.0, 5, 1, 1, 1, 1])
    rng = np.random.default_rng(5)
    errors = exposure.sampled_boards(
        skill, np.stack([first, 6 - first]), 6_000, 200, rng
    )
    bias = errors.mean(axis=0)
    # Who was drawn while it was good looks better than it is.
    assert bias[0] > 10 > -10 > bias[1]
