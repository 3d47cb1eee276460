"""What the public history of the board says about new models.

Two traces that selected luck must leave: new leaders lead by less than their
error, and new scores fall once fresh votes come in.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from illusion import data


def leads(since: str) -> pd.DataFrame:
    """Return every change of the leader, with what the leads are worth.

    Parameters
    ----------
    since : str
        First day, from 2024-06-19 on: votes per model are not public before.

    Returns
    -------
    DataFrame
        One row per change to the end of the history of votes, in the order of time:
        ``day``, ``model``, ``organisation``, ``lead`` over the second, and
        ``half_width`` and ``runner_up_half_width``, those of the 95% intervals
        (Elo points). A half-width is that of the published intervals of models
        with 5,000 to 10,000 votes, scaled to the last number of votes known on that
        day; the second is taken to be the model that led before.

    Raises
    ------
    ValueError
        A model whose votes are not known on the day.
    """
    law = data.load("ci_vs_votes").set_index("subset")["c_median"]
    drift, months = data.load("post_listing_drift"), data.load("votes_by_month")
    known = pd.concat(
        [
            drift[["model", "first_date", "votes0"]].set_axis(
                ["model", "day", "votes"], axis=1
            ),
            months[["model", "snapshot", "votes_cumulative"]].set_axis(
                ["model", "day", "votes"], axis=1
            ),
        ]
    )

    def half_width(model: str, day: pd.Timestamp) -> float:
        votes = known["votes"][(known["model"] == model) & (known["day"] <= day)]
        if votes.empty:
            raise ValueError(
                f"No number of votes of {model!r} is public by {day:%Y-%m-%d}; votes "
                "per model begin on 2024-06-19."
            )
        return float(law["votes 5000-10000"] / np.sqrt(votes.max()))

    first = data.load("number_one").rename(
        columns={"first_day": "day", "lead_at_start": "lead"}
    )
    first["runner_up"] = first["model"].shift()
    first = first[first["day"].between(since, known["day"].max())]
    for column, side in (
        ("half_width", "model"),
        ("runner_up_half_width", "runner_up"),
    ):
        first[column] = list(map(half_width, first[side], first["day"]))
    columns = ["day", "model", "organisation", "lead"]
    columns += ["half_width", "runner_up_half_width"]
    return first[columns].reset_index(drop=True)


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
    table = table.sort_values("p")
    left = np.arange(len(table), 0, -1)
    table["holm"] = (table["p"] * left).cummax().clip(upper=1)
    return table
