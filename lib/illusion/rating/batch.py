"""Many boards at once, fitted together.

:func:`illusion.rating.ratings.fit` fits one board, with every check and interval. A
simulation fits thousands; here they are tables of one shape, fitted together.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from illusion.rating.battles import NoRankingError
from illusion.rating.likelihood import ELO, NotConvergedError

WEIGHTING = ("battles", "pairs")
_FEW = 50  # battles below which a pair weighs less: Arena-Rank's `min_pair_count`
_LAST_STEP = 0.02 / ELO


def weights(battles: np.ndarray, weighting: str) -> np.ndarray:
    """Weight of a battle in the fit.

    Parameters
    ----------
    battles : ndarray
        Of each pair.
    weighting : {"battles", "pairs"}
        All battles alike; or all pairs alike, a pair of fewer than 50 battles less.

    Returns
    -------
    ndarray
        1, or one over the pair's battles (Arena-Rank 2025, ``reweighted=True``).
    """
    if weighting == "battles":
        return np.ones_like(battles)
    return 1 / np.maximum(battles, _FEW)


def climb(battles: np.ndarray, points: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Fit Bradley-Terry scores to many tables at once, by Newton's method.

    Parameters
    ----------
    battles : ndarray, shape (boards, models, models)
        Battles of each pair, symmetric, possibly weighted.
    points : ndarray, shape (boards, models, models)
        Of these, wins of the row's model plus half the ties.
    start : ndarray, shape (boards, models)
        Scores to start from, Elo points.

    Returns
    -------
    ndarray, shape (boards, models)
        Elo points, with mean 0.

    Raises
    ------
    NoRankingError
        A model that has won or lost all its battles, or had none; models that won or
        lost all their battles against the others.
    NotConvergedError
        The steps did not become small.
    """
    share = points.sum(axis=-1) / np.maximum(battles.sum(axis=-1), 1e-300)
    lost = ~((share > 0) & (share < 1))
    if lost.any():
        raise NoRankingError(
            f"Model {np.argwhere(lost)[0, 1]} has won or lost all its battles, or had "
            "none: its score is not finite. Sample it more before it is listed."
        )
    theta = start / ELO
    for _ in range(30):
        p = expit(theta[:, :, None] - theta[:, None, :])
        information = _information(battles * p * (1 - p))
        gradient = (points - battles * p).sum(axis=-1)
        step = np.linalg.solve(information, gradient[..., None])[..., 0]
        theta = theta + np.clip(step, -1, 1)  # far from the maximum steps overshoot
        if np.abs(step).max() < _LAST_STEP:
            return (theta - theta.mean(axis=-1, keepdims=True)) * ELO
    for board in points:
        number, part = connected_components(board > 0, connection="strong")
        if number > 1:
            raise NoRankingError(
                f"Models {np.flatnonzero(part == part[0]).tolist()} have won or lost "
                "all their battles against the others, or had none: no score is "
                "finite. Sample them more before they are listed."
            )
    raise NotConvergedError("Newton's method did not settle in 30 steps.")


def standard_errors(
    battles: np.ndarray, score: np.ndarray, *, weighting: str, tie_rate: float
) -> np.ndarray:
    """Standard errors of the scores of many boards.

    Parameters
    ----------
    battles : ndarray, shape (boards, models, models)
        Of each pair, unweighted.
    score : ndarray, shape (boards, models)
        Elo points.
    weighting : {"battles", "pairs"}
        As in the fit.
    tie_rate : float
        Ties between equals, as :func:`illusion.rating.ratings.tie_probability` has
        it: then a battle's points vary by ``p (1 - p) (1 - tie_rate)``.

    Returns
    -------
    ndarray, shape (boards, models)
        Elo points: the sandwich of White (1982), with the middle as expected.
    """
    theta = score / ELO
    p = expit(theta[:, :, None] - theta[:, None, :])
    weight = weights(battles, weighting)
    bread = np.linalg.inv(_information(weight * battles * p * (1 - p)))
    middle = _information(weight**2 * battles * p * (1 - p) * (1 - tie_rate))
    covariance = bread @ middle @ bread
    # The ridge lets the mean vary; scores are around theirs.
    covariance -= covariance.mean(axis=-1, keepdims=True)
    covariance -= covariance.mean(axis=-2, keepdims=True)
    return np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1)) * ELO


def _information(weight: np.ndarray) -> np.ndarray:
    """Information of all scores from that of pairs; a ridge fixes the mean."""
    every = np.arange(weight.shape[-1])
    form = -weight
    form[:, every, every] = weight.sum(axis=-1)
    ridge = form[:, every, every].mean(axis=-1) / len(every)
    return form + ridge[:, None, None]
