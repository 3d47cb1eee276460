"""The likelihood of battles, and the climb to its maximum.

A tie model says what one battle contributes, as a function of ``d``, the
difference of two log-strengths (the first model's minus the second's), and of
``t``, one tie parameter that all pairs share. It returns, for each of the
three outcomes (first wins, second wins, tie):

``log_p`` : shape (3, ...)
    log-likelihood,
``score`` : shape (3, k, ...)
    its derivatives with respect to ``d`` and, if there is one, ``t``,
``curvature`` : shape (3, k, k, ...)
    minus its second derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import csr_array
from scipy.special import expit, log_expit, logit, logsumexp
from threadpoolctl import ThreadpoolController

from illusion.rating.battles import NoRankingError, PairCounts, require_ranking

ELO = 400 / np.log(10)  # points per unit of log-odds
# The matrices are small: a second BLAS thread gains nothing when idle and, when
# the machine is busy, makes a solve of 3 ms wait for 50 and more.
one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")
# The step that ends a climb. Newton's steps shrink quadratically, so that after
# one of 1e-4 points the error is some 1e-10; the bootstrap's only by a factor.
_LAST_NEWTON_STEP = 1e-4 / ELO
_LAST_CHORD_STEP = 1e-6 / ELO


class NotConvergedError(RuntimeError):
    """The likelihood's maximum was not reached."""


class Terms(NamedTuple):
    """What one battle contributes, by outcome; see the module's docstring."""

    log_p: np.ndarray
    score: np.ndarray
    curvature: np.ndarray


def half_win(d: np.ndarray) -> Terms:
    """Bradley-Terry with a tie as half a win to each side.

    The logistic likelihood of Bradley and Terry (1952), with 1/2 as the
    response of a tie. It has no tie parameter.
    """
    log_a = log_expit(d)
    log_b = log_a - d
    p = np.exp(log_a)
    slope = np.stack([1 - p, -p, 0.5 - p])
    return Terms(
        np.stack([log_a, log_b, (log_a + log_b) / 2]),
        slope[:, None],
        np.broadcast_to(p * (1 - p), (3, 1, 1, *np.shape(d))),
    )


def davidson(d: np.ndarray, t: float | np.ndarray) -> Terms:
    """Davidson (1970): a tie is as likely as ``nu`` times the geometric mean.

    ``P(a) : P(b) : P(tie) = exp(d/2) : exp(-d/2) : nu``, with ``t = log nu``.
    """
    exponent = np.stack([d / 2, -d / 2, np.broadcast_to(t, np.shape(d))])
    log_p = exponent - logsumexp(exponent, axis=0)
    a, b, tie = np.exp(log_p)
    mean = np.stack([(a - b) / 2, tie])
    statistic = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 1.0]])
    statistic = statistic.reshape(3, 2, *(1,) * np.ndim(d))
    cross = -mean[0] * tie
    curvature = np.stack(
        [
            np.stack([(a + b) / 4 - mean[0] ** 2, cross]),
            np.stack([cross, tie * (1 - tie)]),
        ]
    )
    return Terms(
        log_p, statistic - mean, np.broadcast_to(curvature, (3, *curvature.shape))
    )


def rao_kupper(d: np.ndarray, t: float | np.ndarray) -> Terms:
    """Rao and Kupper (1967): below a threshold, a difference goes unnoticed.

    ``P(a) = 1 / (1 + theta exp(-d))``, ``P(b)`` likewise, and a tie is the
    rest, with ``t = log theta > 0``.
    """
    if np.any(np.asarray(t) <= 0):
        nothing = np.full((3, *np.shape(d)), -np.inf)
        return Terms(nothing, nothing[:, None], nothing[:, None, None])
    a, b = expit(d - t), expit(-d - t)
    grow = -np.expm1(-2 * t)  # (theta^2 - 1) / theta^2
    log_a, log_b = log_expit(d - t), log_expit(-d - t)
    zero = np.zeros_like(d)
    score = np.stack(
        [
            np.stack([1 - a, a - 1]),
            np.stack([b - 1, b - 1]),
            np.stack([b - a, 2 / grow - 2 + a + b]),
        ]
    )
    va, vb = a * (1 - a), b * (1 - b)
    squeeze = 4 * np.exp(-2 * t) / grow**2
    curve_a = np.stack([np.stack([va, -va]), np.stack([-va, va])])
    curve_b = np.stack([np.stack([vb, vb]), np.stack([vb, vb])])
    extra = np.stack([np.stack([zero, zero]), np.stack([zero, zero + squeeze])])
    return Terms(
        np.stack([log_a, log_b, 2 * t + np.log(grow) + log_a + log_b]),
        score,
        np.stack([curve_a, curve_b, curve_a + curve_b + extra]),
    )


