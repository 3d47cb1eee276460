"""What publishing the best of several tested variants does to a score.

A provider tests N variants. Each has a true skill, drawn around a mean with
standard deviation tau, and an estimate of it, off by a standard error sigma. The
variant with the highest estimate is published. Part of its lead over the mean is
skill; the rest is luck, the *winner's curse*.

Everything is in Elo points. Sources: order statistics of the normal distribution
as in David and Nagaraja (2003), sections 2.1 and 3.1; the split into skill and
luck is the regression of skill on estimate, as in Efron (2011), equation 1.4.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import log_ndtr
from scipy.stats import gamma, norm

from illusion.extremes import FAR as _FAR
from illusion.extremes import STEPS_PER_SD as _STEPS_PER_SD
from illusion.extremes import maximum_moments, require_counts
from illusion.rating.likelihood import ELO
from illusion.rating.ratings import (
    elo_difference,
    fit,
    simulate,
    tie_probability,
    win_probability,
)

_ATOMS = 2_000  # equally likely values that stand for a skewed distribution
_PARTS = 16
_POOL_VOTES = 20_000  # between every two opponents of a simulated board


@dataclass(frozen=True, eq=False)
class Choice:
    """The published variant: expected over many choices, or one per replicate.

    Attributes
    ----------
    published : float or ndarray
        Estimate of the chosen variant, Elo points above the reference: the mean of
        all variants, or 0 where each kind has a mean of its own.
    skill : float or ndarray
        Its true skill, from the same reference.
    """

    published: float | np.ndarray
    skill: float | np.ndarray

    @property
    def curse(self) -> float | np.ndarray:
        """Winner's curse: what is published and is not skill, Elo points."""
        return self.published - self.skill


@dataclass(frozen=True, eq=False)
class Fading:
    """Error of the published score once fresh votes have come in.

    Attributes
    ----------
    bias, rms : float or ndarray
        Expected error, and the root of the expected squared error, Elo points.
    """

    bias: float | np.ndarray
    rms: float | np.ndarray


@dataclass(frozen=True)
class SpreadFit:
    """Spread that makes a published curve of best-of-n gains most likely.

    Attributes
    ----------
    spread, standard_error : float
        Standard deviation of one estimate, and its error, Elo points.
    chi_squared : float
        Squared distance of curve and fit, in units of their Monte-Carlo error.
    degrees : int
        Degrees of freedom that belong to it.
    """

    spread: float
    standard_error: float
    chi_squared: float
    degrees: int


def expected_maximum(n: int | np.ndarray) -> float | np.ndarray:
    """Expected largest of n independent standard normal values.

    Parameters
    ----------
    n : int or ndarray of int
        How many values, at least 1.

    Returns
    -------
    float or ndarray
        In standard deviations: 0 for n = 1, 0.564 for 2, 1.539 for 10 (Harter
        1961, table 1). Integrated, not the asymptotic formula.

    Raises
    ------
    ValueError
        An n below 1.
    """
    return maximum_moments(n)[0]


def maximum_sd(n: int | np.ndarray) -> float | np.ndarray:
    """Standard deviation of the largest of n independent standard normal values.

    Parameters
    ----------
    n : int or ndarray of int
        How many values, at least 1.

    Returns
    -------
    float or ndarray
        In standard deviations: 1 for n = 1, 0.826 for 2, 0.587 for 10 (David and
        Nagaraja 2003, section 3.1).

    Raises
    ------
    ValueError
        An n below 1.
    """
    first, second = maximum_moments(n)
    return np.sqrt(second - np.square(first))


def standard_error(votes: float | np.ndarray, tie_rate: float = 0.0) -> np.ndarray:
    """Standard error of a score from votes against well-known equals.

    Parameters
    ----------
    votes : float or ndarray
    tie_rate : float
        Share of the votes that are ties, probability.

    Returns
    -------
    float or ndarray
        Elo points: ``2 (400 / ln 10) sqrt((1 - tie_rate) / votes)``, the delta
        method on an expected score of 1/2 whose variance per vote is
        ``(1 - tie_rate) / 4``.
    """
    return 2 * ELO * np.sqrt((1 - tie_rate) / np.asarray(votes))[()]


