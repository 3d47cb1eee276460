"""Estimates over observations that come in groups.

Models of one provider are not independent: they are trained by the same people, tested
in the same way and released on the same days. So the error of whatever is said of all
models comes from the groups, and labels are exchanged with the groups in mind.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

Exchange = Literal["all", "within", "blocks"]
"""How labels may be exchanged, see :func:`permuted`."""


@dataclass(frozen=True)
class Estimate:
    """An estimate with an interval that allows for providers.

    Attributes
    ----------
    value, standard_error : float
    low, high : float
        Ends of the 95% interval, by Student's t.
    groups : int
        Independent groups behind it.
    """

    value: float
    standard_error: float
    low: float
    high: float
    groups: int

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no effect, by Student's t with a group less."""
        t = abs(self.value) / self.standard_error
        return float(2 * stats.t(self.groups - 1).sf(t))


def _estimate(value: float, error: float, groups: int) -> Estimate:
    half = stats.t(groups - 1).ppf(0.975) * error
    return Estimate(value, error, value - half, value + half, groups)


def ratio(top: pd.Series, bottom: pd.Series, group: pd.Series) -> Estimate:
    """Estimate a ratio of two sums over observations that come in groups.

    Parameters
    ----------
    top, bottom : Series
        A row per observation; the `bottom` of ones gives the mean of `top`.
    group : Series
        Observations of one group may depend on each other in any way.

    Returns
    -------
    Estimate
        Weighted least squares of top / bottom on a constant, the weights `bottom`;
        standard error from the groups' sums of residuals (Liang and Zeger 1986),
        times the root of G / (G - 1), and t with G - 1 degrees of freedom for G groups.
    """
    value = top.sum() / bottom.sum()
    sums = (top - value * bottom).groupby(group).sum()
    n = len(sums)
    error = np.sqrt((sums**2).sum() * n / (n - 1)) / bottom.sum()
    return _estimate(value, error, n)


def holm(p: pd.Series) -> pd.Series:
    """Correct p-values for looking at many, by Holm's (1979) procedure.

    Parameters
    ----------
    p : Series
        Probabilities.

    Returns
    -------
    Series
        In the order of `p`. Whatever is called shown below 0.05 here holds a
        false finding with a probability of at most 0.05, all looks together.
    """
    ordered = p.sort_values()
    left = np.arange(len(ordered), 0, -1)
    return (ordered * left).cummax().clip(upper=1).reindex(p.index)


def coefficient(
    outcome: pd.Series,
    terms: pd.DataFrame,
    group: pd.Series,
    *,
    within: bool = False,
    constant: bool = True,
    jackknife: bool = False,
) -> Estimate:
    """Estimate what the first term does to an outcome, the other terms equal.

    Parameters
    ----------
    outcome : Series
        A row per observation.
    terms : DataFrame
        The first column is the term in question, the others are held equal.
    group : Series
        Observations of one group may depend on each other in any way.
    within : bool
        Whether groups are compared with themselves only: each has a constant of its
        own, and one in which the first term does not vary is left out.
    constant : bool
        Whether a constant joins the terms.
    jackknife : bool
        Whether the error comes from leaving out one group at a time.

    Returns
    -------
    Estimate
        By least squares, with Student's t of G - 1 degrees of freedom for G groups. The
        standard error comes from the groups' sums of scores (Liang and Zeger 1986),
        squared and times G / (G - 1) (n - 1) / (n - k) for n rows and k terms, known as
        CR1 (Cameron and Miller 2015, section II). The jackknife's, CR3, is the safer
        one where groups differ much in size: (G - 1) / G times the squared distances of
        the estimates without each group from the one with all (their section VI).
        Constants of the groups are not among the k terms, as they lie within groups.

    Raises
    ------
    ValueError
        A value is missing, there are fewer than two groups, or the terms determine one
        another, with all the groups or, for the jackknife, without one of them.
    """
    names = list(terms)
    if within:
        varies = terms.iloc[:, 0].groupby(group).transform("nunique") > 1
        outcome, terms, group = outcome[varies], terms[varies], group[varies]
        outcome = outcome - outcome.groupby(group).transform("mean")
        terms = terms - terms.groupby(group).transform("mean")
    X = terms.to_numpy(float)
    if constant and not within:
        X = np.column_stack([X, np.ones(len(X))])
    y, of = outcome.to_numpy(float), pd.factorize(group.to_numpy())[0]
    if np.isnan(X).any() or np.isnan(y).any() or (of < 0).any():
        raise ValueError("A term, the outcome or a group is missing: drop that row.")
    groups, (n, k) = int(of.max(initial=-1)) + 1, X.shape
    if groups < 2:
        raise ValueError(f"An error by groups needs two groups at least, not {groups}.")
    beta = _least_squares(X, y, names)
    if jackknife:
        left = [
            _least_squares(X[of != one], y[of != one], names)[0]
            for one in range(groups)
        ]
        square = (groups - 1) / groups * ((np.array(left) - beta[0]) ** 2).sum()
        return _estimate(float(beta[0]), float(np.sqrt(square)), groups)
    scores = np.zeros((groups, k))
    np.add.at(scores, of, X * (y - X @ beta)[:, None])
    pull = scores @ np.linalg.inv(X.T @ X)[0]
    square = (pull**2).sum() * groups / (groups - 1) * (n - 1) / (n - k)
    return _estimate(float(beta[0]), float(np.sqrt(square)), groups)


