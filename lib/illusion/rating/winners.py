"""Inference on the first of a board, which was chosen because it came out first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtri

from illusion.rating import intervals
from illusion.rating.ratings import Ratings

_FIRST_STEP = 0.1  # part of the error that the hybrid's first step may make


@dataclass(frozen=True)
class Winner:
    """What the votes say about the model that came out first.

    Attributes
    ----------
    model : str
    score : float
        As fitted, Elo points.
    corrected : float
        Median-unbiased score, given that this model came out first.
    lower, upper : float
        Ends of the hybrid interval, Elo points.
    p_value : float
        Of the hypothesis that some other model is as good or better.
    level : float
    """

    model: str
    score: float
    corrected: float
    lower: float
    upper: float
    p_value: float
    level: float

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.score:.1f} points, given that it came out first "
            f"{self.corrected:.1f}, {self.level:.0%} interval {self.lower:.1f} to "
            f"{self.upper:.1f}; another is as good: p = {self.p_value:.1g}"
        )


def winner(ratings: Ratings, *, level: float = 0.95) -> Winner:
    """Infer how good the first model is, and whether it is the first.

    Parameters
    ----------
    ratings : Ratings
    level : float
        Coverage of the interval, probability.

    Returns
    -------
    Winner

    Raises
    ------
    ValueError
        A level that is not strictly between 0 and 1, or a shared first place.

    Notes
    -----
    The scores are taken as normal with the covariance of the fit. Given what in the
    other scores is independent of the winner's own, the winner came out first if its
    score lies between two bounds, and so has a truncated normal distribution.
    `corrected` is the mean under which its median is the score that was found. The
    hybrid interval truncates further, to a simultaneous interval of all scores, which
    may miss with a tenth of the error and keeps the hybrid's length finite (Andrews,
    Kitagawa and McCloskey 2024). Its critical value is here Šidák's, which is safe
    whatever the correlations and needs no random numbers.
    """
    intervals.critical_value(level)  # refuses what is no level
    score, covariance = ratings.score, ratings.covariance
    first, second = np.argsort(-score, kind="stable")[:2]
    if score[first] == score[second]:
        raise ValueError(
            f"{ratings.models[first]!r} and {ratings.models[second]!r} share the first "
            "place: nobody came out first."
        )
    found, error = float(score[first]), float(ratings.standard_error[first])
    # Another score follows the winner's by this slope and has the rest to itself.
    slope = covariance[:, first] / covariance[first, first]
    low, high = _bounds(score - slope * found, slope, first)
    may_miss = _FIRST_STEP * (1 - level)
    sidak = ndtri((1 + (1 - may_miss) ** (1 / len(score))) / 2)
    tail = (1 - level / (1 - may_miss)) / 2

    # The mean under which a score that came first lies below `found` so often.
    def mean_with(below: float, wide: float) -> float:
        def off(mean: float) -> float:
            ends = max(low, mean - wide), min(high, mean + wide)
            less = _log_mass((ends[0] - mean) / error, (found - mean) / error)
            more = _log_mass((found - mean) / error, (ends[1] - mean) / error)
            return less - more - np.log(below / (1 - below))

        reach = min(wide * (1 - 1e-9), error)
        while reach < wide * 0.99 and off(found - reach) * off(found + reach) > 0:
            reach = min(2 * reach, wide * (1 - 1e-9))
        mean: Any = brentq(off, found - reach, found + reach)
        return float(mean)

    return Winner(
        model=ratings.models[first],
        score=found,
        corrected=mean_with(0.5, np.inf),
        lower=mean_with(1 - tail, sidak * error),
        upper=mean_with(tail, sidak * error),
        p_value=p_not_first(score, covariance),
        level=level,
    )


def p_not_first(score: np.ndarray, covariance: np.ndarray) -> float:
    """Test whether the model with the highest score is the best.

    Parameters
    ----------
    score : ndarray, shape (models,)
    covariance : ndarray, shape (models, models)
        Of the scores, taken as normal.

    Returns
    -------
    float
        P-value of "some other model is as good or better": the largest, over the
        others, of that of "this one is", given which model came out first and
        whatever in the scores is independent of the lead over this one. For
        independent scores of equal variance it is the two-sided p-value of the first
        against the second (Hung and Fithian 2019).
    """
    first = int(np.argmax(score))
    p_value = 0.0
    for other in np.delete(np.arange(len(score)), first):
        with_lead = covariance[first] - covariance[other]
        error = np.sqrt(with_lead[first] - with_lead[other])
        lead, slope = score[first] - score[other], with_lead / error**2
        rest = score - slope * lead
        low, high = np.array(_bounds(rest, slope, first)) / error
        tail = _log_mass(lead / error, high) - _log_mass(low, high)
        p_value = max(p_value, float(np.exp(tail)))
    return p_value


def _bounds(rest: np.ndarray, slope: np.ndarray, first: int) -> tuple[float, float]:
    """Values of x for which ``rest + slope * x`` is largest in place `first`."""
    steeper = np.delete(slope[first] - slope, first)
    behind = np.delete(rest - rest[first], first)
    up, down = steeper > 1e-12, steeper < -1e-12
    low = (behind[up] / steeper[up]).max(initial=-np.inf)
    high = (behind[down] / steeper[down]).min(initial=np.inf)
    return float(low), float(high)


def _log_mass(low: float, high: float) -> float:
    """Logarithm of the standard normal probability between two points."""
    if low > 0:
        low, high = -high, -low
    if not low < high:
        return -np.inf
    upper = log_ndtr(high)
    return float(upper + np.log1p(-np.exp(log_ndtr(low) - upper)))
