"""Votes, wherever they live -> counts.

A table is grouped by the engine that holds it, through narwhals, and only counts come
back: per pair in the order shown, outcome and month. What cannot be counted is set
aside by reason, with the first place where there is an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from illusion.audit.columns import Columns, find, outcomes
from illusion.audit.engine import (
    Frame,
    collected,
    column_of,
    first_rows,
    grouped,
    in_a_sentence,
    numbers_of,
    weighted,
)
from illusion.audit.names import NO_NAME, distinct, fault_of, owners, written
from illusion.audit.repeated import places, repeated_rows, voters
from illusion.audit.times import Times
from illusion.audit.votes import Refused, Votes
from illusion.rating import intake
from illusion.rating.intake import InvalidBattlesError

_KINDS = ("wins_a", "wins_b", "ties", "ties_bothbad")


@dataclass
class Groups:
    """Rows that say the same, on their way to votes.

    Attributes
    ----------
    keys : dict of str to (ndarray of int, list)
        Codes of each column of a group's values, and what they stand for.
    rows : ndarray of int, shape (groups,)
    votes : ndarray of int, shape (groups,) or (groups, 3)
        By outcome, if the table is one of counts.
    low, high : Series or None
        Of the times.
    first : ndarray of int or None
        Number of the first row, if it is known already.
    """

    keys: dict[str, tuple[np.ndarray, list[Any]]]
    rows: np.ndarray
    votes: np.ndarray
    low: pd.Series | None = None
    high: pd.Series | None = None
    first: np.ndarray | None = None

    def value(self, key: str, group: int) -> Any:
        """Return what a group's rows say in a column."""
        codes, values = self.keys[key]
        return values[codes[group]] if codes[group] >= 0 else None


def count(
    table: Any,
    *,
    since: str | None = None,
    scheme: str | None = None,
    repeats: bool = True,
    **columns: str | None,
) -> Votes:
    """Count the votes of a table, in the engine that holds it.

    Parameters
    ----------
    table : table
        Anything narwhals reads, eager or lazy: pandas, Polars, PyArrow, DuckDB, Dask,
        Ibis, Spark.
    since : str, optional
        Day as YYYY-MM-DD; earlier votes are left out.
    scheme : str, optional
        How the outcome is written, a key of ``illusion.audit.columns.SCHEMES``.
    repeats : bool
        Whether to look for repeated votes too, where there are times or voters: it
        takes a second pass over the table.
    **columns : str
        Column of a role: ``model_a``, ``model_b``, ``winner``, ``loser``, ``score_a``,
        ``score_b``, ``time``, ``voter``, ``owner``, ``weight``.

    Returns
    -------
    Votes

    Raises
    ------
    InvalidBattlesError
        No table, or one whose columns, labels, times or weights cannot be read, or in
        two ways; or no vote that can be counted.
    """
    frame = intake.table(table)
    schema = dict(frame.collect_schema())
    roles = find([*schema], columns)
    of = roles.of
    sides = ("winner", "loser") if "loser" in of else ("model_a", "model_b")
    exprs = {"_a": nw.col(of[sides[0]]), "_b": nw.col(of[sides[1]])}
    if roles.form == "winner":
        exprs["_label"] = nw.col(of["winner"])
    elif roles.form == "scores":
        exprs["_label"] = _compared(of["score_a"], of["score_b"])
    time = Times(frame, of["time"], schema[of["time"]]) if "time" in of else None
    if time:
        exprs |= {"_month": time.month, "_time": time.column}
    elif since is not None:
        raise InvalidBattlesError(
            "since= needs a column of times: say which, as --time COLUMN."
        )
    for role in ("voter", "owner_a", "owner_b"):
        if role in of:
            exprs[f"_{role}"] = nw.col(of[role])
    if "weight" in of:
        exprs["_weight"] = nw.col(of["weight"]).cast(nw.Float64)
    keys = [key for key in ("_a", "_b", "_label", "_month") if key in exprs]
    with in_a_sentence():
        if time and since is not None:
            frame = frame.filter(time.since(since))
        for step in time.steps if time else ():
            frame = frame.with_columns(**step)
        if roles.form == "counts":
            groups = _of_counts(frame, keys, roles, exprs)
            frame = frame.select(**exprs)
        else:
            frame = frame.select(**exprs)
            groups = _of_rows(frame, keys)
    if not len(groups.rows):
        raise InvalidBattlesError(
            "There are no votes: the table has no rows"
            + (f" since {since}." if since else ".")
        )
    again = repeats and roles.form != "counts"
    return _read(frame, roles, groups, time, scheme, again)