def _least_squares(X: np.ndarray, y: np.ndarray, names: list) -> np.ndarray:
    beta, _, rank, _ = np.linalg.lstsq(X, y)
    if rank < X.shape[1]:
        raise ValueError(
            f"The terms {names} determine one another, or one does not vary: leave "
            "one out, or take more rows."
        )
    return beta


def permuted(
    outcome: pd.Series,
    label: pd.Series,
    group: pd.Series,
    rng: np.random.Generator,
    exchange: Exchange = "all",
    times: int = 9_999,
) -> float:
    """Test whether two kinds differ in their mean, by exchanging the labels.

    Parameters
    ----------
    outcome : Series
        A row per observation.
    label : Series of bool
        Whether it is of the first kind.
    group : Series
        The group of each.
    rng : numpy.random.Generator
    exchange : {"all", "within", "blocks"}
        Labels go to any observation; only to one of the same group, so that groups
        with one kind say nothing; or what is exchanged are blocks, a group's
        observations of one kind.
    times : int
        Permutations.

    Returns
    -------
    float
        Two-sided p-value: the share of permutations whose difference of means is as
        far from what chance gives as the one found, which counts as one of them
        (Phipson and Smyth 2010).

    Raises
    ------
    ValueError
        One kind only, or, within groups, no group that has both.
    """
    y, is_first = outcome.to_numpy(float), label.to_numpy(bool)
    if is_first.all() or not is_first.any():
        raise ValueError("All observations are of one kind: there is nothing to test.")
    of = pd.factorize(group.to_numpy())[0]
    unit, stratum = np.arange(len(y)), np.zeros(len(y), dtype=int)
    if exchange == "within":
        stratum = of
        if not any(0 < is_first[of == one].mean() < 1 for one in set(of)):
            raise ValueError(
                "No group has both kinds, so that none can be exchanged within one."
            )
    elif exchange == "blocks":
        unit = pd.factorize(2 * of + is_first)[0]
    size = np.bincount(unit)
    total = np.bincount(unit, y)
    first = np.zeros(len(size))
    first[unit] = is_first
    part = np.zeros(len(size), dtype=int)
    part[unit] = stratum
    labels, chance = np.tile(first, (times + 1, 1)), np.empty(len(size))
    for one in set(part):
        # The first row stays as it is.
        labels[1:, part == one] = rng.permuted(labels[1:, part == one], axis=1)
        chance[part == one] = first[part == one].mean()

    def difference(labels: np.ndarray) -> np.ndarray:
        n, total_first = labels @ size, labels @ total
        return total_first / n - (total.sum() - total_first) / (len(y) - n)

    # Within groups, those with more of one kind make a difference of their own.
    off = np.abs(difference(labels) - difference(chance))
    return float((off >= off[0] - 1e-9).mean())
