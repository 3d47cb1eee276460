"""Who gets the new votes, month by month, before the dispute and after it.

Counts of votes can be compared over the two periods of the record, scores cannot. A
month's new votes are the difference between two copies of the board, so that the first
month of a window begins with its first copy. A vote counts once for each of its two
models. Corrections of the count make some differences negative; they count as zero.
"""

from typing import Literal

import pandas as pd

from illusion import record

Group = Literal["organisation", "licence_class"]


def gains(copies: pd.DataFrame) -> pd.DataFrame:
    """List the new votes of every model in every month.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    DataFrame
        A row per month and model that was on the board by its end, in the order of
        time: ``month`` (day of its last copy), ``days`` since the last copy of the
        month before, ``model``, ``organisation``, ``licence_class``, ``votes`` (new
        ones, at least 0; all it has in the month of its listing) and ``usable``, no in
        a month in which the board counted anew (:data:`illusion.record.RECOUNTED`).

    Raises
    ------
    ValueError
        One month's copies only, in which nothing can be gained, or both periods.
    """
    votes = record.votes_by_month(copies)
    if votes.shape[1] < 2:
        raise ValueError(
            "All copies are of one day: take a window that is longer, in which votes "
            "can be gained."
        )
    about = record.models(copies, []).set_index("model")
    wide = record.gained(votes).rename_axis(columns=None).reset_index()
    table = wide.melt("model", var_name="month", value_name="votes").dropna()
    table = table.sort_values(["month", "model"], ignore_index=True)
    days = pd.DatetimeIndex(votes.columns).to_series().diff().dt.days
    month = pd.to_datetime(table["month"])
    return pd.DataFrame(
        {
            "month": month,
            "days": month.map(days).astype("int64"),
            "model": table["model"],
            "organisation": table["model"].map(about["organisation"]),
            "licence_class": table["model"].map(about["licence_class"]),
            "votes": table["votes"].clip(lower=0).astype("int64"),
            "usable": ~month.dt.strftime("%Y-%m").isin(record.RECOUNTED),
        }
    )


def shares(gained: pd.DataFrame, by: Group = "licence_class") -> pd.DataFrame:
    """Share of each group in the new votes of every month.

    Parameters
    ----------
    gained : DataFrame
        As :func:`gains` returns it.
    by : {"organisation", "licence_class"}

    Returns
    -------
    DataFrame
        Months by groups, those with most votes in all first. Rows add up to 1.

    Raises
    ------
    ValueError
        A month without a new vote.
    """
    table = gained.pivot_table("votes", "month", by, "sum", fill_value=0)
    total = table.sum(axis="columns")
    if not total.all():
        raise ValueError(
            f"No model gained votes in {list(total.index[total == 0])}: there is "
            "nothing to share. Leave that month out."
        )
    order = table.sum().sort_values(ascending=False, kind="stable").index
    return table.div(total, axis="index")[order]


def overall(gained: pd.DataFrame, by: Group = "licence_class") -> pd.Series:
    """Share of each group in all new votes of a window.

    Parameters
    ----------
    gained : DataFrame
        As :func:`gains` returns it.
    by : {"organisation", "licence_class"}

    Returns
    -------
    Series
        Indexed by group, the largest first; they add up to 1.
    """
    votes = gained.groupby(by)["votes"].sum() / gained["votes"].sum()
    return votes.sort_values(ascending=False, kind="stable")


def largest(gained: pd.DataFrame, number: int = 4) -> pd.DataFrame:
    """Find the providers with most new votes in every month.

    Parameters
    ----------
    gained : DataFrame
        As :func:`gains` returns it.
    number : int
        How many providers.

    Returns
    -------
    DataFrame
        Indexed by month: ``share`` of these providers together, and ``providers``,
        their names in the order of their votes.
    """
    monthly = shares(gained, "organisation")
    rows = {}
    for month, row in monthly.iterrows():
        top = row.sort_values(ascending=False, kind="stable").iloc[:number]
        rows[month] = {"share": top.sum(), "providers": ", ".join(top.index)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("month")


def rotation(gained: pd.DataFrame, per_day: float = 10) -> pd.DataFrame:
    """Count the models that are shown in every month, and their votes.

    Parameters
    ----------
    gained : DataFrame
        As :func:`gains` returns it.
    per_day : float
        A model is in rotation in a month if it gained more votes per day than this.

    Returns
    -------
    DataFrame
        A row per month and licence class, and one of all classes named ``all``:
        ``month``, ``licence_class``, ``listed`` (models that have been on the board
        by then), ``models`` (in rotation), ``votes_per_day`` (new ones of those), and
        ``rate``, the votes per day of one of them (NaN if there is none).

    Raises
    ------
    ValueError
        A negative threshold.
    """
    if per_day < 0:
        raise ValueError(f"per_day={per_day} must be 0 or more votes per day.")
    daily = gained["votes"] / gained["days"]
    table = gained.assign(daily=daily.where(daily > per_day))
    parts = [table, table.assign(licence_class="all")]
    counted = pd.concat(parts).groupby(["month", "licence_class"])["daily"]
    found = counted.agg(["size", "count", "sum", "mean"])
    names = ["listed", "models", "votes_per_day", "rate"]
    return found.set_axis(names, axis="columns").reset_index()
