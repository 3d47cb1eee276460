"""How much selection an observed fall would take.

A provider tests N variants whose true skill has the standard deviation tau, each with a
standard error sigma, and releases the one that scored highest. Of its lead over the
mean, ``a(N) sigma**2 / hypot(tau, sigma)`` is luck, where a(N) is the expected largest
of N standard normals (Efron 2011, equation 1.4; as
:func:`illusion.private_testing.selection.best_of` has it). The votes that chose it stay
in its score, so that with a share f of fresh votes the score is expected to have fallen
by f times that. Elo points throughout.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import root_scalar

from illusion.extremes import maximum_moments

MOST = 1_000_000
"""Variants beyond which no number is looked for."""


def expected_fall(
    N: int | np.ndarray, tau: float, error: pd.Series, fresh: pd.Series
) -> float | np.ndarray:
    """Fall that selection among N variants predicts, the mean over models.

    Parameters
    ----------
    N : int or ndarray of int
        Variants from which each model was chosen.
    tau : float
        Spread of their true skill, Elo points; 0 for identical copies.
    error : Series
        Standard error of each model's score at listing, Elo points.
    fresh : Series
        Share of its votes that are newer than the listing.

    Returns
    -------
    float or ndarray
        Elo points, positive for a fall.

    Raises
    ------
    ValueError
        An N below 1, a negative tau, an error that is not positive, or shares of fresh
        votes beyond 1.
    """
    if tau < 0 or not (error > 0).all() or (fresh > 1).any():
        raise ValueError(
            f"tau={tau} must be 0 or more, every error positive and every share of "
            "fresh votes at most 1."
        )
    return maximum_moments(N)[0] * float(_per_maximum(tau, error, fresh))


def _per_maximum(tau: float, error: pd.Series, fresh: pd.Series) -> float:
    return float((fresh * error**2 / np.hypot(tau, error)).mean())


def variants_for(fall: float, tau: float, error: pd.Series, fresh: pd.Series) -> float:
    """Find how many variants a fall takes.

    Parameters
    ----------
    fall : float
        Elo points, positive for a fall.
    tau, error, fresh
        As for :func:`expected_fall`.

    Returns
    -------
    float
        The smallest number whose expected fall is at least as large; 1 if there is no
        fall, infinite beyond :data:`MOST`.

    Raises
    ------
    ValueError
        As for :func:`expected_fall`.
    """
    low, high = 1, MOST
    if expected_fall(high, tau, error, fresh) < fall:
        return np.inf
    while low < high:
        middle = (low + high) // 2
        if expected_fall(middle, tau, error, fresh) >= fall:
            high = middle
        else:
            low = middle + 1
    return float(low)


def spread_for(fall: float, N: int, error: pd.Series, fresh: pd.Series) -> float:
    """Find how different N variants are if choosing the best gives a fall.

    Parameters
    ----------
    fall : float
        Elo points, positive for a fall.
    N, error, fresh
        As for :func:`expected_fall`.

    Returns
    -------
    float
        Spread tau of true skill, Elo points: the more variants differ, the less of the
        choice is luck. NaN if even identical copies would fall by less, infinite if
        there is no fall to explain.

    Raises
    ------
    ValueError
        As for :func:`expected_fall`.
    """
    if fall <= 0:
        return np.inf
    if expected_fall(N, 0, error, fresh) < fall:
        return np.nan

    def off(tau: float) -> float:
        return float(expected_fall(N, tau, error, fresh)) - fall

    high = float(error.max())
    while off(high) > 0:
        high *= 2
    return root_scalar(off, bracket=(0, high)).root


def fits(
    falls: Sequence[float],
    error: pd.Series,
    fresh: pd.Series,
    taus: Sequence[float] = (0, 5, 10, 20),
    numbers: Sequence[int] = (3, 10, 27, 50),
) -> pd.DataFrame:
    """Show which numbers of variants, and which spreads, fit a fall.

    Parameters
    ----------
    falls : sequence of float
        Such as an estimate and the ends of its interval, Elo points, positive for a
        fall.
    error, fresh
        As for :func:`expected_fall`.
    taus : sequence of float
        Spreads for which the number of variants is found.
    numbers : sequence of int
        Numbers for which the spread is found.

    Returns
    -------
    DataFrame
        A row per tau, then one per number: ``given``, and a column for each fall with
        the number or the spread that gives it.
    """
    rows = {}
    for tau in taus:
        found = [variants_for(fall, tau, error, fresh) for fall in falls]
        rows[f"N if tau = {tau:g}"] = found
    for N in numbers:
        rows[f"tau if N = {N}"] = [spread_for(fall, N, error, fresh) for fall in falls]
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=pd.Index([f"{fall:.2f}" for fall in falls])
    ).rename_axis("given")
