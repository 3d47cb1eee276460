"""Battle logs and tables of counts -> :class:`PairCounts`.

All checks of what comes in are here and only here: a row is counted as what
it says, or refused with a sentence that names it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import pandas as pd

LOG_COLUMNS = ("model_a", "model_b", "winner")
COUNT_COLUMNS = ("wins_a", "wins_b", "ties")

# Labels of public logs without case, spaces, underscores, hyphens and
# parentheses: "tie (bothbad)", "both_bad" and "Both Bad" are one label.
_OUTCOMES = {"modela": 0, "modelb": 1, "tie": 2, "tiebothbad": 2, "bothbad": 2}


# Up to so many combinations (32 MB of counts) are counted in an array of all.
_DENSE = 1 << 22


class InvalidBattlesError(ValueError):
    """Battles that cannot be counted; the message names the row or the model."""


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
            return cls._from_blocks(_log_blocks([frame]))
        return cls._from_blocks(_log_blocks(nw.from_native(part) for part in log))

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
        frame = _eager(nw.from_native(table))
        _require_columns(frame, (*LOG_COLUMNS[:2], *COUNT_COLUMNS), "a table of counts")
        counts = {name: frame[name].to_numpy() for name in COUNT_COLUMNS}
        if "ties_bothbad" in frame.columns:
            counts["ties_bothbad"] = frame["ties_bothbad"].to_numpy()
        names = (frame[name].to_list() for name in LOG_COLUMNS[:2])
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
            fault = (
                _name_fault(name_a, "model_a")
                or _name_fault(name_b, "model_b")
                or _self_fault(name_a, name_b)
            )
            if fault:
                raise InvalidBattlesError(f"Row {row} {fault}")
            first = seen.setdefault(frozenset((name_a, name_b)), row)
            if first != row and repeated == "refuse":
                raise InvalidBattlesError(
                    f"Rows {first} and {row} both count {name_a!r} against "
                    f"{name_b!r}. If they hold different battles, pass "
                    "repeated='sum'; if one repeats the other, drop it."
                )
        for name, column in counts.items():
            counts[name] = _whole_numbers(column, name)
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
            cells = _add_up(np.hstack([cells, block]), len(place))
        models = sorted(place)
        if models != list(place):  # a later block brought names of its own
            rank = np.empty(len(models), dtype=np.int64)
            rank[[place[name] for name in models]] = np.arange(len(models))
            cells = _add_up(np.stack([*rank[cells[:2]], *cells[2:]]), len(models))
        a, b, outcome, battles = cells
        pair = a * len(models) + b
        first = np.flatnonzero(np.diff(pair, prepend=-1))
        counts = np.zeros((3, len(first)), dtype=np.int64)
        counts[outcome, np.searchsorted(pair[first], pair)] = battles
        return cls(tuple(models), a[first], b[first], *counts)

    @property
    def n_battles(self) -> int:
        """Battles in all."""
        return int(self.wins_a.sum() + self.wins_b.sum() + self.ties.sum())

    def totals(self) -> pd.DataFrame:
        """Battles, wins, losses, ties and win rate of each model.

        Returns
        -------
        DataFrame
            Indexed by model. ``win_rate`` is the share of battles won, a tie
            counted as half; it is NaN for a model without battles.
        """
        import pandas as pd

        def per_model(of_a: np.ndarray, of_b: np.ndarray) -> np.ndarray:
            n = len(self.models)
            total = np.bincount(self.a, of_a, n) + np.bincount(self.b, of_b, n)
            return total.astype(np.int64)

        table = pd.DataFrame(
            {
                "wins": per_model(self.wins_a, self.wins_b),
                "losses": per_model(self.wins_b, self.wins_a),
                "ties": per_model(self.ties, self.ties),
            },
            index=pd.Index(self.models, name="model"),
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
    met = counts.wins_a + counts.wins_b + (counts.ties if ties else 0) > 0
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
    parts = groups(counts)
    if len(parts) > 1:
        raise NoRankingError(
            f"There is no single ranking: the models fall into {len(parts)} groups "
            "that never met: "
            + "; ".join(listed(part) for part in parts)
            + ". Add battles between the groups, or rank each with `.only(...)`."
        )
    tied = counts.ties > 0
    beaten_by_b, beaten_by_a = (counts.wins_b > 0) | tied, (counts.wins_a > 0) | tied
    loser = np.concatenate([counts.a[beaten_by_b], counts.b[beaten_by_a]])
    winner = np.concatenate([counts.b[beaten_by_b], counts.a[beaten_by_a]])
    parts = _components(counts, loser, winner, "strong")
    if len(parts) == 1:
        return
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


def listed(names: Collection[str], most: int = 6) -> str:
    """Write names as text, cut after `most`."""
    shown = ", ".join(repr(name) for name in list(names)[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _eager(frame: nw.DataFrame | nw.LazyFrame) -> nw.DataFrame:
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def _require_columns(frame: nw.DataFrame, wanted: Iterable[str], what: str) -> None:
    columns = frame.columns
    missing = [name for name in wanted if name not in columns]
    if missing:
        other = ""
        if missing == ["winner"] and "wins_a" in columns:
            other = " This looks like a table of counts: use PairCounts.from_table."
        elif "winner" in columns and "wins_a" in missing:
            other = " This looks like a log of battles: use PairCounts.from_log."
        raise InvalidBattlesError(
            f"The columns are {listed(columns, 12)}; {what} also needs "
            f"{listed(missing)}. Rename or add them.{other}"
        )


def _name_fault(name: Any, column: str) -> str | None:
    if name is None or name != name:  # NaN is not equal to itself
        return f"has no name in {column}: give the model's name, or drop the row."
    if not isinstance(name, str):
        return f"has {name!r} in {column}, which is not text: give the model's name."
    if name != name.strip() or not name:
        return (
            f"has the name {name!r} in {column}, empty or with spaces around it: "
            "strip it, or it would count as another model."
        )
    return None


def _self_fault(name_a: str, name_b: str) -> str | None:
    if name_a == name_b:
        return f"sets {name_a!r} against itself: drop the row, it compares nothing."
    return None


def _outcome(label: Any) -> int | None:
    if not isinstance(label, str):
        return None
    return _OUTCOMES.get(re.sub(r"[\s_()-]", "", label).casefold())


def _label_fault(label: Any) -> str | None:
    if _outcome(label) is not None:
        return None
    known = "expected model_a, model_b, tie or tie (bothbad)"
    if label is None or label != label:
        return f"has no winner: {known}. Drop the row if nobody voted."
    return f"has the winner {label!r}: {known}. Rename the label, or drop the row."


def _whole_numbers(column: np.ndarray, name: str) -> np.ndarray:
    """Return a column of counts as integers, or refuse it by row."""
    if column.dtype.kind not in "iuf" and len(column):
        raise InvalidBattlesError(
            f"The column {name} holds {column.dtype}, not counts: convert it to "
            "whole numbers."
        )
    whole = np.isfinite(column) & (column >= 0) & (column == np.floor(column))
    if not whole.all():
        row = int(np.argmin(whole))
        raise InvalidBattlesError(
            f"Row {row} has {column[row]} in {name}: a count of battles is a whole "
            "number from 0 up. Correct it, or drop the row."
        )
    return column.astype(np.int64)


def _codes(column: nw.Series) -> tuple[np.ndarray, list[Any]]:
    """Codes of a column (-1 where missing) and the values they stand for."""
    native, backend = column.to_native(), column.implementation
    if backend.is_pandas_like():
        if hasattr(native, "cat"):
            return native.cat.codes.to_numpy(), native.cat.categories.tolist()
        codes, values = native.factorize()
        return codes, list(values)
    if backend.is_polars():
        if column.dtype not in (nw.Categorical, nw.Enum):
            native = column.cast(nw.Categorical).to_native()
        values = native.drop_nulls().unique()
        # Polars numbers categories across all columns: renumber from 0.
        physical = values.to_physical().to_numpy()
        renumber = np.full(int(physical.max(initial=0)) + 1, -1)
        renumber[physical] = np.arange(len(physical))
        missing = native.is_null().to_numpy()
        present = native.to_physical().fill_null(0).to_numpy()
        return np.where(missing, -1, renumber[present]), values.to_list()
    if column.dtype == nw.Categorical:
        native = native.unify_dictionaries()
    else:
        native = native.dictionary_encode()
    encoded = native.combine_chunks()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, encoded.dictionary.to_pylist()


def _log_blocks(frames: Iterable[nw.DataFrame | nw.LazyFrame]) -> Iterator[tuple]:
    offset = 0
    for lazy in frames:
        frame = _eager(lazy)
        _require_columns(frame, LOG_COLUMNS, "a battle log")
        if len(frame):
            yield _count_log(frame, offset)
        offset += len(frame)


def _count_log(frame: nw.DataFrame, offset: int) -> tuple:
    """Count one table; `offset` is the number of rows in the tables before it."""
    coded = [_codes(frame[name]) for name in LOG_COLUMNS]
    names_a, names_b, labels = (values for _, values in coded)
    sizes = [len(values) + 1 for _, values in coded]
    cell, battles = _count_cells([codes for codes, _ in coded], sizes)
    cell_a, cell_b, cell_winner = np.unravel_index(cell, sizes)

    outcome = np.array([-1, *(-1 if (o := _outcome(v)) is None else o for v in labels)])
    no_a = np.array([True, *(bool(_name_fault(v, "")) for v in names_a)])
    no_b = np.array([True, *(bool(_name_fault(v, "")) for v in names_b)])
    place_of = {name: k for k, name in enumerate(names_a) if not no_a[k + 1]}
    twin = np.array([-1, *(place_of.get(v, -2) + 1 for v in names_b)])

    def faulty(a: np.ndarray, b: np.ndarray, winner: np.ndarray) -> np.ndarray:
        return no_a[a] | no_b[b] | (outcome[winner] < 0) | (twin[b] == a)

    if faulty(cell_a, cell_b, cell_winner).any():
        rows = (codes.astype(np.int64) + 1 for codes, _ in coded)
        row = int(np.argmax(faulty(*rows)))
        name_a, name_b, label = (
            values[codes[row]] if codes[row] >= 0 else None for codes, values in coded
        )
        fault = (
            _name_fault(name_a, "model_a")
            or _name_fault(name_b, "model_b")
            or _label_fault(label)
            or _self_fault(name_a, name_b)
        )
        raise InvalidBattlesError(f"Row {offset + row} {fault}")
    # A category that no row uses is no model.
    used_a, used_b = (np.flatnonzero(np.bincount(c)) for c in (cell_a, cell_b))
    names = [names_a[k - 1] for k in used_a] + [names_b[k - 1] for k in used_b]
    place_a, place_b = np.zeros(sizes[0], int), np.zeros(sizes[1], int)
    place_a[used_a] = np.arange(len(used_a))
    place_b[used_b] = np.arange(len(used_a), len(names))
    return names, place_a[cell_a], place_b[cell_b], outcome[cell_winner], battles


def _count_cells(
    columns: list[np.ndarray], sizes: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Count rows per combination of codes; code -1, a missing value, becomes 0.

    Returns the combinations that occur, as flat indices into an array of shape
    `sizes`, and their counts. Long columns are taken a stretch at a time, which
    stays in the processor's cache and needs no second copy of the log.
    """
    size, rows = int(np.prod(sizes)), len(columns[0])
    stretch = rows if size > _DENSE else 1 << 19
    total = np.zeros(size if size <= _DENSE else 0, dtype=np.int64)
    for start in range(0, rows, stretch):
        key = np.zeros(min(stretch, rows - start), dtype=np.int64)
        for codes, factor in zip(columns, sizes, strict=True):
            key *= factor
            key += codes[start : start + stretch]
            key += 1
        if size > _DENSE:
            return _tally(key, size)
        total += np.bincount(key, minlength=size)
    cell = np.flatnonzero(total)
    return cell, total[cell]


def _tally(
    key: np.ndarray, size: int, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Count (or sum `weights` of) each key below `size`; return those that occur."""
    if size <= _DENSE:
        total = np.bincount(key, weights, size)
        found = np.flatnonzero(total)
        return found, total[found].astype(np.int64)
    found, inverse = np.unique(key, return_inverse=True)
    return found, np.bincount(inverse, weights).astype(np.int64)


def _add_up(cells: np.ndarray, n: int) -> np.ndarray:
    """Sum cells (a, b, outcome, battles) with the pair in one order, ``a < b``."""
    a, b, outcome, battles = cells
    swapped = a > b
    outcome = np.where(swapped & (outcome < 2), 1 - outcome, outcome)
    low, high = np.where(swapped, b, a), np.where(swapped, a, b)
    found, total = _tally((low * n + high) * 3 + outcome, n * n * 3, battles)
    pair, outcome = np.divmod(found, 3)
    return np.stack([*np.divmod(pair, n), outcome, total])
