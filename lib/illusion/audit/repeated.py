"""Who voted how often, and which rows repeat another one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from illusion.audit.engine import Frame, collected, size
from illusion.audit.names import written
from illusion.audit.votes import MOST_CELLS, Voters
from illusion.rating import intake

# Codes of columns of groups, and what they stand for.
_Coded = Mapping[str, tuple[np.ndarray, Sequence[Any]]]


def places(groups: _Coded, other: nw.DataFrame) -> np.ndarray:
    """Find the group that says the same as each row of another table.

    Parameters
    ----------
    groups : dict
    other : narwhals.DataFrame
        With columns of the same names.

    Returns
    -------
    ndarray of int, shape (rows,)
    """
    own, wanted, size = np.int64(0), np.int64(0), 1
    for name, (codes, values) in groups.items():
        number = {_hashed(value): k for k, value in enumerate(values)}
        theirs, said = intake.numbered(other[name])
        code = np.array([*(number.get(_hashed(value), -1) for value in said), -1])[
            theirs
        ]
        factor = len(values) + 1
        own, wanted = own * factor + codes + 1, wanted * factor + code + 1
        size *= factor
    own, order = np.asarray(own), intake.in_order(np.asarray(own), size)
    return order[np.searchsorted(own[order], wanted)]


def _hashed(value: Any) -> Any:
    return value if isinstance(value, Hashable) else repr(value)


def voters(
    frame: Frame, columns: Mapping[str, str], groups: _Coded, known: np.ndarray
) -> Voters | None:
    """Count votes by voter.

    Parameters
    ----------
    frame : Frame
        With the column ``_voter``, if `columns` has the role.
    columns : mapping of str to str
        By role.
    groups : dict
    known : ndarray of int, shape (3, groups)
        Both models and the outcome of each group; -1 if it is not counted.

    Returns
    -------
    Voters or None
        None without a column of voters.
    """
    if "voter" not in columns:
        return None
    frame = frame.filter(~nw.col("_voter").is_null())
    per = frame.group_by("_voter").agg(nw.len().alias("rows"))
    number = size(per)
    top: Any = per.sort("rows", "_voter", descending=[True, False]).head(10)
    top = collected(top)
    names, votes = top["_voter"].to_list(), top["rows"].to_list()
    heaviest = tuple((written(v), int(n)) for v, n in zip(names, votes, strict=True))
    if "weight" in columns:
        return Voters(number, heaviest, None)
    groups = {key: coded for key, coded in groups.items() if key != "_month"}
    by_voter: Any = frame.group_by(["_voter", *groups], drop_null_keys=False)
    by_voter = by_voter.agg(nw.len().alias("rows"))
    if size(by_voter) > MOST_CELLS:
        return Voters(number, heaviest, None)
    cells = collected(by_voter)
    a, b, outcome = known[:, places(groups, cells)]
    codes, values = intake.numbered(cells["_voter"])
    rank = np.argsort(np.argsort([written(value) for value in values]))
    parts = np.stack([rank[codes], a, b, outcome, cells["rows"].to_numpy()])[:, a >= 0]
    return Voters(number, heaviest, tuple(parts[:, np.lexsort(parts[::-1])]))


def repeated_rows(frame: Frame) -> int | None:
    """Count rows beyond the first of every group that agrees in all that is known.

    Parameters
    ----------
    frame : Frame

    Returns
    -------
    int or None
        None without times, when equal rows may be different votes.
    """
    names = frame.collect_schema().names()
    if "_time" not in names:
        return None
    keys = [k for k in ("_a", "_b", "_label", "_time", "_voter") if k in names]
    groups: Any = frame.group_by(keys, drop_null_keys=False)
    groups = groups.agg(nw.len().alias("rows"))
    sizes = nw.col("rows").sum().alias("all"), nw.len().alias("kinds")
    found = collected(groups.select(*sizes))
    return int(found["all"].item() or 0) - int(found["kinds"].item())
