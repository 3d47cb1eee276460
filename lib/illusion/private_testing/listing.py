"""What the public history of the board says about new models.

If scores at listing were selected for luck, they fall once fresh votes come in: by the
luck, times the share of the votes that are fresh. Models of one provider are not
independent, so whatever is said of all models has its error from providers.
"""

import numpy as np
import pandas as pd
from scipy import stats

from illusion.clustered import Estimate, holm, ratio

FIRST = "2024-07-07"
"""Models first seen on this day, after a gap in the copies, may be older."""


def luck(after: pd.DataFrame) -> Estimate:
    """Luck in scores at listing, from how far they fell since.

    Parameters
    ----------
    after : DataFrame
        A row per new model: ``adj`` (change of the score), ``se0`` (standard error at
        listing), both in Elo points, ``frac_new`` (share of the votes that are fresh)
        and ``organisation``.

    Returns
    -------
    Estimate
        In standard errors at listing, the unit of
        :func:`~illusion.private_testing.selection.expected_maximum`. Luck of k errors
        makes a score change by ``-k * frac_new`` of them, with a variance from votes of
        ``frac_new``: weighted by the inverse of that, the slope through the origin is
        the ratio of two means. Grouped by provider.
    """
    fall = -after["adj"] / after["se0"]
    return ratio(fall, after["frac_new"], after["organisation"])


def unexplained(after: pd.DataFrame) -> Estimate:
    """Spread of changes that the votes do not explain.

    Parameters
    ----------
    after : DataFrame
        As for :func:`luck`.

    Returns
    -------
    Estimate
        Elo points: the root of the mean of ``adj**2 - se0**2 * frac_new``, which is the
        variance that votes do not give (method of moments, as DerSimonian and Laird
        1986). The interval is that of the variance, grouped by provider; an end below
        zero is zero.
    """
    votes = after["se0"] ** 2 * after["frac_new"].clip(lower=0)
    beyond = after["adj"] ** 2 - votes
    found = ratio(beyond, pd.Series(1.0, beyond.index), after["organisation"])
    value, low, high = np.sqrt(np.maximum(0, [found.value, found.low, found.high]))
    error = found.standard_error / (2 * value) if value else float("inf")
    return Estimate(value, error, low, high, found.groups)


def mean_changes(change: pd.Series, group: pd.Series) -> pd.DataFrame:
    """Mean change of each group, corrected for looking at many.

    Parameters
    ----------
    change, group : Series
        Elo points, and the group of each.

    Returns
    -------
    DataFrame
        Indexed by group, those of four and more, smallest p-value first: ``size``,
        ``mean``, ``low`` and ``high`` (95%, Student's t, Elo points), ``p`` (against
        no change, two-sided) and ``holm`` (the same, corrected by Holm 1979 for all
        groups).
    """
    table = change.groupby(group).agg(["size", "mean", "sem"])
    table = table[table["size"] >= 4]
    t = stats.t(table["size"] - 1)
    half = table["sem"] * t.ppf(0.975)
    table = table.drop(columns="sem").assign(
        low=table["mean"] - half,
        high=table["mean"] + half,
        p=2 * t.sf(np.abs(table["mean"] / table["sem"])),
    )
    return table.assign(holm=holm(table["p"])).sort_values("p")
