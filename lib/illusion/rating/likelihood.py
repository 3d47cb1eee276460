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
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dpocon  # pyright: ignore[reportAttributeAccessIssue]
from scipy.special import expit, log_expit, logit, logsumexp
from threadpoolctl import ThreadpoolController

from illusion.rating.battles import PairCounts

ELO = 400 / np.log(10)  # points per unit of log-odds
# The matrices are small: a second BLAS thread gains nothing when idle and, when
# the machine is busy, makes a solve of 3 ms wait for 50 and more.
one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")
# The step that ends a climb. Newton's steps shrink quadratically, so that after
# one of 1e-4 points the error is some 1e-10.
_LAST_NEWTON_STEP = 1e-4 / ELO
_LONGEST_STEP = 1.5  # log-odds
_MOST_OFF = 1e-3 / ELO


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

    Parameters
    ----------
    d : ndarray
        Log-odds of the first model against the second.

    Returns
    -------
    Terms
    """
    # By the exponential of the smaller side: 1 - p would round away a small q.
    ratio = np.exp(-np.abs(d))
    larger, log_larger = 1 / (1 + ratio), -np.log1p(ratio)
    p, q = np.where(d > 0, [larger, larger * ratio], [larger * ratio, larger])
    log_a, log_b = log_larger + np.minimum(d, 0), log_larger - np.maximum(d, 0)
    slope = np.stack([q, -p, (q - p) / 2])
    return Terms(
        np.stack([log_a, log_b, (log_a + log_b) / 2]),
        slope[:, None],
        np.broadcast_to(p * q, (3, 1, 1, *np.shape(d))),
    )


def davidson(d: np.ndarray, t: float | np.ndarray) -> Terms:
    """Davidson (1970): a tie is as likely as ``nu`` times the geometric mean.

    ``P(a) : P(b) : P(tie) = exp(d/2) : exp(-d/2) : nu``, with ``t = log nu``.

    Parameters
    ----------
    d : ndarray
        As for :func:`half_win`.
    t : float or ndarray
        The tie parameter.

    Returns
    -------
    Terms
    """
    exponent = np.stack([d / 2, -d / 2, np.broadcast_to(t, np.shape(d))])
    log_p = exponent - np.asarray(logsumexp(exponent, axis=0))
    a, b, tie = np.exp(log_p)
    score = np.array([[b + tie / 2, -tie], [-a - tie / 2, -tie], [(b - a) / 2, a + b]])
    cross = (b - a) / 2 * tie
    curvature = np.array([[a * b + tie * (a + b) / 4, cross], [cross, tie * (a + b)]])
    return Terms(log_p, score, np.broadcast_to(curvature, (3, *curvature.shape)))


def rao_kupper(d: np.ndarray, t: float | np.ndarray) -> Terms:
    """Rao and Kupper (1967): below a threshold, a difference goes unnoticed.

    ``P(a) = 1 / (1 + theta exp(-d))``, ``P(b)`` likewise, and a tie is the
    rest, with ``t = log theta > 0``; NaN elsewhere.

    Parameters
    ----------
    d, t
        As for :func:`davidson`.

    Returns
    -------
    Terms
    """
    t = np.where(np.asarray(t) > 0, t, np.nan)
    a, b = expit(d - t), expit(-d - t)
    not_a, not_b = expit(t - d), expit(t + d)
    grow = -np.expm1(-2 * t)  # (theta^2 - 1) / theta^2
    log_a, log_b = log_expit(d - t), log_expit(-d - t)
    score = np.array(
        [[not_a, -not_a], [-not_b, -not_b], [b - a, 2 / np.expm1(2 * t) + a + b]]
    )
    va, vb = a * not_a, b * not_b
    curve_a, curve_b = np.array([[[va, -va], [-va, va]], [[vb, vb], [vb, vb]]])
    curve_tie = curve_a + curve_b
    curve_tie[1, 1] += 4 * np.exp(-2 * t) / grow**2
    return Terms(
        np.stack([log_a, log_b, 2 * t + np.log(grow) + log_a + log_b]),
        score,
        np.stack([curve_a, curve_b, curve_tie]),
    )


# Name -> (function, first guess of t, or None where there is no tie parameter).
TIE_MODELS: dict[str, tuple[Callable[..., Terms], float | None]] = {
    "half": (half_win, None),
    "davidson": (davidson, 0.0),
    "rao-kupper": (rao_kupper, 0.5),
}


class Likelihood(Protocol):
    """What :func:`maximise` climbs: `n` scores, then any other parameters."""

    n: int
    start: np.ndarray
    outcomes: np.ndarray

    def at(self, x: np.ndarray) -> Terms: ...  # noqa: D102
    def reach(self, step: np.ndarray) -> float: ...  # noqa: D102
    def gradient(self, terms: Terms) -> np.ndarray: ...  # noqa: D102
    def information(self, terms: Terms) -> np.ndarray: ...  # noqa: D102


class Problem:
    """A likelihood over pairs: log-strengths, then the tie parameter if any.

    Parameters
    ----------
    counts : PairCounts
    tie_model : {"half", "davidson", "rao-kupper"}
    """

    def __init__(self, counts: PairCounts, tie_model: str) -> None:
        self.counts, self.n = counts, len(counts.models)
        self.a, self.b = counts.a, counts.b
        self.tie_model = tie_model
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

    def reach(self, step: np.ndarray) -> float:
        """Bound on what a step changes in the arguments of any battle's terms."""
        theta, tie = np.split(step, [self.n])
        return np.abs(theta[self.a] - theta[self.b]).max() + np.abs(tie).sum()

    def gradient(self, terms: Terms) -> np.ndarray:
        """First derivatives of the log-likelihood."""
        slope = np.einsum("op,okp->kp", self.outcomes, terms.score)
        per_model = self.counts.per_model(slope[0], -slope[0])
        return np.append(per_model, slope[1:].sum(axis=1))

    def information(self, terms: Terms) -> np.ndarray:
        """Minus the second derivatives of the log-likelihood."""
        return self._matrix(np.einsum("op,oklp->klp", self.outcomes, terms.curvature))

    def meat(self, terms: Terms, few: np.ndarray, dispersion: float) -> np.ndarray:
        """Sum over battles of the outer product of the score with itself.

        As it is; in pairs of a model of `few` battles as the curvature and the
        `dispersion` of all battles let expect.
        """
        score = terms.score
        found = np.einsum("op,okp,olp->klp", self.outcomes, score, score)
        bent = np.einsum("op,oklp->klp", self.outcomes, terms.curvature)
        some = few[self.a] | few[self.b]
        return self._matrix(np.where(some, dispersion * bent, found))

    def dispersion(self, terms: Terms) -> float:
        """Squared scores in all, over those that the curvature lets expect.

        Four battles between equals that were not ties are added to both, so that a
        handful of ties does not make a small board look sure.
        """
        found = np.vdot(self.outcomes, terms.score[:, 0] ** 2)
        expected = np.vdot(self.outcomes, terms.curvature[:, 0, 0])
        return float((found + 1) / (expected + 1))

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


