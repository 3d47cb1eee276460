"""Whether one number per model fits the votes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import chdtrc, expit, ndtr

from illusion.audit.existence import parts_of
from illusion.audit.section import TESTED, Section, answer, some
from illusion.audit.sparse import Scores
from illusion.audit.votes import Votes
from illusion.rating import misfit
from illusion.rating.battles import NoRankingError, PairCounts
from illusion.rating.intake import InvalidBattlesError
from illusion.rating.likelihood import ELO, NotConvergedError
from illusion.rating.ratings import Ratings
from illusion.rating.ratings import fit as rated


def fit(votes: Votes, counts: PairCounts, scores: Scores) -> Section:
    """Say whether one number per model fits, whatever the pair, side and time.

    Parameters
    ----------
    votes : Votes
    counts : PairCounts
        Of the rated models.
    scores : Scores

    Returns
    -------
    Section
        Of more than :data:`~illusion.audit.section.TESTED` models, for those of them
        with the most battles. Its table has the pairs that fit worst.
    """
    says, found, numbers, table = [], [], {}, pd.DataFrame()
    full, n = scores.full, len(scores.models)
    if n > TESTED:
        whole = n
        counts, full = _busiest(counts, scores)
        n = 0 if full is None else len(full.models)
        numbers["tested"] = n
        says.append(
            f"The fit is tested among {n:,} of the {TESTED:,} models with the most "
            f"battles, of {whole:,}."
        )
    if full is None:
        says.append("They did not meet often enough to be rated among themselves.")
        return answer("fit", says, (), numbers, table)
    if len(counts.a) >= n:
        try:
            ties = misfit.tie_share(counts)
        except NoRankingError:  # no tie parameter: the variance of a coin is larger
            ties = np.zeros(len(counts.a))
        ties, lopsided = _possible(ties, counts, full.score)
        off = misfit.measure(counts, full, ties=ties)
        numbers |= {
            "statistic": off.statistic,
            "freedom": off.freedom,
            "misfit_p": off.p_value,
            "misfit_points": off.tau,
            "lopsided": lopsided,
        }
        bad = off.p_value < 0.01
        says.append(
            "The results of the pairs differ from what the scores imply by "
            + (
                f"more than chance: a pair is typically off by {off.tau:.0f} points."
                if bad
                else "no more than chance would make them."
            )
            + f" (X² = {off.statistic:,.0f} with {off.freedom:,} degrees of freedom, "
            f"p = {off.p_value:.2g})"
        )
        if lopsided:
            says.append(
                f"In {some(lopsided, 'pair')} more ties are expected than the weaker "
                "model's share leaves room for; the variance of a coin, which is "
                "larger, stands for theirs."
            )
        found += ["misfit"] * bool(bad)
        table = off.pairs.reindex(off.pairs["z"].abs().sort_values().index[::-1])
        table = table.head(20).reset_index(drop=True)
        circles = misfit.circles(counts, 10)
        triples = int(circles.attrs["triples"])
        z = float(circles["z"].max()) if len(circles) else float("nan")
        # A triple can turn either way round.
        p = min(1.0, 2 * triples * float(ndtr(-z))) if len(circles) else 1.0
        numbers |= {"triples": triples, "circles": len(circles), "circle_p": p}
        if triples:
            says.append(
                f"Of {some(triples, 'triple')} of models that met at least ten times "
                f"each, {len(circles):,} go round in a circle, as rock, paper and "
                "scissors do; "
                + ("the surest of them is" if p < 0.05 else "none is")
                + f" beyond chance (p = {p:.2g}, for all of them together)."
            )
            found += ["intransitive"] * (p < 0.05)
    else:
        says.append("The pairs make no circle, so that any scores fit them.")
    side = _position(votes, counts, full.score) if votes.ordered else None
    if side is not None:
        points, error = side
        p = 2 * float(ndtr(-abs(points / error)))
        numbers |= {"position": points, "position_error": error, "position_p": p}
        says.append(
            f"Being shown first is worth {points:.1f} ± {1.96 * error:.1f} points"
            + (", so the side matters." if p < 0.01 else ", which may be chance.")
        )
        found += ["position"] * (p < 0.01)
    drift = _drift(votes, counts, full.score) if votes.first is not None else None
    if drift is not None:
        statistic, freedom, p, change, error = drift
        surest = int(np.argmax(np.abs(change) / error))
        numbers |= {"drift": statistic, "drift_freedom": freedom, "drift_p": p}
        numbers |= {"moved_most": counts.models[surest], "moved": change[surest]}
        says.append(
            "Between the first and the second half of the votes, the models "
            + (
                f"changed by more than chance, most surely {counts.models[surest]}, by "
                f"about {change[surest]:+.0f} points"
                if p < 0.01
                else "changed by no more than chance would make them"
            )
            + f" (p = {p:.2g})."
        )
        found += ["drift"] * (p < 0.01)
    return answer("fit", says, found, numbers, table)


def _possible(
    ties: np.ndarray, counts: PairCounts, score: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return the probabilities of ties, none where there is no room, and how often.

    A share of p, with a tie as half a win, has room for ties of twice the smaller of p
    and 1 − p.
    """
    p = expit((score[counts.a] - score[counts.b]) / ELO)
    lopsided = ties > 2 * np.minimum(p, 1 - p)
    return np.where(lopsided, 0.0, ties), int(lopsided.sum())