def best_of(
    n: int | np.ndarray, skill_sd: float | np.ndarray, error: float | np.ndarray
) -> Choice:
    """Publish the best of n variants of one kind.

    Parameters
    ----------
    n : int or ndarray of int
        Variants tested.
    skill_sd : float or ndarray
        Spread tau of true skill, Elo points; 0 for identical variants.
    error : float or ndarray
        Standard error sigma of an estimate, Elo points.

    Returns
    -------
    Choice
        Relative to the mean of the variants. With ``a`` the expected maximum of
        n standard normals and ``s = hypot(tau, sigma)``, ``a s`` is published,
        ``a tau**2 / s`` of it is skill and ``a sigma**2 / s`` is curse.

    Raises
    ------
    ValueError
        A negative spread, or neither spread nor error.
    """
    spread = _spread(skill_sd, error)
    published = expected_maximum(n) * spread
    return Choice(published, published * np.square(skill_sd / spread))


def best_of_kinds(
    count: int | np.ndarray,
    mean: np.ndarray,
    skill_sd: float | np.ndarray,
    error: float | np.ndarray,
    share: np.ndarray | None = None,
) -> Choice:
    """Publish the best of variants of several kinds, whatever the mixture.

    Parameters
    ----------
    count : int or ndarray of int, shape (kinds,)
        Variants of each kind or, if `share` is given, variants in all.
    mean : float or ndarray, shape (kinds,)
        Mean true skill of each kind, Elo points.
    skill_sd, error : float or ndarray, shape (kinds,)
        As for :func:`best_of`.
    share : ndarray, shape (kinds,), optional
        Probability that a variant is of each kind, drawn independently.

    Returns
    -------
    Choice
        From the zero of `mean`.

    Raises
    ------
    ValueError
        A negative spread, neither spread nor error, a count below 1, or shares
        that are no probabilities.
    """
    spread = _spread(skill_sd, error)
    count, mean, skill_sd, spread, weight = (
        np.atleast_1d(column)[:, None].astype(float)
        for column in np.broadcast_arrays(
            count, mean, skill_sd, spread, 1.0 if share is None else share
        )
    )
    if (count < 1).any():
        raise ValueError(f"count={count.ravel()} must be 1 or more variants of a kind.")
    if share is not None and ((weight < 0).any() or abs(weight.sum() - 1) > 1e-9):
        raise ValueError(f"share={share} must be probabilities that add up to 1.")
    low, high = (mean - _FAR * spread).min(), (mean + _FAR * spread).max()
    steps = int((high - low) / spread.min() * _STEPS_PER_SD) + 2
    x, step = np.linspace(low, high, steps, retstep=True)
    z = (x - mean) / spread
    log_cdf = log_ndtr(z)
    log_density = norm.logpdf(z) - np.log(spread)
    # Density, over x, of "the highest estimate is x and belongs to this kind".
    if share is None:
        log_highest = (count * log_cdf).sum(axis=0)
        chosen = count * np.exp(log_density + log_highest - log_cdf)
    else:
        below = (weight * np.exp(log_cdf)).sum(axis=0)
        chosen = count * weight * np.exp(log_density) * below ** (count - 1)
    regressed = mean + np.square(skill_sd / spread) * (x - mean)
    return Choice(
        published=float((chosen * x).sum() * step),
        skill=float((chosen * regressed).sum() * step),
    )


def best_of_skewed(n: int, skill_sd: float, error: float, skewness: float) -> Choice:
    """Publish the best of n variants whose skill is not symmetric.

    Parameters
    ----------
    n : int
        Variants tested.
    skill_sd, error : float
        As for :func:`best_of`, both positive.
    skewness : float
        Of true skill, which is a shifted gamma variable: 2 for an exponential one,
        where a few variants are far above the others; negative turns it round.

    Returns
    -------
    Choice
        Relative to the mean of the variants: the maximum of n draws (David and
        Nagaraja 2003, equation 2.1.1), the distribution of one being integrated over
        equally likely values of skill.

    Raises
    ------
    ValueError
        No skewness, spread or error: :func:`best_of` has those cases.
    """
    if not (skewness and skill_sd > 0 and error > 0):
        raise ValueError(
            f"skill_sd={skill_sd} and error={error} must be positive and "
            f"skewness={skewness} not 0; best_of has the other cases."
        )
    require_counts(np.array(n))
    shape = 4 / skewness**2
    middle = (np.arange(_ATOMS) + 0.5) / _ATOMS
    skill = gamma(shape).ppf(middle)
    skill = np.sign(skewness) * skill_sd * (skill - skill.mean()) / skill.std()
    far = _FAR * error
    x = np.linspace(skill.min() - far, skill.max() + far, 2 * _ATOMS)
    step = x[1] - x[0]
    below, density, skilled = np.empty((3, len(x)))
    # A part at a time: the whole would take hundreds of megabytes.
    for part in np.array_split(np.arange(len(x)), _PARTS):
        z = (x[part, None] - skill) / error
        below[part] = np.exp(log_ndtr(z)).mean(axis=1)
        each = norm.pdf(z) / error
        density[part], skilled[part] = each.mean(axis=1), (each * skill).mean(axis=1)
    chosen = n * np.exp((n - 1) * np.log(below + 1e-300))
    return Choice(
        published=float((chosen * density * x).sum() * step),
        skill=float((chosen * skilled).sum() * step),
    )


