"""Who gets the votes: shares, sampling rates, what a provider sees.

A battle has two models, so that it counts as two *participations*. The interval of a
rate is that of Clopper and Pearson (1934).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from illusion.rating import ratings
from illusion.rating.battles import PairCounts


@dataclass(frozen=True)
class LargestRate:
    """Largest daily sampling rate that equal treatment would show.

    Attributes
    ----------
    mean, lower, upper : float
        Expected largest rate, and the interval that holds it with a probability of
        95%, shares of a day's battles.
    """

    mean: float
    lower: float
    upper: float


def shares(amount: pd.Series, group: pd.Series) -> pd.Series:
    """Share of each group in a total.

    Parameters
    ----------
    amount : Series
        Votes, or anything that adds up; negative values count as 0, since a
        number of votes that falls is a correction of the count.
    group : Series
        The group of each, with the same index.

    Returns
    -------
    Series
        Shares, the largest first; they add up to 1.

    Raises
    ------
    ValueError
        A total of 0, or an amount without a group.
    """
    amount = amount.clip(lower=0)
    lost = amount[group.reindex(amount.index).isna() & (amount > 0)]
    if len(lost):
        raise ValueError(f"{list(lost.index[:3])} and others have no group.")
    total = amount.sum()
    if not total > 0:
        raise ValueError("There is nothing to share: the amounts add up to 0.")
    return (amount.groupby(group).sum() / total).sort_values(ascending=False)


def battle_shares(counts: PairCounts, group: pd.Series) -> pd.DataFrame:
    """Share of participations and of battles of each group.

    Parameters
    ----------
    counts : PairCounts
    group : Series
        The group of each model, indexed by model.

    Returns
    -------
    DataFrame
        Indexed by group: ``participations``, which add up to 1, and ``battles``,
        the share of battles with at least one model of the group, which add up to
        more.

    Raises
    ------
    ValueError
        A model without a group.
    """
    of = group.reindex(counts.models)
    if of.isna().any():
        raise ValueError(f"{list(of.index[of.isna()])} have no group; name one.")
    a, b = of.to_numpy()[counts.a], of.to_numpy()[counts.b]
    names = np.array(sorted(set(of)), dtype=object)
    sides = (a == names[:, None]).astype(int) + (b == names[:, None])
    table = {
        "participations": sides @ counts.battles / (2 * counts.n_battles),
        "battles": (sides > 0) @ counts.battles / counts.n_battles,
    }
    return pd.DataFrame(table, names)


def largest_rate(battles: np.ndarray, rate: float, n_models: int) -> LargestRate:
    """Largest daily rate among models that are all sampled alike.

    Parameters
    ----------
    battles : ndarray of int
        Battles of each day.
    rate : float
        Probability that a battle holds a given model, the same for all models.
    n_models : int
        Models over which, and over all days, the maximum is taken. They are taken
        as independent, which overstates the maximum a little.

    Returns
    -------
    LargestRate
        Exact, from the product of the binomial distributions.

    Raises
    ------
    ValueError
        A rate outside 0 to 1, no models, or a day without battles.
    """
    battles = np.asarray(battles)
    if not 0 <= rate <= 1 or n_models < 1 or len(battles) == 0 or (battles < 1).any():
        raise ValueError(
            f"rate={rate} must lie in 0 to 1, n_models={n_models} be 1 or more, and "
            "every day have a battle."
        )
    days = [np.arange(n + 1) / n for n in np.unique(battles)]
    value = np.unique(np.concatenate(days))
    # A day's rate is at most x when its count is at most x times its battles.
    count = np.floor(value[:, None] * battles + 1e-9)
    below = np.exp(n_models * binom.logcdf(count, battles, rate).sum(axis=1))
    lower, upper = value[np.searchsorted(below, [0.025, 0.975])].tolist()
    mean = float((value * np.diff(below, prepend=0)).sum())
    return LargestRate(mean, lower, upper)


def rates_by_number(
    battles: np.ndarray, number: np.ndarray, rules: dict[str, tuple[int, int]]
) -> pd.DataFrame:
    """Largest daily rate that each rule would show, by the number of models drawn.

    Parameters
    ----------
    battles : ndarray of int
        Battles of each day.
    number : ndarray of int
        Models in rotation at once.
    rules : dict of str to (int, int)
        By name, the sampling weight of a model, and the sum of the weights of all
        models beyond one each.

    Returns
    -------
    DataFrame
        A row per rule and number: ``rule``, ``number``, ``lower`` (of the interval of
        :func:`largest_rate` for a provider with one model) and ``upper`` (for one with
        ten), in percent.
    """
    rows = []
    for rule, (weight, extra) in rules.items():
        for n in number:
            rate = 2 * weight / (n + extra)
            one, ten = (largest_rate(battles, rate, k) for k in (1, 10))
            rows.append((rule, int(n), 100 * one.lower, 100 * ten.upper))
    return pd.DataFrame(rows, columns=pd.Index(["rule", "number", "lower", "upper"]))


def seen(variants: int | np.ndarray, weight: float, others: int) -> np.ndarray:
    """Share of the battles in which a provider has at least one model.

    Parameters
    ----------
    variants : int or ndarray of int
        Models of the provider.
    weight : float
        Sampling weight of each, where a model of anybody else has 1.
    others : int
        Models of all others, at least 2.

    Returns
    -------
    ndarray
        A battle draws two different models, each with a probability in
        proportion to its weight among those left.

    Raises
    ------
    ValueError
        Fewer than two others, or a weight that is not positive.
    """
    if others < 2 or weight <= 0:
        raise ValueError(
            f"others={others} must be 2 or more, and weight={weight} positive."
        )
    total = np.asarray(variants) * weight + others
    return (1 - others / total * (others - 1) / (total - 1))[()]


def sampled_boards(
    skill: np.ndarray,
    weight: np.ndarray,
    n_battles: int,
    n_boards: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Errors of scores on simulated boards whose models are sampled unequally.

    Parameters
    ----------
    skill : ndarray, shape (periods, models)
        True skill in each period, Elo points; equal rows where the tasks do not
        change.
    weight : ndarray, shape (periods, models)
        Sampling weight of each model in each period: a pair is drawn in proportion
        to the product of its two weights.
    n_battles : int
        Battles of a board, the same number in every period; 35% between equals are
        ties.
    n_boards : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_boards, models)
        Fitted score minus the mean skill over the periods, Elo points, both around
        their mean over the models.

    Raises
    ------
    NoRankingError
        A board whose battles determine no scores.
    """
    periods, n = skill.shape
    a, b = np.triu_indices(n, 1)
    models = tuple(f"{place:04d}" for place in range(n))
    truth = skill.mean(axis=0) - skill.mean()
    errors = np.empty((n_boards, n))
    for board in range(n_boards):
        outcomes = np.zeros((3, len(a)), dtype=np.int64)
        for now, sampled in zip(skill, weight, strict=True):
            chance = sampled[a] * sampled[b]
            times = rng.multinomial(n_battles // periods, chance / chance.sum())
            drawn = ratings.simulate(models, now, (a, b, times), rng, tie_rate=0.35)
            outcomes += np.stack([drawn.wins_a, drawn.wins_b, drawn.ties])
        errors[board] = ratings.fit(PairCounts(models, a, b, *outcomes)).score - truth
    return errors
