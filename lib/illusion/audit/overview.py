"""What was read, who gets the battles, and what luck is worth at these errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from illusion.audit.section import Section, answer, some
from illusion.audit.sparse import Scores
from illusion.audit.votes import Votes
from illusion.concentration import gini
from illusion.private_testing import selection as variants

_QUIET = 30  # days


def read(votes: Votes) -> Section:
    """Say what was read, and what was set aside.

    Parameters
    ----------
    votes : Votes

    Returns
    -------
    Section
    """
    total, ties = int(votes.votes.sum()), int(votes.votes[votes.outcome == 2].sum())
    refused = sum(each.rows for each in votes.refused)
    says = [
        f"{some(total, 'battle')} between {len(votes.models):,} models were counted, "
        f"{ties / total:.1%} of them ties."
    ]
    if votes.first is not None:
        says.append(f"The first is of {votes.first}, the last of {votes.last}.")
    says.append(
        f"{some(refused, 'row')} of {votes.rows:,} could not be counted and "
        f"{'was' if refused == 1 else 'were'} set aside."
        if refused
        else "Every row was counted."
    )
    used = ", ".join(f"{role} = {name!r}" for role, name in votes.columns.of.items())
    says.append(f"Columns: {used}; outcome: {votes.scheme}.")
    table = pd.DataFrame(
        [(r.reason, r.rows, r.first, r.example) for r in votes.refused],
        columns=["reason", "rows", "first row", "example"],
    )
    numbers = {
        "battles": total,
        "models": len(votes.models),
        "ties": ties,
        "tie_share": ties / total,
        "rows": votes.rows,
        "refused": refused,
        "first": votes.first,
        "last": votes.last,
    }
    found = ("refused",) * bool(refused)
    return answer("read", says, found, numbers, table)


def shares(votes: Votes) -> Section:
    """Say who gets the battles, and who stopped getting them.

    Parameters
    ----------
    votes : Votes

    Returns
    -------
    Section
    """
    counts, n = votes.counts, len(votes.models)
    battles = counts.per_model(counts.battles, counts.battles)
    order = np.argsort(-battles, kind="stable")
    tenth = max(1, n // 10)
    held = float(battles[order[:tenth]].sum() / battles.sum())
    uneven = gini(battles)
    numbers: dict[str, Any] = {"gini": uneven, "top_models": tenth, "top_share": held}
    says = [
        f"The tenth of the models that is shown most ({tenth:,} of {n:,}) has "
        f"{held:.0%} of all places in battles; the Gini coefficient is {uneven:.2f}."
    ]
    found = ["concentration"] * (held > 0.5 and n >= 10)
    table = pd.DataFrame(
        {
            "model": np.array(votes.models, object)[order],
            "battles": battles[order].astype(int),
            "share": battles[order] / battles.sum(),
        }
    )
    if votes.owner:
        owner = pd.Series([votes.owner.get(name, "unknown") for name in votes.models])
        by = pd.Series(battles).groupby(owner.to_numpy()).sum() / battles.sum()
        top = str(by.idxmax())
        numbers |= {"owners": len(by), "top_owner": top, "owner_share": by.max()}
        numbers |= {f"share of {name}": share for name, share in by.items()}
        says.append(
            f"Of {len(by):,} owners, {top} has the largest share, {by.max():.0%}."
        )
        table.insert(1, "owner", owner.to_numpy()[order])
    if votes.first is not None:
        at = pd.to_datetime(pd.Series(votes.last_of), utc=True, format="ISO8601")
        quiet = (at.max() - at).dt.days.to_numpy() > _QUIET
        cast = votes.votes > 0
        month = np.tile(votes.month[cast], 2)
        of = np.append(votes.a[cast], votes.b[cast])
        active = pd.Series(of).groupby(month).nunique()
        numbers |= {"silent": int(quiet.sum()), "per_month": float(active.median())}
        says.append(
            f"In a typical month {active.median():.0f} models got votes. "
            f"{some(int(quiet.sum()), 'model')} had none in the last {_QUIET} days."
        )
        found += ["silence"] * bool(quiet.any())
        table["last vote"] = np.array(votes.last_of, object)[order]
        table["silent"] = quiet[order]
    return answer(
        "shares",
        says,
        found,
        numbers,
        table,
    )


def luck(scores: Scores) -> Section:
    """Say what the best of several equal variants would gain by luck.

    Parameters
    ----------
    scores : Scores

    Returns
    -------
    Section
    """
    error = float(np.median(scores.error))
    if not error > 0:
        return answer("selection", ["There is no error."])
    n = np.array([2, 3, 5, 10, 20, 50])
    gain = np.asarray(variants.best_of(n, 0.0, error).curse)
    ordered = np.sort(scores.score)[::-1]
    middle = float(np.median(ordered))
    passed = [int(((ordered > middle) & (ordered < middle + g)).sum()) for g in gain]
    table = pd.DataFrame({"variants": n, "points": gain, "places": passed})
    says = (
        f"The median standard error here is {error:.1f} points. A provider that tests "
        f"ten equal variants and publishes the best gains {gain[3]:.0f} points by luck "
        f"alone, which in the middle of this board is {some(passed[3], 'place')}.",
    )
    numbers = {"error": error, "gain_of_ten": gain[3], "places_of_ten": passed[3]}
    return answer("selection", says, (), numbers, table)