def _compared(first: str, second: str) -> nw.Expr:
    """Label of the higher of two scores; none where one is missing or no number."""
    lead = nw.col(first).cast(nw.Float64) - nw.col(second).cast(nw.Float64)
    level = nw.when(lead == 0).then(nw.lit("tie"))
    behind = nw.when((lead < 0) & (lead > -np.inf)).then(nw.lit("model_b"))
    ahead = nw.when((lead > 0) & (lead < np.inf)).then(nw.lit("model_a"))
    return ahead.otherwise(behind.otherwise(level))


def _of_rows(frame: Frame, keys: Sequence[str]) -> Groups:
    """Group the rows of a log by what they say."""
    names = frame.collect_schema().names()
    times, weight = "_time" in names, "_weight" in names
    found = grouped(frame, keys, times=times, weight=weight)
    rows = found["rows"].to_numpy().astype(np.int64)
    return Groups(
        {key: intake.numbered(found[key]) for key in keys},
        rows,
        weighted(found) if weight else rows,
        low=column_of(found, "lo") if times else None,
        high=column_of(found, "hi") if times else None,
    )


def _of_counts(
    frame: Frame,
    keys: Sequence[str],
    roles: Columns,
    exprs: dict[str, nw.Expr],
) -> Groups:
    """Take a table that is already counted; the order of its models means nothing."""
    if "weight" in roles.of:
        raise InvalidBattlesError(
            f"A table of counts has no use for weights: drop {roles.of['weight']!r}, "
            "or multiply the counts by it."
        )
    of = roles.of
    kinds = [kind for kind in _KINDS if kind in of]
    chosen = {kind: nw.col(of[kind]) for kind in kinds}
    found = collected(frame.select(**exprs, **chosen))
    votes = np.zeros((len(found), 3), dtype=np.int64)
    for place, kind in enumerate(kinds):
        votes[:, min(place, 2)] += intake.whole_numbers(
            numbers_of(found, kind), of[kind]
        )
    time = column_of(found, "_time") if "_time" in exprs else None
    return Groups(
        {key: intake.numbered(found[key]) for key in keys},
        np.ones(len(found), dtype=np.int64),
        votes,
        low=time,
        high=time,
        first=np.arange(len(found)),
    )


def _read(
    frame: Frame,
    roles: Columns,
    groups: Groups,
    time: Times | None,
    scheme: str | None,
    again: bool,
) -> Votes:
    """Read what the groups say, and set aside what cannot be counted."""
    reasons = ["none"]
    fault = np.zeros(len(groups.rows), dtype=np.int16)

    def mark(where: np.ndarray, reason: str) -> None:
        fault[where & (fault == 0)] = len(reasons)
        reasons.append(reason)

    sides = [groups.keys[key] for key in ("_a", "_b")]
    for codes, said in sides:
        faults = np.array([*map(fault_of, said), NO_NAME], dtype=object)
        for reason in sorted({f for f in faults if f}):
            mark((faults == reason)[codes], reason)
    # One numbering of names for both sides; what is no name is never a model.
    names = [[*map(written, values), ""] for _, values in sides]
    everyone = sorted({name for each in names for name in each})
    number = {name: k for k, name in enumerate(everyone)}
    a, b = (
        np.array([number[name] for name in each])[codes]
        for each, (codes, _) in zip(names, sides, strict=True)
    )
    mark(a == b, "a model against itself")
    outcome, how = np.zeros(len(a), dtype=np.int8), roles.form
    if "_label" in groups.keys:
        label, labels = groups.keys["_label"]
        fits, good = ("arena" if how == "scores" else scheme), fault == 0
        outcome[good], found = outcomes(
            labels, label[good], a[good], b[good], number, fits
        )
        mark(outcome < 0, "no winner")
        how = found if how == "winner" else how
    month = None
    if time:
        code, said = groups.keys["_month"]
        month = np.append(time.months(np.array(said, dtype=object)), np.nan)[code]
        mark(np.isnan(month), "no time")
    refused = _refused(frame, roles, groups, fault, reasons)
    good = fault == 0
    if not groups.votes[good].any():
        why = "; ".join(
            f"{r.rows:,} row{'s' * (r.rows > 1)} with {r.reason}" for r in refused
        )
        raise InvalidBattlesError(
            f"No vote can be counted: {why or 'all counts are 0'}."
        )
    used = np.zeros(len(everyone), dtype=bool)
    used[a[good]] = used[b[good]] = True
    models = tuple(everyone[k] for k in np.flatnonzero(used))
    distinct(models, [values for _, values in sides])
    place = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
    a, b = place[a], place[b]
    known = np.where(good, (a, b, outcome), -1) if again else np.empty(0)
    when = np.zeros(len(a)) if month is None else month
    parts = (a, b, when, outcome, groups.votes)
    if not good.all():
        a, b, *_ = parts = tuple(part[good] for part in parts)
    first, last, last_of = _ends(groups, time, good, a, b)
    return Votes(
        models,
        *_cells(len(models), *parts),
        ordered=roles.form in ("winner", "scores"),
        scheme=how,
        columns=roles,
        rows=int(groups.rows.sum()),
        refused=refused,
        first=first,
        last=last,
        last_of=last_of,
        owner=owners(frame, roles.of, models),
        voters=voters(frame, roles.of, groups.keys, known) if again else None,
        repeats=repeated_rows(frame) if again else None,
    )


