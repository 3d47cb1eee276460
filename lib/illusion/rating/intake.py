"""What comes in: columns, names, labels and counts, read and checked.

A row is counted as what it says, or refused with a sentence that names it.
Checks of battles are here and only here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import (
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import Any

import narwhals as nw
import numpy as np

LOG_COLUMNS = ("model_a", "model_b", "winner")
COUNT_COLUMNS = ("wins_a", "wins_b", "ties")

# Labels of public logs without case, spaces, underscores, hyphens and
# parentheses: "tie (bothbad)", "both_bad" and "Both Bad" are one label.
_OUTCOMES = {"modela": 0, "modelb": 1, "tie": 2, "tiebothbad": 2, "bothbad": 2}

# Letters of Cyrillic and Greek that are drawn like Latin ones (after Unicode's
# Technical Standard 39), and dashes.
_LATIN = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιονρυ‐‑‒–—−",
    "ABESIJKMHOPCTYXaesijopcyxhdqwABEZHIKMNOPTYXaiovpu------",
)
# Floats, in which battles are summed, hold every whole number up to here.
MOST_BATTLES = 2**53
_TEXT = (nw.String, nw.Categorical, nw.Enum, nw.Object, nw.Unknown)

# Up to so many combinations (32 MB of counts) are counted in an array of all.
_DENSE = 1 << 22


class InvalidBattlesError(ValueError):
    """Battles that cannot be counted; the message names the row or the model."""


def listed(names: Collection[str], most: int = 6) -> str:
    """Write names as text, cut after `most`."""
    shown = ", ".join(repr(name) for name in list(names)[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def table(native: Any) -> nw.DataFrame | nw.LazyFrame:
    """Take what narwhals can read as a table, or say what was given instead."""
    frame = nw.from_native(native, pass_through=True)
    if isinstance(frame, nw.DataFrame | nw.LazyFrame):
        return frame
    if hasattr(native, "schema") and hasattr(native, "__arrow_c_array__"):
        return nw.from_arrow(native, backend="pyarrow")  # a record batch
    raise InvalidBattlesError(
        f"Expected a table of battles, such as a DataFrame; this is of the type "
        f"{type(native).__name__}. Read a file first, or make a table of it, for "
        "example by pandas.DataFrame(...)."
    )


def tables(log: Any) -> Iterator[nw.DataFrame | nw.LazyFrame]:
    """Take a table, or one after another of an iterable of tables."""
    whole = nw.from_native(log, pass_through=True) is not log
    parted = isinstance(log, Iterable) and not (
        isinstance(log, str | bytes | Mapping) or hasattr(log, "dtype")
    )
    if whole or not parted or hasattr(log, "__arrow_c_array__"):
        yield table(log)
    else:
        yield from map(table, log)


def eager(frame: nw.DataFrame | nw.LazyFrame) -> nw.DataFrame:
    """Compute a lazy table; leave another as it is."""
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame


def require_columns(frame: nw.DataFrame, wanted: Iterable[str], what: str) -> None:
    """Refuse a table that lacks a column, with a hint at what it may be instead."""
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


def _missing(value: Any) -> bool:
    """Whether a value of any library's stands for none."""
    if isinstance(value, str):
        return False
    return value is None or str(value) in ("nan", "<NA>", "NaT")


def name_fault(name: Any, column: str) -> str | None:
    """Say what is wrong with a name, if anything is."""
    if isinstance(name, str) and name and name == name.strip():
        return None
    if _missing(name):
        return f"has no name in {column}: give the model's name, or drop the row."
    if not isinstance(name, str):
        return f"has {name!r} in {column}, which is not text: give the model's name."
    return (
        f"has the name {name!r} in {column}, empty or with spaces around it: "
        "strip it, or it would count as another model."
    )


def pair_fault(name_a: Any, name_b: Any) -> str | None:
    """Say what is wrong with the two names of a row, if anything is."""
    fault = name_fault(name_a, "model_a") or name_fault(name_b, "model_b")
    if not fault and name_a == name_b:
        fault = f"sets {name_a!r} against itself: drop the row, it compares nothing."
    return fault


def _outcome(label: Any) -> int | None:
    if not isinstance(label, str):
        return None
    return _OUTCOMES.get(re.sub(r"[\s_()-]", "", label).casefold())


