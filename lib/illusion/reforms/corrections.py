"""Two ways to correct the score of a variant that was chosen as the best."""

import numpy as np
from scipy.optimize import isotonic_regression


def shrink(
    best: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    spread: np.ndarray,
    freedom: int,
) -> np.ndarray:
    """Shrink the best of several estimates to their mean.

    Parameters
    ----------
    best, mean : ndarray, shape (boards,)
        The best estimate and the mean of its family, Elo points.
    variance : ndarray, shape (boards,)
        Of one estimate, squared Elo points.
    spread : ndarray, shape (boards,)
        Sum of squared distances of estimates from the means of their families, over
        all families seen so far, squared Elo points.
    freedom : int
        Degrees of freedom of `spread`: estimates minus families.

    Returns
    -------
    ndarray, shape (boards,)
        Efron and Morris's (1973) estimate, with a factor between 0 and 1; `best`
        itself while `freedom` is 2 or less.
    """
    keep = 1 - max(0, freedom - 2) * variance / spread
    return mean + np.maximum(0, keep) * (best - mean)


def as_ranked(
    score: np.ndarray, weight: np.ndarray, belief: np.ndarray, provider: np.ndarray
) -> np.ndarray:
    """Move scores as little as makes every provider's agree with its own ranking.

    Parameters
    ----------
    score : ndarray, shape (models,)
        Elo points.
    weight : ndarray, shape (models,)
        One over the variance of each, up to a factor.
    belief : ndarray, shape (models,)
        What providers hold of their models; a higher value is a better model, and
        equal ones are held to be equal.
    provider : ndarray, shape (models,)

    Returns
    -------
    ndarray, shape (models,)
        Isotonic regression, provider by provider: the constrained maximum of the
        likelihood as far as that is quadratic and scores err independently.
    """
    moved = np.array(score, dtype=float)
    for maker in np.unique(provider):
        own = np.flatnonzero(provider == maker)
        # Models that are held to be equal get one score.
        level, place = np.unique(belief[own], return_inverse=True)
        total = np.bincount(place, weight[own], len(level))
        mean = np.bincount(place, weight[own] * score[own], len(level)) / total
        moved[own] = isotonic_regression(mean, weights=total).x[place]
    return moved
