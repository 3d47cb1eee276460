"""Training on Arena data: what a gain on a benchmark says, and what it may cost.

Three things: the arithmetic of a gain measured on a few hundred prompts, the
agreement of a benchmark with the Arena, and a linear model of a learner that
is taught two tasks at once.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from illusion.rating import ratings
from illusion.rating.likelihood import ELO, one_thread


@dataclass(frozen=True)
class WinRateGain:
    """A change of a share, measured on one set of items, in three units.

    Attributes
    ----------
    absolute, relative : float
        Difference of the shares, probability, and the same over the share before.
    elo : float
        Difference of the two win rates on the Elo scale, Elo points.
    absolute_error, relative_error, elo_error : float
        Standard errors, from the draw of the items alone.
    """

    absolute: float
    absolute_error: float
    relative: float
    relative_error: float
    elo: float
    elo_error: float


@dataclass(frozen=True)
class Agreement:
    """How far two leaderboards order the same pairs of models alike.

    Attributes
    ----------
    pairs, separated, agreeing : int
        Pairs of models; those of them whose intervals are disjoint on both boards;
        and those of these that both boards order alike.
    """

    pairs: int
    separated: int
    agreeing: int

    @property
    def of_separated(self) -> float:
        """Agreeing minus disagreeing pairs, as a share of those separated."""
        return (2 * self.agreeing - self.separated) / self.separated

    @property
    def of_all(self) -> float:
        """The same, as a share of all pairs."""
        return (2 * self.agreeing - self.separated) / self.pairs


def win_rate_gain(
    before: float, after: float, n_items: int, overlap: str = "independent"
) -> WinRateGain:
    """Gain from one share of items to another, and its standard error.

    Parameters
    ----------
    before, after : float
        Share of the items won (or answered correctly), strictly between 0 and 1.
    n_items : int
        Items, the same before and after.
    overlap : {"independent", "nested", "opposed"}
        Which items the two shares have in common, which sets their covariance:
        as many as by chance; as many as can be; as few as can be. The first is
        what two separate sets of items give, the other two are the ends of what
        is possible on one.

    Returns
    -------
    WinRateGain
        Errors of the relative gain and of Elo points by the delta method. They are
        of the items only: another training run or another judge is not in them.

    Raises
    ------
    ValueError
        A share that is not strictly between 0 and 1, or an unknown overlap.

    Notes
    -----
    The covariance is (P(both) - before * after) / n, and P(both) lies between
    max(0, before + after - 1) and min(before, after): Fréchet's bounds (1951).
    """
    both = {
        "independent": before * after,
        "nested": min(before, after),
        "opposed": max(0.0, before + after - 1),
    }
    if overlap not in both:
        raise ValueError(f"overlap={overlap!r} is not known; choose from {list(both)}.")
    p = np.array([before, after])
    if not np.all((p > 0) & (p < 1)):
        raise ValueError(
            f"Shares of {before} and {after}: both must lie strictly between 0 and 1, "
            "as shares, not percent."
        )
    covariance = np.full((2, 2), both[overlap] - before * after)
    np.fill_diagonal(covariance, p * (1 - p))
    covariance /= n_items

    def error(gradient: np.ndarray) -> float:
        return float(np.sqrt(max(gradient @ covariance @ gradient, 0.0)))

    sign = np.array([-1.0, 1.0])
    points = np.asarray(ratings.elo_difference(p))
    return WinRateGain(
        absolute=after - before,
        absolute_error=error(sign),
        relative=after / before - 1,
        relative_error=error(after / before * sign / p),
        elo=float(points[1] - points[0]),
        elo_error=error(ELO * sign / (p * (1 - p))),
    )


def ends(gains: pd.DataFrame, unit: str) -> dict[str, float]:
    """Return the ends of the widest and of the narrowest 95% interval of a gain.

    Parameters
    ----------
    gains : DataFrame
        One row per overlap, ``nested`` and ``opposed`` among them, and a
        :class:`WinRateGain`'s attributes as columns; of losses, if it is minus that.
    unit : {"absolute", "relative"}

    Returns
    -------
    dict of str to float
        In percent: ``low`` and ``high`` of the widest interval that is possible,
        ``least_low`` and ``least_high`` of the narrowest.
    """
    middle, half = 100 * gains[unit], 196 * gains[f"{unit}_error"].abs()
    low, high = middle - half, middle + half
    return {
        "low": low["opposed"],
        "high": high["opposed"],
        "least_low": low["nested"],
        "least_high": high["nested"],
    }


def as_win_rate(points: float, error: float) -> tuple[float, float]:
    """Return the win rate of a lead in Elo points, and its standard error.

    Parameters
    ----------
    points, error : float
        Lead and its standard error, Elo points.

    Returns
    -------
    tuple of float
        Probabilities; the error by the delta method.
    """
    win = float(ratings.win_probability(points))
    return win, win * (1 - win) * error / ELO


def on_both(benchmark: pd.DataFrame, board: pd.DataFrame) -> pd.DataFrame:
    """Put the models of a benchmark and of the Arena side by side, in Elo points.

    Parameters
    ----------
    benchmark : DataFrame
        ``arena_name`` (missing if it is not in the Arena), ``win_pct``,
        ``lower_pct`` and ``upper_pct``: wins against one baseline, and their 95%
        interval, percent.
    board : DataFrame of :meth:`~illusion.rating.ratings.Ratings.table`

    Returns
    -------
    DataFrame
        The rows of both, indexed by the name in the Arena, with the wins and their
        interval as ``points``, ``lower_points`` and ``upper_points`` above the
        baseline.
    """
    named = benchmark.dropna(subset="arena_name").set_index("arena_name")
    wins = named[["win_pct", "lower_pct", "upper_pct"]] / 100
    columns = ["points", "lower_points", "upper_points"]
    named[columns] = ratings.elo_difference(wins.to_numpy())
    return named.join(board, how="inner")


def agreement(boards: pd.DataFrame) -> Agreement:
    """Compare two leaderboards pair by pair, by their intervals.

    Parameters
    ----------
    boards : DataFrame
        One row per model: ``lower`` and ``upper`` on one board, ``lower_points``
        and ``upper_points`` on the other, as :func:`on_both` returns them.

    Returns
    -------
    Agreement
        The counts behind the "agreement with confidence" of Li et al. (2024,
        section 3): a pair counts 1 if both boards separate it and order it alike,
        -1 if they order it otherwise, 0 if either does not separate it.
    """

    def order(low: str, high: str) -> np.ndarray:
        above = boards[low].to_numpy()[:, None] > boards[high].to_numpy()
        return above.astype(int) - above.T

    pairs = np.triu_indices(len(boards), 1)
    alike = order("lower", "upper") * order("lower_points", "upper_points")
    alike = alike[pairs]
    return Agreement(len(alike), int((alike != 0).sum()), int((alike > 0).sum()))


def with_tuned(
    boards: pd.DataFrame,
    line: tuple[float, float],
    opponent: pd.Series,
    gain: tuple[float, float],
    carried: float,
) -> pd.DataFrame:
    """Add a model that was tuned to the benchmark.

    Parameters
    ----------
    boards : DataFrame
        As :func:`on_both` returns it.
    line : (slope, intercept)
        Arena score against points on the benchmark, of models that were not.
    opponent : Series
        Row of the model against which the gain was measured; the tuned model gets
        intervals as wide.
    gain : (before, after)
        Points above the opponent without and with the tuning.
    carried : float
        Share of the gain that carries over to the Arena, on the line.

    Returns
    -------
    DataFrame
        The columns of `boards` that the comparison needs, and a row ``tuned``.
    """
    before, after = opponent["points"] + np.array(gain)
    slope, intercept = line
    score = intercept + slope * (before + carried * (after - before))
    on_benchmark = opponent[["points", "lower_points", "upper_points"]]
    on_arena = opponent[["score", "lower", "upper"]]
    moved = on_benchmark + after - opponent["points"]
    row = pd.concat([moved, on_arena + score - opponent["score"]]).rename("tuned")
    return pd.concat([boards[row.index], row.to_frame().T])


def redraw(boards: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw two boards again, as other votes and other prompts would have made them.

    A parametric bootstrap (Efron and Tibshirani 1993, section 6.5): the spread of a
    number over many such boards is its standard error for these models.

    Parameters
    ----------
    boards : DataFrame
        As :func:`on_both` returns it.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        `boards` with ``score`` and ``points`` moved by normal errors, independent
        of one another, that are as large as their 95% intervals say; each interval
        moves along.
    """
    moved = boards.copy()
    for ends, at in (
        (["lower", "upper"], "score"),
        (["lower_points", "upper_points"], "points"),
    ):
        error = (boards[ends[1]] - boards[ends[0]]) / 2 / 1.96
        columns = [at, *ends]
        moved[columns] = boards[columns].add(rng.normal(0, error), axis=0)
    return moved


