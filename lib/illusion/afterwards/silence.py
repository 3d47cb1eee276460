"""Models that are listed and get no new votes, and models that leave the board.

A model is *silent* on the day of a copy if it has a row there, stood on the board at
the beginning of the window already, and gained at most a few votes since. Corrections
of the count can hide silence: after a recount, :func:`silent` says that the window is
not usable. Before 2025-05 models could be hidden and kept no row; since October 2025
nearly all stay listed. So a larger share of silent models among those listed can come
from a board that keeps what it no longer asks about.
"""

from collections.abc import Sequence

import pandas as pd

from illusion import record


def silent(
    copies: pd.DataFrame, windows: Sequence[int] = (30, 60, 90), few: int = 10
) -> pd.DataFrame:
    """Count the listed models without new votes at the end of every month.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.
    windows : sequence of int
        Days up to the last copy of a month.
    few : int
        New votes in a window up to which a model counts as silent.

    Returns
    -------
    DataFrame
        A row per month, window and licence class, and one of all classes named
        ``all``: ``month`` (day of its last copy), ``window_days``, ``days`` (that the
        window really has, between two copies), ``licence_class``, ``listed`` (models on
        the board that day and when the window began), ``silent`` among them, ``share``,
        and ``usable``, no if the window reaches into a month of
        :data:`illusion.record.RECOUNTED`. A window begins with the copy nearest to its
        first day; months for which none lies within a third of its length are left out.

    Raises
    ------
    ValueError
        A negative number of votes, a window shorter than a day, or no month that any
        window fits into.
    """
    if few < 0 or min(windows) < 1:
        raise ValueError(
            f"few={few} must be 0 or more votes, and windows={list(windows)} days."
        )
    votes = copies.pivot_table("votes", "model", "board")
    classes = record.models(copies, []).set_index("model")["licence_class"]
    days = pd.DatetimeIndex(votes.columns).to_series()
    recounted = pd.PeriodIndex(record.RECOUNTED, freq="M")
    rows = []
    for end in days.groupby(days.dt.to_period("M")).max():
        for window in windows:
            begin = end - pd.Timedelta(days=window)
            start = days.iloc[int((days - begin).abs().to_numpy().argmin())]
            if start == end or abs((start - begin).days) > window / 3:
                continue
            gain = (votes[end] - votes[start]).dropna()
            quiet = gain <= few
            of = classes.reindex(gain.index)
            months = pd.period_range(start, end, freq="M")
            usable = not months.isin(recounted).any()
            counts = quiet.groupby(of).agg(["size", "sum"])
            counts.loc["all"] = [len(quiet), quiet.sum()]
            rows += [
                (end, window, (end - start).days, name, int(size), int(number), usable)
                for name, size, number in counts.itertuples()
            ]
    if not rows:
        raise ValueError(
            f"No window of {list(windows)} days fits between the copies: take more."
        )
    names = ["month", "window_days", "days", "licence_class", "listed", "silent"]
    table = pd.DataFrame(rows, columns=pd.Index([*names, "usable"]))
    table.insert(6, "share", table["silent"] / table["listed"])
    return table


def left(copies: pd.DataFrame) -> pd.DataFrame:
    """Count the models that left the board, month by month.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    DataFrame
        A row per month and licence class: ``month`` (of the last copy with the model,
        text such as ``2026-01``), ``licence_class``, ``left``, the models that have no
        row in any later copy. Months without one have no row. A change of name looks
        like leaving.
    """
    about = record.models(copies, [])
    gone = about[about["last_seen"] < copies["board"].max()]
    month = gone["last_seen"].dt.strftime("%Y-%m").rename("month")
    return gone.groupby([month, "licence_class"]).size().rename("left").reset_index()
