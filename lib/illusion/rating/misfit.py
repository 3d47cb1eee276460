"""How far the votes are from any ranking: one number per model, tested.

Each pair of models has a share of its own, and a fit has one number per model. What
no numbers per model can give is the misfit. The split of the pairs' leads into a
ranking and a rest without one is that of Jiang, Lim, Yao and Ye (2011, HodgeRank),
here by weighted least squares on leads that are linear in the shares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from illusion.rating.battles import PairCounts
from illusion.rating.likelihood import ELO, davidson, one_thread
from illusion.rating.ratings import Ratings, fit, win_probability

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Misfit:
    """Misfit of a Bradley-Terry model to its pairs.

    Attributes
    ----------
    pairs : DataFrame
        A row per pair: ``model_a``, ``model_b``, ``battles``, ``share`` (taken by the
        first, a tie counted as half), ``expected`` (by the scores), ``gap`` (what the
        pair's own lead is above the scores', Elo points), ``error`` (its standard
        error) and ``z`` (one over the other).
    statistic : float
        Pearson's X²: the sum of the squared ``z``, at its least over all scores.
    freedom : int
        Degrees of freedom: pairs less models plus one.
    dispersion : float
        The statistic over its degrees of freedom; 1 if there is no misfit.
    p_value : float
        Probability of such a statistic by chance in the votes alone.
    tau : float
        Standard deviation of the pairs' misfit beyond sampling, Elo points.
    cyclic : float
        Part of the weighted variation of leads that no scores can give: of a ranking
        nothing, of rock, paper and scissors all. A share; NaN, as are the two below,
        if all are level.
    by_chance : float
        The part that chance in the votes alone would make cyclic.
    beyond_chance : float
        The cyclic part of the variation, once chance is taken off both. A share.
    """

    pairs: pd.DataFrame
    statistic: float
    freedom: int
    dispersion: float
    p_value: float
    tau: float
    cyclic: float
    by_chance: float
    beyond_chance: float

    def __str__(self) -> str:
        """Say the test in a line, and the shares in another."""
        return (
            f"X2 = {self.statistic:,.0f} with {self.freedom:,} degrees of freedom, "
            f"ratio {self.dispersion:.2f}, p = {self.p_value:.1g}\n"
            f"cyclic: {self.cyclic:.1%} of the variation, by chance alone "
            f"{self.by_chance:.1%}\n"
            f"misfit of a pair beyond chance: {self.tau:.1f} points"
        )


def tie_share(counts: PairCounts) -> np.ndarray:
    """Probability of a tie in each pair, by Davidson's model (1970).

    Parameters
    ----------
    counts : PairCounts

    Returns
    -------
    ndarray, shape (pairs,)
        Zero if there are no ties.

    Raises
    ------
    NoRankingError
        No tie parameter fits.
    """
    if not counts.ties.any():
        return np.zeros(len(counts.a))
    drawn = fit(counts, tie_model="davidson")
    assert drawn.tie_parameter is not None  # as Davidson's model has one
    lead = (drawn.score[counts.a] - drawn.score[counts.b]) / ELO
    return np.exp(davidson(lead, np.log(drawn.tie_parameter)).log_p[2])


@one_thread
def measure(
    counts: PairCounts, ratings: Ratings, *, ties: np.ndarray | None = None
) -> Misfit:
    """Measure how badly one number per model fits the pairs.

    Parameters
    ----------
    counts : PairCounts
    ratings : Ratings
        Of these counts, with a tie as half a win.
    ties : ndarray, shape (pairs,), optional
        Probability of a tie in each pair; that of :func:`tie_share` unless given.

    Returns
    -------
    Misfit

    Raises
    ------
    ValueError
        Ratings of other models or with another tie model, pairs without a circle, or
        probabilities of ties that leave a pair no variance.

    Notes
    -----
    With p the expected share and t the probability of a tie, a battle's points (1, ½
    or 0) have the variance p(1 − p) − t/4, less than a coin's. A share is turned into
    a lead by the tangent at p, ``d + (share − p) / p(1 − p)``, which is unbiased at
    any number of battles and finite where one side won all.

    `tau` is the moment estimate of a random effect of each pair (DerSimonian and
    Laird 1986), pairs weighted by how well they are known; zero where the statistic
    is below its degrees of freedom.
    """
    import pandas as pd

    if ratings.models != counts.models or ratings.tie_model != "half":
        raise ValueError(
            "The misfit is that of ratings.fit(counts), with a tie as half a win: pass "
            "the fit of these counts."
        )
    pairs, freedom = len(counts.a), len(counts.a) - len(counts.models) + 1
    if freedom < 1:
        raise ValueError(
            f"{pairs} pairs of {len(counts.models)} models make no circle, so that "
            "scores fit them all: a misfit needs more pairs."
        )
    lead = ratings.score[counts.a] - ratings.score[counts.b]
    p = np.asarray(win_probability(lead))
    share = (counts.wins_a + counts.ties / 2) / counts.battles
    variance = p * (1 - p) - (tie_share(counts) if ties is None else ties) / 4
    if not (variance > 0).all():
        k = int(np.argmin(variance))
        raise ValueError(
            f"{counts.models[counts.a[k]]!r} against {counts.models[counts.b[k]]!r} "
            "would have no variance: its probability of a tie is too large for its "
            "expected share."
        )
    tangent = p * (1 - p) / ELO
    error = np.sqrt(variance / counts.battles) / tangent
    flow = lead + (share - p) / tangent
    design = _design(counts) / error[:, None]
    scores = np.linalg.lstsq(design, flow / error, rcond=None)[0]
    gap = flow - _design(counts) @ scores
    statistic, total = float(((gap / error) ** 2).sum()), ((flow / error) ** 2).sum()
    total = total if total > 0 else np.nan  # all are level
    weight = 1 / error**2
    taken = np.linalg.pinv(design.T @ design) @ (design.T * weight) @ design
    tau2 = (statistic - freedom) / (weight.sum() - np.trace(taken))
    names = np.array(counts.models)
    table = pd.DataFrame(
        {
            "model_a": names[counts.a],
            "model_b": names[counts.b],
            "battles": counts.battles,
            "share": share,
            "expected": p,
            "gap": gap,
            "error": error,
            "z": gap / error,
        }
    )
    return Misfit(
        pairs=table,
        statistic=statistic,
        freedom=freedom,
        dispersion=statistic / freedom,
        p_value=float(chdtrc(freedom, statistic)),
        tau=float(np.sqrt(max(tau2, 0))),
        cyclic=float(statistic / total),
        by_chance=float(freedom / total),
        beyond_chance=float(max(statistic - freedom, 0) / (total - pairs)),
    )


def widen(ratings: Ratings, counts: PairCounts, tau: float) -> Ratings:
    """Let the intervals allow for a misfit of each pair.

    Parameters
    ----------
    ratings : Ratings
    counts : PairCounts
        That were fitted.
    tau : float
        Standard deviation of a pair's own lead around that of the scores, Elo points;
        of each pair independently.

    Returns
    -------
    Ratings
        The same scores; their covariance has H⁻¹(Σ n²p²(1 − p)²τ² xxᵀ)H⁻¹ added, with
        H the information and x the pair's contrast, as votes of one pair share its
        misfit (Liang and Zeger 1986), and the intervals are wider in proportion.
    """
    p = np.asarray(win_probability(ratings.score[counts.a] - ratings.score[counts.b]))
    weight, x = counts.battles * p * (1 - p) / ELO, _design(counts)
    inverse = np.linalg.pinv((x.T * weight) @ x)
    added = inverse @ ((x.T * (weight * tau) ** 2) @ x) @ inverse
    covariance = ratings.covariance + added
    wider = np.sqrt(np.diag(covariance)) / ratings.standard_error
    return replace(
        ratings,
        covariance=covariance,
        lower=ratings.score - (ratings.score - ratings.lower) * wider,
        upper=ratings.score + (ratings.upper - ratings.score) * wider,
    )


def circles(counts: PairCounts, least: int) -> pd.DataFrame:
    """Find the triples of models of which each took more points from the next.

    Parameters
    ----------
    counts : PairCounts
    least : int
        Battles that each of the three pairs has to have.

    Returns
    -------
    DataFrame
        A row per circle: ``first``, ``second``, ``third`` (each beats the next, the
        last the first) and ``z``, the standard errors by which the least sure of the
        three wins is above one half. ``attrs["triples"]`` is how many triples met
        often enough.
    """
    import pandas as pd

    n = len(counts.models)
    won, lost, often = counts.wins_a, counts.wins_b, counts.battles >= least
    spread = won + lost - (won - lost) ** 2 / counts.battles
    sure = (won - lost) / np.sqrt(np.maximum(spread, 1e-12))
    z = np.full((n, n), np.nan)
    z[counts.a[often], counts.b[often]] = sure[often]
    z[counts.b[often], counts.a[often]] = -sure[often]
    met = np.isfinite(z).astype(int)
    rows = []
    for i in range(n):
        # The circle begins with the first of its models by name, either way round.
        j, k = np.nonzero((z[i] > 0)[:, None] & (z > 0) & (z[:, i] > 0))
        for second, third in zip(j, k, strict=True):
            if i < min(second, third):
                least_sure = min(z[i, second], z[second, third], z[third, i])
                place = (i, second, third)
                rows.append((*(counts.models[m] for m in place), least_sure))
    table = pd.DataFrame(rows, columns=["first", "second", "third", "z"])
    table.attrs["triples"] = int(np.trace(met @ met @ met)) // 6
    return table.sort_values("z", ascending=False, ignore_index=True)


def _design(counts: PairCounts) -> np.ndarray:
    """Contrast of each pair: 1 for its first model, -1 for its second."""
    x, row = np.zeros((len(counts.a), len(counts.models))), np.arange(len(counts.a))
    x[row, counts.a], x[row, counts.b] = 1, -1
    return x
