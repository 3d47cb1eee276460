"""Battle logs and tables of counts -> :class:`PairCounts`.

What comes in is read and checked by :mod:`illusion.rating.intake`; what the counts
can and cannot determine is said here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from illusion.rating import intake
from illusion.rating.intake import InvalidBattlesError, listed

if TYPE_CHECKING:
    import pandas as pd


class NoRankingError(ValueError):
    """Battles that leave some scores without a finite, unique value."""


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Battles counted per pair of models.

    Attributes
    ----------
    models : tuple of str
        Names, sorted. The numbers in `a` and `b` are places in this tuple.
    a, b : ndarray of int, shape (pairs,)
        The two models of each pair that met, ``a < b``; a pair stands once.
    wins_a, wins_b, ties : ndarray of int, shape (pairs,)
        Battles won by `a`, won by `b`, and tied ("both bad" included).
    """

    models: tuple[str, ...]
    a: np.ndarray
    b: np.ndarray
    wins_a: np.ndarray
    wins_b: np.ndarray
    ties: np.ndarray

    def __post_init__(self) -> None:
        """Refuse what compares nothing, and freeze the arrays."""
        if len(self.models) == 1:
            raise InvalidBattlesError(
                f"There is only one model, {self.models[0]!r}. A ranking compares "
                "at least two."
            )
        if len(self.a) == 0:
            raise InvalidBattlesError(
                "There are no battles: the table has no rows, or only zeros. "
                "Check the filter that made it."
            )
        for array in (self.a, self.b, self.wins_a, self.wins_b, self.ties):
            array.setflags(write=False)

    @classmethod
    def from_log(cls, log: Any) -> PairCounts:
        """Count a battle log, one row per vote.

        Parameters
        ----------
        log : table, or iterable of tables
            Anything narwhals reads (pandas, polars, pyarrow, ...) with the
            columns ``model_a``, ``model_b`` and ``winner``. Categorical and
            dictionary columns are used as codes, without decoding. Of an
            iterable, one table at a time is held in memory.

        Returns
        -------
        PairCounts

        Raises
        ------
        InvalidBattlesError
            Wrong columns, a missing or unknown label, a missing name, a model
            against itself, no rows, or one model.
        """
        frame = nw.from_native(log, pass_through=True)
        if isinstance(frame, nw.DataFrame | nw.LazyFrame):
            return cls._from_blocks(intake.log_blocks([frame]))
        return cls._from_blocks(intake.log_blocks(nw.from_native(part) for part in log))

    @classmethod
    def from_table(cls, table: Any, *, repeated: str = "refuse") -> PairCounts:
        """Take a table that is already counted, one row per pair.

        Parameters
        ----------
        table : table
            Anything narwhals reads, with the columns ``model_a``, ``model_b``,
            ``wins_a``, ``wins_b``, ``ties`` and, where the log kept them apart,
            ``ties_bothbad`` (battles).
        repeated : {"refuse", "sum"}
            What to do with a pair that stands in several rows, in one order or
            both. Only who made the table knows whether the second row holds
            other battles or the same ones seen from the other side.

        Returns
        -------
        PairCounts

        Raises
        ------
        InvalidBattlesError
            Wrong columns, a count that is missing, negative or fractional, a
            missing name, a model against itself, or a repeated pair.
        """
        if repeated not in ("refuse", "sum"):
            raise ValueError(
                f"repeated={repeated!r} is not known: use 'refuse' or 'sum'."
            )
        frame = intake.eager(nw.from_native(table))
        intake.require_columns(
            frame, (*intake.LOG_COLUMNS[:2], *intake.COUNT_COLUMNS), "a table of counts"
        )
        counts = {name: frame[name].to_numpy() for name in intake.COUNT_COLUMNS}
        if "ties_bothbad" in frame.columns:
            counts["ties_bothbad"] = frame["ties_bothbad"].to_numpy()
        names = (frame[name].to_list() for name in intake.LOG_COLUMNS[:2])
        return cls._from_rows(*names, counts, repeated)

    @classmethod
    def from_wins(
        cls,
        wins: Mapping[tuple[str, str], int],
        ties: Mapping[tuple[str, str], int] | None = None,
    ) -> PairCounts:
        """Build counts by hand.

        Parameters
        ----------
        wins : mapping from (winner, loser) to battles
        ties : mapping from (one model, the other) to battles, optional

        Returns
        -------
        PairCounts

        Raises
        ------
        InvalidBattlesError
            As for :meth:`from_table`.
        """
        ties = ties or {}
        pairs = [*wins, *ties]
        counts = {
            "wins_a": np.array([*wins.values(), *(0 for _ in ties)]),
            "wins_b": np.zeros(len(pairs), dtype=int),
            "ties": np.array([*(0 for _ in wins), *ties.values()]),
        }
        names = ([pair[side] for pair in pairs] for side in (0, 1))
        return cls._from_rows(*names, counts, "sum")

    @classmethod
    def _from_rows(
        cls,
        names_a: list[Any],
        names_b: list[Any],
        counts: dict[str, np.ndarray],
        repeated: str,
    ) -> PairCounts:
        seen: dict[frozenset[str], int] = {}
        for row, (name_a, name_b) in enumerate(zip(names_a, names_b, strict=True)):
            if fault := intake.pair_fault(name_a, name_b):
                raise InvalidBattlesError(f"Row {row} {fault}")
            first = seen.setdefault(frozenset((name_a, name_b)), row)
            if first != row and repeated == "refuse":
                raise InvalidBattlesError(
                    f"Rows {first} and {row} both count {name_a!r} against "
                    f"{name_b!r}. If they hold different battles, pass "
                    "repeated='sum'; if one repeats the other, drop it."
                )
        for name, column in counts.items():
            counts[name] = intake.whole_numbers(column, name)
        by_outcome = [
            counts["wins_a"],
            counts["wins_b"],
            counts["ties"] + counts.get("ties_bothbad", 0),
        ]
        rows, size = len(names_a), np.arange(len(names_a))
        block = (
            [*names_a, *names_b],
            np.tile(size, 3),
            np.tile(size + rows, 3),
            np.repeat([0, 1, 2], rows),
            np.concatenate(by_outcome),
        )
        return cls._from_blocks([block])

    @classmethod
    def _from_blocks(cls, blocks: Iterable[tuple]) -> PairCounts:
        """Add up blocks of (names, a, b, outcome, battles), all checked."""
        place: dict[str, int] = {}
        cells = np.zeros((4, 0), dtype=np.int64)
        for names, a, b, outcome, battles in blocks:
            for name in sorted(set(names)):
                place.setdefault(name, len(place))
            code = np.array([place[name] for name in names], dtype=np.int64)
            block = np.stack([code[a], code[b], outcome, battles])
            cells = intake.add_up(np.hstack([cells, block]), len(place))
        models = sorted(place)
        if models != list(place):  # a later block brought names of its own
            rank = np.empty(len(models), dtype=np.int64)
            rank[[place[name] for name in models]] = np.arange(len(models))
            cells = intake.add_up(np.stack([*rank[cells[:2]], *cells[2:]]), len(models))
        a, b, outcome, battles = cells
        pair = a * len(models) + b
        starts = np.diff(pair, prepend=-1) > 0
        first = np.flatnonzero(starts)
        counts = np.zeros((3, len(first)), dtype=np.int64)
        counts[outcome, np.cumsum(starts) - 1] = battles
        return cls(tuple(models), a[first], b[first], *counts)

    @property
    def battles(self) -> np.ndarray:
        """Battles of each pair."""
        return self.wins_a + self.wins_b + self.ties

    @property
    def n_battles(self) -> int:
        """Battles in all."""
        return int(self.battles.sum())

    def per_model(self, of_a: np.ndarray, of_b: np.ndarray) -> np.ndarray:
        """Sum a value per pair over the pairs of each model.

        Parameters
        ----------
        of_a, of_b : ndarray, shape (pairs,)
            What a pair adds to its first model, and to its second.

        Returns
        -------
        ndarray of float, shape (models,)
        """
        n = len(self.models)
        return np.bincount(self.a, of_a, n) + np.bincount(self.b, of_b, n)

    def totals(self) -> pd.DataFrame:
        """Battles, wins, losses, ties and win rate of each model.

        Returns
        -------
        DataFrame
            Indexed by model. ``win_rate`` is the share of battles won, a tie
            counted as half; it is NaN for a model without battles.
        """
        import pandas as pd

        table = pd.DataFrame(
            {
                "wins": self.per_model(self.wins_a, self.wins_b),
                "losses": self.per_model(self.wins_b, self.wins_a),
                "ties": self.per_model(self.ties, self.ties),
            },
            index=pd.Index(self.models, name="model"),
            dtype="int64",
        )
        table.insert(0, "battles", table.sum(axis="columns"))
        table["win_rate"] = (table["wins"] + table["ties"] / 2) / table["battles"]
        return table

    def only(self, models: Collection[str]) -> PairCounts:
        """Keep the battles in which both sides are in `models`.

        Parameters
        ----------
        models : collection of str

        Returns
        -------
        PairCounts

        Raises
        ------
        InvalidBattlesError
            A name that is not in the counts, or no battle left.
        """
        kept = sorted(set(models))
        unknown = [name for name in kept if name not in self.models]
        if unknown:
            raise InvalidBattlesError(
                f"{listed(unknown)}: no such model here. `.models` lists the names."
            )
        code = np.full(len(self.models), -1)
        code[[self.models.index(name) for name in kept]] = np.arange(len(kept))
        both = (code[self.a] >= 0) & (code[self.b] >= 0)
        counts = (self.wins_a[both], self.wins_b[both], self.ties[both])
        return PairCounts(tuple(kept), code[self.a[both]], code[self.b[both]], *counts)


