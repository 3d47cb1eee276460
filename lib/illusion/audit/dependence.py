"""Votes that are not independent: repeated rows, and many votes of one voter."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.special import expit

from illusion.audit.fitting import laplacian
from illusion.audit.section import Section, answer, some
from illusion.audit.sparse import Scores
from illusion.audit.votes import Votes
from illusion.rating.likelihood import ELO


def dependence(votes: Votes, scores: Scores | None) -> Section:
    """Say what repeats, who votes much, and what that does to the errors.

    Parameters
    ----------
    votes : Votes
    scores : Scores or None

    Returns
    -------
    Section
    """
    says, found, numbers, table = [], [], {}, pd.DataFrame()
    if votes.repeats is None:
        says.append(
            "Without a time for each vote nobody can tell a repeated row from another "
            "vote with the same result."
        )
    else:
        numbers["repeats"] = votes.repeats
        says.append(
            f"{some(votes.repeats, 'row')} "
            f"{'repeats' if votes.repeats == 1 else 'repeat'} another one in models, "
            "outcome, time and voter. They were counted; drop them if they are copies."
            if votes.repeats
            else "No row repeats another one in models, outcome, time and voter."
        )
        found += ["repeats"] * bool(votes.repeats)
    voters = votes.voters
    if voters is None:
        says.append("There is no column of voters, so heavy voters cannot be seen.")
    elif voters.number:
        total = sum(votes.votes)
        most = voters.heaviest[0][1] / votes.rows
        numbers |= {"voters": voters.number, "heaviest_share": most}
        says.append(
            f"{voters.number:,} voters cast {total / voters.number:.1f} votes each on "
            f"average; the heaviest cast {most:.1%} of all."
        )
        found += ["heavy-voter"] * (most > 0.05)
        table = pd.DataFrame(voters.heaviest, columns=["voter", "votes"])
        if voters.cells is not None and scores is not None and scores.full is not None:
            wider = float(np.median(_by_voter(votes, scores) / scores.error))
            numbers["wider_by_voter"] = wider
            says.append(
                "Allowing for the votes of one voter to depend on one another changes "
                f"the standard errors by a factor of {wider:.2f}, in the median."
            )
    return answer(
        "repeats",
        says,
        found,
        numbers,
        table,
    )


def _by_voter(votes: Votes, scores: Scores) -> np.ndarray:
    """Standard errors by the voters' sums of scores (Liang and Zeger 1986)."""
    assert votes.voters is not None
    assert votes.voters.cells is not None
    number = {name: k for k, name in enumerate(scores.models)}
    place = np.array([number.get(name, -1) for name in votes.models])
    voter, a, b, outcome, times = votes.voters.cells
    a, b = place[a], place[b]
    some = (a >= 0) & (b >= 0)
    voter, a, b, outcome, times = (v[some] for v in (voter, a, b, outcome, times))
    n, score = len(scores.models), scores.score / ELO
    p = expit(score[a] - score[b])
    rest = times * (np.array([1.0, 0.0, 0.5])[outcome] - p)
    at = (np.tile(voter, 2), np.append(a, b))
    sums = coo_array((np.append(rest, -rest), at), (int(voter.max()) + 1, n)).tocsr()
    form = laplacian(a, b, times * p * (1 - p), n)
    inverse = np.linalg.pinv(form, rcond=1e-9, hermitian=True)
    clusters = votes.voters.number
    meat = (sums.T @ sums).toarray() * clusters / max(clusters - 1, 1)
    return ELO * np.sqrt(np.einsum("ij,jk,ki->i", inverse, meat, inverse))
