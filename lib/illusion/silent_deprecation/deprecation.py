"""Models that no longer get votes: how many, since when, and of which kind.

A model is *inactive* in a window if it gained at most a number of votes there,
*listed* if LMArena's public code named it as deprecated, and *silent* if it is
inactive and not listed. The words and the percentages by licence class are those
of Singh et al. (2025), section 5 and its appendix.
"""

from collections.abc import Mapping
from itertools import pairwise, product

import numpy as np
import pandas as pd
from scipy.special import expit

from illusion import record
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


def fewest_to_turn(gone: pd.Series, models: pd.Series, unseen: int) -> int:
    """Find how many unseen open models it takes to make the proprietary ones go more.

    Parameters
    ----------
    gone, models : Series of int
        Models that went, and all models, by licence class; ``proprietary`` is one.
    unseen : int
        Models of unknown class, of which nobody knows whether they went.

    Returns
    -------
    int
        The smallest number of them that, open and still active, gives open models no
        larger share of the gone, even if all others are proprietary and went: the
        worst case for a larger share (Manski 1989). One more than `unseen` if no
        number does.
    """
    own, own_gone = int(models["proprietary"]), int(gone["proprietary"])
    opened, opened_gone = int(models.sum()) - own, int(gone.sum()) - own_gone
    for active in range(unseen + 1):
        rest = unseen - active
        if opened_gone * (own + rest) <= (own_gone + rest) * (opened + active):
            return active
    return unseen + 1


