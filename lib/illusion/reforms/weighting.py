"""What weighing pairs alike does to a board of real votes."""

import numpy as np

from illusion.concentration import gini
from illusion.rating import batch, ratings
from illusion.rating.battles import PairCounts


def pairs_alike(votes: PairCounts) -> tuple[float, tuple[float, float]]:
    """Compare a board whose pairs weigh alike with one whose battles do.

    Parameters
    ----------
    votes : PairCounts

    Returns
    -------
    wider : float
        Mean standard error of its scores, divided by that where battles weigh alike.
    uneven : (float, float)
        Gini coefficient of what models weigh, all their pairs together, where battles
        weigh alike, and where pairs do.

    Raises
    ------
    illusion.rating.battles.NoRankingError
        Votes from which no board can be fitted.
    """
    n = len(votes.models)
    met = np.zeros((1, n, n))
    met[0, votes.a, votes.b] = met[0, votes.b, votes.a] = votes.battles
    score = ratings.fit(votes).score[None]
    tie_rate = votes.ties.sum() / votes.n_battles
    plain, alike = (
        batch.standard_errors(met, score, weighting=each, tie_rate=tie_rate).mean()
        for each in batch.WEIGHTING
    )
    weights = [batch.weights(votes.battles, w) * votes.battles for w in batch.WEIGHTING]
    before, after = (gini(votes.per_model(each, each)) for each in weights)
    return float(alike / plain), (before, after)