@dataclass(frozen=True)
class Exchange:
    """What a point of the benchmark is worth on the Arena, between real models.

    Attributes
    ----------
    slope, error : float
        Arena points per point of the benchmark, by least squares, and its standard
        error, clustered by provider.
    steepest : float
        The same from the regression of the benchmark on the Arena, turned round.
    beyond : float
        Standard deviation of what the Arena has beyond the first line, Arena points.
    own : float
        Standard deviation of what the benchmark has beyond the second, less the
        part that its intervals explain: a skill for the benchmark alone, in points
        of the benchmark.
    """

    slope: float
    error: float
    steepest: float
    beyond: float
    own: float

    def carried(self, points: float, error: float) -> tuple[float, float]:
        """How far two real models are apart on the Arena, given the benchmark.

        Parameters
        ----------
        points, error : float
            How far they are apart on the benchmark, and its standard error.

        Returns
        -------
        tuple of float
            The distance to expect, Arena points, and its standard deviation: of the
            two models beyond the line, of the line and of what was measured.
        """
        parts = [2**0.5 * self.beyond, points * self.error, self.slope * error]
        return self.slope * points, float(np.linalg.norm(parts))

    def unlike(self, points: float, error: float) -> float:
        """How unusual two models of equal Arena score are that the benchmark parts.

        Parameters
        ----------
        points, error : float
            As for :meth:`carried`.

        Returns
        -------
        float
            The distance in standard deviations of what is usual.
        """
        return float(points / np.hypot(2**0.5 * self.own, error))


