"""Votes as they were counted, and what was set aside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from illusion.audit.columns import Columns
from illusion.rating import intake
from illusion.rating.battles import PairCounts

PERIODS = {"month": 1, "quarter": 3, "year": 12}
"""Months of a period."""
MOST_CELLS = 5_000_000
"""Groups of a voter's votes that are brought into memory for clustered errors."""


@dataclass(frozen=True)
class Refused:
    """Rows that were set aside.

    Attributes
    ----------
    reason : str
    rows : int
    first : int or None
        Number of the first such row, from 0; None where the engine has no order.
    example : str
        What such a row says.
    """

    reason: str
    rows: int
    first: int | None
    example: str


@dataclass(frozen=True, eq=False)
class Voters:
    """Who voted how often.

    Attributes
    ----------
    number : int
    heaviest : tuple of (str, int)
        The ten with the most votes, and how many each cast.
    cells : tuple of ndarray or None
        Voter, first model, second model, outcome and votes, a row per group; None if
        there are more than :data:`MOST_CELLS` of them.
    """

    number: int
    heaviest: tuple[tuple[str, int], ...]
    cells: tuple[np.ndarray, ...] | None


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes counted per pair in the order shown, outcome and month.

    Attributes
    ----------
    models : tuple of str
        Names, sorted.
    a, b, outcome, month, votes : ndarray of int, shape (cells,)
        Places of the model shown first and second; 0, 1 or 2 as the first won, the
        second won or they tied; months since year 0, or 0 without times; and how many
        votes there were, of which a table of counts may have none.
    ordered : bool
        Whether the order of the two models is that in which they were shown.
    scheme : str
        How the outcome was written.
    columns : Columns
    rows : int
        Of the table, in the period that was asked for.
    refused : tuple of Refused
    first, last : str or None
        Time of the first and the last vote.
    last_of : tuple of str
        Time of the last vote of each model; empty without times.
    owner : dict of str to str
        Owner of each model; empty without such a column.
    voters : Voters or None
    repeats : int or None
        Rows that repeat another one in model, outcome, time and voter; None where
        neither time nor voter is known, so that equal rows may be different votes.
    """

    models: tuple[str, ...]
    a: np.ndarray
    b: np.ndarray
    outcome: np.ndarray
    month: np.ndarray
    votes: np.ndarray
    ordered: bool
    scheme: str
    columns: Columns
    rows: int
    refused: tuple[Refused, ...]
    first: str | None
    last: str | None
    last_of: tuple[str, ...]
    owner: dict[str, str]
    voters: Voters | None
    repeats: int | None

    @cached_property
    def counts(self) -> PairCounts:
        """Votes of each pair, in all."""
        return self.within(np.ones(len(self.a), dtype=bool))

    def within(self, cells: np.ndarray) -> PairCounts:
        """Count the votes of some of the cells, given as a mask."""
        n, parts = len(self.models), (self.a, self.b, self.outcome, self.votes)
        if not cells.all():
            parts = [part[cells] for part in parts]
        a, b, outcome, votes = parts
        if self.columns.form == "counts":  # three cells a row, one for each outcome
            a, b = a[::3], b[::3]
            by = votes.reshape(-1, 3)
        else:
            by = votes[:, None] * (outcome[:, None] == np.arange(3))
        # Of the one that stands first by name, not on the screen.
        pair = np.minimum(a, b) * np.int64(n) + np.maximum(a, b)
        won, lost = (np.where(a > b, by[:, 1 - k], by[:, k]) for k in (0, 1))
        pair, sums = intake.summed(pair, n * n, won, lost, by[:, 2])
        by = np.stack(sums)
        met = by.any(axis=0)
        a, b = np.divmod(pair[met], n)
        used = np.zeros(n, dtype=bool)
        used[a] = used[b] = True
        place = np.cumsum(used) - 1
        names = tuple(self.models[k] for k in np.flatnonzero(used))
        return PairCounts(names, place[a], place[b], *by[:, met])
