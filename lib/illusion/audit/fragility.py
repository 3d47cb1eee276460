"""How few battles decide who is first."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from illusion.audit.section import TESTED, Section, answer, some
from illusion.audit.sparse import Scores, solve
from illusion.rating.battles import NoRankingError, PairCounts
from illusion.rating.likelihood import ELO
from illusion.rebuttal import influence


def fragility(counts: PairCounts, scores: Scores) -> Section:
    """Say how few battles decide who is first.

    Parameters
    ----------
    counts : PairCounts
        Of the rated models.
    scores : Scores

    Returns
    -------
    Section
        Of more than :data:`~illusion.audit.section.TESTED` models, as predicted from
        one step; else found by fitting what is left. Its table has the battles.
    """
    if len(scores.models) > TESTED:
        return _predicted(counts, scores)
    try:
        removal = influence.fewest_to_topple(counts)
    except NoRankingError as error:
        return answer("fragility", [str(error)])
    share = removal.removed / counts.n_battles
    table = influence.left_out(counts, removal)
    table = table.sort_values("left_out", ascending=False, kind="stable")
    upset = int(table.loc[(table["expected"] < 0.5) & ~table["tied"], "left_out"].sum())
    says = (
        f"Leave out {some(removal.removed, 'battle')} of {counts.n_battles:,}, chosen "
        f"for it, and {removal.challenger} is first instead of {removal.leader}, whose "
        f"lead is {removal.lead:.1f} points.",
        f"That is {share:.2%} of the battles. Among them are {upset:,} in which the "
        "model with the lower score won.",
    )
    numbers = {
        "removed": removal.removed,
        "share": share,
        "leader": removal.leader,
        "challenger": removal.challenger,
        "lead": removal.lead,
        "upsets": upset,
    }
    found = ("fragile",) * (share < 0.001)
    return answer(
        "fragility", says, found, numbers, table.head(20).reset_index(drop=True)
    )


def _predicted(counts: PairCounts, scores: Scores) -> Section:
    """Predict the fewest battles from the influence of each (Broderick 2020)."""
    a, b = counts.a, counts.b
    first, *behind = np.argsort(-scores.score, kind="stable")[:6]
    p = expit((scores.score[a] - scores.score[b]) / ELO)
    weight = counts.battles * p * (1 - p)
    contrast = np.zeros((len(scores.models), len(behind)))
    contrast[first] = 1
    contrast[behind, np.arange(len(behind))] = -1
    potential = solve(counts, weight, contrast)
    number = np.concatenate([counts.wins_a, counts.wins_b, counts.ties])
    surprise = np.concatenate([1 - p, -p, 0.5 - p])
    best = (int(number.sum()) + 1, -1)
    for k, other in enumerate(behind):
        pull = np.tile(potential[a, k] - potential[b, k], 3) * surprise
        order = np.argsort(-pull, kind="stable")
        order = order[pull[order] > 0]
        lost = np.cumsum(pull[order] * number[order])
        lead = (scores.score[first] - scores.score[other]) / ELO
        cell = int(np.searchsorted(lost, lead, side="right"))
        if cell < len(order):
            before = lost[cell - 1] if cell else 0.0
            more = int((lead - before) / pull[order[cell]]) + 1
            best = min(best, (int(number[order[:cell]].sum()) + more, int(other)))
    if best[1] < 0:
        return answer("fragility", ["No other model can come first."])
    removed, total = best[0], counts.n_battles
    leader, challenger = scores.models[first], scores.models[best[1]]
    lead = float(scores.score[first] - scores.score[best[1]])
    says = [
        f"About {some(removed, 'battle')} of {total:,}, chosen for it, decide that "
        f"{leader} is first and not {challenger}, who is {lead:.1f} points behind: "
        f"{removed / total:.2%} of the battles.",
        f"Beyond {TESTED} models this is predicted from one step, and no battles are "
        "left out to try it.",
    ]
    numbers = {
        "removed": removed,
        "share": removed / total,
        "leader": leader,
        "challenger": challenger,
        "lead": lead,
    }
    found = ("fragile",) * (removed / total < 0.001)
    return answer("fragility", says, found, numbers)