# Name -> (function, first guess of t, or None where there is no tie parameter).
TIE_MODELS: dict[str, tuple[Callable[..., Terms], float | None]] = {
    "half": (half_win, None),
    "davidson": (davidson, 0.0),
    "rao-kupper": (rao_kupper, 0.5),
}


class Problem:
    """A likelihood over pairs: log-strengths, then the tie parameter if any."""

    def __init__(self, counts: PairCounts, tie_model: str) -> None:
        self.counts, self.n = counts, len(counts.models)
        self.a, self.b = counts.a, counts.b
        self.terms, tie_start = TIE_MODELS[tie_model]
        self.outcomes = np.stack([counts.wins_a, counts.wins_b, counts.ties]) * 1.0
        # The log-odds of each win rate lie near the log-strengths.
        share = self.outcomes[:2] + self.outcomes[2] / 2
        won, lost = counts.per_model(*share), counts.per_model(*share[::-1])
        theta = logit(won / (won + lost))
        self.start = np.append(
            theta - theta.mean(), [] if tie_start is None else tie_start
        )

    def at(self, x: np.ndarray) -> Terms:
        """Terms of every pair at the parameters `x`."""
        theta = x[: self.n]
        return self.terms(theta[self.a] - theta[self.b], *x[self.n :])

    def gradient(self, terms: Terms) -> np.ndarray:
        """First derivatives of the log-likelihood."""
        slope = np.einsum("op,okp->kp", self.outcomes, terms.score)
        per_model = self.counts.per_model(slope[0], -slope[0])
        return np.append(per_model, slope[1:].sum(axis=1))

    def information(self, terms: Terms) -> np.ndarray:
        """Minus the second derivatives of the log-likelihood."""
        return self._matrix(np.einsum("op,oklp->klp", self.outcomes, terms.curvature))

    def meat(self, terms: Terms) -> np.ndarray:
        """Sum over battles of the outer product of the score with itself."""
        score = terms.score
        return self._matrix(np.einsum("op,okp,olp->klp", self.outcomes, score, score))

    def _matrix(self, per_pair: np.ndarray) -> np.ndarray:
        """Quadratic form in all parameters from one per pair, (k, k, pairs)."""
        n, size, per_model = self.n, len(self.start), self.counts.per_model
        form = np.zeros((size, size))
        weight = per_pair[0, 0]
        form[self.a, self.b] = form[self.b, self.a] = -weight
        np.fill_diagonal(form[:n, :n], per_model(weight, weight))
        if size > n:
            form[:n, n] = form[n, :n] = per_model(per_pair[0, 1], -per_pair[0, 1])
            form[n, n] = per_pair[1, 1].sum()
        return form


@dataclass(frozen=True, eq=False)
class Peak:
    """Maximum of a likelihood.

    Attributes
    ----------
    x : ndarray
        Log-strengths of mean 0, then the tie parameter if there is one.
    terms : Terms
        Of every pair, at `x`.
    factor : tuple
        Cholesky factor of the information with `ridge` added to every entry
        between two models; the ridge fixes the mean, which battles leave open.
    ridge : float
    log_likelihood : float
    iterations : int
    gradient_norm : float
        Largest absolute derivative with respect to a log-strength (battles).
    """

    x: np.ndarray
    terms: Terms
    factor: tuple
    ridge: float
    log_likelihood: float
    iterations: int
    gradient_norm: float


