"""What the public history of the board says about new models.

If scores at listing were selected for luck, they fall once fresh votes come in.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

FIRST = "2024-07-07"
"""Models first seen on this day, after a gap in the copies, may be older."""


def mean_changes(
    change: pd.Series, group: pd.Series, *, at_least: int = 4, level: float = 0.95
) -> pd.DataFrame:
    """Mean change of each group, corrected for looking at many.

    Parameters
    ----------
    change : Series
        Elo points.
    group : Series
        The group of each.
    at_least : int
        Smallest group that is looked at, at least 2.
    level : float
        Nominal coverage of the intervals, probability.

    Returns
    -------
    DataFrame
        Indexed by group, smallest p-value first: ``size``, ``mean``, ``low``,
        ``high`` (Student's t, Elo points), ``p`` (against no change, two-sided)
        and ``holm`` (the same, corrected by Holm 1979 for all groups).
    """
    table = change.groupby(group).agg(["size", "mean", "sem"])
    table = table[table["size"] >= max(at_least, 2)]
    t = stats.t(table["size"] - 1)
    half = table["sem"] * t.ppf((1 + level) / 2)
    table = table.drop(columns="sem").assign(
        low=table["mean"] - half,
        high=table["mean"] + half,
        p=2 * t.sf(np.abs(table["mean"] / table["sem"])),
    )
    return table.assign(holm=holm(table["p"])).sort_values("p")


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