def fading(
    n: int | np.ndarray,
    skill_sd: float | np.ndarray,
    error: float | np.ndarray,
    fresh: float | np.ndarray,
    *,
    keep: bool = True,
) -> Fading:
    """Error of the best-of-n score after fresh votes for the chosen variant.

    Parameters
    ----------
    n, skill_sd, error
        As for :func:`best_of`; `error` is that of the votes that chose.
    fresh : float or ndarray
        Fresh votes, per vote that chose.
    keep : bool
        Whether the votes that chose stay in the score.

    Returns
    -------
    Fading
        Kept, the bias is the curse times ``1 / (1 + fresh)``: never zero.
        Discarded, it is zero from the first vote, and the score is as wide as
        the fresh votes alone make it.

    Raises
    ------
    ValueError
        As for :func:`best_of`.
    """
    fresh = np.asarray(fresh, dtype=float)
    with np.errstate(divide="ignore"):
        fresh_variance = np.square(error) / fresh
    if not keep:
        return Fading(np.zeros_like(fresh_variance)[()], np.sqrt(fresh_variance)[()])
    spread = _spread(skill_sd, error)
    first, second = maximum_moments(n)
    luck = np.square(error / spread)
    # The chosen estimate's error is luck * (estimate - mean), plus what regression
    # leaves unexplained.
    squared = luck**2 * second * spread**2 + luck * np.square(skill_sd)
    kept = 1 / (1 + fresh)
    variance = kept**2 * squared + kept * (1 - kept) * np.square(error)
    return Fading((kept * luck * first * spread)[()], np.sqrt(variance)[()])


def fit_spread(n: np.ndarray, gain: np.ndarray, repetitions: int) -> SpreadFit:
    """Recover the spread behind a simulated curve of best-of-n gains.

    Parameters
    ----------
    n, gain : ndarray, shape (points,)
        Variants, and the mean of the maximum, Elo points above the mean.
    repetitions : int
        How often each point was drawn, independently.

    Returns
    -------
    SpreadFit
        Weighted least squares of the gain on the expected maximum, the weights
        from the variance of the maximum of n normals.

    Raises
    ------
    ValueError
        An n below 1.
    """
    first, second = maximum_moments(n)
    variance = (second - first**2) / repetitions  # for a spread of 1
    information = (first**2 / variance).sum()
    spread = (first * gain / variance).sum() / information
    off = (gain - spread * first) ** 2 / (spread**2 * variance)
    return SpreadFit(
        spread=float(spread),
        standard_error=float(spread / information**0.5),
        chi_squared=float(off.sum()),
        degrees=len(off) - 1,
    )


def chance_ahead(n: int, other: int, behind: float, sd: float) -> float:
    """Chance that the family with the lower mean publishes the higher score.

    Parameters
    ----------
    n, other : int
        Variants of the family that is behind, and of the one that is ahead.
    behind : float
        How far its mean lies below, Elo points.
    sd : float
        Standard deviation of an estimate around its family's mean,
        ``hypot(skill_sd, error)``, Elo points.

    Returns
    -------
    float
        Probability, both families publishing their best.

    Raises
    ------
    ValueError
        A family without variants, or an sd that is not positive.
    """
    require_counts(np.array([n, other]))
    if not sd > 0:
        raise ValueError(f"sd={sd} must be positive: it is a spread, in Elo points.")
    gap = behind / sd
    z = np.linspace(-_FAR, _FAR, 2 * _FAR * _STEPS_PER_SD + 1)
    log_first = np.log(n) + norm.logpdf(z) + (n - 1) * log_ndtr(z)
    both = np.exp(log_first + other * log_ndtr(z - gap))
    return float(both.sum() * (z[1] - z[0]))


def even_gap(n: int, other: int, sd: float) -> float:
    """Distance between two families' means at which either may come out ahead.

    Parameters
    ----------
    n, other, sd
        As for :func:`chance_ahead`.

    Returns
    -------
    float
        Elo points by which the family with n variants may be worse and still
        publish the higher score half of the time; negative if it must be better.
    """
    far = _FAR * sd
    lead = root_scalar(
        lambda gap: chance_ahead(n, other, gap, sd) - 0.5, bracket=(-far, far)
    )
    return lead.root


