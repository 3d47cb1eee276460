"""Battle logs and tables of counts -> :class:`PairCounts`.

What comes in is read and checked by :mod:`illusion.rating.intake`; what the counts
can and cannot determine is said here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import (
    NegativeCycleError,
    bellman_ford,
    connected_components,
)

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
        """Check names, places and counts, and freeze the arrays."""
        object.__setattr__(self, "models", tuple(self.models))
        for place, name in enumerate(self.models):
            if fault := intake.name_fault(name, "models"):
                raise InvalidBattlesError(f"Place {place} {fault}")
        intake.require_distinct(self.models)
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
        n = len(self.models)
        for field in ("a", "b", "wins_a", "wins_b", "ties"):
            array = intake.whole_numbers(np.asarray(getattr(self, field)), field)
            if array.shape != np.shape(self.a) or array.ndim != 1:
                raise InvalidBattlesError(
                    f"{field} has the shape {array.shape} and a {np.shape(self.a)}: "
                    "every array has one number per pair."
                )
            array.setflags(write=False)
            object.__setattr__(self, field, array)
        pair = self.a * n + self.b
        placed = (self.a < self.b) & (self.b < n)
        if not (np.diff(pair) > 0).all():
            again = np.ones(len(pair), dtype=bool)
            again[np.unique(pair, return_index=True)[1]] = False
            placed &= ~again
        if not placed.all():
            row = int(np.argmin(placed))
            raise InvalidBattlesError(
                f"Row {row} has a={self.a[row]} and b={self.b[row]}: two places in "
                f"{n} models, a < b, and no pair twice. Let from_wins sort them."
            )
        if self.battles.sum(dtype=float) > intake.MOST_BATTLES:
            raise InvalidBattlesError(
                "There are more than 2**53 battles, which would be counted inexactly. "
                "Look for a count that is none."
            )

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
            No table, wrong columns, a missing or unknown label, a missing name, a
            model against itself, two names that look alike, no rows, or one model.
        """
        return cls._from_blocks(intake.log_blocks(intake.tables(log)))

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
            No table, wrong columns, a count that is missing, negative, fractional
            or past 2**53, a missing name, a model against itself, two names that
            look alike, or a repeated pair.
        """
        if repeated not in ("refuse", "sum"):
            raise ValueError(
                f"repeated={repeated!r} is not known: use 'refuse' or 'sum'."
            )
        frame = intake.eager(intake.table(table))
        intake.require_columns(
            frame, (*intake.LOG_COLUMNS[:2], *intake.COUNT_COLUMNS), "a table of counts"
        )
        apart = {"ties_bothbad"} & set(frame.columns)
        counts = {name: frame[name] for name in (*intake.COUNT_COLUMNS, *apart)}
        a, b = (intake.numbered(frame[name]) for name in intake.LOG_COLUMNS[:2])
        return cls._from_rows(a, b, counts, repeated)

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
        for pair in pairs:
            if not (isinstance(pair, tuple) and len(pair) == 2):
                raise InvalidBattlesError(
                    f"The key {pair!r} is no pair: write (winner, loser), two names."
                )
        counts = {
            "wins_a": np.array([*wins.values(), *(0 for _ in ties)], dtype=object),
            "wins_b": np.zeros(len(pairs), dtype=int),
            "ties": np.array([*(0 for _ in wins), *ties.values()], dtype=object),
        }
        a, b = (intake.numbered([pair[side] for pair in pairs]) for side in (0, 1))
        return cls._from_rows(a, b, counts, "sum")

    @classmethod
    def _from_rows(
        cls,
        coded_a: tuple[np.ndarray, list[Any]],
        coded_b: tuple[np.ndarray, list[Any]],
        counts: dict[str, Any],
        repeated: str,
    ) -> PairCounts:
        """Take rows whose names are given as codes and what they stand for."""
        named = {
            name
            for _, names in (coded_a, coded_b)
            for name in names
            if not intake.name_fault(name, "")
        }
        models = sorted(named)
        number = {name: k for k, name in enumerate(models)}
        a, b = (
            np.array([*(number[v] if v in named else -1 for v in names), -1])[codes]
            for codes, names in (
                (codes, [v if isinstance(v, str) else "" for v in names])
                for codes, names in (coded_a, coded_b)
            )
        )
        wrong = (a < 0) | (b < 0) | (a == b)
        good = int(np.argmax(wrong)) if wrong.any() else len(wrong)
        pair = np.minimum(a, b) * len(models) + np.maximum(a, b)
        if repeated == "refuse":
            _refuse_repeated(pair[:good], models)
        if good < len(wrong):
            name_a, name_b = (
                names[codes[good]] if codes[good] >= 0 else None
                for codes, names in (coded_a, coded_b)
            )
            raise InvalidBattlesError(f"Row {good} {intake.pair_fault(name_a, name_b)}")
        counts = {name: intake.whole_numbers(counts[name], name) for name in counts}
        won, lost = counts["wins_a"], counts["wins_b"]
        pair, sums = intake.summed(
            pair,
            len(models) ** 2,
            np.where(a < b, won, lost),
            np.where(a < b, lost, won),
            counts["ties"] + counts.get("ties_bothbad", 0),
        )
        met = sums[0] + sums[1] + sums[2] > 0
        low, high = np.divmod(pair[met], max(len(models), 1))
        return cls(tuple(models), low, high, *(each[met] for each in sums))

    @classmethod
    def _from_blocks(cls, blocks: Iterable[tuple]) -> PairCounts:
        """Add up blocks of (names, a, b, outcome, battles), all checked."""
        place: dict[str, int] = {}
        cells, waiting = np.zeros((4, 0), dtype=np.int64), []
        for names, a, b, outcome, battles in blocks:
            for name in sorted(set(names)):
                place.setdefault(name, len(place))
            code = np.array([place[name] for name in names], dtype=np.int64)
            waiting.append(np.stack([code[a], code[b], outcome, battles]))
            # As many as are added up already: every cell is sorted a few times only.
            if sum(block.shape[1] for block in waiting) > max(cells.shape[1], 1 << 16):
                cells = intake.add_up(np.hstack([cells, *waiting]), len(place))
                waiting = []
        models = sorted(place)
        rank = np.empty(len(models), dtype=np.int64)
        rank[[place[name] for name in models]] = np.arange(len(models))
        cells = np.hstack([cells, *waiting])
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
        # Where a pointer has 32 bits, numpy refuses to count longer integers.
        a, b = (end.astype(np.intp, copy=False) for end in (self.a, self.b))
        return np.bincount(a, of_a, n) + np.bincount(b, of_b, n)

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
        if isinstance(models, str):
            raise InvalidBattlesError(
                f"{models!r} is one text, not a collection of names: pass a list."
            )
        unknown = sorted(set(models) - set(self.models), key=str)
        if unknown:
            raise InvalidBattlesError(
                f"{listed(unknown)}: no such model here. `.models` lists the names."
            )
        wanted = set(models)
        kept = np.array([name in wanted for name in self.models])
        code = np.where(kept, np.cumsum(kept) - 1, -1)
        names = tuple(name for name in self.models if name in wanted)
        both = (code[self.a] >= 0) & (code[self.b] >= 0)
        counts = (self.wins_a[both], self.wins_b[both], self.ties[both])
        return PairCounts(names, code[self.a[both]], code[self.b[both]], *counts)


def _refuse_repeated(pair: np.ndarray, models: list[str]) -> None:
    """Refuse a pair, given as a number, that stands in two rows."""
    order = intake.in_order(pair, len(models) ** 2)
    again = np.flatnonzero(np.diff(pair[order]) == 0) + 1
    if not len(again):
        return
    row = int(order[again].min())
    first = int(np.argmax(pair == pair[row]))
    low, high = divmod(int(pair[row]), len(models))
    raise InvalidBattlesError(
        f"Rows {first} and {row} both count {models[low]!r} against {models[high]!r}. "
        "If they hold different battles, pass repeated='sum'; if one repeats the "
        "other, drop it."
    )


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


def require_ranking(counts: PairCounts, tie_model: str = "half") -> None:
    """Check that the battles determine a finite, unique score for every model.

    Parameters
    ----------
    counts : PairCounts
    tie_model : {"half", "davidson", "rao-kupper"}

    Raises
    ------
    NoRankingError
        The message names the groups, or the models that won or lost everything, and
        what can be rated.

    Notes
    -----
    Ford's condition (1957): however the models are split in two, some model of
    each part has beaten, or tied with, some model of the other. With a tie
    parameter there must also be a tie, and a chain of battles back to its start,
    each from a winner to a loser or across a tie, with more wins than ties.

    Where the chain is missing, and only there, scores exist at which every winner
    is 1 or more above the loser and no tie spans more than 1 (a system of
    difference constraints, which Bellman and Ford's algorithm solves unless it has
    a negative cycle). Scores and tie parameter that move on along them lose no
    likelihood, in both models: for Davidson's this is the condition of Albert and
    Anderson (1984), and Rao and Kupper's likelihood recedes along the same
    directions.
    """
    tied = counts.ties > 0
    beaten_by_b, beaten_by_a = (counts.wins_b > 0) | tied, (counts.wins_a > 0) | tied
    loser = np.concatenate([counts.a[beaten_by_b], counts.b[beaten_by_a]])
    winner = np.concatenate([counts.b[beaten_by_b], counts.a[beaten_by_a]])
    parts = _components(counts, loser, winner, "strong")
    if len(parts) > 1:
        _refuse_parts(counts, parts, loser, winner)
    if tie_model != "half":
        _require_tie_parameter(counts, tie_model)


def _refuse_parts(
    counts: PairCounts,
    parts: list[tuple[str, ...]],
    loser: np.ndarray,
    winner: np.ndarray,
) -> NoReturn:
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
    kept, others = parts[0], [name for part in parts[1:] for name in part]
    larger = len(kept) > len(parts[1])  # then it is the others that stand out
    found = [
        f"{listed(part)} never {did} a battle outside this group"
        for did, able in (("lost or tied", losing), ("won or tied", winning))
        for k, part in enumerate(parts)
        if k not in able and (k > 0 or not larger)
    ]
    advice = "Collect more battles."
    if len(kept) > 1:
        some = (
            f"[{listed(kept)}]"
            if len(kept) <= len(others)
            else f"set(counts.models) - {{{listed(others)}}}"
        )
        advice = f"Collect more battles, or keep {len(kept)}: `counts.only({some})`."
    raise NoRankingError(
        f"No finite scores exist: {'; '.join(found)}. Such a score would run off to "
        f"infinity. {advice}"
    )


def _require_tie_parameter(counts: PairCounts, tie_model: str) -> None:
    wins_a, wins_b, tied = counts.wins_a > 0, counts.wins_b > 0, counts.ties > 0
    if missing := "tie" * (not tied.any()) or "win" * (not (wins_a | wins_b).any()):
        raise NoRankingError(
            f"There is no {missing} for tie_model={tie_model!r} to learn from; use "
            "'half'."
        )
    if (wins_a & wins_b).any():
        return  # the shortest chain: there and back
    start = np.concatenate([counts.a[wins_a | tied], counts.b[wins_b | tied]])
    end = np.concatenate([counts.b[wins_a | tied], counts.a[wins_b | tied]])
    won = np.concatenate([wins_a[wins_a | tied], wins_b[wins_b | tied]])
    n = len(counts.models)
    graph = coo_array((np.where(won, -1.0, 1.0), (start, end)), shape=(n, n)).tocsr()
    try:
        level = bellman_ford(graph, indices=0)
    except NegativeCycleError:
        return
    names = np.array(counts.models)
    top, bottom = (names[level == end].tolist() for end in (level.max(), level.min()))
    raise NoRankingError(
        f"No finite scores exist for tie_model={tie_model!r}: from {listed(top)} down "
        f"to {listed(bottom)}, the models can be placed so that no win spans less and "
        "no tie more than one step, and larger steps always fit better. Collect "
        "battles in which a model loses to one that it has beaten, or use 'half'."
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
