"""Votes that reward style, what chasing them does, and what control takes back.

A model has a true quality (Elo points) and a mean style, one number per feature
such as length. An answer's style scatters around the mean with standard deviation
1 in every feature, which is the unit of style. The voter sees quality plus ``w``
times style, with ``w`` the style weights in points per unit.

Style control fits Bradley and Terry's model (1952) by maximum likelihood, with the
differences of style as covariates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve
from scipy.special import expit, gammaln, hyp1f1, log_expit

from illusion.rating.battles import NoRankingError, PairCounts, require_ranking
from illusion.rating.likelihood import (
    ELO,
    NotConvergedError,
    Terms,
    maximise,
    one_thread,
)
from illusion.rating.ratings import win_probability

_SQRT2 = 2**0.5  # standard deviation of the difference of two answers
# Share of a feature's variation below which only rounding errors are left.
_LEAST_OWN = 1e-10


@dataclass(frozen=True, eq=False)
class StyledVotes:
    """Votes with the style of the answers; none is a tie.

    Attributes
    ----------
    models : tuple of str
        Names, sorted. The numbers in `a` and `b` are places in this tuple.
    a, b : ndarray of int, shape (votes,)
        The two models of each vote.
    style : ndarray, shape (votes, features)
        Style of the answer of `a` minus that of `b`, in standard deviations of
        single answers.
    won : ndarray of bool, shape (votes,)
        Whether `a` won.
    """

    models: tuple[str, ...]
    a: np.ndarray
    b: np.ndarray
    style: np.ndarray
    won: np.ndarray

    def __post_init__(self) -> None:
        """Refuse arrays that are no votes."""
        votes, n = len(self.won), len(self.models)
        shapes = [np.shape(each) for each in (self.a, self.b, self.won)]
        if shapes != [(votes,)] * 3 or np.shape(self.style)[:-1] != (votes,):
            raise ValueError(
                f"a, b and won have the shapes {shapes} and style "
                f"{np.shape(self.style)}: one row per vote, and one column per feature."
            )
        if np.asarray(self.won).dtype != bool:
            raise ValueError(
                f"won holds {np.asarray(self.won).dtype}, not yes and no: pass whether "
                "the first model won, such as winner == 'model_a', and leave ties out."
            )
        low, high = np.minimum(self.a, self.b), np.maximum(self.a, self.b)
        sound = (low >= 0) & (low != high) & (high < n)
        sound &= np.isfinite(self.style).all(axis=1)
        if not sound.all():
            row = int(np.argmin(sound))
            raise ValueError(
                f"Vote {row} is of the models {self.a[row]} and {self.b[row]}, with "
                f"the style {self.style[row]}: expected two places in {n} models and "
                "finite numbers. Correct the vote, or drop it."
            )

    def counts(self) -> PairCounts:
        """Count the votes per pair, as a board without style control does."""
        n, swapped = len(self.models), self.a > self.b
        first, second = np.where(swapped, [self.b, self.a], [self.a, self.b])
        pair, place = np.unique(first * n + second, return_inverse=True)
        battles = np.bincount(place, minlength=len(pair))
        wins = np.bincount(place[self.won != swapped], minlength=len(pair))
        none = np.zeros_like(wins)
        return PairCounts(self.models, *divmod(pair, n), wins, battles - wins, none)


@dataclass(frozen=True, eq=False)
class StyleFit:
    """Scores, and what voters pay for style.

    Attributes
    ----------
    models : tuple of str
    controls : tuple of int
        Features that were covariates, as columns of the votes' style.
    score : ndarray, shape (models,)
        Elo points of mean 0, at equal style in the features controlled.
    weights : ndarray, shape (controls,)
        Elo points per standard deviation of single answers.
    covariance : ndarray, shape (models + controls, models + controls)
        Of the scores, then the weights: inverse observed information.
    """

    models: tuple[str, ...]
    controls: tuple[int, ...]
    score: np.ndarray
    weights: np.ndarray
    covariance: np.ndarray

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of each score, Elo points."""
        return np.sqrt(np.diag(self.covariance)[: len(self.models)])

    @property
    def weight_error(self) -> np.ndarray:
        """Standard error of each weight, Elo points per standard deviation."""
        return np.sqrt(np.diag(self.covariance)[len(self.models) :])


@dataclass(frozen=True, eq=False)
class Goodhart:
    """Expected change of a model whose style is moved to what voters reward.

    All in Elo points, of the shape of pressure and votes broadcast together.

    Attributes
    ----------
    predicted : ndarray
        Arena score that the provider expects from its own estimate.
    arena, controlled, quality : ndarray
        Arena score that it gets; score under style control; true quality.
    """

    predicted: np.ndarray
    arena: np.ndarray
    controlled: np.ndarray
    quality: np.ndarray


