"""How few battles decide who is first.

The influence of a battle on a lead is what the lead changes by, to first order, if
the battle is left out. The most influential battles that together undo the lead,
confirmed by a fit without them, are an upper bound for the smallest number that does
(Broderick, Giordano and Meager 2020); on leaderboards the method is that of Huang,
Shen, Wei and Broderick (2025). :func:`least_removed` has a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.linalg import cho_solve

from illusion.rating import ratings
from illusion.rating.battles import NoRankingError, PairCounts, require_ranking
from illusion.rating.likelihood import ELO, Peak, Problem, maximise, one_thread

# Elo points: a tie of two scores is nothing but rounding away from it.
_BEHIND = -1e-6


@dataclass(frozen=True, eq=False)
class Removal:
    """The battles that are left out to put one model ahead of another.

    Attributes
    ----------
    leader, challenger : str
    lead : float
        Of the leader over the challenger, with all battles, Elo points.
    predicted : int
        Battles that would do by the sum of their influences; all that speak for the
        leader where the sum falls short of the lead.
    removed : int
        Battles that do, by a fit without them.
    left : PairCounts
        What is left.
    lead_after : float
        The lead in that fit: negative, Elo points.
    """

    leader: str
    challenger: str
    lead: float
    predicted: int
    removed: int
    left: PairCounts
    lead_after: float


@one_thread
def influence(counts: PairCounts, leader: str, challenger: str) -> np.ndarray:
    """Change of a lead when one battle is left out, for every kind of battle.

    Parameters
    ----------
    counts : PairCounts
    leader, challenger : str

    Returns
    -------
    ndarray, shape (3, pairs)
        Elo points, for a win of the pair's first model, a win of its second, and a
        tie: ``-c' H^-1 x (y - p)``, with c the contrast of the two models, H the
        information, x the contrast of the pair and y - p what the battle's outcome
        is above its expectation. A tie counts half.

    Raises
    ------
    ValueError
        A model that is not in the battles, or the same one twice; also below.
    NoRankingError
        Battles that leave some model without a finite score; also below.
    """
    places = _places(counts, leader, challenger)
    return _influence(_fit(counts), counts, places)


@one_thread
def fewest_removed(counts: PairCounts, leader: str, challenger: str) -> Removal:
    """Find few battles without which the challenger is ahead of the leader.

    Battles are taken in the order of their influence, counted anew on what is left
    as long as that saves battles. No fewer of this order do; of another one, fewer
    might: it is an upper bound.

    Parameters
    ----------
    counts : PairCounts
    leader, challenger : str
        The leader must be ahead, or level.

    Returns
    -------
    Removal

    Raises
    ------
    ValueError
        A model that is not in the battles, or a leader that is behind.
    NoRankingError
        Nothing that can be left out undoes the lead, or it would leave some model
        without a finite score.
    """
    places = _places(counts, leader, challenger)
    peak = _fit(counts)
    lead = _lead(peak, places)
    if lead < _BEHIND:
        raise ValueError(
            f"{leader!r} is {-lead:.1f} points behind {challenger!r}: nothing needs to "
            "be left out. Name the one that is ahead first."
        )
    return _removal(counts, peak, places, _predicted(counts, peak, places))


@one_thread
def fewest_to_topple(counts: PairCounts) -> Removal:
    """Find few battles without which another model is first.

    Parameters
    ----------
    counts : PairCounts

    Returns
    -------
    Removal
        Of that one of the five models behind the first that needs fewest. One that
        cannot come first, as some model would then have no finite score, is left out.

    Raises
    ------
    NoRankingError
        None of them can come first.
    """
    peak = _fit(counts)
    first, *behind = np.argsort(-peak.x)[:6]
    guesses = sorted((_predicted(counts, peak, (first, k)), k) for k in behind)
    best, refusal = None, NoRankingError("No other model can come first.")
    for guess, k in guesses:
        # Predictions are off by a tenth or so: one of twice as many cannot win.
        if best is not None and guess > 2 * best.removed:
            break
        try:
            found = _removal(counts, peak, (first, k), guess)
        except NoRankingError as error:
            refusal = error
            continue
        best = found if best is None or found.removed < best.removed else best
    if best is None:
        raise refusal
    return best


@one_thread
def least_removed(counts: PairCounts, removal: Removal, within: float) -> int:
    """Bound from below the battles without which the challenger is ahead.

    Parameters
    ----------
    counts : PairCounts
        All battles.
    removal : Removal
        Of some of them, as :func:`fewest_removed` finds it.
    within : float
        Elo points by which the scores may be others than those that `removal` leaves.

    Returns
    -------
    int
        No set of fewer battles leads to a board on which the challenger is ahead, or
        level, and on which no score is further than `within` from the one that
        `removal` leaves. 0 where `within` is too wide for a bound.

    Notes
    -----
    At the scores x that a removal leaves, the gradient of what is left is zero, so
    that the scores (derivatives) of the removed battles sum to the gradient g(x) of
    all battles. Along a direction u, the removed battles have to sum to u'g(x), and
    the fewest that can are those of the largest u's, taken in their order: a
    fractional knapsack, whose linear program has this greedy solution (Dantzig 1957).
    Here u solves H u = c, with H the information of all battles at the scores that
    `removal` leaves and c the contrast of the two models. Then u'g falls along no step
    that leaves the challenger ahead, but for the second order, for which u'g is
    lowered, and every battle's part of u's raised, by the most that scores `within`
    of those can do. The derivation is ours.
    """
    places, reach = _places(counts, removal.leader, removal.challenger), within / ELO
    x, problem = _fit(removal.left).x, Problem(counts, "half")
    contrast = np.zeros(len(x))
    contrast[list(places)] = 1, -1
    terms = problem.at(x)
    bent = problem.information(terms)
    direction = np.linalg.solve(bent + np.trace(bent) / len(x) ** 2, contrast)
    along = direction[counts.a] - direction[counts.b]
    # Every pair's log-odds lie within two reaches of where they are.
    d, low, high = (x[counts.a] - x[counts.b] + step * reach for step in (0, -2, 2))
    ends = [problem.terms(odds).score[:, 0] for odds in (low, high)]
    most = np.maximum(*(along * slope for slope in ends))
    # The derivative of p q, whose extremes are where p q = 1/6.
    turn = np.log(2 + np.sqrt(3))
    third = [
        along * -np.tanh(odds / 2) / (4 * np.cosh(odds / 2) ** 2)
        for odds in (low, high, *(np.clip(s * turn, low, high) for s in (-1, 1)), d)
    ]
    worst = 2 * reach**2 * np.maximum(0, np.max(third, axis=0)) @ counts.battles
    needed = direction @ problem.gradient(terms) + min(0, x[places[0]] - x[places[1]])
    # Rounding may not add a battle.
    return math.ceil(_reached(most, _outcomes(counts), float(needed - worst)) - 1e-6)


def left_out(counts: PairCounts, removal: Removal) -> pd.DataFrame:
    """List the battles that a removal leaves out, by pair and outcome.

    Parameters
    ----------
    counts : PairCounts
        All battles.
    removal : Removal
        Of some of them.

    Returns
    -------
    DataFrame
        A row per pair and outcome: ``winner`` and ``loser``, in any order if
        ``tied``; how many such battles were ``there`` and are ``left_out``; and the
        ``expected`` probability that the winner beats the loser, by the fit to all.
    """
    there, left = _outcomes(counts), _outcomes(removal.left)
    outcome, pair = np.nonzero(there > left)
    a, b = counts.a[pair], counts.b[pair]
    winner, loser = np.where(outcome == 1, (b, a), (a, b))
    score, names = ratings.fit(counts).score, np.array(counts.models)
    return pd.DataFrame(
        {
            "winner": names[winner],
            "loser": names[loser],
            "tied": outcome == 2,
            "there": there[outcome, pair],
            "left_out": (there - left)[outcome, pair],
            "expected": ratings.win_probability(score[winner] - score[loser]),
        }
    )


@dataclass(frozen=True)
class Added:
    """Votes of one voter that put one model ahead of another.

    Attributes
    ----------
    votes : int
        Votes cast, by refits.
    served : float
        Battles that the arena has to serve to that voter for as many, if it serves
        pairs as often as they have met.
    """

    votes: int
    served: float


@one_thread
def fewest_added(
    counts: PairCounts, leader: str, challenger: str, voting: str
) -> Added:
    """Find the fewest added votes that undo a lead.

    Parameters
    ----------
    counts : PairCounts
    leader, challenger : str
    voting : {"pair", "model", "all"}
        Which of the battles that are served are voted on: those between the two, which
        they must have had; all that the challenger is in; or every one. The voter knows
        the models, and votes in each battle as is best for the challenger's lead.

    Returns
    -------
    Added

    Raises
    ------
    ValueError
        A model that is not in the battles, two that never met, or another `voting`.
    """
    places = _places(counts, leader, challenger)
    both = [(counts.a == k) | (counts.b == k) for k in places]
    chosen = {"pair": both[0] & both[1], "model": both[1], "all": counts.battles > 0}
    if voting not in chosen:
        raise ValueError(f"voting={voting!r} is none of {[*chosen]}.")
    cast = np.where(chosen[voting], counts.battles, 0)
    if not cast.any():
        raise ValueError(f"{leader!r} and {challenger!r} never met.")
    peak = _fit(counts)
    contrast = np.zeros(len(counts.models))
    contrast[list(places)] = -1, 1
    potential = cho_solve(peak.factor, contrast)
    helps = potential[counts.a] > potential[counts.b]
    won = np.stack([helps, ~helps]) * (cast / cast.sum())

    def behind(added: int) -> bool:
        problem = Problem(counts, "half")
        problem.outcomes[:2] += added * won
        problem.start = peak.x
        return _lead(maximise(problem), places) < _BEHIND

    votes = _first(behind, 1)
    return Added(votes, votes * counts.n_battles / int(cast.sum()))


def thinned(counts: PairCounts, n: int, rng: np.random.Generator) -> PairCounts:
    """Draw n of the battles, without replacement.

    Parameters
    ----------
    counts : PairCounts
    n : int
        At most the battles there are.
    rng : numpy.random.Generator

    Returns
    -------
    PairCounts
    """
    outcomes = _outcomes(counts)
    drawn = rng.multivariate_hypergeometric(outcomes.ravel(), n, method="marginals")
    return _with_outcomes(counts, drawn.reshape(outcomes.shape))


def with_bad_votes(
    counts: PairCounts,
    share: float,
    rng: np.random.Generator,
    favouring: str | None = None,
) -> PairCounts:
    """Replace a share of the votes by bad ones.

    Parameters
    ----------
    counts : PairCounts
    share : float
        Probability that a vote is bad, each independently.
    rng : numpy.random.Generator
    favouring : str, optional
        Model that the bad votes in its battles are wins of; elsewhere, none is bad. If
        not given, bad votes are anywhere, and as likely a win of either side as a tie.

    Returns
    -------
    PairCounts

    Raises
    ------
    ValueError
        A model that is not in the battles.
    """
    outcomes = _outcomes(counts)
    bad = rng.binomial(outcomes, share)
    if favouring is None:
        cast = rng.multinomial(bad.sum(axis=0), [1 / 3] * 3).T
        return _with_outcomes(counts, outcomes - bad + cast)
    (place,) = _places(counts, favouring)
    own = np.stack([counts.a == place, counts.b == place])
    bad *= own.any(axis=0)
    outcomes -= bad
    outcomes[:2] += own * bad.sum(axis=0)
    return _with_outcomes(counts, outcomes)


def places_moved(
    counts: PairCounts,
    rank: pd.Series,
    share: float,
    rng: np.random.Generator,
    favouring: str | None = None,
) -> pd.Series:
    """Find how far models move on the board if a share of the votes is bad.

    Parameters
    ----------
    counts : PairCounts
    rank : Series
        Of every model on the board that is fitted to the votes as they are.
    share, rng, favouring
        As for :func:`with_bad_votes`.

    Returns
    -------
    Series
        Places, up or down, by model.

    Raises
    ------
    ValueError
        A model that is not in the battles.
    """
    bad = with_bad_votes(counts, share, rng, favouring)
    return (ratings.fit(bad).table()["rank"] - rank).abs()


def _places(counts: PairCounts, *models: str) -> tuple[int, ...]:
    for name in models:
        if name not in counts.models:
            raise ValueError(
                f"{name!r} is not in these battles. `.models` lists the names."
            )
    if len(set(models)) < len(models):
        raise ValueError(f"A lead needs two models, not {models[0]!r} twice.")
    return tuple(map(counts.models.index, models))


def _lead(peak: Peak, places: tuple[int, ...]) -> float:
    return float(peak.x[places[0]] - peak.x[places[1]]) * ELO


def _outcomes(counts: PairCounts) -> np.ndarray:
    return np.stack([counts.wins_a, counts.wins_b, counts.ties])


def _with_outcomes(counts: PairCounts, outcomes: np.ndarray) -> PairCounts:
    wins_a, wins_b, ties = outcomes
    return replace(counts, wins_a=wins_a, wins_b=wins_b, ties=ties)


def _influence(peak: Peak, counts: PairCounts, places: tuple[int, ...]) -> np.ndarray:
    """Influence of the battles of `counts` at a peak, that of fewer or its own."""
    contrast = np.zeros(len(counts.models))
    contrast[list(places)] = 1, -1
    potential = cho_solve(peak.factor, contrast)
    # The score of an outcome is what it is above its expectation.
    surprise = peak.terms.score[:, 0]
    return -ELO * (potential[counts.a] - potential[counts.b]) * surprise


def _predicted(counts: PairCounts, peak: Peak, places: tuple[int, ...]) -> int:
    """Count the battles whose influences add up to more than the lead, or all."""
    order, lead = _influence(peak, counts, places), _lead(peak, places)
    sums_to = _reached(-order, _outcomes(counts), lead)
    return min(int(sums_to) + 1, int(_outcomes(counts)[order < 0].sum()))


def _reached(size: np.ndarray, number: np.ndarray, needed: float) -> float:
    """Count the largest battles that add up to what is needed, or all above 0.

    Parts of a battle count.
    """
    rank = np.argsort(-size, axis=None, kind="stable")
    size, number = size.ravel()[rank], number.ravel()[rank]
    size, number = size[size > 0], number[size > 0]
    reached = np.cumsum(size * number)
    cell = int(np.searchsorted(reached, needed, side="right"))
    if cell == len(size):
        return float(number.sum())
    before = reached[cell - 1] if cell else 0.0
    return float(number[:cell].sum() + max(0.0, needed - before) / size[cell])


def _removal(
    counts: PairCounts, peak: Peak, places: tuple[int, ...], predicted: int
) -> Removal:
    """Find the battles to leave out, from the fit to all and the prediction."""
    found = _fewest(counts, peak, peak, places, predicted)
    while (again := _fewest(counts, peak, found[1], places, found[0]))[0] < found[0]:
        found = again
    removed, after, left = found
    leader, challenger = (counts.models[place] for place in places)
    return Removal(
        leader=leader,
        challenger=challenger,
        lead=_lead(peak, places),
        predicted=predicted,
        removed=removed,
        left=left,
        lead_after=_lead(after, places),
    )


def _without(counts: PairCounts, order: np.ndarray, number: int) -> PairCounts:
    """Leave out that many battles, those of the most negative influence first."""
    available = _outcomes(counts)
    rank = np.argsort(order, axis=None, kind="stable")
    taken = available.ravel()[rank]
    taken = np.diff(np.minimum(np.cumsum(taken), number), prepend=0)
    left = available.copy().ravel()
    left[rank] -= taken
    return _with_outcomes(counts, left.reshape(available.shape))


def _fewest(
    counts: PairCounts, start: Peak, at: Peak, places: tuple[int, ...], guess: int
) -> tuple[int, Peak, PairCounts]:
    """Find the fewest battles to leave out, in the order of their influence `at`."""
    order = _influence(at, counts, places)

    def without(number: int) -> tuple[int, Peak, PairCounts]:
        left = _without(counts, order, number)
        return number, _fit(left, start), left

    def undone(number: int) -> bool:
        try:
            return _lead(without(number)[1], places) < _BEHIND
        except NoRankingError:
            return True  # and so for all larger numbers: look at smaller ones first

    most = int(_outcomes(counts)[order < 0].sum())
    if guess >= most and not undone(most):
        raise NoRankingError(
            f"All battles that speak for {counts.models[places[0]]!r} and against "
            f"{counts.models[places[1]]!r} together do not outweigh the lead."
        )
    return without(_first(undone, min(guess, most)))


def _fit(counts: PairCounts, start: Peak | None = None) -> Peak:
    require_ranking(counts)
    problem = Problem(counts, "half")
    if start is not None:
        problem.start = start.x
    return maximise(problem)


def _first(holds: Callable[[int], bool], guess: int) -> int:
    """Find the smallest positive integer for which a monotone condition holds.

    Steps away from the guess double, since most guesses are close.
    """
    low, high, step = 0, max(guess, 1), 1
    if holds(high):
        while (below := high - step) > 0 and holds(below):
            high, step = below, 2 * step
        low = max(low, below)
    else:
        while not holds(high + step):
            low, step = high + step, 2 * step
        low, high = max(low, high), high + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
