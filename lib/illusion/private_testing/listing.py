"""What the public history of the board says about new models.

Two traces that selected luck must leave: new leaders lead by less than their
error, and new scores fall once fresh votes come in.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from illusion import data

FIRST = "2024-07-07"
"""Models first seen on this day, after a gap in the copies, may be older."""

# The bands of the table ci_vs_votes, by the votes below which each ends.
_BANDS = (
    (2_000, "votes 300-2000"),
    (5_000, "votes 2000-5000"),
    (10_000, "votes 5000-10000"),
    (30_000, "votes 10000-30000"),
    (np.inf, "votes 30000 and more"),
)


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
        ``day``, ``model``, ``organisation``, ``lead`` over ``runner_up``, and
        ``half_width`` and ``runner_up_half_width``, those of the 95% intervals
        (Elo points). A half-width is the median one of all models with about as
        many votes, scaled to the last number of votes known on that day; the second
        is the model that led before, or one listed on the same day with its score.

    Raises
    ------
    ValueError
        A model whose votes are not known on the day.
    """
    law = data.load("ci_vs_votes").set_index("subset")["c_median"]
    drift, months = data.load("post_listing_drift"), data.load("votes_by_month")
    drift["later"] = drift["first_date"] + pd.to_timedelta(drift["horizon_days"], "D")
    counts = [
        drift[["model", "first_date", "votes0"]],
        drift[["model", "later", "votes1"]],
        months[["model", "snapshot", "votes_cumulative"]],
    ]
    columns = ["model", "day", "votes"]
    known = pd.concat([part.set_axis(columns, axis="columns") for part in counts])

    def half_width(model: str, day: pd.Timestamp) -> float:
        votes = known["votes"][(known["model"] == model) & (known["day"] <= day)].max()
        if pd.isna(votes):
            raise ValueError(
                f"No number of votes of {model!r} is public by {day:%Y-%m-%d}; votes "
                "per model begin on 2024-06-19."
            )
        band = next(name for most, name in _BANDS if votes < most)
        return float(law[band] / np.sqrt(votes))

    first = data.load("number_one").rename(
        columns={"first_day": "day", "lead_at_start": "lead"}
    )
    # The second is the model that led before, unless one that was listed on the
    # same day has the score that the lead leaves to it.
    first["runner_up"] = first["model"].shift()
    listed = drift.drop_duplicates("model")
    left = (first["score_first"] - first["lead"]).round().astype("int64")
    second = first.assign(score0=left).merge(
        listed, left_on=["day", "score0"], right_on=["first_date", "score0"]
    )
    same_day = second.set_index("day")["model_y"]
    first["runner_up"] = first["day"].map(same_day).fillna(first["runner_up"])
    first = first[first["day"].between(since, months["snapshot"].max())]
    for column, side in (
        ("half_width", "model"),
        ("runner_up_half_width", "runner_up"),
    ):
        first[column] = list(map(half_width, first[side], first["day"]))
    columns = ["day", "model", "organisation", "lead", "runner_up"]
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