def groups(counts: PairCounts, *, ties: bool = True) -> list[tuple[str, ...]]:
    """Split the models into groups that never met one another.

    Parameters
    ----------
    counts : PairCounts
    ties : bool
        Whether a tie links two models; if not, only wins do.

    Returns
    -------
    list of tuple of str
        The names in each group, the largest group first. One group means that
        every two models are linked, directly or through others.
    """
    met = (counts.battles if ties else counts.battles - counts.ties) > 0
    return _components(counts, counts.a[met], counts.b[met], "weak")


def require_ranking(counts: PairCounts) -> None:
    """Check that the battles determine a finite, unique score for every model.

    Ford's condition (1957): however the models are split in two, some model of
    each part has beaten, or tied with, some model of the other.

    Parameters
    ----------
    counts : PairCounts

    Raises
    ------
    NoRankingError
        The message names the groups, or the models that won or lost everything.
    """
    tied = counts.ties > 0
    beaten_by_b, beaten_by_a = (counts.wins_b > 0) | tied, (counts.wins_a > 0) | tied
    loser = np.concatenate([counts.a[beaten_by_b], counts.b[beaten_by_a]])
    winner = np.concatenate([counts.b[beaten_by_b], counts.a[beaten_by_a]])
    parts = _components(counts, loser, winner, "strong")
    if len(parts) == 1:
        return
    islands = groups(counts)
    if len(islands) > 1:
        raise NoRankingError(
            "There is no single ranking: the models fall into "
            f"{len(islands)} groups that never met: "
            + "; ".join(listed(island) for island in islands)
            + ". Add battles between the groups, or rank each with `.only(...)`."
        )
    part_of = {name: k for k, part in enumerate(parts) for name in part}
    label = np.array([part_of[name] for name in counts.models])
    across = label[loser] != label[winner]
    losing, winning = set(label[loser[across]]), set(label[winner[across]])
    never_lost = [part for k, part in enumerate(parts) if k not in losing]
    never_won = [part for k, part in enumerate(parts) if k not in winning]
    found = [
        f"{listed(part)} never {did} a battle against any other model"
        for did, these in (("lost or tied", never_lost), ("won or tied", never_won))
        for part in these
    ]
    raise NoRankingError(
        "No finite scores exist: "
        + "; ".join(found)
        + ". Such a score would run off to infinity. Collect more battles, or "
        "leave these models out with `.only(...)`."
    )


def _components(
    counts: PairCounts, start: np.ndarray, end: np.ndarray, connection: str
) -> list[tuple[str, ...]]:
    n = len(counts.models)
    graph = coo_array((np.ones(len(start), dtype=bool), (start, end)), shape=(n, n))
    number, label = connected_components(graph.tocsr(), connection=connection)
    if number == 1:
        return [counts.models]
    parts: list[list[str]] = [[] for _ in range(number)]
    for name, k in zip(counts.models, label, strict=True):
        parts[k].append(name)
    return sorted(map(tuple, parts), key=lambda part: (-len(part), part))