def simulate_votes(
    n: int,
    votes: int,
    n_replicates: int,
    rng: np.random.Generator,
    *,
    skill_sd: float = 0.0,
    tie_rate: float = 0.0,
) -> Choice:
    """Simulate choices vote by vote, without fitting a board.

    Every variant meets well-known opponents of the variants' mean skill. Then its
    wins plus half its ties say all that the votes say about it, and the
    Bradley-Terry score of a total is known: no fit is needed
    (:func:`simulate_boards` makes one).

    Parameters
    ----------
    n, votes : int
        Variants tested, and votes of each.
    n_replicates : int
    rng : numpy.random.Generator
    skill_sd : float
        Spread of true skill, Elo points.
    tie_rate : float
        Ties between equals, as for :func:`~illusion.rating.ratings.simulate`.

    Returns
    -------
    Choice
        One per replicate, relative to the mean skill.

    Raises
    ------
    ValueError
        A chosen variant that won every vote: it has no finite score.
    """
    published, skills = np.empty(n_replicates), np.zeros(n_replicates)
    at_once = max(1, 200_000 // n)  # a block that stays in the processor's cache
    p, tie = 0.5, tie_rate
    for start in range(0, n_replicates, at_once):
        rows = min(at_once, n_replicates - start)
        if skill_sd:
            skill = rng.normal(0, skill_sd, (rows, n))
            p = win_probability(skill)
            tie = tie_probability(p, tie_rate)
        decided = votes
        if tie_rate:
            decided = votes - rng.binomial(votes, tie, (rows, n))
        wins = rng.binomial(decided, (p - tie / 2) / (1 - tie), (rows, n))
        half_points = 2 * wins + votes - decided
        chosen = half_points.argmax(axis=1)
        block, row = slice(start, start + rows), np.arange(rows)
        published[block] = half_points[row, chosen] / (2 * votes)
        if skill_sd:
            skills[block] = skill[row, chosen]
    return Choice(np.asarray(elo_difference(published)), skills)


def simulate_boards(
    n: int,
    votes: int,
    n_replicates: int,
    rng: np.random.Generator,
    *,
    skill_sd: float = 0.0,
    tie_rate: float = 0.0,
    pool: np.ndarray | None = None,
) -> Choice:
    """Simulate choices through a Bradley-Terry fit of every board.

    Parameters
    ----------
    n, votes, n_replicates, rng, skill_sd, tie_rate
        As for :func:`simulate_votes`.
    pool : ndarray, optional
        True skills of the opponents, Elo points around the variants' mean; ten
        equals if not given. `votes` is a multiple of their number, and every
        variant meets each equally often.

    Returns
    -------
    Choice
        One per replicate, relative to the mean of the pool, at its true place.

    Raises
    ------
    ValueError
        Votes that the opponents cannot share equally.
    """
    pool = np.zeros(10) if pool is None else np.asarray(pool, dtype=float)
    if votes % len(pool):
        raise ValueError(
            f"votes={votes} must be a multiple of {len(pool)}, the opponents in the "
            "pool, so that a variant meets each equally often."
        )
    size = n + len(pool)
    models = tuple(f"{place:04d}" for place in range(size))
    a, b = np.triu_indices(size, 1)
    met = a < len(pool)  # the pool comes first; variants do not meet each other
    a, b = a[met], b[met]
    battles = np.where(b < len(pool), _POOL_VOTES, votes // len(pool))
    published, skills = np.empty(n_replicates), np.empty(n_replicates)
    for replicate in range(n_replicates):
        skill = rng.normal(0, skill_sd, n)
        counts = simulate(
            models, np.append(pool, skill), (a, b, battles), rng, tie_rate=tie_rate
        )
        score = fit(counts).score
        score = score - score[: len(pool)].mean() + pool.mean()
        chosen = score[len(pool) :].argmax()
        published[replicate] = score[len(pool) + chosen]
        skills[replicate] = skill[chosen]
    return Choice(published, skills)


def _spread(skill_sd: float | np.ndarray, error: float | np.ndarray) -> np.ndarray:
    """Standard deviation of an estimate around the mean of its kind."""
    if np.any(np.asarray(skill_sd) < 0) or np.any(np.asarray(error) < 0):
        raise ValueError(
            f"skill_sd={skill_sd} and error={error} are standard deviations, in Elo "
            "points, and cannot be negative."
        )
    spread = np.hypot(skill_sd, error)
    if not np.all(spread > 0):
        raise ValueError(
            "skill_sd and error are both 0: all estimates are equal, and there is "
            "nothing to choose by."
        )
    return spread