def _busiest(counts: PairCounts, scores: Scores) -> tuple[PairCounts, Ratings | None]:
    """Rate the models with the most battles by those between them alone."""
    most = np.argsort(-scores.battles, kind="stable")[:TESTED]
    try:
        some_of = counts.only([scores.models[k] for k in most])
        part = parts_of(some_of)[0]
        some_of = some_of.only(part) if len(part) < len(some_of.models) else some_of
        return some_of, rated(some_of)
    except (NoRankingError, NotConvergedError, InvalidBattlesError):
        return counts, None


def _cells(votes: Votes, counts: PairCounts) -> tuple[np.ndarray, ...]:
    """Cells of the rated models: places, points of the first, votes and month."""
    number = {name: k for k, name in enumerate(counts.models)}
    place = np.array([number.get(name, -1) for name in votes.models])
    a, b = place[votes.a], place[votes.b]
    some = (a >= 0) & (b >= 0)
    points = np.array([1.0, 0.0, 0.5])[votes.outcome]
    parts = (a, b, points, votes.votes.astype(float), votes.month)
    return tuple(part[some] for part in parts)


def laplacian(a: np.ndarray, b: np.ndarray, weight: np.ndarray, n: int) -> np.ndarray:
    """Return the matrix of the weighted graph: what models share, with the sign turned.

    Parameters
    ----------
    a, b : ndarray of int, shape (pairs,)
    weight : ndarray, shape (pairs,)
    n : int
        Number of models.

    Returns
    -------
    ndarray, shape (n, n)
    """
    form = np.zeros((n, n))
    for i, j, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
        np.add.at(form, (i, j), sign * weight)
    return form


def _position(
    votes: Votes, counts: PairCounts, score: np.ndarray
) -> tuple[float, float] | None:
    """Estimate what the first place on the screen is worth, and its error.

    None where the side cannot be told from the models, as each always has the same.

    A Bradley-Terry model with a term for the side (Davidson and Beaver 1977), by
    Newton's method, the error from the sandwich (White 1982).
    """
    a, b, points, number, _ = _cells(votes, counts)
    n, side = len(counts.models), 0.0
    theta = score / ELO
    for _ in range(50):
        p = expit(theta[a] - theta[b] + side)
        weight = number * p * (1 - p)
        form = np.zeros((n + 1, n + 1))
        form[:n, :n] = laplacian(a, b, weight, n)
        form[:n, :n] += weight.sum() / n**2
        form[n, :n] = np.bincount(a, weight, n) - np.bincount(b, weight, n)
        form[:n, n], form[n, n] = form[n, :n], weight.sum()
        if np.linalg.matrix_rank(form, hermitian=True) <= n:
            return None
        rest = number * (points - p)
        slope = np.bincount(a, rest, n) - np.bincount(b, rest, n)
        step = np.linalg.solve(form, np.append(slope, rest.sum()))
        step *= min(1, 1.5 / max(2 * np.abs(step).max(), 1e-300))
        theta, side = theta + step[:n], side + step[n]
        if np.abs(step).max() < 1e-9:
            break
    unit = np.zeros(n + 1)
    unit[n] = 1
    along = np.linalg.solve(form, unit)
    pull = along[a] - along[b] + along[n]
    return side * ELO, float(
        np.sqrt((number * (points - p) ** 2 * pull**2).sum()) * ELO
    )


def _drift(
    votes: Votes, counts: PairCounts, score: np.ndarray
) -> tuple[float, int, float, np.ndarray, np.ndarray] | None:
    """Test whether the models' scores changed between two halves of the period.

    Rao's score test (1948) of scores of their own in the second half, with the
    variance that the votes show. The changes, with their errors, are its first step.
    """
    a, b, points, number, month = _cells(votes, counts)
    months = np.unique(month)
    before = np.cumsum([number[month == one].sum() for one in months])
    if len(months) < 2:
        return None
    middle = months[1 + np.argmin(np.abs(before[:-1] / before[-1] - 0.5))]
    late, n = month >= middle, len(counts.models)
    p = expit((score[a] - score[b]) / ELO)
    weight, rest = number * p * (1 - p), number * (points - p)
    slope = np.bincount(a[late], rest[late], n) - np.bincount(b[late], rest[late], n)
    whole = laplacian(a, b, weight, n)
    part = laplacian(a[late], b[late], weight[late], n)
    information = part - part @ np.linalg.pinv(whole, rcond=1e-9, hermitian=True) @ part
    inverse = np.linalg.pinv(information, rcond=1e-9, hermitian=True)
    freedom = int(np.linalg.matrix_rank(information, tol=1e-9 * np.abs(part).max()))
    dispersion = (number * (points - p) ** 2).sum() / weight.sum()
    statistic = float(slope @ inverse @ slope) / dispersion
    p_value = float(chdtrc(max(freedom, 1), statistic))
    error = np.sqrt(np.maximum(np.diag(inverse) * dispersion, 1e-300)) * ELO
    return statistic, freedom, p_value, inverse @ slope * ELO, error
