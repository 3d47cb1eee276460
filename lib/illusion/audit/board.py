"""The ranking with its intervals and rank sets, whole and by period."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from illusion.audit.existence import parts_of
from illusion.audit.section import Section, answer, some
from illusion.audit.sparse import DENSE, Scores, scores_of
from illusion.audit.votes import PERIODS, Votes
from illusion.rating import ranks, winners
from illusion.rating.battles import NoRankingError, PairCounts
from illusion.rating.likelihood import NotConvergedError


def ranking(
    votes: Votes,
    counts: PairCounts,
    scores: Scores,
    every: str | None,
    rng: np.random.Generator,
) -> Section:
    """Say who is first, and what ranks can be shown.

    Parameters
    ----------
    votes : Votes
    counts : PairCounts
        Of the rated models.
    scores : Scores
    every : str or None
        A key of ``illusion.audit.votes.PERIODS``.
    rng : numpy.random.Generator

    Returns
    -------
    Section
    """
    n, order = len(scores.models), np.argsort(-scores.score, kind="stable")
    above = 1 + n - np.searchsorted(np.sort(scores.lower), scores.upper, side="right")
    columns: dict[str, Any] = {
        "model": np.array(scores.models, object),
        "score": scores.score,
        "lower": scores.lower,
        "upper": scores.upper,
        "battles": scores.battles,
        "rank by interval": above,
    }
    leader, open_first = scores.models[order[0]], above[order] == 1
    says = [
        f"{leader} is first of {n:,} models. By the rule that LMArena used, a model's "
        "rank is one more than the number of models whose interval lies wholly above "
        "its own; by that rule "
        + (
            "it is alone at the top."
            if open_first.sum() == 1
            else f"{open_first.sum():,} models share the first place."
        )
    ]
    numbers: dict[str, Any] = {
        "models": n,
        "leader": leader,
        "score": scores.score[order[0]],
        "first_by_interval": int(open_first.sum()),
        "median_error": float(np.median(scores.error)),
    }
    found = ()
    if scores.full is not None and n > 2:
        sets = ranks.confidence_sets(scores.full, rng)
        columns |= {"best rank": sets.best, "worst rank": sets.worst}
        may_be = int((sets.best == 1).sum())
        fixed = int((sets.best == sets.worst).sum())
        p = winners.p_not_first(scores.full.score, scores.full.covariance)
        numbers |= {"may_be_first": may_be, "fixed_ranks": fixed, "p_not_first": p}
        says.append(
            "Asked of all ranks at once, with 95% confidence, "
            f"{some(may_be, 'model')} may be the best, and {some(fixed, 'rank')} "
            f"of {n:,} can be shown to be exactly what the table says."
        )
        says.append(
            f"That {leader} is the best is "
            + ("settled by" if p < 0.05 else "not settled by")
            + f" these votes (p = {p:.2g})."
        )
        found = ("first-place-open",) * (p >= 0.05)
    elif n > 2:
        says.append(
            f"Rank sets for all models at once are computed for up to {DENSE:,} models."
        )
    table = pd.DataFrame(columns).iloc[order].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, n + 1))
    if every is not None:
        boards = _windows(votes, every)
        numbers["periods"] = len(boards)
        leaders = [board["leader"] for board in boards if board["leader"]]
        says.append(
            f"By {every}, {some(len(set(leaders)), 'model')} came first at some time: "
            + "; ".join(
                f"{board['period']}: "
                + (board["leader"] or "no ranking")
                + f" ({board['battles']:,} battles)"
                for board in boards
            )
            + "."
        )
        for board in boards:
            numbers |= {
                f"{board['period']}: {key}": board[key] for key in ("leader", "battles")
            }
    return answer("ranking", says, found, numbers, table)


def _windows(votes: Votes, every: str) -> list[dict[str, Any]]:
    """Fit every period's board, from counts by month that are there already."""
    period = votes.month // PERIODS[every]
    boards = []
    for one in np.unique(period):
        month = one * PERIODS[every]
        name = f"{month // 12:04d}" + (
            f"-{month % 12 + 1:02d}" if every != "year" else ""
        )
        counts, leader = votes.within(period == one), None
        part = parts_of(counts)[0]
        if 1 < len(part) <= DENSE:
            try:
                board = counts.only(part) if len(part) < len(counts.models) else counts
                fitted = scores_of(board, np.random.default_rng(1))
                leader = fitted.models[int(np.argmax(fitted.score))]
            except (NoRankingError, NotConvergedError):
                pass
        boards.append({"period": name, "battles": counts.n_battles, "leader": leader})
    return boards
