"""The public record: the dated boards, and what follows from them.

A *copy* is the public text board as it stood on one day: a row per model with its
published score, 95% interval and votes so far. The copies fall into two periods, to
July 2025 and from October 2025, whose scores come from different fits: a model in both
stands some 50 points apart. No function here joins them: :func:`boards` refuses a
window that holds copies of both, and so does every other function.

Beside the boards, counts of two tables of the paper that several chapters use.

Scores, interval ends and widths are in Elo points, votes are participations: a vote
counts once for each of its two models.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from illusion import data

SECOND_PERIOD = "2025-10-09"
"""Day of the first copy of the second period."""
BEFORE = ("2024-06-19", "2025-05-13")
"""Days of the first period before the board fitted anew and names changed."""
AFTER = (SECOND_PERIOD, "2026-08-22")
"""Days of the second period."""
RECOUNTED = ("2026-01", "2026-08")
"""Months in which the board counted the votes of many models anew."""


@cache
def _all_copies() -> pd.DataFrame:
    copies = data.load("boards")
    # The board prints whole points; the file writes 1287.0.
    points = ["score", "lower", "upper"]
    return copies.astype(dict.fromkeys(points, "int64"))


def boards(first: str, last: str) -> pd.DataFrame:
    """Take the copies of a window.

    Parameters
    ----------
    first, last : str
        Days, both included, such as ``"2024-06-19"``; the copies run to 2025-07-18
        and from 2025-10-09 to 2026-08-22.

    Returns
    -------
    DataFrame
        The table ``boards``, a row per copy and model in the order of time: ``board``
        (day of the copy), ``model``, ``score``, ``lower``, ``upper``, ``votes`` (so
        far) and ``preliminary`` (1 if the board itself says that the score comes from
        before the release).

    Raises
    ------
    ValueError
        No copy in the window, or copies of both periods.
    """
    copies = _all_copies()
    copies = copies[copies["board"].between(first, last)].reset_index(drop=True)
    if copies.empty:
        raise ValueError(
            f"There is no copy of the board from {first} to {last}. They run from "
            "2024-06-19 to 2025-07-18 and from 2025-10-09 to 2026-08-22."
        )
    _period(copies)
    return copies


def _period(copies: pd.DataFrame) -> str:
    """Name the period, as the table ``board_models`` does; refuse two."""
    second = copies["board"] >= SECOND_PERIOD
    if second.any() and not second.all():
        raise ValueError(
            "These copies are of two periods, to July 2025 and from October 2025, "
            "whose scores are on different scales. Take a window inside one of them."
        )
    return "from 2025-10" if second.all() else "to 2025-07"


def _about(copies: pd.DataFrame) -> pd.DataFrame:
    """Return organisation and licence of the models of a period, by model."""
    table = data.load("board_models")
    table = table[table["period"] == _period(copies)].set_index("model")
    return table.drop(columns="period")


def _votes(copies: pd.DataFrame) -> pd.DataFrame:
    """Return votes so far, models by days; a model that is hidden keeps its last."""
    _period(copies)
    return copies.pivot_table("votes", "model", "board").ffill(axis=1)


def models(
    copies: pd.DataFrame, windows: Sequence[int] = (30, 51, 60, 90)
) -> pd.DataFrame:
    """Describe every model as it stood in the last copy that has it.

    Parameters
    ----------
    copies : DataFrame
        As :func:`boards` returns them.
    windows : sequence of int
        Days up to the last copy over which gained votes are counted. A window begins
        with the copy nearest to its first day, so that the one of 30 days to 24 April
        2025 is 29 days long.

    Returns
    -------
    DataFrame
        A row per model, sorted by name: ``model``, ``organisation``, ``licence``,
        ``licence_class``, ``first_seen`` and ``last_seen`` (days of copies; a model
        of the first copy may be older), ``score_first``, ``score``, ``lower``,
        ``upper``, ``votes``. For each window of n days ``votes_last_nd`` (all its votes
        if the model came later; slightly negative where the board took duplicates away)
        and ``new_within_nd``. Last ``on_official_list`` and ``on_retired_page``,
        whether FastChat's list of deprecated models (April 2025) or LMArena's page of
        retired ones (June 2025) names the model, by either of its names.
    """
    about, votes = _about(copies), _votes(copies)
    by_model = copies.groupby("model")
    seen, dates = by_model["board"].agg(["min", "max"]), _days(votes)
    last = dates[-1]
    state = by_model[["score", "lower", "upper", "votes"]].last()
    table = about.drop(columns="display_name").reindex(state.index)
    table = table.assign(
        first_seen=seen["min"],
        last_seen=seen["max"],
        score_first=by_model["score"].first(),
    ).join(state)
    for days in windows:
        start = _nearest(dates, last - pd.Timedelta(days=days))
        gain = votes[last] - votes[start].fillna(0)
        table[f"votes_last_{days}d"] = gain.astype("int64")
        table[f"new_within_{days}d"] = table["first_seen"] > start
    names = data.load("official_deprecated_names").set_index("name")
    shown = about["display_name"].reindex(state.index).str.lower()
    for column, first in (
        ("on_official_list", "fastchat_first"),
        ("on_retired_page", "retired_page_first"),
    ):
        named = names.index[names[first].notna()]
        table[column] = table.index.isin(named) | shown.isin(named)
    return table.reset_index()


def _days(votes: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the days of the copies, which are the columns."""
    return pd.DatetimeIndex(votes.columns)


