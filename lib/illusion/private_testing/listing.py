"""What the public history of the board says about new models.

If scores at listing were selected for luck, they fall once fresh votes come in.
"""

import numpy as np
import pandas as pd
from scipy import stats

FIRST = "2024-07-07"
"""Models first seen on this day, after a gap in the copies, may be older."""


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
