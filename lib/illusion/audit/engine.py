"""What the engine that holds a table is asked for: groups of rows, never the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from illusion.rating import intake
from illusion.rating.intake import InvalidBattlesError

Frame = nw.DataFrame | nw.LazyFrame
"""A table, computed or not."""


def collected(frame: Frame) -> nw.DataFrame:
    """Compute a lazy table of counts.

    Parameters
    ----------
    frame : Frame

    Returns
    -------
    narwhals.DataFrame
        Of pandas, if the engine has no tables of its own in memory.

    Raises
    ------
    InvalidBattlesError
        What the engine cannot compute, such as a number of what is none.
    """
    with in_a_sentence():
        if isinstance(frame, nw.DataFrame):
            return frame
        own = (nw.Implementation.POLARS, nw.Implementation.DASK)
        own = frame.implementation in own
        return frame.collect() if own else frame.collect("pandas")


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Say in a sentence what an engine cannot do; each has errors of its own.

    Raises
    ------
    InvalidBattlesError
        In place of any other error.
    """
    try:
        yield
    except InvalidBattlesError:
        raise
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InvalidBattlesError(
            f"The table cannot be counted: {said[:300].rstrip('.')}. Names of models "
            "and the winner must be text or whole numbers; scores, weights and counts "
            "must be numbers."
        ) from error


def column_of(frame: nw.DataFrame, name: str) -> pd.Series:
    """Return a column of numbers or times, or of anything else as it is.

    Parameters
    ----------
    frame : narwhals.DataFrame
    name : str

    Returns
    -------
    Series
    """
    column = frame[name]
    if column.dtype.is_numeric() or column.dtype.is_temporal():
        return pd.Series(column.to_numpy())
    return pd.Series(column.to_list(), dtype=object)


def numbers_of(table: nw.DataFrame, name: str) -> nw.Series | np.ndarray:
    """Return a column of counts, read as numbers if it is text, as from a CSV file.

    Parameters
    ----------
    table : narwhals.DataFrame
    name : str

    Returns
    -------
    narwhals.Series or ndarray
        With what is no number as it is.
    """
    if table[name].dtype.is_numeric():
        return table[name]
    text = pd.Series(table[name].to_list(), dtype=object)
    number = pd.to_numeric(text, errors="coerce")
    return number.where(number.notna(), text).to_numpy()


def grouped(
    frame: Frame, keys: Sequence[str], *, times: bool = False, weight: bool = False
) -> nw.DataFrame:
    """Count rows by the values of some columns, where they live.

    Parameters
    ----------
    frame : Frame
    keys : sequence of str
    times, weight : bool
        Whether there are columns ``_time``, whose ends are asked for, and
        ``_weight``, which is added up and looked at.

    Returns
    -------
    narwhals.DataFrame
        The keys, ``rows``, and ``lo``, ``hi``, ``sum``, ``full``, ``least``, ``odd``.

    Raises
    ------
    InvalidBattlesError
        Keys that are lists or dicts, or what :func:`collected` refuses.
    """
    size = [nw.len().alias("rows")]
    if times:
        size += [nw.col("_time").min().alias("lo"), nw.col("_time").max().alias("hi")]
    if weight:
        frame = frame.with_columns(_odd=nw.col("_weight") % 1)
        size += [
            nw.col("_weight").sum().alias("sum"),
            nw.col("_weight").count().alias("full"),
            nw.col("_weight").min().alias("least"),
            nw.col("_odd").max().alias("odd"),
        ]
    with in_a_sentence():
        groups: Any = frame.group_by(list(keys), drop_null_keys=False)
        return collected(groups.agg(*size))


def weighted(groups: nw.DataFrame) -> np.ndarray:
    """Return the votes of groups whose rows have weights.

    Parameters
    ----------
    groups : narwhals.DataFrame
        Of :func:`grouped`.

    Returns
    -------
    ndarray of int

    Raises
    ------
    InvalidBattlesError
        A weight that is no count of votes.
    """
    total, full, least, odd, rows = (
        groups[name].to_numpy() for name in ("sum", "full", "least", "odd", "rows")
    )
    whole = (full == rows) & (odd == 0) & (least >= 0)
    whole &= total <= intake.MOST_BATTLES
    if not whole.all():
        at = int(np.argmin(whole))
        raise InvalidBattlesError(
            f"A row of {groups['_a'].to_list()[at]!r} against "
            f"{groups['_b'].to_list()[at]!r} has a weight that is missing, negative or "
            "no whole number. Weights are counts of votes: each row stands for so "
            "many. Sampling weights would need another likelihood: name another "
            "column with --weight, or drop this one."
        )
    return total.astype(np.int64)


def first_rows(frame: Frame, keys: Sequence[str]) -> nw.DataFrame | None:
    """Find the first row of every group, where the engine keeps an order.

    Parameters
    ----------
    frame : Frame
    keys : sequence of str

    Returns
    -------
    narwhals.DataFrame or None
        The keys and ``_row``, from 0.
    """
    if isinstance(frame, nw.DataFrame):
        numbered: Any = frame.with_row_index("_row")
    elif frame.implementation is nw.Implementation.DUCKDB:
        relation: Any = frame.to_native()
        numbered = nw.from_native(
            relation.project("*, row_number() over () - 1 as _row")
        )
    else:
        return None
    least = nw.col("_row").min().alias("_row")
    return collected(numbered.group_by(list(keys), drop_null_keys=False).agg(least))


def size(frame: Frame) -> int:
    """Count the rows of a table where they live.

    Parameters
    ----------
    frame : Frame

    Returns
    -------
    int
    """
    return int(collected(frame.select(nw.len().alias("n")))["n"].item())