def _label_fault(label: Any) -> str | None:
    if _outcome(label) is not None:
        return None
    known = "expected model_a, model_b, tie or tie (bothbad)"
    if _missing(label):
        return f"has no winner: {known}. Drop the row if nobody voted."
    return f"has the winner {label!r}: {known}. Rename the label, or drop the row."


def require_distinct(names: Iterable[str]) -> None:
    """Refuse names that are told apart by what nobody sees, or only by case."""
    seen: dict[str, str] = {}
    for name in names:
        look = unicodedata.normalize("NFKC", name)
        if not look.isascii():
            look = "".join(c for c in look if unicodedata.category(c) != "Cf")
            look = look.translate(_LATIN)
        look = " ".join(look.casefold().split())
        if look in seen:
            raise InvalidBattlesError(
                f"The names {seen[look]!a} and {name!a} look alike but count as two "
                "models. If they are one, write them alike; if not, rename one."
            )
        seen[look] = name


def _number(value: Any) -> float:
    """A value of any library's as a float, NaN if it is not a number."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return np.nan
    # The type of all real numbers has no order.
    within = abs(value) <= MOST_BATTLES  # pyright: ignore[reportOperatorIssue]
    return float(value) if within else np.inf


def whole_numbers(column: nw.Series | np.ndarray, name: str) -> np.ndarray:
    """Return a column of counts as integers, or refuse it by row."""
    if isinstance(column, nw.Series):
        wide = (nw.Int128, nw.UInt128, nw.Decimal)
        values = column.to_list() if column.dtype in wide else column.to_numpy()
        column = np.asarray(values, dtype=object if column.dtype in wide else None)
    number = column
    if column.dtype.kind not in "iuf":
        number = np.array([_number(value) for value in column], dtype=float)
    whole = (number >= 0) & (number <= MOST_BATTLES)
    if number.dtype.kind == "f":
        whole &= number == np.floor(number)
    if not whole.all():
        row = int(np.argmin(whole))
        raise InvalidBattlesError(
            f"Row {row} has {column.tolist()[row]!r} in {name}: a count of battles is "
            "a whole number from 0 to 2**53. Correct it, or drop the row."
        )
    return number.astype(np.int64, copy=False)


def numbered(column: nw.Series | list[Any]) -> tuple[np.ndarray, list[Any]]:
    """Codes of a column of any kind (-1 where missing), and what they stand for."""
    if isinstance(column, nw.Series):
        text = column.dtype in (nw.String, nw.Categorical, nw.Enum)
        if text or column.implementation.is_pandas_like():
            with suppress(InvalidBattlesError):  # lists, which have no codes
                return _codes(column, 0)
        column = column.to_list()
    place: dict[Any, int] = {}
    values: list[Any] = []
    codes = np.empty(len(column), dtype=np.int64)
    for row, value in enumerate(column):
        if _missing(value):
            codes[row] = -1
            continue
        # What cannot be hashed is told apart by its text.
        key = value if isinstance(value, str) else (type(value), repr(value))
        codes[row] = place.setdefault(key, len(values))
        if len(place) > len(values):
            values.append(value)
    return codes, values


def _codes(column: nw.Series, offset: int) -> tuple[np.ndarray, list[Any]]:
    """Codes of a column (-1 where missing) and the values they stand for."""
    native, backend = column.to_native(), column.implementation
    if backend.is_pandas_like():
        if hasattr(native, "cat"):
            return native.cat.codes.to_numpy(), native.cat.categories.tolist()
        try:
            codes, values = native.factorize()
        except TypeError:  # lists and dicts cannot be counted
            hashable = [isinstance(value, Hashable) for value in native]
            row = hashable.index(False)
            value, name = native.iloc[row], column.name
            fault = _label_fault(value) if name == "winner" else name_fault(value, name)
            raise InvalidBattlesError(f"Row {offset + row} {fault}") from None
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
    indices = encoded.indices
    if str(indices.type).startswith("u"):  # as polars and DuckDB write them
        indices = indices.cast("int64")
    codes = indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, encoded.dictionary.to_pylist()


def log_blocks(frames: Iterable[nw.DataFrame | nw.LazyFrame]) -> Iterator[tuple]:
    """Count the tables of a log one by one.

    Parameters
    ----------
    frames : iterable of narwhals tables
        Each with the columns of a log; rows are numbered through all of them.

    Yields
    ------
    (names, a, b, outcome, battles)
        For each table, its names, and per combination that occurs the places
        of its two models in them, the outcome (0: a wins, 1: b wins, 2: tie)
        and the number of battles.

    Raises
    ------
    InvalidBattlesError
        The first row that cannot be counted.
    """
    offset = 0
    for lazy in frames:
        frame = eager(lazy)
        require_columns(frame, LOG_COLUMNS, "a battle log")
        if len(frame):
            yield _count_log(frame, offset)
        offset += len(frame)


def _count_log(frame: nw.DataFrame, offset: int) -> tuple:
    """Count one table; `offset` is the number of rows in the tables before it."""
    if not all(frame[name].dtype in _TEXT for name in LOG_COLUMNS):
        # Then its first row is wrong already, and that is all there is to say.
        name_a, name_b, label = (
            frame[name].head(1).to_list()[0] for name in LOG_COLUMNS
        )
        fault = pair_fault(name_a, name_b) or _label_fault(label)
        raise InvalidBattlesError(f"Row {offset} {fault}")
    coded = [_codes(frame[name], offset) for name in LOG_COLUMNS]
    names_a, names_b, labels = (values for _, values in coded)
    sizes = [len(values) + 1 for _, values in coded]
    cell, battles = _count_cells([codes for codes, _ in coded], sizes)
    cell_a, cell_b, cell_winner = np.unravel_index(cell, sizes)

    outcome = np.array([-1, *(-1 if (o := _outcome(v)) is None else o for v in labels)])
    no_a = np.array([True, *(bool(name_fault(v, "")) for v in names_a)])
    no_b = np.array([True, *(bool(name_fault(v, "")) for v in names_b)])
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
        fault = pair_fault(name_a, name_b) or _label_fault(label)
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
    dense = size <= _DENSE
    stretch = 1 << 19 if dense else rows
    shift = 0  # makes every code one more, as one addition
    for factor in sizes:
        shift = shift * factor + 1
    total = np.zeros(size if dense else 0, dtype=np.int64)
    for start in range(0, rows, stretch):
        part = slice(start, start + stretch)
        key = columns[0][part].astype(np.int32 if dense else np.int64)
        for codes, factor in zip(columns[1:], sizes[1:], strict=True):
            key *= factor
            key += codes[part]
        key += shift
        if not dense:
            return _tally(key, size)
        total += np.bincount(key, minlength=size)
    cell = np.flatnonzero(total)
    return cell, total[cell]


def in_order(key: np.ndarray, size: int) -> np.ndarray:
    """Order that sorts keys from 0 to below `size`, equal ones as they stand."""
    n = len(key)
    if size * n >= 2**63:
        return np.argsort(key, kind="stable")
    return np.sort(key * n + np.arange(n)) % n  # several times as quick


def _tally(
    key: np.ndarray, size: int, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Count (or sum `weights` of) each key below `size`; return those that occur."""
    if size <= max(_DENSE, 2 * len(key)):
        # Where a pointer has 32 bits, numpy refuses to count longer integers.
        total = np.bincount(key.astype(np.intp, copy=False), weights, size)
        found = np.flatnonzero(total)
        return found, total[found].astype(np.int64)
    if weights is None:
        return np.unique(key, return_counts=True)
    found, (total,) = summed(key, size, weights)
    return found[total > 0], total[total > 0]


def summed(
    key: np.ndarray, size: int, *values: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Sum counts over each key below `size`; return the keys, and a sum per count."""
    order = in_order(key, size)
    ranked = key[order]
    start = np.flatnonzero(np.diff(ranked, prepend=-1))
    # As floats, since integers would wrap round in silence past 2**63.
    sums = [np.add.reduceat(v[order].astype(float), start) for v in values]
    return ranked[start], [each.astype(np.int64) for each in sums]


def add_up(cells: Sequence[np.ndarray] | np.ndarray, n: int) -> np.ndarray:
    """Sum cells (a, b, outcome, battles) with the pair in one order, ``a < b``."""
    a, b, outcome, battles = cells
    key = np.minimum(a, b).astype(np.int64)
    key *= n
    key += np.maximum(a, b)
    key *= 3
    key += np.where((a > b) & (outcome < 2), 1 - outcome, outcome)
    found, total = _tally(key, n * n * 3, battles)
    pair, outcome = np.divmod(found, 3)
    return np.stack([*np.divmod(pair, n), outcome, total])