def logistic(
    X: pd.DataFrame, y: pd.Series, groups: pd.Series | None = None
) -> pd.DataFrame:
    """Fit a logistic regression by maximum likelihood, with Newton's method.

    Parameters
    ----------
    X : DataFrame, shape (rows, terms)
        Terms; a constant is added.
    y : Series of bool, shape (rows,)
    groups : Series, shape (rows,), optional
        Rows of one group may depend on one another, as models of one provider do.

    Returns
    -------
    DataFrame
        Indexed by term, ``constant`` first: ``estimate``, ``lower`` and ``upper``
        (95%, Wald), change of log-odds per unit of the term.

    Raises
    ------
    ValueError
        Missing values, an outcome that does not vary, terms that determine one
        another, fewer groups than two, or an outcome that the terms separate, so that
        the estimate is infinite (Albert and Anderson 1984).

    Notes
    -----
    With groups the covariance is the sandwich of the scores' sums by group (Liang and
    Zeger 1986), times G / (G - 1) for G groups, and the interval has Student's quantile
    with G - 1 degrees of freedom (Cameron and Miller 2015, section II).
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
            inner, times = np.linalg.inv(information), critical_value(0.95)
            if groups is not None:
                scores = design * (outcome - expit(design @ x))[:, None]
                inner, times = _clustered(inner, scores, groups)
            half = times * np.sqrt(np.diag(back @ inner @ back.T))
            x = back @ x
            return pd.DataFrame(
                {"estimate": x, "lower": x - half, "upper": x + half},
                index=pd.Index(["constant", *X], name="term"),
            )
    raise ValueError(
        "No finite estimate: some combination of the terms tells yes from no without "
        "an error. Leave out or merge the class in which the outcome never varies."
    )


def _clustered(
    inverse: np.ndarray, scores: np.ndarray, groups: pd.Series
) -> tuple[np.ndarray, float]:
    """Return the covariance by groups and the quantile that goes with it."""
    sums = pd.DataFrame(scores).groupby(groups.to_numpy()).sum().to_numpy()
    n = len(sums)
    if n < 2:
        raise ValueError("An error by groups needs two groups at least.")
    covariance = inverse @ (sums.T @ sums) @ inverse * (n / (n - 1))
    return covariance, float(critical_value(0.95, np.array(n - 1.0)))


def odds_of_open(models: pd.DataFrame, outcome: str, *terms: str) -> pd.Series:
    """Compare open models with proprietary ones that are alike.

    Parameters
    ----------
    models : DataFrame
        Models by row (or model and month), with ``open`` (yes or no),
        ``organisation``, the outcome and the terms.
    outcome : str
        Column of yes and no.
    *terms : str
        Columns in which the models are to be alike; one of text has a constant for
        each value.

    Returns
    -------
    Series
        ``estimate``, ``lower`` and ``upper`` of the log-odds of the outcome, open
        against proprietary; the interval is clustered by organisation.

    Raises
    ------
    ValueError
        As for :func:`logistic`.
    """
    alike = pd.get_dummies(models[["open", *terms]], drop_first=True).astype(float)
    return logistic(alike, models[outcome], models["organisation"]).T["open"]


def permuted(
    models: pd.DataFrame,
    outcome: str,
    *terms: str,
    rng: np.random.Generator,
    strata: int = 5,
    times: int = 9_999,
) -> pd.Series:
    """Test whether open and proprietary models differ, by exchanging their labels.

    Parameters
    ----------
    models : DataFrame
        As for :func:`odds_of_open`.
    outcome : str
        Column of yes and no.
    *terms : str
        Numbers in which models of one stratum are nearly alike.
    rng : numpy.random.Generator
    strata : int
        Strata, if there are terms: of equal size, by the log-odds of the outcome that
        the terms alone give (a prognostic score, Hansen 2008).
    times : int
        Permutations.

    Returns
    -------
    Series
        ``difference`` of the shares with the outcome, open less proprietary, averaged
        over strata with the weights of Mantel and Haenszel (1959); ``p_value``, the
        share of permutations that differ as much, either way, theirs included
        (Phipson and Smyth 2010); and ``blocks``, the number that are exchanged.

    Notes
    -----
    What is exchanged within a stratum are blocks: a provider's models of one class
    keep one label, since models of one provider are not independent.
    """
    stratum = np.zeros(len(models), dtype=int)
    if terms:
        alike = models[[*terms]].astype(float)
        slope = logistic(alike, models[outcome])["estimate"][[*terms]]
        stratum = pd.qcut(alike @ slope, strata, labels=False).to_numpy()
    block = [stratum, models["organisation"], models["open"].to_numpy(bool)]
    block = models[outcome].astype(float).groupby(block).agg(["size", "sum"])
    of, opened = (block.index.get_level_values(k).to_numpy() for k in (0, 2))
    size, yes = block["size"].to_numpy(float), block["sum"].to_numpy()
    labels = np.tile(opened.astype(float), (times + 1, 1))
    for one in set(of):
        # The first row stays as it is.
        labels[1:, of == one] = rng.permuted(labels[1:, of == one], axis=1)
    weighted = total = np.zeros(times + 1)
    for one in set(of):
        part, n, y = labels[:, of == one], size[of == one], yes[of == one]
        n_open, y_open = part @ n, part @ y
        n_own, y_own = n.sum() - n_open, y.sum() - y_open
        # n_open n_own / n, times the difference of the two shares.
        weighted = weighted + (y_open * n_own - y_own * n_open) / n.sum()
        total = total + n_open * n_own / n.sum()
    difference = weighted / total
    extreme = np.abs(difference) >= abs(difference[0]) - 1e-12
    return pd.Series(
        {
            "difference": difference[0],
            "p_value": extreme.mean(),
            "blocks": len(block),
        }
    )


def months_at_risk(copies: pd.DataFrame, per_day: float = 10) -> pd.DataFrame:
    """List the months in which each model could go silent, and whether it did.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.
    per_day : float
        Votes per day that an active model exceeds.

    Returns
    -------
    DataFrame
        A row per model and month that follows on an active one: ``model``,
        ``organisation``, ``open``, ``month`` (text), ``gone`` (at most `per_day`
        votes a day in that month) and, at its beginning, ``age`` (days since the model
        was first seen) and ``score``. The rows of a discrete-time hazard (Allison
        1982): a logistic regression on them, with a constant for each month, says what
        changes the odds to go silent in the next month. Months end with the last copy
        in them. A model that left the board gains no votes.
    """
    votes = record.votes_by_month(copies)
    about = record.models(copies).set_index("model")
    score = copies.pivot_table("score", "model", "board").ffill(axis="columns")
    gains = record.daily_gains(votes)
    rows = []
    for start, end in pairwise(pd.DatetimeIndex(gains.columns)):
        models = gains.index[gains[start] > per_day]
        then = about.loc[models, ["organisation"]].assign(
            open=about["licence_class"] != "proprietary",
            month=f"{end:%Y-%m}",
            gone=gains[end] <= per_day,
            age=(start - about["first_seen"]).dt.days,
            score=score[start],
        )
        rows.append(then.reset_index())
    return pd.concat(rows, ignore_index=True)
