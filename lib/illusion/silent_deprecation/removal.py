"""What a model's leaving does to the scores of those that stay.

Three ways in which it can matter: tasks that shift while it is gone, groups that
no longer meet, and votes that the Bradley-Terry model does not fit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import chdtrc, ndtr, ndtri

from illusion.rating import ratings
from illusion.rating.battles import PairCounts
from illusion.rating.intake import InvalidBattlesError, listed
from illusion.rating.likelihood import ELO

# Battles of a model in a phase: so many that rounding to whole ones is lost.
_MANY = 1_000_000


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
        sums = mix.sum(axis=-1)
        if mix.shape[1:] != self.win.shape[:1] or (abs(sums - 1) > 1e-9).any():
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
            wins[a, b], wins[b, a] = round(float(first)), round(float(second))
            ties[a, b] = round(float(of_task.sum() - first - second))
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
            mix = np.array([[share, 1 - share] for share in shares])
            orders = (" ".join(self.order(mix, g)) for g in (None, gone))
            rows.append((*shares, *orders))
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


def order_from(counts: PairCounts, start: np.ndarray) -> tuple[str, ...]:
    """Order models by what a general optimiser prints, whether or not they met.

    Parameters
    ----------
    counts : PairCounts
        Without ties.
    start : ndarray, shape (models,)
        Scores from which it starts, natural logarithm of odds.

    Returns
    -------
    tuple of str
        Best first. Between groups that never met, as the start has it: the likelihood
        says nothing of them (Ford 1957), and the optimiser, quasi-Newton (BFGS), does
        not ask.
    """

    def loss(x: np.ndarray) -> float:
        gap = x[counts.a] - x[counts.b]
        lost = counts.wins_a * np.logaddexp(0, -gap)
        lost = lost + counts.wins_b * np.logaddexp(0, gap)
        return float(lost.sum() / counts.n_battles)

    found = minimize(loss, np.asarray(start, dtype=float)).x
    return tuple(counts.models[k] for k in np.argsort(-found))


def share_in_order(
    score: pd.Series, n: int, times: int, rng: np.random.Generator
) -> float:
    """Simulate battles of every pair, and see how often the true order comes out.

    Parameters
    ----------
    score : Series
        True scores by model, Elo points.
    n : int
        Battles of a simulation, spread evenly over all pairs.
    times : int
        Simulations.
    rng : numpy.random.Generator

    Returns
    -------
    float
        Share of the simulations whose fitted scores have the order of the true ones.
        Two scores that are alike are not in order.
    """
    true = score.to_numpy(float)
    a, b = np.triu_indices(len(true), 1)
    each = np.full(len(a), n // len(a))
    hits = 0
    for _ in range(times):
        drawn = ratings.simulate(tuple(score.index), true, (a, b, each), rng)
        gaps = np.diff(ratings.fit(drawn).score[true.argsort()])
        hits += bool((gaps > 1e-6).all())
    return hits / times


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
    _require_known(counts, removed)
    before = ratings.fit(counts)
    after = ratings.fit(counts.only(set(counts.models) - set(removed)))
    spread = np.diag(_covariance_of_change(counts, before, after))
    return _compared(before, after).assign(by_chance=np.sqrt(spread))


def hausman(counts: PairCounts, removed: Collection[str]) -> pd.Series:
    """Test whether the scores of the others change by more than chance, all at once.

    Parameters
    ----------
    counts : PairCounts
    removed : collection of str

    Returns
    -------
    Series
        ``statistic``, the squared changes of :func:`without` in units of their
        covariance; its ``freedom``, the models that stay less one; ``p_value``, by the
        chi-squared distribution; ``moved``, the number of models whose own change is
        beyond its 95% interval; and ``moved_jointly``, the number of these that remain
        if the chance that any is named in error is to be 5% (Holm 1979).

    Raises
    ------
    InvalidBattlesError, NoRankingError
        As for :func:`without`.

    Notes
    -----
    If the Bradley-Terry model holds and votes are independent, both fits estimate the
    same scores (Hausman 1978). Their covariance is here that of the two scores of each
    battle, the sandwich of White (1982), and not the difference of two covariances:
    that one asks for a fit that is efficient, which ties counted as halves are not.
    """
    _require_known(counts, removed)
    before = ratings.fit(counts)
    after = ratings.fit(counts.only(set(counts.models) - set(removed)))
    change = _compared(before, after)["change"].to_numpy()
    covariance = _covariance_of_change(counts, before, after)
    # Scores are differences: the direction in which all move alike has no variance.
    value, axes = np.linalg.eigh(covariance)
    statistic = float(((axes.T @ change)[1:] ** 2 / value[1:]).sum())
    p = 2 * ndtr(-np.abs(change) / np.sqrt(np.diag(covariance)))
    steps = np.sort(p) * np.arange(len(p), 0, -1) < 0.05
    return pd.Series(
        {
            "statistic": statistic,
            "freedom": len(p) - 1,
            "p_value": chdtrc(len(p) - 1, statistic),
            "moved": (p < 0.05).sum(),
            "moved_jointly": len(p) if steps.all() else steps.argmin(),
        }
    )


def _require_known(counts: PairCounts, removed: Collection[str]) -> None:
    unknown = sorted(set(removed) - set(counts.models))
    if unknown:
        raise InvalidBattlesError(
            f"{listed(unknown)}: no such model here, so it cannot be removed."
        )


def _compared(before: ratings.Ratings, after: ratings.Ratings) -> pd.DataFrame:
    """Compare a fit of all models with one without some, but for chance."""
    stay = [before.place(name) for name in after.models]
    centre = np.eye(len(stay)) - 1 / len(stay)
    variance = np.diag(centre @ before.covariance[np.ix_(stay, stay)] @ centre)
    score = before.score[stay] - before.score[stay].mean()
    columns = {
        "before": score,
        "after": after.score,
        "change": after.score - score,
        "half_width": -ndtri(0.025) * np.sqrt(variance),
    }
    return pd.DataFrame(columns, pd.Index(after.models, name="model"))


def _covariance_of_change(
    counts: PairCounts, before: ratings.Ratings, after: ratings.Ratings
) -> np.ndarray:
    """Return the covariance of the changes, from what each battle does to both fits."""
    place = {name: k for k, name in enumerate(after.models)}
    kept = np.array([place.get(name, -1) for name in before.models])
    stay = kept[counts.a], kept[counts.b]
    both = (stay[0] >= 0) & (stay[1] >= 0)
    a, b = (np.where(both, side, 0) for side in stay)
    pull_before, p_before = _pull(counts, before.score, counts.a, counts.b, both | True)
    pull_after, p_after = _pull(counts, after.score, a, b, both)
    stays = pull_before[[before.place(name) for name in after.models]]
    stays = stays - stays.mean(axis=0)
    ties = counts.battles - counts.wins_a - counts.wins_b
    covariance = np.zeros((len(stays), len(stays)))
    for number, y in ((counts.wins_a, 1), (counts.wins_b, 0), (ties, 0.5)):
        each = pull_after * (y - p_after) - stays * (y - p_before)
        covariance += (each * number) @ each.T
    return covariance


def _pull(
    counts: PairCounts, score: np.ndarray, a: np.ndarray, b: np.ndarray, of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how a battle of each pair moves the scores, per unit of surprise."""
    p = np.asarray(ratings.win_probability(score[a] - score[b]))
    weight = np.where(of, counts.battles * p * (1 - p), 0)
    information = np.zeros((len(score), len(score)))
    for one, other, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
        np.add.at(information, (one, other), sign * weight)
    inverse = np.linalg.pinv(information, hermitian=True) * ELO
    return (inverse[:, a] - inverse[:, b]) * of, p
