"""Many boards at once: against single fits, solvers, and drawn data."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_expit

from illusion.rating import batch, ratings
from illusion.rating.battles import NoRankingError, PairCounts
from illusion.rating.likelihood import ELO, NotConvergedError

NAMES = tuple("abcdefg")
PAIRS = np.triu_indices(len(NAMES), 1)
SKILL = np.array([140.0, 90, 30, 0, -20, -90, -150])


def meetings(seed: int, low: int = 40, high: int = 400) -> np.ndarray:
    """Battles of every pair, far from alike."""
    return np.random.default_rng(seed).integers(low, high, len(PAIRS[0]))


def square(counts: PairCounts) -> tuple[np.ndarray, np.ndarray]:
    """Battles and points as tables."""
    shape = (len(counts.models), len(counts.models))
    battles, points = np.zeros(shape), np.zeros(shape)
    each = counts.wins_a + counts.wins_b + counts.ties
    battles[counts.a, counts.b] = battles[counts.b, counts.a] = each
    points[counts.a, counts.b] = counts.wins_a + counts.ties / 2
    points[counts.b, counts.a] = counts.wins_b + counts.ties / 2
    return battles, points


def drawn(seeds, each=None, tie_rate: float = 0.3):
    """Simulated counts and their tables, stacked."""
    counts = [
        ratings.simulate(
            NAMES,
            SKILL,
            (*PAIRS, meetings(seed) if each is None else each),
            np.random.default_rng(seed + 100),
            tie_rate=tie_rate,
        )
        for seed in seeds
    ]
    return counts, *np.stack([square(one) for one in counts], axis=1)


# The fit.


def test_many_boards_are_fitted_as_each_alone():
    counts, battles, points = drawn(range(5))
    start = np.zeros((5, len(NAMES)))
    together = batch.climb(battles, points, start)
    for k, one in enumerate(counts):
        fitted = ratings.fit(one, interval="hessian")
        np.testing.assert_allclose(together[k], fitted.score, atol=1e-4)
        alone = batch.climb(battles[k : k + 1], points[k : k + 1], start[:1])
        np.testing.assert_allclose(together[k], alone[0], atol=1e-4)
    np.testing.assert_allclose(together.mean(axis=1), 0, atol=1e-9)


def test_start_unit_and_order_do_not_matter():
    _, battles, points = drawn([7])
    plain = batch.climb(battles, points, np.zeros((1, 7)))
    far = np.random.default_rng(0).normal(300, 400, (1, 7))
    np.testing.assert_allclose(batch.climb(battles, points, far), plain, atol=1e-3)
    scaled = batch.climb(7 * battles, 7 * points, np.zeros((1, 7)))
    np.testing.assert_allclose(scaled, plain, atol=1e-4)
    turn = np.random.default_rng(1).permutation(7)
    turned = [table[:, turn][:, :, turn] for table in (battles, points)]
    moved = batch.climb(*turned, np.zeros((1, 7)))
    np.testing.assert_allclose(moved, plain[:, turn], atol=1e-4)
    mirrored = batch.climb(battles, points.transpose(0, 2, 1), np.zeros((1, 7)))
    np.testing.assert_allclose(mirrored, -plain, atol=1e-4)


@pytest.mark.parametrize("share", [0, 1, None])
def test_a_score_without_end_is_refused_by_its_place(share):
    _, battles, points = drawn([1, 2])
    if share is None:
        battles[1, 3] = battles[1, :, 3] = points[1, 3] = points[1, :, 3] = 0
    else:
        points[1, 3] = share * battles[1, 3]
        points[1, :, 3] = (1 - share) * battles[1, 3]
    with pytest.raises(NoRankingError, match="Model 3 has won or lost all"):
        batch.climb(battles, points, np.zeros((2, 7)))
    batch.climb(battles[:1], points[:1], np.zeros((1, 7)))


def test_groups_of_which_one_always_wins_are_refused():
    battles = 10 * (1 - np.eye(4))
    points = battles / 2
    points[:2, 2:], points[2:, :2] = 10, 0
    with pytest.raises(NoRankingError, match=r"Models \[0, 1\] have won or lost all"):
        batch.climb(battles[None], points[None], np.zeros((1, 4)))


def test_climb_that_does_not_settle_is_an_error():
    _, battles, points = drawn([1])
    with pytest.raises(NotConvergedError, match="30 steps"):
        batch.climb(battles, points, np.linspace(0, 80_000, 7)[None])


def test_weights():
    battles = np.array([0.0, 1, 49, 50, 51, 400])
    assert (batch.weights(battles, "battles") == 1).all()
    total = battles * batch.weights(battles, "pairs")
    np.testing.assert_allclose(total, [0, 0.02, 0.98, 1, 1, 1])


def test_pairs_alike_is_a_fit_to_win_rates():
    _, battles, points = drawn([3], meetings(3, 50, 5000))
    start = np.zeros((1, 7))
    weight = batch.weights(battles, "pairs")
    alike = batch.climb(weight * battles, weight * points, start)
    rate = np.divide(points, battles, out=np.zeros_like(points), where=battles > 0)
    once = 1 - np.eye(7)[None]
    np.testing.assert_allclose(alike, batch.climb(once, rate, start), atol=1e-3)
    assert np.abs(alike - batch.climb(battles, points, start)).max() > 1


def test_weighted_fit_against_a_general_solver():
    few = np.where(np.arange(len(PAIRS[0])) % 3, 300, 20)
    counts, battles, points = drawn([4], few)
    weight = batch.weights(battles, "pairs")
    fitted = batch.climb(weight * battles, weight * points, np.zeros((1, 7)))[0]
    a, b = counts[0].a, counts[0].b
    won, lost = points[0, a, b], points[0, b, a]
    each = np.where(battles[0, a, b] < 50, 1 / 50, 1 / battles[0, a, b])

    def loss(x):
        gap = x[a] - x[b]
        return -each @ (won * log_expit(gap) + lost * log_expit(-gap))

    best = minimize(loss, np.zeros(7), tol=1e-12).x
    np.testing.assert_allclose(fitted, (best - best.mean()) * ELO, atol=0.01)


# Standard errors.


def test_errors_are_those_of_the_sandwich():
    counts, battles, points = drawn([5, 6], meetings(5, 4000, 40_000), 0.35)
    score = batch.climb(battles, points, np.zeros((2, 7)))
    error = batch.standard_errors(battles, score, weighting="battles", tie_rate=0.35)
    for k, one in enumerate(counts):
        sandwich = ratings.fit(one, interval="sandwich").standard_error
        np.testing.assert_allclose(error[k], sandwich, rtol=0.01)
    shifted = batch.standard_errors(
        battles, score + 1200, weighting="battles", tie_rate=0.35
    )
    np.testing.assert_allclose(shifted, error)
    # No ties: the inverse information.
    no_ties = batch.standard_errors(battles, score, weighting="battles", tie_rate=0)
    plain = ratings.fit(counts[0], interval="hessian").standard_error
    np.testing.assert_allclose(no_ties[0], plain, rtol=1e-4)


@pytest.mark.parametrize("weighting", batch.WEIGHTING)
def test_errors_are_the_spread_of_repeated_boards(weighting):
    rng, times = np.random.default_rng(8), 1500
    a, b = PAIRS
    met = np.where(np.arange(len(a)) % 4, 60, 3000)
    p = ratings.win_probability(SKILL[a] - SKILL[b])
    tie = ratings.tie_probability(p, 0.4)
    outcomes = np.stack([p - tie / 2, 1 - p - tie / 2, tie], axis=-1)
    won, _, tied = np.moveaxis(rng.multinomial(met, outcomes, (times, len(a))), -1, 0)
    battles, points = np.zeros((2, times, 7, 7))
    battles[:, a, b] = battles[:, b, a] = met
    points[:, a, b] = won + tied / 2
    points[:, b, a] = met - won - tied / 2
    weight = batch.weights(battles, weighting)
    score = batch.climb(weight * battles, weight * points, np.zeros((times, 7)))
    error = batch.standard_errors(
        battles[:1], SKILL[None], weighting=weighting, tie_rate=0.4
    )
    np.testing.assert_allclose(score.std(axis=0), error[0], rtol=0.08)