def simulate_votes(
    models: tuple[str, ...],
    quality: np.ndarray,
    mean_style: np.ndarray,
    weights: np.ndarray,
    n: int,
    rng: np.random.Generator,
) -> StyledVotes:
    """Draw n votes of voters who reward style; all pairs are equally likely.

    Parameters
    ----------
    models : tuple of str
        Names, sorted.
    quality : ndarray, shape (models,)
        True quality, Elo points.
    mean_style : ndarray, shape (models, features)
        Standard deviations of single answers.
    weights : ndarray, shape (features,)
        What voters pay for style, Elo points per standard deviation.
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    StyledVotes

    Raises
    ------
    ValueError
        Arrays whose shapes do not belong together.
    """
    quality, mean_style = np.asarray(quality), np.asarray(mean_style)
    size, features = len(models), len(weights)
    if quality.shape != (size,) or mean_style.shape != (size, features):
        raise ValueError(
            f"quality has the shape {quality.shape} and mean_style {mean_style.shape}; "
            f"{size} models and {features} weights need ({size},) and "
            f"({size}, {features})."
        )
    a = rng.integers(size, size=n)
    b = (a + rng.integers(1, size, n)) % size
    scatter = _SQRT2 * rng.standard_normal((n, features))
    style = mean_style[a] - mean_style[b] + scatter
    won = rng.random(n) < win_probability(quality[a] - quality[b] + style @ weights)
    return StyledVotes(models, a, b, style, won)


@one_thread
def fit_controlled(votes: StyledVotes, controls: Sequence[int] = ()) -> StyleFit:
    """Bradley-Terry scores with style as covariates, by Newton's method.

    Parameters
    ----------
    votes : StyledVotes
    controls : sequence of int
        Features to control for; none gives the plain Bradley-Terry scores.

    Returns
    -------
    StyleFit

    Raises
    ------
    NoRankingError
        No finite, unique value: models that won or lost everything or never met, a
        style that is constant within models or features that vary only together,
        or style that foretells every vote.
    ValueError
        A control that is no feature of the votes.
    """
    features = votes.style.shape[1]
    if not set(controls) <= set(range(features)):
        raise ValueError(
            f"controls={controls} must be columns of the style, 0 to {features - 1}."
        )
    require_ranking(votes.counts())
    problem = _Votes(votes, list(controls))
    if controls:
        _require_own_variation(problem, controls)
    try:
        peak = maximise(problem)
    except NotConvergedError:
        raise NoRankingError(
            f"Scores and style features {list(controls)} together foretell these "
            f"{len(votes.won)} votes, so that the best weights are infinite. Collect "
            "more votes, or control for fewer features."
        ) from None
    n = problem.n
    covariance = cho_solve(peak.factor, np.eye(len(peak.x)))
    covariance[:n, :n] -= 1 / (n**2 * peak.ridge)
    scale = ELO / np.append(np.ones(n), problem.unit)
    score, weights = np.split(peak.x * scale, [n])
    covariance *= np.outer(scale, scale)
    return StyleFit(votes.models, tuple(controls), score, weights, covariance)


def points(coefficient: float | np.ndarray) -> float | np.ndarray:
    """Weight of a coefficient in log-odds per standard deviation of differences.

    Parameters
    ----------
    coefficient : float or ndarray

    Returns
    -------
    float or ndarray
        Elo points per standard deviation of single answers, whose differences have
        a standard deviation of sqrt(2): ``ELO / sqrt(2)`` times as much.
    """
    return coefficient * (ELO / _SQRT2)


def standard_error(n: float | np.ndarray) -> float | np.ndarray:
    """Standard error of one style weight.

    Parameters
    ----------
    n : float or ndarray
        Votes, many more than models.

    Returns
    -------
    float or ndarray
        Elo points per standard deviation: ``ELO sqrt(2 / n)``. A vote between near
        equals tells ``p (1 - p) = 1/4`` times the squared difference of style, 2 on
        average, about a weight in log-odds.
    """
    return ELO * np.sqrt(2 / np.asarray(n))[()]


