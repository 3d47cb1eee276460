"""The misfit of pairs: against simulated truth, closed forms and the real votes."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from illusion import data
from illusion.rating import misfit, ratings
from illusion.rating.battles import PairCounts
from illusion.rating.likelihood import ELO, davidson

NAMES = tuple(f"m{k:02d}" for k in range(15))
A, B = np.triu_indices(len(NAMES), 1)


def votes(rng, *, tau: float = 0, each: int = 400) -> PairCounts:
    """Votes under Davidson's model, every pair's lead `tau` points off on average."""
    score = np.linspace(-200, 200, len(NAMES))
    lead = score[A] - score[B] + rng.normal(0, tau, len(A))
    p = np.exp(davidson(lead / ELO, np.log(1.1)).log_p)
    return PairCounts(NAMES, A, B, *rng.multinomial(each, p.T).T)


def many(boards: int, **options) -> list[misfit.Misfit]:
    rng = np.random.default_rng(31)
    drawn = [votes(rng, **options) for _ in range(boards)]
    return [misfit.measure(counts, ratings.fit(counts)) for counts in drawn]


@pytest.fixture(scope="module")
def arena() -> PairCounts:
    return PairCounts.from_table(data.load("battles_2024-08-14"))


def test_a_true_model_has_the_statistic_of_its_degrees_of_freedom():
    found = many(150)
    freedom = len(A) - len(NAMES) + 1
    assert all(f.freedom == freedom for f in found)
    error = np.sqrt(2 * freedom / len(found))
    statistic = np.mean([f.statistic for f in found])
    assert statistic == pytest.approx(freedom, abs=3 * error)
    rejected = sum(f.p_value < 0.05 for f in found)
    assert rejected <= binom.ppf(0.999, len(found), 0.05)
    # Rather than the chance part of a board, which is itself a random number.
    beyond = np.mean([f.cyclic - f.by_chance for f in found])
    assert abs(beyond) < 3 * error / found[0].statistic * found[0].cyclic


def test_as_coins_the_same_votes_fit_too_well():
    rng = np.random.default_rng(32)
    counts = votes(rng, each=4000)
    fitted = ratings.fit(counts)
    coins = misfit.measure(counts, fitted, ties=np.zeros(len(A)))
    assert coins.dispersion < misfit.measure(counts, fitted).dispersion - 0.2
    assert coins.p_value > 0.9


@pytest.mark.parametrize("tau", [15, 40])
def test_the_size_of_a_misfit_is_found(tau):
    # A lead in Davidson's scale is worth less in the board's: ties dilute it.
    expected = (
        np.mean(
            [
                np.std(f.pairs["gap"]) ** 2 - np.mean(f.pairs["error"] ** 2)
                for f in many(40, tau=tau, each=100_000)
            ]
        )
        * len(A)
        / (len(A) - len(NAMES) + 1)
    )
    found = np.mean([f.tau**2 for f in many(80, tau=tau)])
    assert found == pytest.approx(expected, rel=0.15)


def test_variance_is_that_of_the_points_of_a_battle(arena):
    fitted = ratings.fit(arena)
    ties = misfit.tie_share(arena)
    pairs = misfit.measure(arena, fitted).pairs
    p, n = pairs["expected"].to_numpy(), pairs["battles"].to_numpy()
    win, loss = p - ties / 2, 1 - p - ties / 2
    variance = win * (1 - p) ** 2 + ties * (0.5 - p) ** 2 + loss * p**2
    error = ELO * np.sqrt(variance / n) / (p * (1 - p))
    np.testing.assert_allclose(pairs["error"], error, rtol=1e-12)
    assert (n * ties).sum() == pytest.approx(arena.ties.sum())


def test_real_votes_reject_the_model_by_their_own_ties_too(arena):
    """Of pairs with 100 battles or more, the ties can be had from the pair itself."""
    fitted = ratings.fit(arena)
    found = misfit.measure(arena, fitted)
    often = arena.battles >= 100
    own = np.where(often, arena.ties / arena.battles, misfit.tie_share(arena))
    by_own = misfit.measure(arena, fitted, ties=own)
    ratio = [(f.pairs["z"][often] ** 2).mean() for f in (found, by_own)]
    assert ratio[0] == pytest.approx(ratio[1], rel=0.03)
    assert found.dispersion > 1 + 10 * np.sqrt(2 / found.freedom)
    coins = misfit.measure(arena, fitted, ties=np.zeros(len(arena.a)))
    assert coins.dispersion < 1


def test_split_into_a_ranking_and_a_cyclic_part():
    beats = {("a", "b"): 70, ("b", "c"): 70, ("c", "a"): 70}
    ring = PairCounts.from_wins(beats | {(j, i): 30 for i, j in beats})
    found = misfit.measure(ring, ratings.fit(ring))
    assert found.cyclic == pytest.approx(1)
    assert found.freedom == 1
    z = (0.7 - 0.5) / np.sqrt(0.25 / 100)
    assert found.pairs["z"].abs().to_numpy() == pytest.approx([z] * 3)
    # Three equal scores and errors: a ring is what the sum round it makes.
    assert found.statistic == pytest.approx(3 * z**2)
    straight = PairCounts.from_wins(
        {("a", "b"): 60, ("b", "a"): 40, ("b", "c"): 60, ("c", "b"): 40}
    )
    with pytest.raises(ValueError, match="2 pairs of 3 models make no circle"):
        misfit.measure(straight, ratings.fit(straight))


def test_intervals_that_allow_for_misfit_hold_the_truth():
    """Scores around those that the same pairs would give without chance."""
    rng = np.random.default_rng(33)
    tau, held, plain = 30.0, [], []
    score = np.linspace(-200, 200, len(NAMES))
    truth = score - score.mean()
    for _ in range(150):
        lead = score[A] - score[B] + rng.normal(0, tau, len(A))
        p = ratings.win_probability(lead)
        won = rng.binomial(600, p)
        counts = PairCounts(NAMES, A, B, won, 600 - won, np.zeros_like(won))
        fitted = ratings.fit(counts)
        wide = misfit.widen(fitted, counts, tau)
        for fit, kept in ((fitted, plain), (wide, held)):
            kept.append(((fit.lower <= truth) & (truth <= fit.upper)).mean())
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)
    assert np.mean(plain) < 0.85


def test_no_misfit_widens_nothing(arena):
    fitted = ratings.fit(arena)
    same = misfit.widen(fitted, arena, 0)
    np.testing.assert_allclose(same.covariance, fitted.covariance)
    np.testing.assert_allclose(same.lower, fitted.lower)
    np.testing.assert_allclose(same.upper, fitted.upper)


def test_circles_are_those_of_a_loop():
    rng = np.random.default_rng(34)
    n, names = 9, tuple("abcdefghi")
    a, b = np.triu_indices(n, 1)
    met = rng.integers(1, 60, len(a))
    won, lost, tied = rng.multinomial(met, [0.35, 0.35, 0.3]).T
    counts = PairCounts(names, a, b, won, lost, tied)
    ahead = {}
    for k in range(len(a)):
        if met[k] >= 20:
            ahead[names[a[k]], names[b[k]]] = won[k] - lost[k]
            ahead[names[b[k]], names[a[k]]] = lost[k] - won[k]
    expected, triples = set(), 0
    for i in names:
        for j in names:
            for k in names:
                steps = [ahead.get(s) for s in ((i, j), (j, k), (k, i))]
                if len({i, j, k}) < 3 or None in steps:
                    continue
                triples += i < j < k
                if min(steps) > 0 and i == min(i, j, k):
                    expected.add((i, j, k))
    found = misfit.circles(counts, 20)
    rows = found[["first", "second", "third"]].itertuples(index=False, name=None)
    assert sorted(rows) == sorted(expected)
    assert found.attrs["triples"] == triples
    assert expected


def test_what_has_no_misfit_is_refused(arena):
    fitted = ratings.fit(arena, tie_model="davidson")
    with pytest.raises(ValueError, match="the fit of these counts"):
        misfit.measure(arena, fitted)
    plain = ratings.fit(arena)
    other = replace(plain, models=plain.models[::-1])
    with pytest.raises(ValueError, match="the fit of these counts"):
        misfit.measure(arena, other)
    with pytest.raises(ValueError, match=re.escape("would have no variance")):
        misfit.measure(arena, plain, ties=np.ones(len(arena.a)))
