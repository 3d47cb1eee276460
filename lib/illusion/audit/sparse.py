"""Scores of boards too large for a matrix of all models.

The likelihood and its sandwich are those of :mod:`illusion.rating.ratings`; the linear
systems are solved by conjugate gradients, which need the pairs that met and nothing
else (Hestenes and Stiefel 1952).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, logit

from illusion.rating.battles import PairCounts
from illusion.rating.intervals import critical_value
from illusion.rating.likelihood import ELO, NotConvergedError
from illusion.rating.ratings import Ratings, fit

DENSE = 2_000
"""Models up to which the matrix of all models is used."""
MOST_MODELS = 100_000
"""Models beyond which a board is refused."""
MOST_STEPS = 5_000
"""Steps of the conjugate gradients after which a board is refused."""
_DRAWS = 200
_EXACT = 100
_FEW = 50  # as in illusion.rating.ratings


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores with intervals, as :class:`~illusion.rating.ratings.Ratings` has them.

    Attributes
    ----------
    models : tuple of str
    score, error, lower, upper : ndarray, shape (models,)
        Elo points; the mean score is 0.
    battles : ndarray of int, shape (models,)
    full : Ratings or None
        With the covariance of all scores, if there are at most :data:`DENSE` models.
    """

    models: tuple[str, ...]
    score: np.ndarray
    error: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    battles: np.ndarray
    full: Ratings | None


def scores_of(counts: PairCounts, rng: np.random.Generator) -> Scores:
    """Fit a board of any size that can be rated.

    Parameters
    ----------
    counts : PairCounts
    rng : numpy.random.Generator
        For the errors of a board of more than :data:`DENSE` models.

    Returns
    -------
    Scores

    Raises
    ------
    NoRankingError
        Some score has no finite value, or no honest interval.
    NotConvergedError
        A board beyond the limits of this module.

    Notes
    -----
    Errors of a large board: noise of the covariance B is drawn and solved for, so that
    the solutions have the sandwich H⁻¹BH⁻¹ as their covariance. Their variance is
    estimated from 200 draws, with the variance of noise over the diagonal of H, which
    is known, as control variate; the 100 highest scores have theirs computed. Models
    of few battles enter B as in :func:`~illusion.rating.ratings.fit`, and have
    Student's quantile for their degrees of freedom.
    """
    n = len(counts.models)
    if n <= DENSE:
        full = fit(counts)
        return Scores(
            full.models,
            full.score,
            full.standard_error,
            full.lower,
            full.upper,
            full.battles,
            full,
        )
    if n > MOST_MODELS:
        raise NotConvergedError(
            f"There are {n:,} models; boards of up to {MOST_MODELS:,} are rated. Audit "
            "a part of them."
        )
    a, b, votes = counts.a, counts.b, counts.battles.astype(float)
    won = counts.wins_a + counts.ties / 2
    share = counts.per_model(won, votes - won) / counts.per_model(votes, votes)
    theta = logit(share)
    theta -= theta.mean()
    for _ in range(100):
        p = expit(theta[a] - theta[b])
        weight = votes * p * (1 - p)
        slope = counts.per_model(won - votes * p, votes * p - won)
        step = solve(counts, weight, slope[:, None])[:, 0]
        size = np.abs(step).max()
        reach = np.abs(step[a] - step[b]).max()
        theta = theta + step * min(1, 1.5 / max(reach, 1e-300))
        if size < 1e-4 / ELO:
            break
    else:
        raise NotConvergedError(f"Newton's method left {size * ELO:.2g} points to go.")
    p = expit(theta[a] - theta[b])
    weight = votes * p * (1 - p)
    diagonal = counts.per_model(weight, weight)
    few = 4 * diagonal < _FEW
    # A tie counts half: its slope is the mean of those of a win and of a loss.
    found = counts.wins_a * (1 - p) ** 2 + counts.wins_b * p**2
    found = found + counts.ties * (0.5 - p) ** 2
    dispersion = (found.sum() + 1) / (weight.sum() + 1)
    meat = np.where(few[a] | few[b], dispersion * weight, found)
    variance = np.zeros(n)
    for _ in range(0, _DRAWS, 50):
        noise = np.sqrt(meat)[:, None] * rng.standard_normal((len(a), 50))
        drawn = _flow(counts) @ noise
        solved = solve(counts, weight, drawn)
        control = (drawn / diagonal[:, None]) ** 2
        variance += (solved**2 - control).sum(axis=1) / _DRAWS
    local = counts.per_model(meat, meat) / diagonal**2
    # The least that a score's own battles leave, all others known.
    variance = np.maximum(variance + local, local / 2)
    top = np.argsort(-theta, kind="stable")[:_EXACT]
    contrast = np.full((n, len(top)), -1 / n)
    contrast[top, np.arange(len(top))] += 1
    along = solve(counts, weight, contrast)
    variance[top] = ((along[a] - along[b]) ** 2 * meat[:, None]).sum(axis=0)
    per_model = counts.per_model(votes, votes).astype(np.int64)
    freedom = np.where(few, np.maximum(per_model - 1, 3), np.inf)
    error = ELO * np.sqrt(variance)
    half = critical_value(0.95, freedom) * error
    score = theta * ELO
    return Scores(
        counts.models, score, error, score - half, score + half, per_model, None
    )


def _flow(counts: PairCounts) -> csr_array:
    """Matrix that sums a value per pair to its first model, less its second."""
    pairs = len(counts.a)
    sign = np.repeat([1.0, -1.0], pairs)
    at = (np.append(counts.a, counts.b), np.tile(np.arange(pairs), 2))
    return csr_array((sign, at), shape=(len(counts.models), pairs))


def solve(counts: PairCounts, weight: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve the weighted Laplacian's systems for columns of sum 0, all at once.

    Parameters
    ----------
    counts : PairCounts
    weight : ndarray, shape (pairs,)
    right : ndarray, shape (models, columns)

    Returns
    -------
    ndarray, shape (models, columns)
        With means of 0.

    Raises
    ------
    NotConvergedError
        After :data:`MOST_STEPS`.
    """
    n = len(counts.models)
    ends = (np.append(counts.a, counts.b), np.append(counts.b, counts.a))
    away = csr_array((np.tile(weight, 2), ends), shape=(n, n))
    diagonal = counts.per_model(weight, weight)[:, None]
    # Rounding leaves a sum, which no solution has; and a column that is done stays.
    right = right - right.mean(axis=0)
    x, rest = np.zeros_like(right), right.copy()
    goal = 1e-9 * np.linalg.norm(right / np.sqrt(diagonal), axis=0) + 1e-300
    near = rest / diagonal
    direction, size = near.copy(), (rest * near).sum(axis=0)
    going = np.sqrt(size) > goal
    for _ in range(MOST_STEPS):
        bent = diagonal * direction - away @ direction
        length = size / np.maximum((direction * bent).sum(axis=0), 1e-300) * going
        x += length * direction
        rest -= length * bent
        rest -= rest.mean(axis=0)
        near = rest / diagonal
        new = (rest * near).sum(axis=0)
        going &= np.sqrt(new) > goal
        if not going.any():
            return x - x.mean(axis=0)
        direction = near + new / np.maximum(size, 1e-300) * going * direction
        size = new
    raise NotConvergedError(
        f"The board of {n:,} models hangs together by too few battles: its scores did "
        f"not settle in {MOST_STEPS:,} steps. Audit a part of it, or collect battles "
        "between distant models."
    )
