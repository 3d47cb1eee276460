"""Who was first, for how long, and how sure the board was.

Scores of the two periods are not compared: a lead and its error belong to one day.
"""

import numpy as np
import pandas as pd

from illusion import record

_Z = 1.959964  # half-widths of 95% intervals, in standard errors


def reigns(copies: pd.DataFrame) -> pd.DataFrame:
    """List the first places, with their lengths and whether the runner-up was apart.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    DataFrame
        As :func:`illusion.record.number_one`, with ``days``; ``overlap``, whether the
        published intervals of the first and of the runner-up overlap on the first day;
        and ``z``, the lead in its own standard errors, the two scores taken as
        independent (NaN without intervals).
    """
    table = record.number_one(copies)
    own, other = table["half_width"], table["runner_up_half_width"]
    error = (own**2 + other**2) ** 0.5 / _Z
    return table.assign(
        days=(table["last_day"] - table["first_day"]).dt.days,
        overlap=table["lead"] <= own + other,
        z=table["lead"] / error.where(error > 0),
    )


def summary(copies: pd.DataFrame) -> pd.Series:
    """Sum up who was first in a window.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    Series
        ``days`` of the window, ``reigns``, ``models`` and ``providers`` that were
        first, ``changes``, ``changes_of_provider``, ``days_per_change`` (NaN without
        one), ``median_days`` and ``longest_days`` of a reign (the last one is cut off),
        ``overlapping`` (share of the reigns whose interval overlaps with that of the
        runner-up on their first day) and ``copies_overlapping`` (share of all copies in
        which the two do).
    """
    table = reigns(copies)
    days = int((copies["board"].max() - copies["board"].min()).days)
    changes = len(table) - 1
    ordered = copies.sort_values(["board", "score"], ascending=[True, False])
    first, second = (
        ordered.groupby("board").nth(place).set_index("board") for place in (0, 1)
    )
    of = table["organisation"]
    return pd.Series(
        {
            "days": days,
            "reigns": len(table),
            "models": table["model"].nunique(),
            "providers": of.nunique(),
            "changes": changes,
            "changes_of_provider": int((of != of.shift()).sum()) - 1,
            "days_per_change": days / changes if changes else np.nan,
            "median_days": table["days"].median(),
            "longest_days": table["days"].max(),
            "overlapping": table["overlap"].mean(),
            "copies_overlapping": (first["lower"] <= second["upper"]).mean(),
        }
    )
