"""Whether scores of models that were tested in private fall after their release.

Since September 2025 the board marks a score as *preliminary* if its votes come from
before the release of the model: the provider had it on the Arena under another name.
A model whose first score is so marked was tested in private; one without the mark has
its first score from votes after the release, whatever was tested before. So the mark
splits the new models of the second period, 2025-10-09 to 2026-08-22, and the split is
the board's own. No record of the first period has it.

**The primary analysis** was fixed in these words before any score was compared, and is
what :func:`primary` does at 30 days:

- Followed are the models whose first copy lies after the first one of the window, and
  that have a copy within 8 days of day 30. *Marked* is one whose first row is marked.
- The outcome is the change of the published score over these days, less the mean change
  of the established models (:func:`illusion.record.after_listing`, as for 2025).
- Estimated is the mean outcome of the marked less that of the unmarked, by least
  squares with the error CR1 clustered by provider and Student's t of a provider less.
- Beside it stand p-values from exchanging the marks: freely among all models, freely
  among the models of each provider, and among blocks of one provider and mark.
- The horizons are 14, 30, 60 and 90 days; Holm's correction is over these four.

Everything in :func:`variations` and :func:`placebo` is there to attack that estimate.
Selection by luck predicts that marked scores fall more, the more so the larger the
share of fresh votes and the standard error at listing, and not long after the listing.
It is not the only thing that does: :mod:`illusion.afterwards.size` says how much of it
the estimate would take.

Scores are in Elo points.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from illusion import record
from illusion.clustered import Estimate, coefficient, holm, permuted

HORIZONS = (14, 30, 60, 90)
"""Days after listing at which a score is looked at again."""
PRIMARY = 30
"""The horizon of the primary analysis, days."""
NEW_MODEL = "2026-05-12"
"""Day from which direct chats are in, and the fit has further covariates."""


def marked(copies: pd.DataFrame) -> pd.Series:
    """Say of every model whether its first score is marked as preliminary.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    Series of bool
        Indexed by model, all models of the copies. Of those of the first copy it says
        only what stood there then, since they were listed before.

    Raises
    ------
    ValueError
        No row of the copies has the mark, as before September 2025.
    """
    if not (copies["preliminary"] == 1).any():
        raise ValueError(
            "No score in these copies is marked as preliminary. The board has the mark "
            "since September 2025: take a window from 2025-10-09 on."
        )
    ordered = copies.sort_values("board", kind="stable")
    return ordered.groupby("model")["preliminary"].first() == 1


def follow(
    copies: pd.DataFrame, horizons: Sequence[int] = HORIZONS, *, since: int = 0
) -> pd.DataFrame:
    """Follow new models after their listing, with the mark of their first score.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.
    horizons : sequence of int
        Days over which a score is followed.
    since : int
        Days after a model's first copy from which on it is followed.

    Returns
    -------
    DataFrame
        As :func:`illusion.record.after_listing` returns it, with ``marked``.

    Raises
    ------
    ValueError
        As for :func:`marked`.
    """
    mark = marked(copies)
    after = record.after_listing(copies, horizons, since=since)
    return after.assign(marked=after["model"].map(mark))


def difference(after: pd.DataFrame, **options: bool) -> Estimate:
    """Estimate how much more the scores of marked models changed.

    Parameters
    ----------
    after : DataFrame
        As :func:`follow` returns it, of one horizon.
    **options : bool
        As for :func:`illusion.clustered.coefficient`.

    Returns
    -------
    Estimate
        Mean change of the marked less that of the unmarked, both beyond that of
        established models, Elo points; negative if marked scores fall more. Clustered
        by provider.

    Raises
    ------
    ValueError
        More horizons than one, or models of one kind only.
    """
    _require_comparison(after)
    mark = after[["marked"]].astype(float)
    return coefficient(after["adj"], mark, after["organisation"], **options)


def _require_comparison(after: pd.DataFrame) -> None:
    horizons = after["horizon_days"].unique()
    if len(horizons) != 1:
        raise ValueError(
            f"The horizons are {horizons.tolist()}: compare at one of them at a time."
        )
    if after["marked"].nunique() < 2:
        kind = "marked" if after["marked"].all() else "unmarked"
        raise ValueError(
            f"All models at {horizons[0]} days are {kind}: take a longer window."
        )


def primary(
    after: pd.DataFrame, rng: np.random.Generator, times: int = 9_999
) -> pd.DataFrame:
    """Compare marked and unmarked models at every horizon, as fixed beforehand.

    Parameters
    ----------
    after : DataFrame
        As :func:`follow` returns it.
    rng : numpy.random.Generator
    times : int
        Permutations for each p-value.

    Returns
    -------
    DataFrame
        Indexed by ``horizon_days``: ``n_marked``, ``n_unmarked`` (models),
        ``marked``, ``unmarked`` (mean changes beyond that of established models),
        ``difference``, ``low``, ``high`` (95%, clustered by provider), ``providers``,
        ``p``; ``p_all``, ``p_within`` and ``p_blocks`` (permutations, see
        :func:`illusion.clustered.permuted`); and ``holm``, `p` corrected for the number
        of horizons.

    Raises
    ------
    ValueError
        A horizon with models of one kind only.
    """
    rows = {}
    for horizon, part in after.groupby("horizon_days"):
        found = difference(part)
        mean = part.groupby("marked")["adj"].agg(["size", "mean"])
        exchanged = part["adj"], part["marked"], part["organisation"], rng
        rows[horizon] = {
            "n_marked": int(mean["size"][True]),
            "n_unmarked": int(mean["size"][False]),
            "marked": mean["mean"][True],
            "unmarked": mean["mean"][False],
            "difference": found.value,
            "low": found.low,
            "high": found.high,
            "providers": found.groups,
            "p": found.p_value,
            "p_all": permuted(*exchanged, "all", times),
            "p_within": permuted(*exchanged, "within", times),
            "p_blocks": permuted(*exchanged, "blocks", times),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("horizon_days")
    table["holm"] = holm(table["p"])
    return table


def variations(
    after: pd.DataFrame, rng: np.random.Generator, times: int = 1_999
) -> pd.DataFrame:
    """Estimate the same difference in other ways, all that were tried.

    Parameters
    ----------
    after : DataFrame
        As :func:`follow` returns it, of one horizon.
    rng : numpy.random.Generator
        For the bootstrap of the median.
    times : int
        Samples of it.

    Returns
    -------
    DataFrame
        Indexed by ``variation``: ``difference`` (marked less unmarked), ``low``,
        ``high`` (95%), ``p`` (NaN for the median), ``models``, ``providers`` and
        ``unit``. All are clustered by provider. The rows:

        - ``primary``: :func:`difference`.
        - ``jackknife of providers``: the same with the error CR3.
        - ``within providers``: a constant for each provider, those with both kinds.
        - ``first score, quarter``: adjusted for the score at listing and the quarter of
          the year.
        - ``within, first score, quarter``: both.
        - ``few fresh votes``, ``many fresh votes``: the halves below and above the
          median share of fresh votes.
        - ``all votes fresh``: both kinds change in proportion to the share of fresh
          votes, and the difference is that at a share of one.
        - ``standard errors``: in units of the standard error at listing.
        - ``all votes fresh, standard errors``: both; the luck of the marked at their
          listing, the quantity that :mod:`illusion.afterwards.size` calls a(N) if all
          variants are alike.
        - ``no recounts``: without models followed into a month of
          :data:`illusion.record.RECOUNTED`.
        - ``one rating model``: without those followed across :data:`NEW_MODEL`.
        - ``listed first``, ``listed last``: the halves up to, and after, the median day
          of listing.
        - ``median``: of medians; the interval resamples providers (percentiles).
        - ``without NAME, lowest`` and ``highest``: without the one provider whose
          absence makes the difference lowest, and highest.

    Raises
    ------
    ValueError
        More horizons than one, or models of one kind only.
    """
    _require_comparison(after)
    mark, of = after[["marked"]].astype(float), after["organisation"]
    quarter = pd.get_dummies(after["first_date"].dt.quarter, drop_first=True)
    alike = pd.concat([mark, after["score0"], quarter], axis="columns").astype(float)
    fresh, scaled = after["frac_new"], _by_fresh_votes(after)
    errors = after["adj"] / after["se0"]
    both = after.groupby("organisation")["marked"].transform("nunique") == 2
    few, n = fresh <= fresh.median(), len(after)
    last = after["first_date"] + pd.to_timedelta(after["horizon_days"], "D")
    recounted = pd.Series(False, index=after.index)
    for month in pd.PeriodIndex(record.RECOUNTED, freq="M"):
        began, ended = month.start_time, month.end_time
        recounted |= (after["first_date"] <= ended) & (last >= began)
    across = (after["first_date"] < NEW_MODEL) & (last >= NEW_MODEL)
    later = _later(after)
    rows = {
        "primary": _row(difference(after), n),
        "jackknife of providers": _row(difference(after, jackknife=True), n),
        "within providers": _row(difference(after, within=True), both.sum()),
        "first score, quarter": _row(coefficient(after["adj"], alike, of), n),
        "within, first score, quarter": _row(
            coefficient(after["adj"], alike, of, within=True), both.sum()
        ),
        "few fresh votes": _row(difference(after[few]), few.sum()),
        "many fresh votes": _row(difference(after[~few]), (~few).sum()),
        "all votes fresh": _row(
            coefficient(after["adj"], scaled, of, constant=False), n
        ),
        "standard errors": _row(coefficient(errors, mark, of), n),
        "all votes fresh, standard errors": _row(
            coefficient(errors, scaled, of, constant=False), n
        ),
        "no recounts": _row(difference(after[~recounted]), (~recounted).sum()),
        "one rating model": _row(difference(after[~across]), (~across).sum()),
        "listed first": _row(difference(after[~later]), int((~later).sum())),
        "listed last": _row(difference(after[later]), int(later.sum())),
        "median": _medians(after, rng, times),
    }
    rows |= _without_one(after)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("variation")
    in_errors = table.index.str.endswith("standard errors")
    return table.assign(unit=np.where(in_errors, "standard errors", "Elo points"))


def turn(after: pd.DataFrame) -> Estimate:
    """Estimate how the difference changed from the first half of the listings on.

    Parameters
    ----------
    after : DataFrame
        As :func:`follow` returns it, of one horizon.

    Returns
    -------
    Estimate
        Difference of the models listed after the median day less that of the others,
        Elo points; clustered by provider. The cut was not fixed beforehand.

    Raises
    ------
    ValueError
        More horizons than one, or models of one kind only.
    """
    _require_comparison(after)
    later, mark = _later(after), after["marked"]
    terms = {"both": later & mark, "marked": mark, "later": later}
    return coefficient(
        after["adj"], pd.DataFrame(terms).astype(float), after["organisation"]
    )


def _later(after: pd.DataFrame) -> pd.Series:
    return after["first_date"] > after["first_date"].median()


def _by_fresh_votes(after: pd.DataFrame) -> pd.DataFrame:
    """Return the share of fresh votes, that of the marked first."""
    fresh = after["frac_new"]
    return pd.DataFrame({"marked": fresh.where(after["marked"], 0), "fresh": fresh})


def _row(found: Estimate, models: int) -> dict[str, float]:
    return {
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p": found.p_value,
        "models": int(models),
        "providers": found.groups,
    }


def _medians(after: pd.DataFrame, rng: np.random.Generator, times: int) -> dict:
    """Compare medians; resample providers, those with one kind only among them."""

    def of(table: pd.DataFrame) -> float:
        mark, change = table["marked"].to_numpy(bool), table["adj"].to_numpy()
        if mark.all() or not mark.any():
            return np.nan
        return float(np.median(change[mark]) - np.median(change[~mark]))

    parts = [part for _, part in after.groupby("organisation")]
    drawn = [
        of(pd.concat([parts[k] for k in rng.integers(len(parts), size=len(parts))]))
        for _ in range(times)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {
        "difference": of(after),
        "low": low,
        "high": high,
        "p": np.nan,
        "models": len(after),
        "providers": len(parts),
    }


def _without_one(after: pd.DataFrame) -> dict[str, dict]:
    """Leave out each provider; return the lowest and the highest difference."""
    found = {}
    for name in after["organisation"].unique():
        rest = after[after["organisation"] != name]
        if rest["marked"].nunique() == 2:
            found[name] = difference(rest), len(rest)
    ordered = sorted(found, key=lambda name: found[name][0].value)
    rows = {}
    for name, end in ((ordered[0], "lowest"), (ordered[-1], "highest")):
        rows[f"without {name}, {end}"] = _row(*found[name])
    return rows


def placebo(
    copies: pd.DataFrame,
    horizon: int = PRIMARY,
    later: Sequence[int] = (90, 120),
    aged: str = "2024-10-09",
) -> pd.DataFrame:
    """Compare where luck at listing can play no part.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them, of the second period.
    horizon : int
        Days over which scores are followed.
    later : sequence of int
        Days after listing from which on the same models are followed again.
    aged : str
        Day by which a model of the first period was on the board to be years old.

    Returns
    -------
    DataFrame
        Indexed by ``placebo``: ``difference``, ``low``, ``high``, ``p``, ``models``,
        ``providers`` as in :func:`variations`, and ``predicted``, what would be left
        for these days of the luck that ``all votes fresh`` finds. The rows:

        - ``N days after listing``: the same models, from that day on.
        - ``older models of the provider``: for each new model, the mean change of its
          provider's models of the first copy, unmarked ones with 8,000 votes, over the
          same days after the new one's listing.
        - ``models years old of the provider``: the same with those that stood on the
          board by `aged` under the same name.

        Votes after the first months take a little more of any luck away, so that what
        is predicted for the first rows is small and not zero; for others' models it is.

    Raises
    ------
    ValueError
        As for :func:`marked` and :func:`difference`, or no older models.
    """
    after, found, predicted = follow(copies, [horizon]), {}, []
    luck = coefficient(
        after["adj"], _by_fresh_votes(after), after["organisation"], constant=False
    )
    at_listing = copies.sort_values("board").groupby("model")["votes"].first()
    for since in later:
        then = follow(copies, [horizon], since=since)
        found[f"{since} days after listing"] = difference(then), len(then)
        share = then["model"].map(at_listing) * (
            1 / then["votes0"] - 1 / then["votes1"]
        )
        predicted.append(luck.value * share[then["marked"]].mean())
    first = copies[copies["board"] == copies["board"].min()]
    ever = set(copies["model"][copies["preliminary"] == 1])
    older = set(first["model"][first["votes"] >= 8_000]) - ever
    years = older & set(record.boards("2024-06-19", aged)["model"])
    for names, kind in ((older, "older models"), (years, "models years old")):
        peers = after.assign(adj=_of_peers(copies, after, names)).dropna(subset="adj")
        if peers.empty:
            raise ValueError(
                f"No provider of the followed models has {kind} on the board: begin "
                "the window earlier, or take a later day as aged."
            )
        found[f"{kind} of the provider"] = difference(peers), len(peers)
    rows = {name: _row(*one) for name, one in found.items()}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("placebo")
    return table.assign(predicted=[*predicted, 0.0, 0.0])


def _of_peers(copies: pd.DataFrame, after: pd.DataFrame, names: set) -> pd.Series:
    """Return the mean change of a provider's other models over the same days.

    Beyond that of established models, as for the model itself.
    """
    score = copies.pivot_table("score", "board", "model")
    of = record.models(copies).set_index("model")["organisation"]
    changes = []
    for name, own, day, days, others in zip(
        after["model"],
        after["organisation"],
        after["first_date"],
        after["horizon_days"],
        after["ref_mean"],
        strict=True,
    ):
        has = score.index[score[name].notna()].to_series()
        then = (has - day - pd.Timedelta(days=days)).abs().idxmin()
        peers = [peer for peer in of.index[of == own] if peer in names]
        change = (score[peers].loc[then] - score[peers].loc[day]).mean()
        changes.append(change - others)
    return pd.Series(changes, after.index, dtype=float)


def lifted(copies: pd.DataFrame) -> pd.DataFrame:
    """Say of every marked model when its mark was lifted, and after how many votes.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    DataFrame
        A row per marked model whose first copy lies after the first one of the window,
        in the order of listing: ``model``, ``organisation``, ``first_date``,
        ``lifted`` (day of its first copy without the mark; missing if it has none),
        ``days`` between them, ``votes0`` and ``score0`` in its first copy, ``votes1``
        and ``score1`` on the day the mark was lifted, and ``fresh_votes``, the
        difference of the votes: a few less than zero where the board took duplicates
        away, much less where votes from before the release were taken out.

    Raises
    ------
    ValueError
        As for :func:`marked`.
    """
    mark = marked(copies)
    about = record.models(copies).set_index("model")
    new = about[mark & (about["first_seen"] > copies["board"].min())]
    ordered = copies[copies["model"].isin(new.index)].sort_values("board")
    first = ordered.groupby("model")[["board", "votes", "score"]].first()
    then = ordered[ordered["preliminary"] == 0].groupby("model").first()
    table = pd.DataFrame(
        {
            "organisation": new["organisation"],
            "first_date": first["board"],
            "lifted": then["board"],
            "days": (then["board"] - first["board"]).dt.days,
            "votes0": first["votes"],
            "score0": first["score"],
            "votes1": then["votes"],
            "score1": then["score"],
            "fresh_votes": then["votes"] - first["votes"],
        },
        index=new.index.rename("model"),
    )
    return table.reset_index().sort_values(["first_date", "model"], ignore_index=True)


def marks(copies: pd.DataFrame) -> pd.DataFrame:
    """Count the models of each provider whose first score is marked.

    Parameters
    ----------
    copies : DataFrame
        As :func:`illusion.record.boards` returns them.

    Returns
    -------
    DataFrame
        Indexed by provider, most marks first: ``listed`` (models whose first copy lies
        after the first one of the window), ``marked`` among them, and ``share``. A
        model counts once, however many variants of it were tested, and one that was
        tested and never released not at all.

    Raises
    ------
    ValueError
        As for :func:`marked`.
    """
    about = record.models(copies).set_index("model").assign(marked=marked(copies))
    new = about[about["first_seen"] > copies["board"].min()]
    table = new.groupby("organisation")["marked"].agg(["size", "sum", "mean"])
    table = table.set_axis(["listed", "marked", "share"], axis="columns")
    return table.sort_values(["marked", "listed"], ascending=False, kind="stable")
