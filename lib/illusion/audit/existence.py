"""Whether one ranking exists, and by how few battles it hangs together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from illusion.audit.bridges import MOST_PAIRS, weakest_bridge
from illusion.audit.section import Section, answer, some
from illusion.audit.votes import Votes
from illusion.rating.battles import PairCounts, groups
from illusion.rating.intake import listed

_FEW = 50


def parts_of(counts: PairCounts) -> list[tuple[str, ...]]:
    """Split the models into sets within which all scores and intervals exist.

    Wins and losses, with ties as both, must lead from every model of a set to every
    other (Ford 1957); and not by ties alone, which do not vary.

    Parameters
    ----------
    counts : PairCounts

    Returns
    -------
    list of tuple of str
        The first is that which can be rated: the largest, if it is not held together
        by ties alone.
    """
    first, *rest = _linked(counts)
    inner = counts.only(first) if rest and len(first) > 1 else counts
    if len(first) == 1 or len(decided := groups(inner, ties=False)) == 1:
        return [first, *rest]
    most, *others = map(tuple, decided)
    deeper = parts_of(inner.only(most)) if len(most) > 1 else [most]
    return [*deeper, *others, *rest]


def _linked(counts: PairCounts) -> list[tuple[str, ...]]:
    """Split the models by wins and losses both ways, the largest set first."""
    tied = counts.ties > 0
    lost, won = (counts.wins_b > 0) | tied, (counts.wins_a > 0) | tied
    start = np.concatenate([counts.a[lost], counts.b[won]])
    end = np.concatenate([counts.b[lost], counts.a[won]])
    n = len(counts.models)
    graph = coo_array((np.ones(len(start), dtype=bool), (start, end)), shape=(n, n))
    number, label = connected_components(graph.tocsr(), connection="strong")
    order, names = np.argsort(label, kind="stable"), np.array(counts.models, object)
    split = np.split(names[order], np.cumsum(np.bincount(label, minlength=number))[:-1])
    return sorted(map(tuple, split), key=lambda part: (-len(part), part))


def existence(votes: Votes, parts: Sequence[tuple[str, ...]]) -> Section:
    """Say whether one ranking exists, and what its weakest link is.

    Parameters
    ----------
    votes : Votes
    parts : sequence of tuple of str
        Of :func:`parts_of`.

    Returns
    -------
    Section
        Its table has the models that the ranking leaves out.
    """
    counts = votes.counts
    met = groups(counts)
    kept, n = len(parts[0]), len(counts.models)
    numbers: dict[str, Any] = {"groups": len(met), "kept": kept, "models": n}
    says, found = [], []
    if kept == n:
        says.append("Yes: every two models are linked by wins and losses both ways.")
    else:
        found.append("no-single-ranking")
        if len(met) > 1:
            says.append(f"No: the models fall into {len(met):,} groups that never met.")
    if kept == 1:
        says.append(
            "No: no two models are linked by wins both ways, so that there is nothing "
            "to rank."
        )
    elif kept < n:
        says.append(
            f"One ranking holds {kept:,} of the {n:,} models. "
            f"The other {n - kept:,} never met them, or never won, or never lost, or "
            "only tied against them, so that their scores would be infinite or have no "
            "interval; they are left out of the sections on scores and stand in the "
            "table."
        )
    battles = counts.per_model(counts.battles, counts.battles).astype(int)
    least = int(np.argmin(battles))
    numbers |= {"fewest": int(battles[least]), "fewest_model": counts.models[least]}
    says.append(
        f"The model with the fewest battles, {counts.models[least]}, has "
        f"{battles[least]:,}."
    )
    if len(met) == 1 and len(counts.a) > MOST_PAIRS:
        says.append(
            f"The weakest bridge is looked for among up to {MOST_PAIRS:,} pairs; here "
            f"are {len(counts.a):,}."
        )
    elif len(met) == 1 and (weak := weakest_bridge(counts)):
        across, side = weak
        numbers |= {"bridge": across, "side": len(side)}
        says.append(
            f"The weakest bridge: {some(across, 'battle')} tie {len(side):,} models "
            f"({listed(side)}) to all others."
        )
        found += ["weak-bridge"] * (across < _FEW)
    totals = counts.totals()
    undefeated = totals.index[totals["losses"] + totals["ties"] == 0]
    winless = totals.index[totals["wins"] + totals["ties"] == 0]
    numbers |= {"undefeated": len(undefeated), "winless": len(winless)}
    if len(undefeated) or len(winless):
        says.append(
            f"{some(len(undefeated), 'model')} never lost or tied, and "
            f"{some(len(winless), 'model')} never won or tied."
        )
    out = totals.loc[sorted(name for part in parts[1:] for name in part)]
    table = out.reset_index()[["model", "battles", "wins", "losses", "ties"]]
    return answer("existence", says, found, numbers, table)