def _nearest(days: pd.DatetimeIndex, day: pd.Timestamp) -> pd.Timestamp:
    """Return the nearest of the days, the earlier of two."""
    return days[int(np.abs((days - day).days).argmin())]


def votes_by_month(copies: pd.DataFrame) -> pd.DataFrame:
    """Votes so far of every model at the end of each month.

    Parameters
    ----------
    copies : DataFrame
        As :func:`boards` returns them.

    Returns
    -------
    DataFrame
        Models by days: the first copy and the last one of each month. A model that is
        hidden keeps its last count; NaN before a model was listed.
    """
    votes = _votes(copies)
    days = _days(votes).to_series()
    ends = days.groupby(days.dt.to_period("M")).max()
    return votes[sorted({days.iloc[0], *ends})]


def gained(votes: pd.DataFrame) -> pd.DataFrame:
    """Votes that every model gained between the columns of cumulative counts.

    Parameters
    ----------
    votes : DataFrame
        As :func:`votes_by_month` returns it.

    Returns
    -------
    DataFrame
        Of the same shape less the first column. A model's first count is a gain; NaN
        before it was listed; corrections of the count can make a gain negative.
    """
    return (votes - votes.shift(axis="columns").fillna(0)).iloc[:, 1:]


def daily_gains(votes: pd.DataFrame) -> pd.DataFrame:
    """Votes per day that each model gained between the ends of two months.

    Parameters
    ----------
    votes : DataFrame
        As :func:`votes_by_month` returns it.

    Returns
    -------
    DataFrame
        Models by the days of the copies (the second on); NaN before a model was
        on the board. One that was listed since the last copy gained all it has.
    """
    days = _days(votes).to_series().diff().dt.days.iloc[1:]
    return gained(votes) / days


def last_active(votes: pd.DataFrame, per_day: float) -> pd.Series:
    """Find the end of the last month in which each model gained enough votes.

    Parameters
    ----------
    votes : DataFrame
        As :func:`votes_by_month` returns it.
    per_day : float
        Votes per day that a model must exceed.

    Returns
    -------
    Series of datetime
        By model; missing if it never did since the first copy.
    """
    busy = (daily_gains(votes) > per_day).iloc[:, ::-1]
    return busy.idxmax(axis="columns").where(busy.any(axis="columns"))


