"""Models that no longer get votes: who they are, and what their leaving does.

A model is *inactive* in a window if it gained at most a number of votes there,
*listed* if LMArena's public code named it as deprecated, and *silent* if it is
inactive and not listed. The words and the percentages by licence class are those
of Singh et al. (2025), section 5 and its appendix.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from illusion import battles, ratings
from illusion.battles import PairCounts

# Battles of a model in a phase: so many that rounding to whole ones is lost.
_MANY = 1_000_000


def matching_counts(size: int, percent: float) -> list[int]:
    """Find the counts whose percentage is printed as given.

    Parameters
    ----------
    size : int
        Models in the class.
    percent : float
        As printed: a whole number stands for itself within half a percent, any
        other for itself within half a tenth; NaN if nothing was printed.

    Returns
    -------
    list of int
        Counts from 0 to `size`; all of them if nothing was printed.
    """
    counts = np.arange(size + 1)
    if np.isnan(percent):
        return counts.tolist()
    half = 0.5 if float(percent).is_integer() else 0.05
    return counts[np.abs(100 * counts / size - percent) <= half + 1e-9].tolist()


def class_splits(
    printed: pd.DataFrame, models: int, known: Mapping[str, int]
) -> list[pd.DataFrame]:
    """Find every split of the models that reproduces the printed percentages.

    Parameters
    ----------
    printed : DataFrame
        One row per class, indexed by it: ``official_pct``, ``silent_pct`` and
        ``inactive_total_pct_as_printed``, percent, NaN where nothing is printed.
    models : int
        Models of all classes.
    known : mapping from class to int
        Sizes of all classes but two; those two are searched.

    Returns
    -------
    list of DataFrame
        For each split, by class: ``models``, ``listed``, ``silent`` and
        ``inactive``, the sum of the two.

    Raises
    ------
    ValueError
        Not two classes of unknown size.
    """
    free = [name for name in printed.index if name not in known]
    if len(free) != 2:
        raise ValueError(
            f"The sizes of {free} are unknown: the search is for two such classes. "
            "Give the others in `known`."
        )
    columns = ["official_pct", "silent_pct", "inactive_total_pct_as_printed"]
    shares, rest = printed[columns].astype(float), models - sum(known.values())
    splits = []
    for first in range(1, rest):
        sizes = {**known, free[0]: first, free[1]: rest - first}
        classes = []
        for name, *percent in shares.itertuples():
            size = sizes[name]
            official, quiet, gone = (matching_counts(size, p) for p in percent)
            classes.append(
                [
                    (size, listed, silent, listed + silent)
                    for listed, silent in product(official, quiet)
                    if listed + silent in gone
                ]
            )
        splits += [
            pd.DataFrame(
                split, printed.index, ["models", "listed", "silent", "inactive"]
            )
            for split in product(*classes)
        ]
    return splits


def inactive_counts(models: pd.DataFrame, most: np.ndarray) -> pd.DataFrame:
    """Count the models that gained few votes, for every window and threshold.

    Parameters
    ----------
    models : DataFrame
        The table ``models_2025-04-24``.
    most : ndarray, shape (thresholds,)
        Votes gained in the window, the most that counts as inactive.

    Returns
    -------
    DataFrame
        ``window`` (days, as text), ``most`` and ``inactive`` (models). A model
        hidden from the board keeps its last count, and so gains nothing.
    """
    gains = models.filter(regex=r"^votes_last_\d+d$")
    rows = [
        (f"{name[11:-1]} days", at_most, int((gains[name] <= at_most).sum()))
        for name in gains
        for at_most in most
    ]
    return pd.DataFrame(rows, columns=["window", "most", "inactive"])


def daily_gains(history: pd.DataFrame) -> pd.DataFrame:
    """Votes per day that each model gained between the ends of two months.

    Parameters
    ----------
    history : DataFrame
        The table ``votes_by_month``.

    Returns
    -------
    DataFrame
        Models by the days of the copies (the second on); NaN before a model was
        on the board. One that was listed since the last copy gained all it has.
    """
    history = history.drop_duplicates(["snapshot", "model"])
    votes = history.pivot_table("votes_cumulative", "model", "snapshot")
    before = votes.ffill(axis=1).shift(axis=1).fillna(0)
    days = votes.columns.to_series().diff().dt.days
    return ((votes - before) / days).iloc[:, 1:]


def last_active(history: pd.DataFrame, per_day: float) -> pd.Series:
    """Find the end of the last month in which each model gained enough votes.

    Parameters
    ----------
    history : DataFrame
        The table ``votes_by_month``.
    per_day : float
        Votes per day that a model must exceed.

    Returns
    -------
    Series of datetime
        By model; missing if it never did since the first copy.
    """
    busy = (daily_gains(history) > per_day).iloc[:, ::-1]
    return busy.idxmax(axis="columns").where(busy.any(axis="columns"))


def logistic(
    X: pd.DataFrame, y: pd.Series, *, level: float = 0.95, most: int = 50
) -> pd.DataFrame:
    """Fit a logistic regression by maximum likelihood, with Newton's method.

    Parameters
    ----------
    X : DataFrame, shape (rows, terms)
        Terms; a constant is added.
    y : Series of bool, shape (rows,)
    level : float
        Nominal coverage of the intervals, probability.
    most : int
        Newton steps after which the estimate is held not to exist.

    Returns
    -------
    DataFrame
        Indexed by term, ``constant`` first: ``estimate``, ``lower`` and ``upper``
        (Wald), change of log-odds per unit of the term.

    Raises
    ------
    ValueError
        Missing values, an outcome that does not vary, terms that determine one
        another, or an outcome that the terms separate, so that the estimate is
        infinite (Albert and Anderson 1984).
    """
    design = np.column_stack([np.ones(len(X)), X.to_numpy(float)])
    outcome = np.asarray(y, dtype=float)
    if np.isnan(design).any() or np.isnan(outcome).any():
        raise ValueError("A term or the outcome is missing in some row: drop the row.")
    if len(set(outcome)) != 2 or not set(outcome) <= {0, 1}:
        raise ValueError("The outcome must be yes in some rows and no in others.")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError(
            f"The terms {list(X)} determine one another, or one is constant; leave "
            "one out."
        )
    x = np.zeros(design.shape[1])
    for _ in range(most):
        p = expit(design @ x)
        information = design.T @ (design * (p * (1 - p))[:, None])
        # Separated outcomes send the estimate to infinity and this to zero.
        if np.linalg.cond(information) > 1e12:
            break
        step = np.linalg.solve(information, design.T @ (outcome - p))
        x = x + step
        if np.abs(step).max() < 1e-9:
            half = -ndtri((1 - level) / 2) * np.sqrt(
                np.diag(np.linalg.inv(information))
            )
            return pd.DataFrame(
                {"estimate": x, "lower": x - half, "upper": x + half},
                index=pd.Index(["constant", *X], name="term"),
            )
    raise ValueError(
        "No finite estimate: some combination of the terms tells yes from no without "
        "an error. Leave out or merge the class in which the outcome never varies."
    )


def odds_of_open(models: pd.DataFrame, outcome: str, *terms: str) -> pd.Series:
    """Compare open models with proprietary ones that are alike.

    Parameters
    ----------
    models : DataFrame
        Models by row, with ``open`` (yes or no), the outcome and the terms.
    outcome : str
        Column of yes and no.
    *terms : str
        Columns in which the models shall be alike, put on one scale here.

    Returns
    -------
    Series
        ``estimate``, ``lower`` and ``upper`` of the log-odds of the outcome, open
        against proprietary.

    Raises
    ------
    ValueError
        As for :func:`logistic`.
    """
    alike = models[[*terms]].astype(float)
    alike = (alike - alike.mean()) / alike.std()
    alike.insert(0, "open", models["open"].astype(float))
    return logistic(alike, models[outcome]).loc["open"]


@dataclass(frozen=True, eq=False)
class WinTables:
    """Win probabilities of models on several tasks.

    Attributes
    ----------
    models : tuple of str
    win : ndarray, shape (tasks, models, models)
        Probability that the model of the row beats that of the column; what is
        missing to 1 in a pair is a tie.
    """

    models: tuple[str, ...]
    win: np.ndarray

    @classmethod
    def from_table(cls, table: pd.DataFrame) -> WinTables:
        """Read the table ``transitivity``, whose columns beat its rows.

        Raises
        ------
        ValueError
            A pair whose two probabilities are missing or exceed 1.
        """
        names = tuple(sorted(set(table["row_model"]) | set(table["column_model"])))
        cells = table.pivot_table(
            "p_column_beats_row", ["task", "column_model"], "row_model"
        )
        tasks = cells.index.unique("task")
        win = np.stack(
            [cells.loc[t].reindex(index=names, columns=names) for t in tasks]
        )
        off = ~np.eye(len(names), dtype=bool)
        both = (win + win.transpose(0, 2, 1))[:, off]
        if not (both <= 1 + 1e-9).all():  # NaN included
            raise ValueError(
                "A pair lacks a probability, or its two add up to more than 1: check "
                "the win tables."
            )
        return cls(names, np.where(off, win, 0))

    def expected(self, mix: np.ndarray, gone: str | None = None) -> PairCounts:
        """Expected battles when the mix of tasks changes and a model may leave.

        Parameters
        ----------
        mix : ndarray, shape (phases, tasks)
            Share of each task in each phase.
        gone : str, optional
            Model that leaves after the first phase.

        Returns
        -------
        PairCounts
            In every phase each present model has a million battles, shared
            equally among its opponents. Only the scores mean something, not the
            intervals.

        Raises
        ------
        ValueError
            A mix that is no share of every task, or an unknown model.
        """
        mix = np.asarray(mix, dtype=float)
        if (
            mix.shape[1:] != self.win.shape[:1]
            or (abs(mix.sum(axis=1) - 1) > 1e-9).any()
        ):
            raise ValueError(
                f"mix={mix.tolist()} must hold, for every phase, the share of each of "
                f"the {len(self.win)} tasks, adding up to 1."
            )
        if gone is not None and gone not in self.models:
            raise ValueError(f"{gone!r} is none of the models {self.models}.")
        wins, ties = {}, {}
        for (i, a), (j, b) in combinations(enumerate(self.models), 2):
            met = np.full(len(mix), _MANY / (len(self.models) - 1))
            if gone is not None:
                met[1:] = 0 if gone in (a, b) else _MANY / (len(self.models) - 2)
            of_task = met @ mix
            first, second = of_task @ self.win[:, i, j], of_task @ self.win[:, j, i]
            wins[a, b], wins[b, a] = round(first), round(second)
            ties[a, b] = round(of_task.sum() - first - second)
        return PairCounts.from_wins(wins, ties)

    def order(self, mix: np.ndarray, gone: str | None = None) -> tuple[str, ...]:
        """Models by the Bradley-Terry score of :meth:`expected`, best first."""
        return tuple(ratings.fit(self.expected(mix, gone)).table().index)

    def map(
        self, gone: str, published: tuple[str, str], steps: int = 21
    ) -> pd.DataFrame:
        """Try every mix of two tasks in two phases.

        Parameters
        ----------
        gone : str
            Model that leaves after the first phase.
        published : tuple of str
            Orders, without and with its leaving, such as ``"A B C"``.
        steps : int
            Shares from 0 to 1.

        Returns
        -------
        DataFrame
            ``first`` and ``second``, the share of the first task in each phase;
            the orders ``stays`` and ``leaves``; and ``effect``: "as published",
            "other leader", "other order" or "no change".
        """
        rows = []
        for shares in product(np.linspace(0, 1, steps), repeat=2):
            mix = [[share, 1 - share] for share in shares]
            rows.append(
                (*shares, *(" ".join(self.order(mix, g)) for g in (None, gone)))
            )
        table = pd.DataFrame(rows, columns=["first", "second", "stays", "leaves"])
        stays, leaves = table["stays"], table["leaves"]
        effects = {
            "as published": (stays == published[0]) & (leaves == published[1]),
            "other leader": stays.str.split().str[0] != leaves.str.split().str[0],
            "other order": stays != leaves,
        }
        table["effect"] = np.select([*effects.values()], [*effects], "no change")
        return table


def orders_of_groups(score: pd.Series) -> dict[tuple[str, ...], str]:
    """Print the order of models that fall into two groups that never met.

    A solver that starts at zero keeps the mean of each group there, and so prints
    the scores of both as if the groups were equally good.

    Parameters
    ----------
    score : Series
        True scores by model, Elo points.

    Returns
    -------
    dict from tuple of str to str
        The group of the first model -> the order that is printed, best first, for
        every split in which no model is alone.
    """
    names, (first, *others) = set(score.index), score.index
    orders = {}
    for size in range(1, len(others) - 1):
        for chosen in combinations(others, size):
            group = {first, *chosen}
            parts = [score[sorted(part)] for part in (group, names - group)]
            centred = pd.concat([part - part.mean() for part in parts])
            ranked = centred.sort_values(ascending=False, kind="stable")
            orders[tuple(sorted(group))] = " ".join(ranked.index)
    return orders


def without(counts: PairCounts, removed: Collection[str]) -> pd.DataFrame:
    """Fit again without some models, and compare the scores of the others.

    Parameters
    ----------
    counts : PairCounts
    removed : collection of str

    Returns
    -------
    DataFrame
        Indexed by the models that stay, both fits with a mean of 0 over these:
        ``before``, ``after``, ``change``, ``half_width`` of the 95% interval
        before, and ``by_chance``, the standard deviation that the change has if
        the Bradley-Terry model is right and only battles are lost (Hausman 1978);
        Elo points.

    Raises
    ------
    InvalidBattlesError
        A name that is not in the counts.
    NoRankingError
        Models that no battles link any more.
    """
    unknown = sorted(set(removed) - set(counts.models))
    if unknown:
        raise battles.InvalidBattlesError(
            f"{battles.listed(unknown)}: no such model here, so it cannot be removed."
        )
    before = ratings.fit(counts)
    after = ratings.fit(counts.only(set(counts.models) - set(removed)))
    stay = [before.place(name) for name in after.models]
    centre = np.eye(len(stay)) - 1 / len(stay)
    variance = np.diag(centre @ before.covariance[np.ix_(stay, stay)] @ centre)
    lost = np.maximum(np.diag(after.covariance) - variance, 0)
    table = pd.DataFrame(
        {"before": before.score[stay] - before.score[stay].mean()},
        index=pd.Index(after.models, name="model"),
    )
    table["after"] = after.score
    table["change"] = table["after"] - table["before"]
    table["half_width"] = -ndtri(0.025) * np.sqrt(variance)
    return table.assign(by_chance=np.sqrt(lost))


def random_removals(
    counts: PairCounts, n: int, times: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Remove models at random, many times, and measure how far the others move.

    Parameters
    ----------
    counts : PairCounts
    n : int
        Models to remove.
    times : int
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        One row per removal: ``rms``, the root mean square change (Elo points), and
        ``outside``, the models that leave their interval.

    Raises
    ------
    NoRankingError
        As for :func:`without`.
    """
    draws = (rng.choice(counts.models, n, replace=False) for _ in range(times))
    moves = (without(counts, some) for some in draws)
    rows = [
        (
            float(np.sqrt((moved["change"] ** 2).mean())),
            int((moved["change"].abs() > moved["half_width"]).sum()),
        )
        for moved in moves
    ]
    return pd.DataFrame(rows, columns=["rms", "outside"])