def _cells(
    n: int,
    a: np.ndarray,
    b: np.ndarray,
    month: np.ndarray,
    outcome: np.ndarray,
    votes: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Put groups in one order, so that the engine's changes not even a last digit."""
    month = month.astype(np.int32)
    first, months = month.min(), int(np.ptp(month)) + 1
    key, size = (a * np.int64(n) + b) * months + (month - first), n * n * months
    counted = votes.ndim == 2  # three cells a row, then
    order: Any = intake.in_order(
        *((key, size) if counted else (key * 3 + outcome, size * 3))
    )
    a, b, month, votes = a[order], b[order], month[order], votes[order].ravel()
    if not counted:
        return a, b, outcome[order], month, votes
    outcome = np.tile(np.arange(3, dtype=np.int8), len(order))
    month = month.repeat(3) if month.any() else np.zeros(len(votes), month.dtype)
    return a.repeat(3), b.repeat(3), outcome, month, votes


def _ends(
    groups: Groups, time: Times | None, good: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Say when the first vote, the last one and each model's last one were."""
    if time is None or groups.low is None or groups.high is None:
        return None, None, ()
    low, high = groups.low[good], groups.high[good]
    both = pd.concat([high, high], ignore_index=True)
    latest = both.groupby(np.concatenate([a, b])).max()
    last_of = tuple(time.shown(value) for value in latest)
    return time.shown(low.min()), time.shown(high.max()), last_of


def _refused(
    frame: Frame,
    roles: Columns,
    groups: Groups,
    fault: np.ndarray,
    reasons: Sequence[str],
) -> tuple[Refused, ...]:
    """Say what was set aside, and where it begins."""
    if not fault.any():
        return ()
    first = groups.first
    if first is None:
        numbered = first_rows(frame, [*groups.keys])
        if numbered is not None:
            first = np.empty(len(fault), dtype=np.int64)
            place = places(groups.keys, numbered)
            first[place] = numbered["_row"].to_numpy()
    found: dict[str, Refused] = {}
    for code in range(1, len(reasons)):
        some = np.flatnonzero(fault == code)
        if not len(some):
            continue
        k = int(some[0] if first is None else some[np.argmin(first[some])])
        said = f"{groups.value('_a', k)!r} against {groups.value('_b', k)!r}"
        if roles.form == "winner":
            said += f", winner {groups.value('_label', k)!r}"
        at = None if first is None else int(first[k])
        rows = int(groups.rows[some].sum())
        if before := found.get(reasons[code]):
            rows += before.rows
            if before.first is None or (at is not None and before.first < at):
                at, said = before.first, before.example
        found[reasons[code]] = Refused(reasons[code], rows, at, said)
    return tuple(sorted(found.values(), key=lambda each: (-each.rows, each.reason)))
