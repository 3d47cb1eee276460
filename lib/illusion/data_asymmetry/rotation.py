"""Why one group of models has more votes than another: number, time or rate.

The votes of a group are a product: models in rotation, days that each of them was in
rotation, and votes of each on such a day. So the ratio of two groups' votes is a
product of three ratios, and month by month the logarithmic mean of Ang and Liu (2001)
splits it without a remainder.
"""

import numpy as np
import pandas as pd


def activity(
    daily: pd.DataFrame, group: pd.Series, per_day: float = 2.0
) -> pd.DataFrame:
    """Count models in rotation and their votes, month by month.

    Parameters
    ----------
    daily : DataFrame
        Votes per day of each model, models by ends of months, as
        :func:`illusion.record.daily_gains` gives them.
    group : Series
        The group of each model, indexed by model.
    per_day : float
        A model is in rotation in a month if it gained more votes per day than this.

    Returns
    -------
    DataFrame
        A row per month and group, indexed by both: ``models`` in rotation, and
        ``rate``, votes per day of each of them (NaN if there is none).

    Raises
    ------
    ValueError
        A model without a group.
    """
    lost = daily.index.difference(group.dropna().index)
    if len(lost):
        raise ValueError(f"{list(lost[:3])} and others have no group; name one.")
    active = daily.where(daily > per_day).rename_axis("model").reset_index()
    long = active.melt("model", var_name="month", value_name="rate")
    by_group = long.groupby(["month", long["model"].map(group).rename("group")])["rate"]
    return pd.DataFrame({"models": by_group.count(), "rate": by_group.mean()})


def factors(
    daily: pd.DataFrame, days: pd.Series, group: pd.Series, per_day: float = 2.0
) -> pd.DataFrame:
    """Split the votes of each group into factors that multiply to them.

    Parameters
    ----------
    daily : DataFrame
        As for :func:`activity`.
    days : Series
        Days of each month, indexed as the columns of `daily`.
    group, per_day
        As for :func:`activity`.

    Returns
    -------
    DataFrame
        Indexed by group: ``listed`` (models with votes), ``kept`` (the part of them
        that was in rotation in any month), ``days`` (in rotation, mean of those),
        ``rate`` (votes per model and day in rotation) and ``votes``, the product.
    """
    active = daily > per_day
    of = group.reindex(daily.index)
    listed = of.groupby(of).size()
    number = active.any(axis="columns").groupby(of).sum()
    model_days = (active * days).sum(axis="columns").groupby(of).sum()
    votes = (daily.where(active) * days).sum(axis="columns").groupby(of).sum()
    return pd.DataFrame(
        {
            "listed": listed,
            "kept": number / listed,
            "days": model_days / number,
            "rate": votes / model_days,
            "votes": votes,
        }
    )


def split(monthly: pd.DataFrame, days: pd.Series, one: str, other: str) -> pd.Series:
    """Split the ratio of two groups' votes into number and rate, over all months.

    Parameters
    ----------
    monthly : DataFrame
        As :func:`activity` returns it.
    days : Series
        Days of each month.
    one, other : str
        Two groups; `one` is in rotation in every month.

    Returns
    -------
    Series
        ``models`` and ``rate``, two factors that multiply to ``votes``, the ratio of
        the votes of `one` to those of `other`. Each is a mean over the months of the
        logarithms of its monthly ratios, weighted by the logarithmic mean of the two
        groups' votes (Ang and Liu 2001, LMDI I in its multiplicative form). What a
        month without `other` adds is put down to the number of models (the limit of
        Ang and Liu 2007 for values of zero).
    """
    group = monthly.index.get_level_values("group")
    first, second = (monthly[group == g].droplevel("group") for g in (one, other))
    # No model has no rate; any will do where the number is zero.
    second = second.fillna({"rate": first["rate"]})
    votes, others = (part["models"] * part["rate"] * days for part in (first, second))
    weight = _log_mean(votes, others) / _log_mean(votes.sum(), others.sum())
    ratio = votes.sum() / others.sum()
    logs = np.log(first["rate"]) - np.log(second["rate"])
    by_rate = float(np.exp((weight * logs).sum()))
    return pd.Series({"models": ratio / by_rate, "rate": by_rate, "votes": ratio})


def _log_mean(a, b):
    """Return the logarithmic mean of two positive numbers; 0 if one of them is 0."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (a - b) / (np.log(a) - np.log(b))
    return np.where(np.isclose(a, b, rtol=1e-9), a, mean)[()]


def rate_ratio(
    daily: pd.DataFrame,
    days: pd.Series,
    group: pd.Series,
    provider: pd.Series,
    pair: tuple[str, str],
) -> tuple[float, float]:
    """Compare the votes per day in rotation of two groups, with its error.

    Parameters
    ----------
    daily, days, group
        As for :func:`factors`.
    provider : Series
        The provider of each model, indexed by model.
    pair : tuple of str
        Two groups.

    Returns
    -------
    tuple of float
        The natural logarithm of the ratio of the first group's rate to the second's,
        and its standard error by the jackknife that leaves out one provider at a time
        (Efron and Stein 1981): the models of one provider are not independent.
    """

    def log_ratio(models: pd.Index) -> float:
        rate = factors(daily.loc[models], days, group)["rate"]
        return float(np.log(rate[pair[0]] / rate[pair[1]]))

    of = provider.reindex(daily.index)
    some = of[group.reindex(daily.index).isin(pair)]
    left = [log_ratio(some.index[some != name]) for name in some.unique()]
    n = len(left)
    return log_ratio(some.index), float(np.sqrt((n - 1) * np.var(left)))
