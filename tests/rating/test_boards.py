"""Many boards at once: against single fits, solvers, and drawn data."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_expit

from illusion.rating import boards, ratings
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
    together = boards.climb(battles, points, start)
    for k, one in enumerate(counts):
        fitted = ratings.fit(one, interval="hessian")
        np.testing.assert_allclose(together[k], fitted.score, atol=1e-4)
        alone = boards.climb(battles[k : k + 1], points[k : k + 1], start[:1])
        np.testing.assert_allclose(together[k], alone[0], atol=1e-4)
    np.testing.assert_allclose(together.mean(axis=1), 0, atol=1e-9)


def test_start_unit_and_order_do_not_matter():
    _, battles, points = drawn([7])
    plain = boards.climb(battles, points, np.zeros((1, 7)))
    far = np.random.default_rng(0).normal(300, 400, (1, 7))
    np.testing.assert_allclose(boards.climb(battles, points, far), plain, atol=1e-3)
    scaled = boards.climb(7 * battles, 7 * points, np.zeros((1, 7)))
    np.testing.assert_allclose(scaled, plain, atol=1e-4)
    turn = np.random.default_rng(1).permutation(7)
    turned = [table[:, turn][:, :, turn] for table in (battles, points)]
    moved = boards.climb(*turned, np.zeros((1, 7)))
    np.testing.assert_allclose(moved, plain[:, turn], atol=1e-4)
    mirrored = boards.climb(battles, points.transpose(0, 2, 1), np.zeros((1, 7)))
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
        boards.climb(battles, points, np.zeros((2, 7)))
    boards.climb(battles[:1], points[:1], np.zeros((1, 7)))


def test_groups_of_which_one_always_wins_do_not_settle():
    battles = 10 * (1 - np.eye(4))
    points = battles / 2
    points[:2, 2:], points[2:, :2] = 10, 0
    with pytest.raises(NotConvergedError, match="30 steps"):
        boards.climb(battles[None], points[None], np.zeros((1, 4)))


def test_weights():
    battles = np.array([0.0, 1, 49, 50, 51, 400])
    assert (boards.weights(battles, "battles") == 1).all()
    total = battles * boards.weights(battles, "pairs")
    np.testing.assert_allclose(total, [0, 0.02, 0.98, 1, 1, 1])


def test_pairs_alike_is_a_fit_to_win_rates():
    _, battles, points = drawn([3], meetings(3, 50, 5000))
    start = np.zeros((1, 7))
    weight = boards.weights(battles, "pairs")
    alike = boards.climb(weight * battles, weight * points, start)
    rate = np.divide(points, battles, out=np.zeros_like(points), where=battles > 0)
    once = 1 - np.eye(7)[None]
    np.testing.assert_allclose(alike, boards.climb(once, rate, start), atol=1e-3)
    assert np.abs(alike - boards.climb(battles, points, start)).max() > 1


def test_weighted_fit_against_a_general_solver():
    few = np.where(np.arange(len(PAIRS[0])) % 3, 300, 20)
    counts, battles, points = drawn([4], few)
    weight = boards.weights(battles, "pairs")
    fitted = boards.climb(weight * battles, weight * points, np.zeros((1, 7)))[0]
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
    score = boards.climb(battles, points, np.zeros((2, 7)))
    error = boards.standard_errors(battles, score, weighting="battles", tie_rate=0.35)
    for k, one in enumerate(counts):
        sandwich = ratings.fit(one, interval="sandwich").standard_error
        np.testing.assert_allclose(error[k], sandwich, rtol=0.01)
    shifted = boards.standard_errors(
        battles, score + 1200, weighting="battles", tie_rate=0.35
    )
    np.testing.assert_allclose(shifted, error)
    # No ties: the inverse information.
    no_ties = boards.standard_errors(battles, score, weighting="battles", tie_rate=0)
    plain = ratings.fit(counts[0], interval="hessian").standard_error
    np.testing.assert_allclose(no_ties[0], plain, rtol=1e-4)


@pytest.mark.parametrize("weighting", boards.WEIGHTING)
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
    weight = boards.weights(battles, weighting)
    score = boards.climb(weight * battles, weight * points, np.zeros((times, 7)))
    error = boards.standard_errors(
        battles[:1], SKILL[None], weighting=weighting, tie_rate=0.4
    )
    np.testing.assert_allclose(score.std(axis=0), error[0], rtol=0.08)


# Shrinking the best to its family.


def test_shrinking_at_its_limits():
    best, mean = np.array([30.0, 8.0]), np.array([10.0, 2.0])
    one, some = np.ones(2), np.array([40.0, 60.0])
    np.testing.assert_allclose(boards.shrink(best, mean, 0 * one, some, 9), best)
    np.testing.assert_allclose(boards.shrink(best, mean, 99 * one, some, 9), mean)
    for few in (1, 2):
        kept = boards.shrink(best, mean, 99 * one, some, few)
        np.testing.assert_allclose(kept, best)
    # By hand: 1 - (9 - 2) * 2 / 40 = 0.65.
    found = boards.shrink(best, mean, 2 * one, some, 9)
    assert found[0] == pytest.approx(10 + 0.65 * 20)
    early = boards.shrink(best, mean, 2 * one, some, 3)
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
    shrunk = boards.shrink(best, mean[:, 0], np.full(6000, sigma**2), spread, 6 * 9)
    raw, left = (best - true).mean(), (shrunk - true).mean()
    assert raw > 5
    assert abs(left) < 4 * (shrunk - true).std() / 6000**0.5 + 0.05 * raw


# Agreeing with a provider's own ranking.


def test_as_ranked_by_hand():
    score, maker = np.array([10.0, 20, 40, 5]), np.array(list("xxyx"))
    weight = np.array([1.0, 3, 1, 1])
    as_is = boards.as_ranked(score, weight, np.array([2.0, 3, 0, 1]), maker)
    np.testing.assert_array_equal(as_is, score)
    # x holds its first for better than its second: both get 17.5, weighted.
    turned = boards.as_ranked(score, weight, np.array([3.0, 2, 0, 1]), maker)
    np.testing.assert_allclose(turned, [17.5, 17.5, 40, 5])
    # What y believes of its model, or how well it does, moves nothing of x.
    other = boards.as_ranked(
        np.array([10.0, 20, -90, 5]), weight, np.array([3.0, 2, 99, 1]), maker
    )
    np.testing.assert_allclose(other[[0, 1, 3]], turned[[0, 1, 3]])
    assert score.tolist() == [10, 20, 40, 5]
    # Those that are held to be equal share a score, weighted.
    alike, scores = np.zeros(3), np.array([3.0, 2, 1])
    moved = boards.as_ranked(scores, np.array([1.0, 1, 2]), alike, alike)
    np.testing.assert_allclose(moved, [1.75] * 3)


def test_as_ranked_never_contradicts_and_keeps_the_mean():
    rng = np.random.default_rng(10)
    for _ in range(20):
        score, belief = rng.normal(0, 60, (2, 15))
        weight, maker = rng.uniform(1, 9, 15), rng.integers(0, 3, 15)
        moved = boards.as_ranked(score, weight, belief, maker)
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
    won = 500 * ratings.win_probability(skill[a] - skill[b])

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
    moved = boards.as_ranked(skill, np.ones(6), belief, maker)
    assert np.abs(moved - skill).max() > 10
    np.testing.assert_allclose(moved, best.x - best.x.mean(), atol=0.3)
