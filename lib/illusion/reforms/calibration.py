"""A simulated arena beside the record: one set of functions describes either.

A season becomes copies of a board, as :func:`illusion.record.boards` returns the real
ones, and whatever reads the record reads it.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtri

from illusion import record
from illusion.concentration import gini
from illusion.reforms.scenario import Season

AFTER_LISTING = (14, 30, 60, 90)
ESTABLISHED = (90, 300)
_OLD = 8_000  # votes that make a model established, if it is as old as that:
_KNOWN = 60  # days; models of the first copy count as old
_SAMPLED = 0.02  # share of its votes that is new, or it was all but dropped
_OFF = 8  # days by which the nearest copy may miss a horizon
_CLOSE = 40  # points behind the first
_TIMES = 2_000  # bootstrap


def copies(season: Season, replicate: int, models: pd.DataFrame) -> pd.DataFrame:
    """Write a season down as the record has it.

    Parameters
    ----------
    season : Season
    replicate : int
        Which one.
    models : DataFrame
        As :func:`illusion.record.models` returns it: the names and the first day.

    Returns
    -------
    DataFrame
        As :func:`illusion.record.boards` returns them, a copy a week, scores in whole
        points. Intervals are those of the last board, wider before it as one over the
        root of the votes.
    """
    names = models.sort_values(["first_seen", "model"])["model"].to_numpy()
    score, votes = season.score[replicate], season.battles[replicate]
    week, model = np.nonzero(~np.isnan(score))
    width = -ndtri(0.025) * season.standard_error[replicate] * np.sqrt(votes[-1])
    here, half = score[week, model], width[model] / np.sqrt(votes[week, model])
    return pd.DataFrame(
        {
            "board": models["first_seen"].min() + pd.to_timedelta(7 * week, unit="D"),
            "model": names[model],
            "score": here.round(),
            "lower": here - half,
            "upper": here + half,
            "votes": votes[week, model],
        }
    )


def portrait(copies: pd.DataFrame) -> dict[str, float]:
    """Describe an arena by its copies.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    dict of str to float
        Battles a day; spread of the last scores, points from the first to the tenth,
        and models within 40 points of the first; share of open models in the votes,
        and concentration of votes; half-widths; votes of a new model and of one of the
        last top ten.
    """
    models = record.models(copies).set_index("model")
    by_month = record.votes_by_month(copies)
    copied = pd.DatetimeIndex(by_month.columns)
    days = (copied[-1] - copied[0]).days
    gained = record.gained(by_month).sum(axis=1).clip(lower=0).reindex(models.index)
    half = (models["upper"] - models["lower"]) / 2
    is_open = models["licence_class"] != "proprietary"
    new = models["first_seen"] >= models["first_seen"].min() + pd.Timedelta(days=7)
    score = models["score"].sort_values(ascending=False)
    top, points = score.index[:10], score.to_numpy(dtype=float)
    return {
        "battles a day": gained.sum() / 2 / days,
        "spread of scores (SD)": score.std(ddof=0),
        "points, first to tenth": points[0] - points[9],
        "models within 40 of first": (points >= points[0] - _CLOSE).sum(),
        "votes of open models": gained[is_open].sum() / gained.sum(),
        "concentration (Gini)": gini(gained.to_numpy()),
        "half-width, open models": half[is_open].mean(),
        "half-width, top ten": half[top].mean(),
        "votes, new model (median)": gained[new].median(),
        "votes, top-ten model": gained[top].mean(),
    }


def changes(copies: pd.DataFrame) -> pd.DataFrame:
    """Follow scores of new and of established models.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    DataFrame
        A row per model and window: ``who`` ("new" or "established"), ``days``,
        ``change`` (Elo points), ``model`` and ``organisation``. The change of a new
        model is since its listing, and beyond the mean of the established, as in
        :func:`illusion.record.after_listing`. Established are models with 8,000
        votes on the first copy, over windows that follow one another, as long as they
        are sampled; their change is beyond the mean of theirs.
    """
    tables = (copies.pivot_table(name, "board", "model") for name in ("score", "votes"))
    score, votes = tables
    boards = pd.DatetimeIndex(score.index)
    organisation = record.models(copies).set_index("model")["organisation"]
    day = (boards - boards[0]).days.to_numpy()
    found = [*_new(score.to_numpy(), votes.to_numpy(), day)]
    found += _established(score.to_numpy(), votes.to_numpy(), day)
    table = pd.DataFrame(found, columns=["who", "days", "place", "change"])
    table["model"] = score.columns.to_numpy()[table.pop("place")]
    return table.assign(organisation=table["model"].map(organisation))


def _then(day: np.ndarray, start: int, days: int) -> int | None:
    """Place of the copy that is nearest to some days later, if one is near."""
    off = np.abs(day - day[start] - days)
    return int(off.argmin()) if off.min() <= _OFF else None


def _new(score: np.ndarray, votes: np.ndarray, day: np.ndarray) -> Iterator[tuple]:
    """Yield changes of new models since their listing."""
    first = (~np.isnan(score)).argmax(axis=0)
    for model in np.flatnonzero(first > 0):
        start = first[model]
        known = (first == 0) | (day[start] - day[first] >= _KNOWN)
        known &= votes[start] >= _OLD
        for days in AFTER_LISTING:
            end = _then(day, start, days)
            if end is None or np.isnan(score[end, model]):
                continue
            moved = score[end] - score[start]
            yield "new", days, model, moved[model] - np.nanmean(moved[known])


def _established(
    score: np.ndarray, votes: np.ndarray, day: np.ndarray
) -> Iterator[tuple]:
    """Yield changes of old models that are sampled, over windows in a row."""
    for days in ESTABLISHED:
        start = 0
        while (end := _then(day, start, days)) is not None:
            fresh = 1 - votes[start] / votes[end]
            moved = (score[end] - score[start])[(votes[0] >= _OLD) & (fresh > _SAMPLED)]
            places = np.flatnonzero((votes[0] >= _OLD) & (fresh > _SAMPLED))
            for model, change in zip(places, moved - moved.mean(), strict=True):
                yield "established", days, model, change
            start = end


def spread(moved: pd.DataFrame) -> pd.Series:
    """Spread of changes by who changed and over how many days.

    Parameters
    ----------
    moved : DataFrame
        As :func:`changes` returns it.

    Returns
    -------
    Series
        Standard deviation, Elo points, new models first.
    """
    return (
        moved.groupby(["who", "days"])["change"]
        .std()
        .sort_index(ascending=[False, True])
    )


def spread_interval(moved: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Interval of the spread of changes, when models of one maker are one draw.

    Parameters
    ----------
    moved : DataFrame
        As :func:`changes` returns it.
    rng : Generator

    Returns
    -------
    DataFrame
        Indexed as :func:`spread`: ``low`` and ``high`` of the 95% percentile interval
        of a bootstrap of organisations (Davison and Hinkley 1997, section 3.8).
    """
    value = moved["change"]
    sums = moved.assign(n=1, total=value, squares=value**2).pivot_table(
        ["n", "total", "squares"], "organisation", ["who", "days"], "sum", fill_value=0
    )
    makers = len(sums)
    times = rng.multinomial(makers, np.full(makers, 1 / makers), _TIMES)
    n, total, squares = (times @ sums[k].to_numpy() for k in ("n", "total", "squares"))
    drawn = np.sqrt((squares - total**2 / n) / (n - 1))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    table = pd.DataFrame({"low": low, "high": high}, index=sums["n"].columns)
    return table.loc[spread(moved).index]


def drift(
    recorded: pd.Series | pd.DataFrame,
    still: pd.Series,
    walking: pd.Series,
    step: float,
) -> pd.Series | pd.DataFrame:
    """Estimate the weekly step of a random walk from spreads of changes.

    Parameters
    ----------
    recorded : Series or DataFrame
        As :func:`spread` or :func:`spread_interval` returns it, of the record.
    still, walking : Series
        The same of seasons without drift, and with steps of `step`.
    step : float
        Elo points a week.

    Returns
    -------
    Series or DataFrame
        Elo points a week, by matching variances, which a walk adds to in proportion to
        the square of its step; 0 where votes alone spread the changes by more.
    """
    per_step = (walking**2 - still**2) / step**2
    excess = (recorded**2).sub(still**2, axis=0).clip(lower=0)
    return excess.div(per_step, axis=0) ** 0.5
