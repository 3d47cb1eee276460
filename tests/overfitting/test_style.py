"""Styled votes: fits against other solvers and drawn truth, curves against draws."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm

from illusion.overfitting import style
from illusion.rating import ratings
from illusion.rating.battles import NoRankingError
from illusion.rating.likelihood import ELO

NAMES = tuple("abcdef")
QUALITY = np.array([90.0, 40, 10, -20, -40, -80])
WEIGHTS = np.array([40.0, -15])
# As large as LMArena's of August 2024, on the scale of single answers.
ARENA = style.points(np.array([0.249, 0.031, 0.024, 0.019]))


def votes(n: int, seed: int = 1, spread: float = 0.5) -> style.StyledVotes:
    rng = np.random.default_rng(seed)
    mean = rng.normal(0, spread, (6, 2))
    return style.simulate_votes(NAMES, QUALITY, mean, WEIGHTS, n, rng)


def board(n, weights, move, seed, models=20):
    """Draw votes on equals, the first of which has moved its mean style."""
    names = tuple(f"m{k:02d}" for k in range(models))
    mean = np.zeros((models, len(weights)))
    mean[0] = move
    rng = np.random.default_rng(seed)
    return style.simulate_votes(names, np.zeros(models), mean, weights, n, rng)


def lead(fitted: style.StyleFit) -> float:
    """Score of the first model above the mean of the others."""
    return fitted.score[0] - fitted.score[1:].mean()


def apparent_lead(truth: float, weights) -> float:
    """Lead that a plain board shows: the scatter of answers makes votes noisier."""
    sd = 2**0.5 * np.linalg.norm(weights)
    chance = quad(lambda z: norm.pdf(z) * expit((truth + sd * z) / ELO), -9, 9)[0]
    return ratings.elo_difference(chance)


# Drawing.


def test_pairs_and_style_are_drawn_as_said():
    names, rng = ("a", "b", "c"), np.random.default_rng(2)
    mean = np.array([[1.0, 0], [0, 0.5], [-1, 2]])
    drawn = style.simulate_votes(names, np.zeros(3), mean, [0, 0], 60_000, rng)
    for a, b in ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)):
        these = drawn.style[(drawn.a == a) & (drawn.b == b)]
        assert len(these) == pytest.approx(10_000, abs=4 * 10_000**0.5)
        np.testing.assert_allclose(these.mean(0), mean[a] - mean[b], atol=0.06)
        np.testing.assert_allclose(np.cov(these.T), 2 * np.eye(2), atol=0.12)
    assert drawn.won.mean() == pytest.approx(0.5, abs=0.01)


def test_win_rate_is_the_integral_over_style():
    rng = np.random.default_rng(3)
    mean = np.array([[0.8, 0], [0, 1.0]])
    weights = np.array([120.0, 90])
    drawn = style.simulate_votes(("a", "b"), [50, 0], mean, weights, 200_000, rng)
    gap, sd = 50 + 0.8 * 120 - 90, (2 * (120**2 + 90**2)) ** 0.5
    expected, _ = quad(
        lambda z: norm.pdf(z) / (1 + 10 ** (-(gap + sd * z) / 400)), -9, 9
    )
    rate = (drawn.won == (drawn.a == 0)).mean()
    assert rate == pytest.approx(expected, abs=4 * 0.5 / 200_000**0.5)


def test_counts_are_those_of_a_loop():
    drawn = votes(400)
    counts, wins = drawn.counts(), {}
    for a, b, won in zip(drawn.a, drawn.b, drawn.won, strict=True):
        pair = (a, b) if won else (b, a)
        wins[pair] = wins.get(pair, 0) + 1
    assert (counts.a < counts.b).all()
    assert counts.n_battles == 400
    assert not counts.ties.any()
    columns = (counts.a, counts.b, counts.wins_a, counts.wins_b)
    for a, b, first, second in zip(*columns, strict=True):
        assert (wins.get((a, b), 0), wins.get((b, a), 0)) == (first, second)


# The fit.


def test_plain_fit_is_that_of_the_counts():
    drawn = votes(3000)
    plain = style.fit_controlled(drawn)
    other = ratings.fit(drawn.counts(), interval="hessian")
    np.testing.assert_allclose(plain.score, other.score, atol=1e-6)
    np.testing.assert_allclose(plain.covariance, other.covariance, rtol=1e-5)
    np.testing.assert_allclose(plain.standard_error, other.standard_error)
    assert plain.weights.shape == plain.weight_error.shape == (0,)


@pytest.mark.parametrize("controls", [(0,), (1,), (0, 1), (1, 0)])
def test_agrees_with_a_general_optimiser(controls):
    drawn = votes(1500)
    design = np.zeros((1500, 6))
    design[np.arange(1500), drawn.a] += 1
    design[np.arange(1500), drawn.b] -= 1
    # Five free scores: the last is minus their sum.
    free = np.vstack([np.eye(5), -np.ones(5)])
    design = np.hstack([design @ free, drawn.style[:, list(controls)]])
    signs = np.where(drawn.won, 1, -1)

    def loss(x: np.ndarray) -> float:
        return np.logaddexp(0, -signs * (design @ x)).sum()

    def slope(x: np.ndarray) -> np.ndarray:
        return design.T @ (expit(design @ x) - drawn.won)

    found = minimize(loss, np.zeros(design.shape[1]), jac=slope, options={"gtol": 1e-6})
    fitted = style.fit_controlled(drawn, controls)
    assert fitted.controls == controls
    np.testing.assert_allclose(fitted.score, ELO * free @ found.x[:5], atol=1e-4)
    np.testing.assert_allclose(fitted.weights, ELO * found.x[5:], atol=1e-4)
    p = expit(design @ found.x)
    inverse = np.linalg.inv(design.T @ ((p * (1 - p))[:, None] * design))
    whole = np.zeros((6 + len(controls), design.shape[1]))
    whole[:6, :5], whole[6:, 5:] = free, np.eye(len(controls))
    np.testing.assert_allclose(
        fitted.covariance, ELO**2 * whole @ inverse @ whole.T, rtol=1e-4, atol=1e-3
    )


def test_sides_units_and_origin_do_not_matter():
    drawn = votes(2000)
    fitted = style.fit_controlled(drawn, (0, 1))
    turn = np.random.default_rng(5).random(2000) < 0.5
    turned = style.StyledVotes(
        NAMES,
        np.where(turn, drawn.b, drawn.a),
        np.where(turn, drawn.a, drawn.b),
        np.where(turn[:, None], -drawn.style, drawn.style),
        drawn.won != turn,
    )
    again = style.fit_controlled(turned, (0, 1))
    np.testing.assert_allclose(again.score, fitted.score, atol=1e-8)
    np.testing.assert_allclose(again.weights, fitted.weights, atol=1e-8)
    larger = style.fit_controlled(replace(drawn, style=3 * drawn.style), (0, 1))
    np.testing.assert_allclose(larger.score, fitted.score, atol=1e-6)
    np.testing.assert_allclose(3 * larger.weights, fitted.weights, atol=1e-6)
    # A mean style moved by m takes w m from the score, whatever the votes.
    own = np.zeros(6)
    own[2] = 1.5
    shift = np.outer(own[drawn.a] - own[drawn.b], [1, 0])
    moved = style.fit_controlled(replace(drawn, style=drawn.style + shift), (0, 1))
    change = -fitted.weights[0] * (own - own.mean())
    np.testing.assert_allclose(moved.score - fitted.score, change, atol=1e-6)
    np.testing.assert_allclose(moved.weights, fitted.weights, atol=1e-6)


def test_estimates_scatter_as_their_errors_say():
    rng = np.random.default_rng(6)
    mean = rng.normal(0, 0.5, (6, 2))
    z = []
    for _ in range(150):
        drawn = style.simulate_votes(NAMES, QUALITY, mean, WEIGHTS, 3000, rng)
        fitted = style.fit_controlled(drawn, (0, 1))
        off = np.append(fitted.score - QUALITY, fitted.weights - WEIGHTS)
        z.append(off / np.append(fitted.standard_error, fitted.weight_error))
    z = np.array(z)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=3.5 / 150**0.5)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=3.5 / 300**0.5)
    assert (np.abs(z) < 1.96).mean() == pytest.approx(0.95, abs=0.03)


# What control does.


def test_plain_score_keeps_what_control_takes_back():
    weights, move = np.array([100.0, 60]), np.array([1.0, 0.5])
    drawn = board(200_000, weights, move, seed=7)
    plain, controlled = style.fit_controlled(drawn), style.fit_controlled(drawn, (0, 1))
    paid = weights @ move
    error = plain.standard_error[0] * 20 / 19
    # The noise of 10% shrinks the plain lead, and the test can tell.
    assert paid - apparent_lead(paid, weights) > 5 * error
    assert abs(lead(plain) - apparent_lead(paid, weights)) < 3 * error
    assert abs(lead(controlled)) < 3 * controlled.standard_error[0] * 20 / 19


def test_control_costs_precision():
    """The error of a weight enters the score of a model that has moved."""
    move = np.array([3.0, 0, 0, 0])
    drawn = board(20_000, ARENA, move, seed=8)
    plain = style.fit_controlled(drawn)
    controlled = style.fit_controlled(drawn, range(4))
    extra = np.sqrt(controlled.standard_error**2 - plain.standard_error**2)
    moved = 3 * 19 / 20  # from the mean of all
    assert extra[0] == pytest.approx(moved * controlled.weight_error[0], rel=0.15)
    assert (extra[1:] < 0.35 * extra[0]).all()


def test_a_rewarded_style_without_control_is_not_taken_back():
    weights, move = np.array([60.0, 45]), np.array([1.0, 1.0])
    drawn = board(200_000, weights, move, seed=9)
    fitted = style.fit_controlled(drawn, (0,))
    left = apparent_lead(45, weights[1:])
    assert abs(lead(fitted) - left) < 3 * fitted.standard_error[0] * 20 / 19
    # The scatter left in blurs the weight of what is controlled alike.
    blurred = apparent_lead(60, weights[1:])
    assert abs(fitted.weights[0] - blurred) < 3 * fitted.weight_error[0]


def test_control_takes_substance_away_too():
    """Votes for longer answers that are better are votes for length."""
    rng, n = np.random.default_rng(10), 100_000
    length = rng.normal([[1.0, 0]], 1, (n, 2))  # the first model writes more
    quality = 50 * length  # and whatever is longer is better, by 50 points
    won = rng.random(n) < ratings.win_probability(quality[:, 0] - quality[:, 1])
    seen = style.StyledVotes(
        ("a", "b"),
        np.zeros(n, dtype=int),
        np.ones(n, dtype=int),
        length[:, :1] - length[:, 1:],
        won,
    )
    plain, controlled = style.fit_controlled(seen), style.fit_controlled(seen, (0,))
    gap, error = 2 * controlled.score[0], 2 * controlled.standard_error[0]
    assert abs(gap) < 3 * error  # of a true lead of 50
    assert abs(2 * plain.score[0] - apparent_lead(50, [50])) < 3 * error
    assert abs(controlled.weights[0] - 50) < 3 * controlled.weight_error[0]


def test_only_scatter_within_models_identifies_a_weight():
    drawn = votes(20_000)
    mean = np.random.default_rng(11).normal(0, 1, (6, 2))
    constant = mean[drawn.a] - mean[drawn.b]
    with pytest.raises(NoRankingError, match=r"features \[0\] .*constant within"):
        style.fit_controlled(replace(drawn, style=constant), (0,))
    one = np.column_stack([drawn.style[:, 0], constant[:, 1]])
    with pytest.raises(NoRankingError, match=r"features \[1\] "):
        style.fit_controlled(replace(drawn, style=one), (0, 1))
    # A little scatter: an answer, and an error that says what it is worth.
    rng = np.random.default_rng(12)
    errors = [
        style.fit_controlled(
            replace(drawn, style=constant + sd * rng.standard_normal((20_000, 2))), (0,)
        ).weight_error[0]
        for sd in (1, 0.1, 0.01)
    ]
    assert errors[1] / errors[0] == pytest.approx(10, rel=0.05)
    assert errors[2] / errors[0] == pytest.approx(100, rel=0.05)


# What the provider learns, and what it gets.


def test_points_are_those_of_the_same_votes_in_other_units():
    drawn = board(20_000, np.array([40.0]), 0, seed=3, models=4)
    fitted = style.fit_controlled(drawn, (0,))
    standardised = replace(drawn, style=drawn.style / drawn.style.std())
    log_odds = style.fit_controlled(standardised, (0,)).weights / ELO
    assert style.points(log_odds) == pytest.approx(fitted.weights, rel=0.02)


def test_error_of_a_weight():
    drawn = board(20_000, np.array([20.0, 0, 5]), 0, seed=13)
    fitted = style.fit_controlled(drawn, (0, 1, 2))
    np.testing.assert_allclose(
        fitted.weight_error, style.standard_error(20_000), rtol=0.03
    )
    assert style.standard_error(1000) == pytest.approx(7.77, abs=0.005)


@pytest.mark.parametrize("n", [300, 3000, 100_000])
@pytest.mark.parametrize("weights", [ARENA, np.zeros(3), np.array([12.0, -25])])
def test_curves_against_drawn_estimates(weights, n):
    rng = np.random.default_rng(14)
    size = (400_000, len(weights))
    estimate = rng.normal(weights, ELO * (2 / n) ** 0.5, size)
    length = np.linalg.norm(estimate, axis=1)
    rewarded = estimate * weights / length[:, None]
    pressure, cost = np.array([0.0, 0.7, 2]), 4.0
    curves = style.goodhart(weights, n, pressure, cost, controls=(1,))
    np.testing.assert_allclose(curves.quality, [0, -0.98, -8])
    for curve, gain in (
        (curves.predicted, length),
        (curves.arena, rewarded.sum(axis=1)),
        (curves.controlled, np.delete(rewarded, 1, axis=1).sum(axis=1)),
    ):
        error = gain.std() / len(gain) ** 0.5
        np.testing.assert_allclose(
            curve, curves.quality + pressure * gain.mean(), atol=10 * error + 1e-9
        )


def test_one_feature_is_right_or_wrong_in_sign():
    """Of one feature only the sign is learnt: a folded normal and a probability."""
    w, n = 5.0, 4000
    error = ELO * (2 / n) ** 0.5
    curves = style.goodhart([w], n, 1.0, 0.0)
    assert curves.arena == pytest.approx(w * (2 * norm.cdf(w / error) - 1))
    folded = 2 * error * norm.pdf(w / error) + curves.arena
    assert curves.predicted == pytest.approx(folded)


def test_limits_and_order_of_the_curves():
    n, pressure = np.array([[100.0], [10_000], [1e12]]), np.linspace(0, 5, 11)
    curves = style.goodhart(ARENA, n, pressure, 6.0, controls=(0, 2))
    for curve in vars(curves).values():
        assert curve.shape == (3, 11)
        assert (curve[:, 0] == 0).all()
    many = pressure * np.linalg.norm(ARENA) - 3 * pressure**2
    np.testing.assert_allclose(curves.predicted[2], many, atol=1e-6)
    np.testing.assert_allclose(curves.arena[2], many, atol=1e-6)
    assert (np.diff(curves.arena, axis=0)[:, 1:] > 0).all()
    assert (np.diff(curves.predicted, axis=0)[:, 1:] < 0).all()
    ordered = (curves.predicted, curves.arena, curves.controlled, curves.quality)
    for above, below in pairwise(ordered):
        assert (above[:2, 1:] > below[:2, 1:]).all()
    whole = style.goodhart(ARENA, n, pressure, 6.0, controls=range(4))
    np.testing.assert_array_equal(whole.controlled, whole.quality)
    none = style.goodhart(ARENA, n, pressure, 6.0)
    np.testing.assert_allclose(none.controlled, none.arena)


def test_the_whole_way_round():
    """Learn from votes, move, be voted on: on average the closed form."""
    weights, n, pressure, cost, models = np.array([12.0, 5, 0]), 2500, 3.0, 5.0, 6
    curves = style.goodhart(weights, n, pressure, cost, controls=(0,))
    rng, got = np.random.default_rng(15), []
    for _ in range(150):
        mean, quality = np.zeros((models, 3)), np.zeros(models)
        seen = style.simulate_votes(NAMES, quality, mean, weights, n, rng)
        learnt = style.fit_controlled(seen, range(3)).weights
        length = np.linalg.norm(learnt)
        mean[0] = pressure * learnt / length
        quality[0] = -cost * pressure**2 / 2
        judged = style.simulate_votes(NAMES, quality, mean, weights, 5000, rng)
        fits = (style.fit_controlled(judged, some) for some in ((), (0,), range(3)))
        got.append([quality[0] + pressure * length, *map(lead, fits)])
    error = np.std(got, axis=0) / len(got) ** 0.5
    expected = [curves.predicted, curves.arena, curves.controlled, curves.quality]
    assert (np.abs(np.mean(got, axis=0) - expected) < 3.5 * error).all()
    # The test can tell them apart.
    assert (-np.diff(expected) > 3.5 * error[1:]).all()


# What has no answer.


def test_arrays_that_do_not_fit_are_refused():
    rng = np.random.default_rng(16)
    for quality, mean in ((np.zeros(3), np.zeros((2, 1))), ([0, 0], np.zeros((2, 2)))):
        with pytest.raises(ValueError, match=r"2 models and 1 weights need \(2,\)"):
            style.simulate_votes(("a", "b"), quality, mean, [1.0], 10, rng)


def test_controls_that_are_no_features_are_refused():
    for controls in ((2,), (-1,)):
        with pytest.raises(ValueError, match="columns of the style, 0 to 1"):
            style.fit_controlled(votes(500), controls)


def test_a_model_that_won_everything_is_refused():
    drawn = votes(500)
    champion = (drawn.a == 2) | ((drawn.b != 2) & drawn.won)
    for controls in ((), (0,)):
        with pytest.raises(NoRankingError, match="'c' never lost"):
            style.fit_controlled(replace(drawn, won=champion), controls)
    silent = replace(drawn, models=(*NAMES, "g"))
    with pytest.raises(NoRankingError, match="never met"):
        style.fit_controlled(silent, (0,))


def test_features_that_vary_only_together_are_refused():
    drawn = votes(500)
    double = np.column_stack([drawn.style, drawn.style @ [2.0, 1], np.zeros(500)])
    drawn = replace(drawn, style=double)
    with pytest.raises(NoRankingError, match=r"\[0, 1, 2\] have no variation"):
        style.fit_controlled(drawn, (0, 1, 2))
    with pytest.raises(NoRankingError, match=r"\[0\] have no variation"):
        style.fit_controlled(drawn, (0, 0))
    with pytest.raises(NoRankingError, match=r"\[3\] have no variation"):
        style.fit_controlled(drawn, (1, 3))
    assert style.fit_controlled(drawn, (0, 2)).weights.shape == (2,)


@pytest.mark.parametrize("unit", [1e-8, 1e6, 1e9])
def test_a_badly_scaled_feature_is_no_separation(unit):
    drawn = votes(500)
    plain = style.fit_controlled(drawn, (0, 1))
    scaled = replace(drawn, style=drawn.style * [unit, 1])
    fitted = style.fit_controlled(scaled, (0, 1))
    np.testing.assert_allclose(fitted.score, plain.score, atol=1e-6)
    np.testing.assert_allclose(fitted.weights * [unit, 1], plain.weights, atol=1e-6)
    np.testing.assert_allclose(fitted.weight_error[0] * unit, plain.weight_error[0])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"won": np.ones(500)}, "won holds float64, not yes and no"),
        ({"won": np.array(["model_a", "model_b"] * 250)}, "not yes and no"),
        ({"won": np.ones(3, dtype=bool)}, "one row per vote"),
        ({"style": np.zeros(500)}, "one row per vote"),
        ({"a": np.full(500, 6)}, "Vote 0 is of the models 6 and"),
        ({"a": np.full(500, -1)}, "Vote 0 is of the models -1 and"),
        ({"style": np.full((500, 2), np.nan)}, "Vote 0 .* finite numbers"),
    ],
)
def test_what_is_no_vote_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(votes(500), **change)


@pytest.mark.parametrize("sign", [1, -1])
def test_style_that_foretells_every_vote_is_refused(sign):
    drawn = votes(500)
    foretold = replace(drawn, won=sign * drawn.style[:, 1] > 0)
    with pytest.raises(NoRankingError, match=r"features \[0, 1\] together foretell"):
        style.fit_controlled(foretold, (0, 1))
    assert np.isfinite(style.fit_controlled(foretold, (0,)).weights).all()