def maximise(problem: Problem, most: int = 50) -> Peak:
    """Climb to the maximum by Newton's method with step halving.

    Parameters
    ----------
    problem : Problem
    most : int
        Steps after which to give up.

    Returns
    -------
    Peak

    Raises
    ------
    NotConvergedError
        The steps did not become small.
    """
    n, x, size = problem.n, problem.start, np.inf

    def likelihood(terms: Terms) -> float:
        return float(np.vdot(problem.outcomes, terms.log_p))

    terms = problem.at(x)
    value = likelihood(terms)
    for iteration in range(1, most + 1):
        information = problem.information(terms)
        ridge = np.trace(information[:n, :n]) / n**2
        information[:n, :n] += ridge
        try:
            factor = cho_factor(information, overwrite_a=True, check_finite=False)
        except LinAlgError:
            break
        step = cho_solve(factor, problem.gradient(terms))
        size = np.abs(step).max()
        for _ in range(60):
            terms = problem.at(x + step)
            new = likelihood(terms)
            if new >= value - 1e-12 * abs(value):
                break
            step /= 2
        else:  # the likelihood is no number anywhere near
            break
        x, value = x + step, new
        if size < _LAST_NEWTON_STEP:
            slope = float(np.abs(problem.gradient(terms)[:n]).max())
            return Peak(x, terms, factor, ridge, value, iteration, slope)
    raise NotConvergedError(
        f"Newton's method did not settle in {iteration} steps; the last one was "
        f"{size * ELO:.3g} points long. Too few battles hold some score in place: "
        "counts.totals() shows which, counts.only(...) leaves them out."
    )


def bootstrap(
    problem: Problem, peak: Peak, n_replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Log-strengths refitted to resampled votes.

    The replicates are refitted together, with the Hessian of the data for all
    (a chord method): more steps than Newton's, but cheap ones. A replicate that
    does not settle so is fitted by :func:`maximise`.

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
        A resample in which some model has no finite score.
    """
    n, (_, pairs) = problem.n, problem.outcomes.shape
    row = np.append(problem.a, problem.b)
    column = np.tile(np.arange(pairs), 2)
    sign = np.repeat([1.0, -1.0], pairs)
    incidence = csr_array((sign, (row, column)), shape=(n, pairs))
    votes = problem.counts.n_battles
    share = problem.outcomes.ravel() / votes
    fitted = []
    at_once = max(1, 1_000_000 // pairs)
    for start in range(0, n_replicates, at_once):
        many = min(at_once, n_replicates - start)
        drawn = rng.multinomial(votes, share, many).T.reshape(3, pairs, many)
        x = np.repeat(peak.x[:, None], many, axis=1)
        for _ in range(40):
            slope = np.einsum("opr,okpr->kpr", drawn, problem.at(x).score)
            gradient = np.vstack([incidence @ slope[0], slope[1:].sum(axis=1)])
            step = cho_solve(peak.factor, gradient)
            x += step
            unsettled = np.abs(step).max(axis=0) >= _LAST_CHORD_STEP
            if not unsettled.any():
                break
        for r in np.flatnonzero(unsettled):
            x[:, r] = _refit(problem, drawn[:, :, r])
        fitted.append(x[:n].T)
    return np.concatenate(fitted)


def _refit(problem: Problem, drawn: np.ndarray) -> np.ndarray:
    wins_a, wins_b, tied = drawn
    counts = replace(problem.counts, wins_a=wins_a, wins_b=wins_b, ties=tied)
    try:
        require_ranking(counts)
    except NoRankingError as error:
        raise NoRankingError(
            "The bootstrap has no interval: there is a resample of these votes that "
            f"has no ranking. Use interval='sandwich'. Of that resample: {error}"
        ) from None
    resampled = copy(problem)
    resampled.outcomes = drawn * 1.0
    return maximise(resampled).x
