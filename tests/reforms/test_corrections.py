"""Corrections of a chosen variant's score: limits, examples, solvers."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_expit

from illusion.rating.likelihood import ELO
from illusion.rating.ratings import win_probability
from illusion.reforms import corrections

# Shrinking the best to its family.


def test_shrinking_at_its_limits():
    best, mean = np.array([30.0, 8.0]), np.array([10.0, 2.0])
    one, some = np.ones(2), np.array([40.0, 60.0])
    np.testing.assert_allclose(corrections.shrink(best, mean, 0 * one, some, 9), best)
    np.testing.assert_allclose(corrections.shrink(best, mean, 99 * one, some, 9), mean)
    for few in (1, 2):
        kept = corrections.shrink(best, mean, 99 * one, some, few)
        np.testing.assert_allclose(kept, best)
    # By hand: 1 - (9 - 2) * 2 / 40 = 0.65.
    found = corrections.shrink(best, mean, 2 * one, some, 9)
    assert found[0] == pytest.approx(10 + 0.65 * 20)
    early = corrections.shrink(best, mean, 2 * one, some, 3)
    assert early[1] == pytest.approx(2 + (1 - 2 / 60) * 6)


def test_the_shrunk_best_is_worth_what_it_says():
    rng = np.random.default_rng(9)
    tau, sigma, shape = 8.0, 6.0, (6000, 6, 10)
    skill = rng.normal(0, tau, shape) + rng.normal(0, 50, shape[:2])[..., None]
    estimate = rng.normal(skill, sigma)
    mean = estimate.mean(axis=-1)
    spread = ((estimate - mean[..., None]) ** 2).sum(axis=(1, 2))
    chosen = estimate[:, 0].argmax(axis=1)
    best, true = estimate[:, 0].max(axis=1), skill[np.arange(6000), 0, chosen]
    noise = np.full(6000, sigma**2)
    shrunk = corrections.shrink(best, mean[:, 0], noise, spread, 6 * 9)
    raw, left = (best - true).mean(), (shrunk - true).mean()
    assert raw > 5
    assert abs(left) < 4 * (shrunk - true).std() / 6000**0.5 + 0.05 * raw


# Agreeing with a provider's own ranking.


def test_as_ranked_by_hand():
    score, maker = np.array([10.0, 20, 40, 5]), np.array(list("xxyx"))
    weight = np.array([1.0, 3, 1, 1])
    as_is = corrections.as_ranked(score, weight, np.array([2.0, 3, 0, 1]), maker)
    np.testing.assert_array_equal(as_is, score)
    # x holds its first for better than its second: both get 17.5, weighted.
    turned = corrections.as_ranked(score, weight, np.array([3.0, 2, 0, 1]), maker)
    np.testing.assert_allclose(turned, [17.5, 17.5, 40, 5])
    # What y believes of its model, or how well it does, moves nothing of x.
    other = corrections.as_ranked(
        np.array([10.0, 20, -90, 5]), weight, np.array([3.0, 2, 99, 1]), maker
    )
    np.testing.assert_allclose(other[[0, 1, 3]], turned[[0, 1, 3]])
    assert score.tolist() == [10, 20, 40, 5]
    # Those that are held to be equal share a score, weighted.
    alike, scores = np.zeros(3), np.array([3.0, 2, 1])
    moved = corrections.as_ranked(scores, np.array([1.0, 1, 2]), alike, alike)
    np.testing.assert_allclose(moved, [1.75] * 3)


def test_as_ranked_never_contradicts_and_keeps_the_mean():
    rng = np.random.default_rng(10)
    for _ in range(20):
        score, belief = rng.normal(0, 60, (2, 15))
        weight, maker = rng.uniform(1, 9, 15), rng.integers(0, 3, 15)
        moved = corrections.as_ranked(score, weight, belief, maker)
        for name in range(3):
            own = np.flatnonzero(maker == name)
            own = own[np.argsort(belief[own])]
            assert (np.diff(moved[own]) >= 0).all()
            assert weight[own] @ moved[own] == pytest.approx(weight[own] @ score[own])


def test_as_ranked_is_nearly_the_constrained_maximum():
    # All pairs meet alike and are close: the likelihood is nearly quadratic.
    skill = np.array([30.0, 10, 0, -5, -15, -20])
    belief = np.array([4.0, 3, 1, 2, 6, 5])  # two providers, three models each
    maker = np.array([0, 1, 0, 1, 0, 1])
    a, b = np.triu_indices(6, 1)
    won = 500 * win_probability(skill[a] - skill[b])

    def loss(x):
        gap = (x[a] - x[b]) / ELO
        return -(won @ log_expit(gap) + (500 - won) @ log_expit(-gap))

    rules = [
        {"type": "ineq", "fun": lambda x, i=i, j=j: x[i] - x[j]}
        for i in range(6)
        for j in range(6)
        if maker[i] == maker[j] and belief[i] > belief[j]
    ]
    options = {"ftol": 1e-12, "maxiter": 500}
    best = minimize(loss, skill, method="SLSQP", constraints=rules, options=options)
    assert best.success
    moved = corrections.as_ranked(skill, np.ones(6), belief, maker)
    assert np.abs(moved - skill).max() > 10
    np.testing.assert_allclose(moved, best.x - best.x.mean(), atol=0.3)