def number_one(copies: pd.DataFrame) -> pd.DataFrame:
    """Find who led the board, from when to when, and by how much.

    Parameters
    ----------
    copies : DataFrame
        As :func:`boards` returns them.

    Returns
    -------
    DataFrame
        A row per reign in the order of time: ``first_day``; ``last_day``, the first
        copy with another leader, or the last copy of all; ``model``, ``organisation``;
        ``score_first`` and ``score_last`` of the reign; and, on its first day, ``lead``
        over the ``runner_up``, and ``half_width`` and ``runner_up_half_width`` of the
        published intervals. Of two equal scores the one printed first counts as higher.
        A reign between two copies is not seen.
    """
    organisation = _about(copies)["organisation"]
    ordered = copies.sort_values(["board", "score"], ascending=[True, False])
    ordered["half_width"] = (ordered["upper"] - ordered["lower"]) / 2
    first, second = (ordered.groupby("board").nth(k).set_index("board") for k in (0, 1))
    reign = (first["model"] != first["model"].shift()).cumsum()
    start = first[~reign.duplicated()]
    last = first[~reign.duplicated(keep="last")]
    runner_up = second.loc[start.index]
    table = pd.DataFrame(
        {
            "last_day": [*start.index[1:], first.index[-1]],
            "model": start["model"],
            "organisation": start["model"].map(organisation),
            "score_first": start["score"],
            "score_last": last["score"].to_numpy(),
            "lead": start["score"] - runner_up["score"],
            "runner_up": runner_up["model"],
            "half_width": start["half_width"],
            "runner_up_half_width": runner_up["half_width"],
        }
    )
    return table.rename_axis("first_day").reset_index()


def width_constants(
    copies: pd.DataFrame,
    edges: Sequence[float] = (300, 2_000, 5_000, 10_000, 30_000, np.inf),
) -> pd.DataFrame:
    """Half-widths of the published intervals, times the root of the votes.

    Parameters
    ----------
    copies : DataFrame
        As :func:`boards` returns them.
    edges : sequence of float
        Votes at which bands begin, and the last one ends.

    Returns
    -------
    DataFrame
        Indexed by band, ``all`` first: ``n`` (rows with an interval; the model that
        anchors the scale has none), ``geometric_mean`` and ``median`` of half-width
        times the root of the votes. If intervals narrowed as one over the root of the
        votes, all bands would have the same constant.
    """
    _period(copies)
    half = (copies["upper"] - copies["lower"]) / 2
    votes = copies["votes"][half > 0]
    constant = half[half > 0] * np.sqrt(votes)
    bands = pd.cut(votes, edges, right=False)
    by = [constant.groupby(key, observed=True) for key in (votes * 0, bands)]
    found = pd.concat([part.agg(["size", stats.gmean, "median"]) for part in by])
    found = found.set_axis(["n", "geometric_mean", "median"], axis="columns")
    return found.rename(index={0: "all"}).rename_axis("votes")


def after_listing(
    copies: pd.DataFrame,
    horizons: Sequence[int] = (14, 30, 60, 90),
    *,
    listed_by: str | None = None,
    since: int = 0,
    off: int = 8,
    age: int = 60,
    votes: int = 8_000,
) -> pd.DataFrame:
    """Follow the scores of new models, beside those of established ones.

    Parameters
    ----------
    copies : DataFrame
        As :func:`boards` returns them. Models of the first copy are not new.
    horizons : sequence of int
        Days over which a score is followed.
    listed_by : str, optional
        Last day on which a followed model was first seen; that of the last copy unless
        given.
    since : int
        Days after a model's first copy from which on it is followed.
    off : int
        Days by which the nearest copy with the model may miss the first day or the
        last.
    age, votes : int
        Days on the board and votes that make a model established on the day from which
        another one is followed; models of the first copy count as old.

    Returns
    -------
    DataFrame
        A row per new model and horizon, sorted by both: ``model``, ``organisation``,
        ``first_date`` (of its first copy), ``horizon_days``, ``score0`` and ``votes0``
        on that day or, if given, `since` days later, ``score1`` and ``votes1`` at the
        horizon, ``ref_mean`` (mean change of the established over the same days),
        ``adj`` (change beyond that), ``se0`` (standard error of ``score0`` for its
        votes, by the median constant of :func:`width_constants`) and ``frac_new``
        (share of the votes at the horizon that are newer than ``votes0``).
    """
    organisation = _about(copies)["organisation"]
    score = copies.pivot_table("score", "board", "model")
    count = copies.pivot_table("votes", "board", "model")
    first = copies.groupby("model")["board"].min()
    old = first == score.index[0]
    new = first[~old & (first <= (listed_by or score.index[-1]))]
    per_vote = width_constants(copies)["median"]["all"] / 1.96
    rows = []
    for model, listed in new.items():
        held = count[model]
        has = pd.DatetimeIndex(held.dropna().index)
        begins = listed + pd.Timedelta(days=since)
        day = _nearest(has, begins)
        if abs((day - begins).days) > off:
            continue
        aged = old | (day - first >= pd.Timedelta(days=age))
        established = aged & (count.loc[day] >= votes) & (first.index != model)
        for horizon in horizons:
            target = day + pd.Timedelta(days=horizon)
            then = _nearest(has, target)
            if abs((then - target).days) > off:
                continue
            change = score.loc[then] - score.loc[day]
            row = {
                "model": model,
                "organisation": organisation[model],
                "first_date": listed,
                "horizon_days": horizon,
                "score0": score.loc[day, model],
                "score1": score.loc[then, model],
                "votes0": held[day],
                "votes1": held[then],
                "ref_mean": change[established].mean(),
            }
            row["adj"] = change[model] - row["ref_mean"]
            row["se0"] = per_vote / np.sqrt(row["votes0"])
            rows.append(row | {"frac_new": 1 - row["votes0"] / row["votes1"]})
    return pd.DataFrame(rows)