def maximise(problem: Likelihood, most: int = 100) -> Peak:
    """Climb to the maximum by Newton's method with short steps.

    The third derivative of a logistic likelihood is at most the second times the
    change of its argument, so that a step which changes no argument by more than
    1.5 cannot overshoot (Bach 2010, proposition 1; ``exp(s) < 1 + s + s**2`` holds
    for ``s <= 1.5``). Rao and Kupper's has a wall at ``t = 0`` besides, for which
    steps are halved.

    Parameters
    ----------
    problem : Likelihood
    most : int
        Steps after which to give up.

    Returns
    -------
    Peak

    Raises
    ------
    NotConvergedError
        The steps did not become small, or rounding could move a score visibly.
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
        norm = np.abs(information).sum(axis=0).max()
        try:
            factor = cho_factor(information, overwrite_a=True, check_finite=False)
        except LinAlgError:
            break
        step = cho_solve(factor, problem.gradient(terms))
        size = np.abs(step).max()
        step *= min(1, _LONGEST_STEP / max(problem.reach(step), 1e-300))
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
            # What rounding of the gradient can do to a score (Higham 2002, chapter
            # 7), the gradient's terms being of the size of the information.
            off = np.finfo(float).eps / dpocon(factor[0], norm)[0]
            if off > _MOST_OFF:
                most = problem.outcomes.sum(axis=0).max()
                raise NotConvergedError(
                    f"Rounding could move a score by {off * ELO:.2g} points, as pairs "
                    f"differ too much in size: {most:.2g} battles beside a few. Leave "
                    "the largest or the smallest out."
                )
            slope = float(np.abs(problem.gradient(terms)[:n]).max())
            return Peak(x, terms, factor, ridge, value, iteration, slope)
    raise NotConvergedError(
        f"Newton's method did not settle in {iteration} steps; the last one was "
        f"{size * ELO:.3g} points long. Too few battles hold some score in place: "
        "counts.totals() shows which, counts.only(...) leaves them out."
    )
