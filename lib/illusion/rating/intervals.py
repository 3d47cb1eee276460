"""Intervals that need more than the curvature at the maximum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import cho_solve
from scipy.sparse import csr_array
from scipy.special import ndtri, stdtrit

from illusion.rating.battles import NoRankingError, require_ranking
from illusion.rating.likelihood import ELO, Peak, Problem, maximise

# Chord steps shrink only by a factor: the last one is well below a Newton step's.
_LAST_CHORD_STEP = 1e-6 / ELO


def critical_value(
    level: float, freedom: float | np.ndarray = np.inf
) -> float | np.ndarray:
    """Standard errors to each side of an estimate that an interval takes in.

    Parameters
    ----------
    level : float
        Nominal coverage, probability.
    freedom : float or ndarray
        Degrees of freedom of Student's t; infinite for the normal distribution.

    Returns
    -------
    float or ndarray, of the shape of `freedom`

    Raises
    ------
    ValueError
        A level that is not strictly between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(
            f"level={level} must lie strictly between 0 and 1, such as 0.95."
        )
    tail = (1 - level) / 2
    normal = np.isinf(freedom)
    return -np.where(normal, ndtri(tail), stdtrit(np.where(normal, 1, freedom), tail))


def likelihood_ends(
    problem: Problem, peak: Peak, models: np.ndarray, fall: np.ndarray
) -> np.ndarray:
    """Scores to both sides at which the log-likelihood has fallen by so much.

    As a model's score moves away from the maximum, the other parameters follow in
    the direction in which the likelihood falls least there (Stein's least
    favourable one), and not all the way as in a profile.

    Parameters
    ----------
    problem : Problem
    peak : Peak
    models : ndarray of int
        Places of the models.
    fall : ndarray, of the shape of `models`
        Natural logarithm.

    Returns
    -------
    ndarray, shape (2, models)
        Log-strength around the mean of all models: lower end, upper end.
    """
    n, size, many = problem.n, len(peak.x), len(models)
    contrast = np.zeros((size, many))
    contrast[:n] = -1 / n
    contrast[models, np.arange(many)] += 1
    path = cho_solve(peak.factor, contrast)
    error = np.sqrt(path[models, np.arange(many)])
    path /= error**2
    along = path[problem.a] - path[problem.b]
    ends = []
    for sign in (-1, 1):
        low, high = np.zeros(many), np.full(many, np.inf)
        step = error * np.sqrt(2 * fall)
        for _ in range(100):
            terms = problem.at(peak.x[:, None] + sign * step * path)
            value = np.einsum("op,opr->r", problem.outcomes, terms.log_p)
            slope = np.einsum("op,okpr->kpr", problem.outcomes, terms.score)
            steep = -sign * (
                (slope[0] * along).sum(axis=0)
                + (slope[1:].sum(axis=1) * path[n:]).sum(axis=0)
            )
            over = peak.log_likelihood - value - fall
            beyond = ~(over < 0)  # also where there is no likelihood any more
            low, high = np.where(beyond, low, step), np.where(beyond, step, high)
            newton = step - over / steep
            middle = np.where(np.isinf(high), 2 * step, (low + high) / 2)
            new = np.where((low < newton) & (newton < high), newton, middle)
            settled = np.abs(new - step).max(initial=0) < _LAST_CHORD_STEP
            step = new
            if settled:
                break
        ends.append(peak.x[models] + sign * step)
    return np.array(ends)


def bootstrap(
    problem: Problem, peak: Peak, n_replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Log-strengths refitted to resampled votes.

    The replicates are refitted together, with the Hessian of the data for all
    (a chord method): more steps than Newton's, but cheap ones. A replicate that
    does not settle so is fitted by :func:`~illusion.rating.likelihood.maximise`.

    Parameters
    ----------
    problem : Problem
    peak : Peak
        Where the refits start.
    n_replicates : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_replicates, models)

    Raises
    ------
    NoRankingError
        Resamples in which some model has no finite score; it says how many.
    """
    n, (_, pairs) = problem.n, problem.outcomes.shape
    row = np.append(problem.a, problem.b)
    column = np.tile(np.arange(pairs), 2)
    sign = np.repeat([1.0, -1.0], pairs)
    incidence = csr_array((sign, (row, column)), shape=(n, pairs))
    votes = problem.counts.n_battles
    share = problem.outcomes.ravel() / votes
    fitted, unranked = [], []
    at_once = max(1, 1_000_000 // pairs)
    for start in range(0, n_replicates, at_once):
        many = min(at_once, n_replicates - start)
        drawn = rng.multinomial(votes, share, many).T.reshape(3, pairs, many)
        x = np.repeat(peak.x[:, None], many, axis=1)
        for _ in range(40):
            slope = np.einsum("opr,okpr->kpr", drawn, problem.at(x).score)
            gradient = np.vstack([incidence @ slope[0], slope[1:].sum(axis=1)])
            # A step too far can leave no likelihood: NaN, which does not settle.
            step = cho_solve(peak.factor, gradient, check_finite=False)
            x += step
            unsettled = ~(np.abs(step).max(axis=0) < _LAST_CHORD_STEP)
            if not unsettled.any():
                break
        # Without a maximum the steps go on: all such resamples are among these.
        for r in np.flatnonzero(unsettled):
            try:
                x[:, r] = _refit(problem, drawn[:, :, r])
            except NoRankingError as error:
                unranked.append(str(error))
        fitted.append(x[:n].T)
    if unranked:
        raise NoRankingError(
            f"The bootstrap has no interval: {len(unranked):,} of {n_replicates:,} "
            "resamples of these votes have no ranking. Use interval='sandwich'. Of "
            f"the first of them: {unranked[0]}"
        )
    return np.concatenate(fitted)


def _refit(problem: Problem, drawn: np.ndarray) -> np.ndarray:
    wins_a, wins_b, tied = drawn
    counts = replace(problem.counts, wins_a=wins_a, wins_b=wins_b, ties=tied)
    require_ranking(counts, problem.tie_model)
    return maximise(Problem(counts, problem.tie_model)).x