def goodhart(
    weights: np.ndarray,
    n: float | np.ndarray,
    pressure: float | np.ndarray,
    cost: float,
    controls: Sequence[int] = (),
) -> Goodhart:
    """Expected scores of a provider that optimises its style for voters.

    It estimates the weights from n votes and moves its mean style by `pressure` in
    the direction of the estimate. The move costs ``cost * pressure**2 / 2`` of
    quality, which the provider knows.

    Parameters
    ----------
    weights : ndarray, shape (features,)
        What voters pay for style, Elo points per standard deviation.
    n : float or ndarray
        Votes behind the estimate, many more than models.
    pressure : float or ndarray
        Length of the move, standard deviations.
    cost : float
        Elo points per squared standard deviation.
    controls : sequence of int
        Features that style control covers.

    Returns
    -------
    Goodhart
        Averages over estimates that scatter normally, in each feature with
        :func:`standard_error`. The mean length of the estimate is that of the
        noncentral chi distribution (Johnson, Kotz and Balakrishnan 1995, chapter
        29); its gradient in the weights is the mean direction. The scatter
        of answers makes votes noisier and brings all scores a little nearer to 0;
        this is left out.
    """
    error, features = standard_error(n), len(weights)
    squares = np.square(weights)
    x = -squares.sum() / (2 * error**2)
    scale = _SQRT2 * np.exp(gammaln((features + 1) / 2) - gammaln(features / 2))
    length = scale * error * hyp1f1(-0.5, features / 2, x)
    # The mean direction is this multiple of the weights.
    toward = scale / (features * error) * hyp1f1(0.5, features / 2 + 1, x)
    left = np.delete(squares, list(controls)).sum()
    quality = -cost * np.square(pressure) / 2 + np.zeros_like(length)
    return Goodhart(
        predicted=quality + pressure * length,
        arena=quality + pressure * toward * squares.sum(),
        controlled=quality + pressure * toward * left,
        quality=quality,
    )


class _Votes:
    """The likelihood of single votes, for :func:`illusion.rating.likelihood.maximise`.

    Votes are turned so that the first model won. The parameters are log-strengths,
    then weights, both in log-odds.
    """

    def __init__(self, votes: StyledVotes, controls: list[int]) -> None:
        self.n = len(votes.models)
        sides = np.where(votes.won, [votes.a, votes.b], [votes.b, votes.a])
        # Where a pointer has 32 bits, numpy refuses to count longer integers.
        self.winner, self.loser = sides.astype(np.intp, copy=False)
        style = votes.style[:, controls]
        # In units of their own, so that a large unit does not look like separation.
        self.unit = np.sqrt(np.square(style).mean(axis=0))
        self.unit[self.unit == 0] = 1
        self.style = np.where(votes.won[:, None], style, -style) / self.unit
        self.outcomes = np.ones(len(style))
        self.start = np.zeros(self.n + len(controls))

    def at(self, x: np.ndarray) -> Terms:
        """Terms of every vote, for the one outcome that it had."""
        theta, weights = np.split(x, [self.n])
        lead = theta[self.winner] - theta[self.loser] + self.style @ weights
        miss = expit(-lead)
        return Terms(log_expit(lead), miss, miss * (1 - miss))

    def reach(self, step: np.ndarray) -> float:
        """Largest change of a vote's lead by a step."""
        theta, weights = np.split(step, [self.n])
        change = theta[self.winner] - theta[self.loser] + self.style @ weights
        return np.abs(change).max()

    def gradient(self, terms: Terms) -> np.ndarray:
        """First derivatives of the log-likelihood."""
        return np.append(self._per_model(terms.score), terms.score @ self.style)

    def information(self, terms: Terms) -> np.ndarray:
        """Minus the second derivatives of the log-likelihood."""
        n, weight = self.n, terms.curvature
        pair = np.bincount(self.winner * n + self.loser, weight, n * n).reshape(n, n)
        between = pair + pair.T
        styled = (weight[:, None] * self.style).T
        cross = np.array([self._per_model(row) for row in styled]).reshape(-1, n)
        scores = np.diag(between.sum(axis=0)) - between
        return np.block([[scores, cross.T], [cross, styled @ self.style]])

    def _per_model(self, of_vote: np.ndarray) -> np.ndarray:
        """Sum over the wins of each model minus the sum over its losses."""
        won, lost = (np.bincount(m, of_vote, self.n) for m in (self.winner, self.loser))
        return won - lost


def _require_own_variation(problem: _Votes, controls: Sequence[int]) -> None:
    """Refuse features for which scores, or other features, can stand in."""
    n, form = problem.n, problem.information(problem.at(problem.start))
    cross, styles = form[:n, n:], form[n:, n:]
    # Battles leave the mean of the scores open: the 1 closes it.
    own = styles - cross.T @ np.linalg.solve(form[:n, :n] + 1, cross)
    size = np.sqrt(np.diag(styles))
    size[size == 0] = 1
    share, mix = np.linalg.eigh(own / np.outer(size, size))
    load = np.abs(mix[:, share < _LEAST_OWN]).max(axis=1, initial=0)
    if stuck := np.unique(np.asarray(controls)[load > 1e-6]).tolist():
        raise NoRankingError(
            f"Style features {stuck} have no variation of their own. A style that is "
            "constant within every model cannot be told from skill, and features that "
            "vary only together cannot be told apart: control for fewer, or collect "
            "answers that vary."
        )
