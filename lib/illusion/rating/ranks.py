"""Ranks that scores and their intervals allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from illusion.rating import intervals
from illusion.rating.likelihood import one_thread
from illusion.rating.ratings import Ratings


@dataclass(frozen=True, eq=False)
class RankSets:
    """Ranks that the battles leave possible, for all models at once.

    Attributes
    ----------
    best, worst : ndarray of int, shape (models,)
        First and last rank of each model's set. With probability `level`, the
        sets of all models together hold the true ranks.
    critical_value : float
        Standard errors by which two scores must differ to be told apart.
    level : float
    """

    best: np.ndarray
    worst: np.ndarray
    critical_value: float
    level: float


def by_score(score: np.ndarray) -> np.ndarray:
    """Rank of each model: 1 + the number of models with a higher score.

    Parameters
    ----------
    score : ndarray, shape (models,)

    Returns
    -------
    ndarray of int, shape (models,)
    """
    return 1 + (score[None, :] > score[:, None]).sum(axis=1)


def by_interval(ratings: Ratings) -> np.ndarray:
    """Rank of each model by Arena's rule.

    Parameters
    ----------
    ratings : Ratings

    Returns
    -------
    ndarray of int, shape (models,)
        1 + the number of models whose interval lies wholly above (appendix B of
        Singh et al. 2025; FastChat's ``recompute_final_ranking``).
    """
    return 1 + (ratings.lower[None, :] > ratings.upper[:, None]).sum(axis=1)


def too_low(
    ratings: Ratings, rng: np.random.Generator, *, n_boards: int = 4_000
) -> tuple[float, float]:
    """Find how often Arena's rule places some model lower than it belongs.

    Parameters
    ----------
    ratings : Ratings
        Whose scores are taken as the truth, with its intervals at the scores of each
        board.
    rng : numpy.random.Generator
    n_boards : int
        Boards drawn, their scores normal with the covariance of the fit.

    Returns
    -------
    share, error : float
        Of the boards, and its Monte-Carlo standard error.
    """
    order = np.argsort(-ratings.score, kind="stable")
    spread = ratings.covariance[np.ix_(order, order)]
    root = np.linalg.cholesky(spread + spread.max())  # the mean of all is free
    noise = rng.standard_normal((n_boards, len(order))) @ root.T
    below = noise + ratings.lower[order] - noise.mean(axis=1, keepdims=True)
    above = noise + ratings.upper[order] - noise.mean(axis=1, keepdims=True)
    wrong = np.zeros(n_boards, dtype=bool)
    for i in range(len(order)):
        wrong |= (below > above[:, [i]]).sum(axis=1) > i
    share = float(wrong.mean())
    return share, float(np.sqrt(share * (1 - share) / n_boards))


@one_thread
def confidence_sets(
    ratings: Ratings,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    n_draws: int = 10_000,
) -> RankSets:
    """Find sets of ranks that hold all true ranks at once.

    Two models are told apart when their difference exceeds `critical_value`
    standard errors, the `level` quantile of the largest absolute t-statistic
    over all pairs (Mogstad, Romano, Shaikh and Wilhelm 2024, section 3, with
    normal draws in place of the bootstrap).

    Parameters
    ----------
    ratings : Ratings
    rng : numpy.random.Generator
    level : float
        Simultaneous coverage, probability.
    n_draws : int
        Draws for the quantile.

    Returns
    -------
    RankSets

    Raises
    ------
    ValueError
        A level that is not strictly between 0 and 1.
    """
    intervals.critical_value(level)  # refuses what is no level
    covariance, n = ratings.covariance, len(ratings.models)
    # Contrasts with the last model have a covariance of full rank, and so a
    # unique Cholesky factor: the same draws on every machine.
    contrast = covariance - covariance[-1] - covariance[:, -1:] + covariance[-1, -1]
    root = np.linalg.cholesky(contrast[:-1, :-1])
    draws = np.vstack([root @ rng.standard_normal((n - 1, n_draws)), np.zeros(n_draws)])
    errors = ratings.difference_errors()
    largest = np.zeros(n_draws)
    for i in range(n - 1):
        t = np.abs(draws[i] - draws[i + 1 :]) / errors[i, i + 1 :, None]
        np.maximum(largest, t.max(axis=0), out=largest)
    critical_value = float(np.quantile(largest, level))
    margin = critical_value * errors
    above = ratings.score[None, :] - ratings.score[:, None] > margin
    return RankSets(1 + above.sum(axis=1), n - above.sum(axis=0), critical_value, level)
