"""Inference on the first: coverage, size, and cases with a known answer."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from illusion import data
from illusion.rating import ranks, ratings, winners
from illusion.rating.battles import PairCounts


@pytest.fixture(scope="module")
def arena() -> ratings.Ratings:
    return ratings.fit(PairCounts.from_table(data.load("battles_2024-08-14")))


def board(arena, score, covariance) -> ratings.Ratings:
    names = tuple(f"m{k}" for k in range(len(score)))
    return replace(arena, models=names, score=score, covariance=covariance)


def correlated(rng, n: int) -> np.ndarray:
    root = rng.normal(size=(n, n + 3)) + 1
    return 4 * root @ root.T


@pytest.mark.parametrize("apart", [0, 5, 40])
@pytest.mark.parametrize("kind", ["independent", "correlated", "centred"])
def test_the_winners_interval_covers_and_its_estimate_has_no_bias(arena, apart, kind):
    rng = np.random.default_rng(40)
    n, boards = 6, 700
    covariance = 100 * np.eye(n)
    if kind == "correlated":
        covariance = correlated(rng, n)
    if kind == "centred":
        covariance = 100 * (np.eye(n) - 1 / n)
    truth = np.linspace(0, apart, n)
    draws = rng.multivariate_normal(truth, covariance, boards, method="eigh")
    found = [winners.winner(board(arena, x, covariance)) for x in draws]
    best = truth[draws.argmax(axis=1)]
    held = np.mean([w.lower <= t <= w.upper for w, t in zip(found, best, strict=True)])
    above = np.mean([w.corrected > t for w, t in zip(found, best, strict=True)])
    assert held >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / boards)
    assert above == pytest.approx(0.5, abs=3.3 * 0.5 / np.sqrt(boards))
    if apart == 0:  # where the plain score is too high
        assert np.mean([w.score for w in found]) > best.mean() + 1


def test_the_test_of_first_place_keeps_its_size():
    """Under two equal best models, where it rejects most often."""
    rng = np.random.default_rng(41)
    for covariance in (
        np.eye(4),
        np.diag([1.0, 9, 4, 1]),
        correlated(rng, 4) / 40,
    ):
        draws = rng.multivariate_normal([3, 3, 0, -2], covariance, 4000)
        rate = np.mean([winners.p_not_first(x, covariance) < 0.05 for x in draws])
        assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_equal_variances_give_the_two_sided_test_of_the_first_two():
    """Hung and Fithian (2019): first against second, nothing else matters."""
    score = np.array([4.0, 11.0, 8.5, -3.0])
    expected = 2 * norm.sf((11 - 8.5) / np.sqrt(2 * 2.25))
    found = winners.p_not_first(score, 2.25 * np.eye(4))
    assert found == pytest.approx(expected)


def test_two_models_give_a_truncated_normal(arena):
    """With one rival, the winner's score is normal, cut off at the rival's."""
    score, error = np.array([3.0, 1.0]), 2.0
    found = winners.winner(board(arena, score, error**2 * np.eye(2)))
    low = (score[1] - found.corrected) / error
    cut = truncnorm(low, np.inf, loc=found.corrected, scale=error)
    assert cut.median() == pytest.approx(score[0])
    assert found.corrected < score[0]


def test_a_clear_first_keeps_its_score_and_a_close_one_does_not(arena):
    found = winners.winner(arena)
    place = arena.place(found.model)
    assert ranks.by_score(arena.score)[place] == 1
    assert found.corrected == pytest.approx(arena.score[place], abs=1e-6)
    # The plain interval, but for the tenth of the error that the first step may make.
    half = found.upper - found.score
    assert half == pytest.approx(arena.upper[place] - arena.score[place], rel=0.05)
    assert found.p_value < 1e-6
    thin = winners.winner(replace(arena, covariance=100 * arena.covariance))
    assert thin.corrected < thin.score - 5
    assert thin.p_value > 0.05


def test_a_shared_first_place_is_nobodys(arena):
    equal = board(arena, np.array([2.0, 5.0, 5.0]), np.eye(3))
    with pytest.raises(ValueError, match="'m1' and 'm2' share the first place"):
        winners.winner(equal)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        winners.winner(arena, level=1)


def test_arenas_rule_is_wrong_as_often_as_on_boards_drawn_one_by_one(arena):
    rng = np.random.default_rng(42)
    truth = np.linspace(0, 60, 8)
    spread = np.array([9.0, 4, 6, 12, 5, 7, 8, 10])
    centre = np.eye(8) - 1 / 8
    covariance = centre @ np.diag(spread**2) @ centre
    half = 1.4 * np.sqrt(np.diag(covariance))
    base = board(arena, truth, covariance)
    base = replace(base, lower=truth - half, upper=truth + half)
    share, error = ranks.too_low(base, np.random.default_rng(43))
    wrong = 0
    for x in rng.multivariate_normal(truth, covariance, 2000, method="eigh"):
        drawn = replace(base, score=x, lower=x - half, upper=x + half)
        wrong += (ranks.by_interval(drawn) > ranks.by_score(truth)).any()
    assert 0.02 < share < 0.5
    both = np.hypot(error, np.sqrt(share * (1 - share) / 2000))
    assert wrong / 2000 == pytest.approx(share, abs=3.3 * both)