def exchange(
    boards: pd.DataFrame, provider: pd.Series, *, within: bool = False
) -> Exchange:
    """Compare the points of a benchmark with those of the Arena, model by model.

    Parameters
    ----------
    boards : DataFrame
        As :func:`on_both` returns it.
    provider : Series
        Provider of each model, with the index of `boards`.
    within : bool
        Whether to compare models of one provider only: both boards are taken from
        the mean of the provider's models (the *within* or fixed-effects estimator).

    Returns
    -------
    Exchange

    Raises
    ------
    ValueError
        A model whose provider is missing, or too few models of one provider.

    Notes
    -----
    Both boards have errors, so neither regression is the one line; if the errors are
    independent of each other, their slopes enclose it (Frisch 1934). The errors of
    models of one provider are not independent: the standard error sums them up per
    provider first (Liang and Zeger 1986), with the correction of few clusters and
    few models that is usual, G / (G - 1) times (n - 1) / (n - k).
    """
    provider = provider.reindex(boards.index)
    if provider.isna().any():
        raise ValueError(f"{provider[provider.isna()].index[0]} has no provider.")
    table = boards[["points", "score"]].copy()
    noise = (boards["upper_points"] - boards["lower_points"]).to_numpy() / 2 / 1.96
    lost = 2
    if within:
        table -= table.groupby(provider.to_numpy()).transform("mean")
        many = provider.duplicated(keep=False).to_numpy()
        table, noise, provider = table[many], noise[many], provider[many]
        lost = provider.nunique() + 1
    else:
        table -= table.mean()
    n, groups = len(table), provider.nunique()
    if n <= lost or groups < 2:
        raise ValueError(f"{n} models of {groups} providers are too few to compare.")
    x, y = table["points"].to_numpy(float), table["score"].to_numpy(float)
    slope, turned = float(x @ y / (x @ x)), float(x @ y / (y @ y))
    miss, own = y - slope * x, x - turned * y
    per_provider = np.bincount(pd.factorize(provider)[0], x * miss)
    few = groups / (groups - 1) * (n - 1) / (n - lost)
    return Exchange(
        slope=slope,
        error=float(np.sqrt(few * (per_provider**2).sum()) / (x @ x)),
        steepest=1 / turned,
        beyond=float(np.sqrt(miss @ miss / (n - lost))),
        own=float(np.sqrt(max(own @ own / (n - lost) - (noise**2).mean(), 0))),
    )


