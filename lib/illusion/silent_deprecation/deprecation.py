"""Models that no longer get votes: how many, since when, and of which kind.

A model is *inactive* in a window if it gained at most a number of votes there,
*listed* if LMArena's public code named it as deprecated, and *silent* if it is
inactive and not listed. The words and the percentages by licence class are those
of Singh et al. (2025), section 5 and its appendix.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit

from illusion.rating.intervals import critical_value


def matching_counts(size: int, percent: float) -> list[int]:
    """Find the counts whose percentage is printed as given.

    Parameters
    ----------
    size : int
        Models in the class.
    percent : float
        As printed: a whole number stands for itself within half a percent, any
        other for itself within half a tenth; NaN if nothing was printed.

    Returns
    -------
    list of int
        Counts from 0 to `size`; all of them if nothing was printed.
    """
    counts = np.arange(size + 1)
    if np.isnan(percent):
        return counts.tolist()
    half = 0.5 if float(percent).is_integer() else 0.05
    return counts[np.abs(100 * counts / size - percent) <= half + 1e-9].tolist()


def class_splits(
    printed: pd.DataFrame, models: int, known: Mapping[str, int]
) -> list[pd.DataFrame]:
    """Find every split of the models that reproduces the printed percentages.

    Parameters
    ----------
    printed : DataFrame
        One row per class, indexed by it: ``official_pct``, ``silent_pct`` and
        ``inactive_total_pct_as_printed``, percent, NaN where nothing is printed.
    models : int
        Models of all classes.
    known : mapping from class to int
        Sizes of all classes but two; those two are searched.

    Returns
    -------
    list of DataFrame
        For each split, by class: ``models``, ``listed``, ``silent`` and
        ``inactive``, the sum of the two.

    Raises
    ------
    ValueError
        Not two classes of unknown size.
    """
    free = [name for name in printed.index if name not in known]
    if len(free) != 2:
        raise ValueError(
            f"The sizes of {free} are unknown: the search is for two such classes. "
            "Give the others in `known`."
        )
    columns = ["official_pct", "silent_pct", "inactive_total_pct_as_printed"]
    shares, rest = printed[columns].astype(float), models - sum(known.values())
    splits = []
    for first in range(1, rest):
        sizes = {**known, free[0]: first, free[1]: rest - first}
        classes = []
        for name, *percent in shares.itertuples():
            size = sizes[name]
            official, quiet, gone = (matching_counts(size, p) for p in percent)
            pairs = product(official, quiet)
            classes.append([(size, *p, sum(p)) for p in pairs if sum(p) in gone])
        splits += product(*classes)
    names = ["models", "listed", "silent", "inactive"]
    return [pd.DataFrame(split, printed.index, names) for split in splits]


def inactive_counts(models: pd.DataFrame, most: np.ndarray) -> pd.DataFrame:
    """Count the models that gained few votes, for every window and threshold.

    Parameters
    ----------
    models : DataFrame
        As :func:`illusion.record.models` returns it.
    most : ndarray, shape (thresholds,)
        Votes gained in the window, the most that counts as inactive.

    Returns
    -------
    DataFrame
        ``window`` (days, as text), ``most`` and ``inactive`` (models). A model
        hidden from the board keeps its last count, and so gains nothing.
    """
    gains = models.filter(regex=r"^votes_last_\d+d$")
    rows = [
        (f"{name[11:-1]} days", at_most, int((gains[name] <= at_most).sum()))
        for name, at_most in product(map(str, gains), most)
    ]
    return pd.DataFrame(rows, columns=["window", "most", "inactive"])


def logistic(X: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    """Fit a logistic regression by maximum likelihood, with Newton's method.

    Parameters
    ----------
    X : DataFrame, shape (rows, terms)
        Terms; a constant is added.
    y : Series of bool, shape (rows,)

    Returns
    -------
    DataFrame
        Indexed by term, ``constant`` first: ``estimate``, ``lower`` and ``upper``
        (95%, Wald), change of log-odds per unit of the term.

    Raises
    ------
    ValueError
        Missing values, an outcome that does not vary, terms that determine one
        another, or an outcome that the terms separate, so that the estimate is
        infinite (Albert and Anderson 1984).
    """
    terms = X.to_numpy(float)
    # In units of their own, so that a large unit does not look like separation.
    middle, unit = terms.mean(axis=0), terms.std(axis=0)
    unit[~(unit > 0)] = 1
    design = np.column_stack([np.ones(len(X)), (terms - middle) / unit])
    outcome = np.asarray(y, dtype=float)
    if np.isnan(design).any() or np.isnan(outcome).any():
        raise ValueError("A term or the outcome is missing in some row: drop the row.")
    if set(outcome) != {0, 1}:
        raise ValueError("The outcome must be yes in some rows and no in others.")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError(
            f"The terms {list(X)} determine one another, or one is constant; leave "
            "one out."
        )
    x = np.zeros(design.shape[1])
    for _ in range(50):
        p = expit(design @ x)
        information = design.T @ (design * (p * (1 - p))[:, None])
        # Separated outcomes send the estimate to infinity and this to zero.
        if np.linalg.cond(information) > 1e12:
            break
        step = np.linalg.solve(information, design.T @ (outcome - p))
        x = x + step
        if np.abs(step).max() < 1e-9:
            back = np.diag(np.append(1, 1 / unit))
            back[0, 1:] = -middle / unit
            covariance = back @ np.linalg.inv(information) @ back.T
            half = critical_value(0.95) * np.sqrt(np.diag(covariance))
            x = back @ x
            return pd.DataFrame(
                {"estimate": x, "lower": x - half, "upper": x + half},
                index=pd.Index(["constant", *X], name="term"),
            )
    raise ValueError(
        "No finite estimate: some combination of the terms tells yes from no without "
        "an error. Leave out or merge the class in which the outcome never varies."
    )


def odds_of_open(models: pd.DataFrame, outcome: str, *terms: str) -> pd.Series:
    """Compare open models with proprietary ones that are alike.

    Parameters
    ----------
    models : DataFrame
        Models by row, with ``open`` (yes or no), the outcome and the terms.
    outcome : str
        Column of yes and no.
    *terms : str
        Columns in which the models are to be alike.

    Returns
    -------
    Series
        ``estimate``, ``lower`` and ``upper`` of the log-odds of the outcome, open
        against proprietary.

    Raises
    ------
    ValueError
        As for :func:`logistic`.
    """
    alike = models[[*terms]].astype(float)
    alike.insert(0, "open", models["open"].astype(float))
    return logistic(alike, models[outcome]).T["open"]