def ranks(copies: pd.DataFrame) -> pd.DataFrame:
    """Rank the models of every copy.

    Parameters
    ----------
    copies : DataFrame
        As :func:`boards` returns them.

    Returns
    -------
    DataFrame
        The rows of `copies` with ``rank_by_score``, 1 + the number of models with a
        higher score, ``rank_by_interval``, 1 + the number of models whose interval
        lies wholly above (appendix B of Singh et al. 2025), and ``models_on_board``.
    """
    _period(copies)
    copies = copies.sort_values("board", kind="stable")
    board = copies.groupby("board")
    above = [
        len(one) - np.searchsorted(np.sort(one["lower"]), one["upper"], "right")
        for _, one in board
    ]
    return copies.assign(
        rank_by_score=board["score"].rank("min", ascending=False).astype("int64"),
        rank_by_interval=1 + np.concatenate(above),
        models_on_board=board["model"].transform("size"),
    )


def private_variants() -> pd.DataFrame:
    """Count the private variants that the paper attributes to each provider.

    Returns
    -------
    DataFrame
        Indexed by provider, most first: ``main_arena``, ``vision_only`` and ``total``
        (variants), from Table 2 of Singh et al. (2025, v1) without LMArena's own
        routers and the aliases that nobody was named for.
    """
    table = data.load("private_models_paper_table2")
    table = table[~table["provider"].str.contains("LMArena|unidentified")]
    arenas = {"overall": "main_arena", "vision only": "vision_only"}
    counts = pd.crosstab(table["provider"], table["board"].map(arenas))
    counts = counts.loc[table["provider"].unique()].rename_axis(columns=None)
    counts["total"] = counts.sum(axis="columns")
    return counts.sort_values("total", ascending=False, kind="stable")


def largest_rates() -> pd.DataFrame:
    """Find the largest daily sampling rate of each provider that the paper measured.

    Returns
    -------
    DataFrame
        Indexed by provider, largest first: ``model``, ``private`` (1 if it never was
        public), ``battles_with_model`` and ``battles_that_day``, and
        ``max_daily_rate_pct`` (percent, to the decimal that the paper's Figure 5 has),
        from Table 5 of Singh et al. (2025, v1).
    """
    table = data.load("sampling_rates_paper_table5").sort_values(
        "rate_pct_printed", ascending=False
    )
    table = table.drop_duplicates("provider").set_index("provider")
    table["max_daily_rate_pct"] = table["rate_pct_printed"].round(1)
    columns = ["model", "private", "battles_with_model", "battles_that_day"]
    return table[[*columns, "max_daily_rate_pct"]]