@dataclass(frozen=True)
class Abilities:
    """What a learner of two tasks can do: shares of each task's variance.

    Attributes
    ----------
    arena, general : ndarray
        1 is a perfect answer; 0 is as good as answering with the mean; a learner of
        the wrong thing is below 0.
    """

    arena: np.ndarray
    general: np.ndarray


def mixture(
    share: float | np.ndarray,
    distance: float,
    n_examples: int,
    n_features: int = 50,
    noise: float = 1.0,
) -> Abilities:
    """Abilities of a linear learner that is taught a mixture of two tasks.

    Each task has a teacher, a vector of length 1 with `n_features` entries; an
    example is a vector x of independent standard normal features and the answer
    x·teacher plus noise. A share of the examples comes from the Arena task. The
    learner does not know which, and fits one vector to all by least squares.

    Parameters
    ----------
    share : float or ndarray
        Share of the examples that come from the Arena task.
    distance : float
        Squared distance of the teachers: 0 is one and the same task, 2 are two
        that have nothing to do with one another, 4 are opposites.
    n_examples : int
        Examples in all, more than ``n_features + 1``.
    n_features : int
    noise : float
        Standard deviation of the answers' noise.

    Returns
    -------
    Abilities
        Expected, with the shape of `share`.

    Raises
    ------
    ValueError
        Too few examples to fit.

    Notes
    -----
    With examples without end the learner is the mean of the teachers, so that
    abilities are ``1 - (1 - s)² D`` and ``1 - s² D`` for a share s and a squared
    distance D. What n examples add is V = (d σ² + s (1 - s) D (d + 2)) / (n - d - 1):
    the first term is exact (it is the mean of an inverse Wishart matrix), the second,
    from confusing the tasks, is right to first order in 1/n.
    """
    if n_examples <= n_features + 1:
        raise ValueError(
            f"{n_examples} examples are too few for {n_features} features: the mean "
            f"error is finite from {n_features + 2} on."
        )
    s = np.asarray(share, dtype=float)
    confusion = s * (1 - s) * distance * (n_features + 2)
    spread = (n_features * noise**2 + confusion) / (n_examples - n_features - 1)
    return Abilities(1 - (1 - s) ** 2 * distance - spread, 1 - s**2 * distance - spread)


@one_thread
def simulate_mixture(
    share: float,
    distance: float,
    n_examples: int,
    rng: np.random.Generator,
    *,
    n_features: int = 50,
    noise: float = 1.0,
    told: bool = False,
) -> Abilities:
    """Teach one learner once, by drawing examples and solving for it.

    Parameters
    ----------
    share, distance, n_examples
        As for :func:`mixture`; the share is rounded to whole examples.
    rng : numpy.random.Generator
    n_features, noise
        As for :func:`mixture`.
    told : bool
        Whether the learner is told each example's task, and so fits two vectors.

    Returns
    -------
    Abilities
        Of this one learner.
    """
    teachers = np.zeros((2, n_features))  # general, Arena
    teachers[:, 0] = 1
    angle = np.arccos(1 - distance / 2)
    teachers[1, :2] = np.cos(angle), np.sin(angle)
    task = (np.arange(n_examples) < round(share * n_examples)).astype(int)
    x = rng.standard_normal((n_examples, n_features))
    y = (x * teachers[task]).sum(axis=1) + noise * rng.standard_normal(n_examples)
    if told:
        learnt = [np.linalg.lstsq(x[task == k], y[task == k])[0] for k in (0, 1)]
    else:
        learnt = [np.linalg.lstsq(x, y)[0]] * 2
    general, arena = 1 - ((np.array(learnt) - teachers) ** 2).sum(axis=1)
    return Abilities(arena, general)
