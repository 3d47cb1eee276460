"""Votes, wherever they live -> counts.

A table is grouped by the engine that holds it, through narwhals, and only counts come
back: per pair in the order shown, outcome and month. What cannot be counted is set
aside by reason, with the first place where there is an order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from illusion.audit.columns import Columns, find, outcomes
from illusion.rating import intake
from illusion.rating.battles import PairCounts
from illusion.rating.intake import InvalidBattlesError, listed

PERIODS = {"month": 1, "quarter": 3, "year": 12}
"""Months of a period."""
MOST_CELLS = 5_000_000
"""Groups of a voter's votes that are brought into memory for clustered errors."""
_DAY = 86_400
_NO_NAME = "no name of a model"
_SPACES = "spaces around the name of a model"


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
        second won or they tied; months since year 0, or 0 without times.
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
        parts = (self.a, self.b, self.outcome, self.votes)
        a, b, outcome, votes = intake.add_up(
            np.stack([part[cells] for part in parts]), len(self.models)
        )
        starts = np.diff(a * len(self.models) + b, prepend=-1) > 0
        first = np.flatnonzero(starts)
        by = np.zeros((3, len(first)), dtype=np.int64)
        by[outcome, np.cumsum(starts) - 1] = votes
        used, place = np.unique([a[first], b[first]], return_inverse=True)
        names = tuple(self.models[k] for k in used)
        return PairCounts(names, *place.reshape(2, -1), *by)


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
    time = _Time(frame, of["time"], schema[of["time"]]) if "time" in of else None
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
    if time and since is not None:
        frame = frame.filter(time.since(since))
    for step in time.steps if time else ():
        frame = frame.with_columns(**step)
    keys = [key for key in ("_a", "_b", "_label", "_month") if key in exprs]
    if roles.form == "counts":
        cells, frame = _of_counts(frame, roles, exprs), frame.select(**exprs)
    else:
        frame = frame.select(**exprs)
        cells = _grouped(frame, keys, times=time is not None, weight="_weight" in exprs)
    if cells.empty:
        raise InvalidBattlesError(
            "There are no votes: the table has no rows"
            + (f" since {since}." if since else ".")
        )
    return _Reading(frame, roles, cells, keys, time, scheme).votes(repeats)


def _is_number(value: object) -> bool:
    try:
        return bool(np.isfinite(float(str(value))))
    except ValueError:
        return False


def _floor(expr: nw.Expr, by: float) -> nw.Expr:
    return (expr / by).floor()


def _compared(first: str, second: str) -> nw.Expr:
    """Label of the higher of two scores; none where one is missing or no number."""
    lead = nw.col(first).cast(nw.Float64) - nw.col(second).cast(nw.Float64)
    level = nw.when(lead == 0).then(nw.lit("tie"))
    behind = nw.when((lead < 0) & (lead > -np.inf)).then(nw.lit("model_b"))
    ahead = nw.when((lead > 0) & (lead < np.inf)).then(nw.lit("model_a"))
    return ahead.otherwise(behind.otherwise(level))


class _Time:
    """A column of times, of any of the types that tables have."""

    def __init__(
        self, frame: nw.DataFrame | nw.LazyFrame, name: str, dtype: nw.dtypes.DType
    ) -> None:
        self.column, self.name = nw.col(name), name
        self.text = isinstance(dtype, nw.String | nw.Object | nw.Categorical)
        self.unit = 0.0
        self.steps: list[dict[str, nw.Expr]] = []
        if self.text:
            some = frame.filter(~self.column.is_null()).select(first=self.column)
            head = _collected(some.head(1))["first"].to_list()
            if head and _is_number(head[0]):  # seconds in a file of text
                self.text, self.column = False, self.column.cast(nw.Float64)
                dtype = nw.Float64()
            else:
                self.month = self.column.str.slice(0, 7)
                return
        if isinstance(dtype, nw.Date | nw.Datetime):
            at = self.column.dt
            self.month = at.year() * 12 + at.month() - 1
            self.ymd = at.year() * 10_000 + at.month() * 100 + at.day()
            return
        if not dtype.is_numeric():
            raise InvalidBattlesError(
                f"The times in {name!r} are of the type {dtype}: give dates, seconds "
                "since 1970, or text as 2024-08-14."
            )
        top = _collected(frame.select(self.column.max().alias("top")))["top"].item()
        # Seconds of the years 1973 to 5138, or thousandths, or millionths of them.
        sizes = [u for u in (1, 1e3, 1e6, 1e9) if top and 1e8 <= top / u < 1e11]
        if not sizes:
            raise InvalidBattlesError(
                f"The times in {name!r} go up to {top}, which is no count of seconds "
                "since 1970: give dates, or text as 2024-08-14."
            )
        self.unit = sizes[0]
        # From days to year and month, by Hinnant's algorithm for the civil calendar;
        # in steps, as an engine may write out an expression wherever it is used.
        self.steps = [
            {"_d": _floor(self.column, self.unit * _DAY) + 719_468},
            {"_era": _floor(nw.col("_d"), 146_097)},
            {"_e": nw.col("_d") - nw.col("_era") * 146_097},
            {
                "_y": nw.col("_e")
                - _floor(nw.col("_e"), 1_460)
                + _floor(nw.col("_e"), 36_524)
                - _floor(nw.col("_e"), 146_096)
            },
            {"_y": _floor(nw.col("_y"), 365)},
            {
                "_m": nw.col("_e")
                - nw.col("_y") * 365
                - _floor(nw.col("_y"), 4)
                + _floor(nw.col("_y"), 100)
            },
        ]
        since_march = _floor(5 * nw.col("_m") + 2, 153)
        year = nw.col("_y") + 400 * nw.col("_era")
        self.month = year * 12 + since_march + 2
        self.ymd = self.column

    def since(self, day: str) -> nw.Expr:
        try:
            then = dt.date.fromisoformat(day)
        except ValueError:
            raise InvalidBattlesError(
                f"since={day!r} is no day: write it as 2024-08-14."
            ) from None
        if self.text:
            return self.column.str.slice(0, 10) >= day
        if self.unit:
            seconds = (then - dt.date(1970, 1, 1)).days * _DAY
            return self.column >= seconds * self.unit
        return self.ymd >= then.year * 10_000 + then.month * 100 + then.day

    def months(self, values: np.ndarray) -> np.ndarray:
        """Months since year 0, as numbers; NaN where there is none."""
        if not self.text:
            return pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(float)
        parts = pd.Series(values, dtype=object).str.extract(r"^(\d{4})-(\d\d)$")
        month = pd.to_numeric(parts[0]) * 12 + pd.to_numeric(parts[1]) - 1
        wrong = month.isna().to_numpy() & ~pd.isna(values)
        if wrong.any():
            raise InvalidBattlesError(
                f"A time in {self.name!r} begins {values[wrong][0]!r}: write times as "
                "2024-08-14 or 2024-08-14T12:30:00."
            )
        return month.to_numpy(float)

    def shown(self, value: Any) -> str:
        """A time as text that sorts."""
        if self.unit:
            at = dt.datetime.fromtimestamp(float(value) / self.unit, dt.UTC)
            return at.isoformat(timespec="seconds")
        return value if isinstance(value, str) else pd.Timestamp(value).isoformat()


def _collected(frame: nw.DataFrame | nw.LazyFrame) -> nw.DataFrame:
    """Compute a lazy table of counts; pandas receives what has no rows of its own."""
    if isinstance(frame, nw.DataFrame):
        return frame
    own = (nw.Implementation.POLARS, nw.Implementation.DASK)
    return frame.collect() if frame.implementation in own else frame.collect("pandas")


def _as_pandas(frame: nw.DataFrame) -> pd.DataFrame:
    columns = {}
    for name in frame.columns:
        column = frame[name]
        number = column.dtype.is_numeric() or column.dtype.is_temporal()
        values = column.to_numpy() if number else column.to_list()
        columns[name] = pd.Series(values, dtype=None if number else object)
    return pd.DataFrame(columns)


def _grouped(
    frame: nw.DataFrame | nw.LazyFrame, keys: list[str], *, times: bool, weight: bool
) -> pd.DataFrame:
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
    try:
        grouped = frame.group_by(keys, drop_null_keys=False).agg(*size)  # type: ignore
        cells = _as_pandas(_collected(grouped))
    except TypeError as error:  # of lists and dicts, which cannot be grouped
        raise InvalidBattlesError(
            f"The columns of the models and of the winner must hold text: {error}."
        ) from None
    cells["votes"] = cells["rows"]
    if weight:
        whole = (cells["full"] == cells["rows"]) & (cells["odd"] == 0)
        whole &= (cells["least"] >= 0) & (cells["sum"] <= intake.MOST_BATTLES)
        if not whole.all():
            row = cells[~whole].iloc[0]
            raise InvalidBattlesError(
                f"A row of {row['_a']!r} against {row['_b']!r} has a weight that is "
                "missing, negative or no whole number. Weights are counts of votes: "
                "each row stands for so many. Sampling weights would need another "
                "likelihood: name another column with --weight, or drop this one."
            )
        cells["votes"] = cells["sum"].astype(np.int64)
    return cells


@dataclass
class _Reading:
    """Groups of rows on their way to votes."""

    frame: nw.DataFrame | nw.LazyFrame
    roles: Columns
    cells: pd.DataFrame
    keys: list[str]
    time: _Time | None
    scheme: str | None

    def votes(self, repeats: bool) -> Votes:
        cells, reasons = self.cells, ["none"]
        fault = np.zeros(len(cells), dtype=int)

        def mark(where: np.ndarray, reason: str) -> None:
            fault[where & (fault == 0)] = len(reasons)
            reasons.append(reason)

        codes, uniques = zip(
            *(_factorized(cells[key]) for key in ("_a", "_b")), strict=True
        )
        names = [np.array([*map(_name, u), ""], dtype=object) for u in uniques]
        for code, unique in zip(codes, uniques, strict=True):
            faults = np.array([*map(_name_fault, unique), _NO_NAME], dtype=object)
            for reason in sorted({f for f in faults if f}):
                mark((faults == reason)[code], reason)
        # One numbering of names for both sides; what is no name is never a model.
        everyone = sorted({name for each in names for name in each})
        number = {name: k for k, name in enumerate(everyone)}
        a, b = (
            np.array([number[name] for name in each])[code]
            for each, code in zip(names, codes, strict=True)
        )
        mark(a == b, "a model against itself")
        outcome, scheme = np.zeros(len(cells), dtype=int), self.roles.form
        if "_label" in cells:
            label, labels = _factorized(cells["_label"])
            fits = "arena" if scheme in ("scores", "counts") else self.scheme
            good = fault == 0
            outcome[good], found = outcomes(
                labels, label[good], a[good], b[good], number, fits
            )
            mark(outcome < 0, "no winner")
            scheme = found if scheme == "winner" else scheme
        month = np.zeros(len(cells))
        if self.time:
            month = self.time.months(cells["_month"].to_numpy())
            mark(np.isnan(month), "no time")
        good = fault == 0
        refused = _refused(self, fault, reasons)
        if not cells["votes"].to_numpy()[good].sum():
            why = "; ".join(f"{r.rows:,} rows with {r.reason}" for r in refused)
            raise InvalidBattlesError(
                f"No vote can be counted: {why or 'all counts are 0'}."
            )
        used = np.unique([a[good], b[good]])
        models = tuple(everyone[k] for k in used)
        _distinct(models, uniques)
        place = np.full(len(everyone), -1)
        place[used] = np.arange(len(used))
        a, b = place[a], place[b]
        first = last = None
        last_of: tuple[str, ...] = ()
        if self.time:
            low, high = cells["lo"][good], cells["hi"][good]
            first, last = self.time.shown(low.min()), self.time.shown(high.max())
            both = pd.concat([high, high], ignore_index=True)
            latest = both.groupby(np.concatenate([a[good], b[good]])).max()
            last_of = tuple(self.time.shown(value) for value in latest)
        counted = (a[good], b[good], outcome[good], month[good].astype(int))
        # One order, so that the engine's changes not even a last digit.
        key = (counted[0] * len(models) + counted[1]) * 3 + counted[2]
        months = counted[3] - counted[3].min()
        order = np.argsort(key * (months.max() + 1) + months, kind="stable")
        again = repeats and self.roles.form != "counts"
        return Votes(
            models,
            *(part[order] for part in counted),
            votes=cells["votes"].to_numpy()[good].astype(np.int64)[order],
            ordered=self.roles.form in ("winner", "scores"),
            scheme=scheme,
            columns=self.roles,
            rows=int(cells["rows"].sum()),
            refused=refused,
            first=first,
            last=last,
            last_of=last_of,
            owner=_owners(self.frame, self.roles, models),
            voters=_voters(self, np.where(good, (a, b, outcome), -1))
            if again
            else None,
            repeats=_repeats(self) if again else None,
        )


def _factorized(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), column.cat.categories.tolist()
    values = column.to_numpy(dtype=object)
    try:
        codes, uniques = pd.factorize(values)
    except TypeError:
        raise InvalidBattlesError(
            "The columns of the models and of the winner must hold text; there is a "
            f"{type(values[0]).__name__} in one, such as {values[0]!r}."
        ) from None
    return codes, list(uniques)


def _name(value: Any) -> str:
    """A model's name; whole numbers are names too."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _name_fault(value: Any) -> str | None:
    """Say what is wrong with a value as a name, if anything is."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    whole |= isinstance(value, float) and value.is_integer()
    if not (whole or isinstance(value, str)):
        return "a name that is not text"
    name = _name(value)
    return (
        None
        if name == name.strip() != ""
        else _NO_NAME
        if not name.strip()
        else _SPACES
    )


def _distinct(models: Sequence[str], uniques: Sequence[Sequence[Any]]) -> None:
    """Refuse names that are told apart by what nobody sees."""
    numbers = {_name(v) for values in uniques for v in values if not isinstance(v, str)}
    texts = {v for values in uniques for v in values if isinstance(v, str)}
    if both := numbers & texts:
        raise InvalidBattlesError(
            f"{listed(sorted(both))} stands both as text and as a number: write it in "
            "one way, if it is one model."
        )
    intake.require_distinct(models)


def _refused(
    reading: _Reading, fault: np.ndarray, reasons: Sequence[str]
) -> tuple[Refused, ...]:
    """Say what was set aside, and where it begins."""
    cells, keys = reading.cells, reading.keys
    if not fault.any():
        return ()
    first = None
    if "_row" in cells:
        first = cells["_row"].to_numpy()
    elif (numbered := _places(reading.frame, keys)) is not None:
        order = _lookup(_as_pandas(numbered), keys, "_row")
        first = np.array([order[row] for row in _rows(cells, keys)])
    found: dict[str, Refused] = {}
    for code in range(1, len(reasons)):
        some = np.flatnonzero(fault == code)
        if not len(some):
            continue
        k = some[0] if first is None else some[np.argmin(first[some])]
        row = cells.iloc[k]
        said = f"{_plain(row['_a'])!r} against {_plain(row['_b'])!r}"
        if "_label" in cells and reading.roles.form == "winner":
            said += f", winner {_plain(row['_label'])!r}"
        at = None if first is None else int(first[k])
        rows = int(cells["rows"].to_numpy()[some].sum())
        if before := found.get(reasons[code]):
            rows += before.rows
            if before.first is None or (at is not None and before.first < at):
                at, said = before.first, before.example
        found[reasons[code]] = Refused(reasons[code], rows, at, said)
    return tuple(sorted(found.values(), key=lambda each: (-each.rows, each.reason)))


def _rows(cells: pd.DataFrame, keys: list[str]) -> list[tuple]:
    rows = cells[keys].itertuples(index=False, name=None)
    return [tuple(map(_plain, row)) for row in rows]


def _lookup(cells: pd.DataFrame, keys: list[str], value: str) -> dict[tuple, Any]:
    return dict(zip(_rows(cells, keys), cells[value].tolist(), strict=True))


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else value


def _places(frame: nw.DataFrame | nw.LazyFrame, keys: list[str]) -> nw.DataFrame | None:
    """First row of every group, where the engine keeps an order."""
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
    return _collected(numbered.group_by(keys, drop_null_keys=False).agg(least))


def _size(frame: nw.DataFrame | nw.LazyFrame) -> int:
    return int(_collected(frame.select(nw.len().alias("n")))["n"].item())


def _owners(
    frame: nw.DataFrame | nw.LazyFrame, roles: Columns, models: Sequence[str]
) -> dict[str, str]:
    owner: dict[str, str] = {}
    for side in "ab":
        if f"owner_{side}" not in roles.of:
            continue
        keys = [f"_{side}", f"_owner_{side}"]
        pairs = _collected(frame.group_by(keys).agg(nw.len().alias("rows")))
        for model, name in zip(*(pairs[k].to_list() for k in keys), strict=True):
            known = owner.setdefault(_name(model), str(name))
            if known != str(name):
                raise InvalidBattlesError(
                    f"{_name(model)!r} has two owners, {known!r} and {str(name)!r}: "
                    "give each model one."
                )
    return {name: owner[name] for name in models if name in owner}


def _voters(reading: _Reading, known: np.ndarray) -> Voters | None:
    """Count by voter; `known` has both models and the outcome of every group."""
    if "voter" not in reading.roles.of:
        return None
    frame = reading.frame.filter(~nw.col("_voter").is_null())
    per = frame.group_by("_voter").agg(nw.len().alias("rows"))
    number = _size(per)
    top = _collected(per.sort("rows", "_voter", descending=[True, False]).head(10))
    heaviest = tuple(
        (_name(voter), int(votes))
        for voter, votes in zip(
            top["_voter"].to_list(), top["rows"].to_list(), strict=True
        )
    )
    if "weight" in reading.roles.of:
        return Voters(number, heaviest, None)
    keys = [key for key in reading.keys if key != "_month"]
    groups = frame.group_by(["_voter", *keys], drop_null_keys=False).agg(
        nw.len().alias("rows")
    )
    if _size(groups) > MOST_CELLS:
        return Voters(number, heaviest, None)
    cells = _as_pandas(_collected(groups))
    at = _lookup(reading.cells.assign(at=range(len(reading.cells))), keys, "at")
    a, b, outcome = known[:, [at[row] for row in _rows(cells, keys)]]
    voter = pd.factorize(cells["_voter"].to_numpy(dtype=object), sort=True)[0]
    parts = np.stack([voter, a, b, outcome, cells["rows"].to_numpy()])[:, a >= 0]
    parts = parts[:, np.lexsort(parts[::-1])]
    return Voters(number, heaviest, tuple(parts))


def _repeats(reading: _Reading) -> int | None:
    """Rows beyond the first of every group that agrees in all that is known."""
    if reading.time is None:
        return None
    exact = ["_time"] + ["_voter"] * ("voter" in reading.roles.of)
    keys = [key for key in reading.keys if key != "_month"] + exact
    groups = reading.frame.group_by(keys, drop_null_keys=False).agg(
        nw.len().alias("rows")
    )
    sizes = nw.col("rows").sum().alias("all"), nw.len().alias("kinds")
    found = _collected(groups.select(*sizes))
    return int(found["all"].item() or 0) - int(found["kinds"].item())


def _of_counts(
    frame: nw.DataFrame | nw.LazyFrame, roles: Columns, exprs: dict[str, nw.Expr]
) -> pd.DataFrame:
    """Take a table that is already counted; the order of its models means nothing."""
    if "weight" in roles.of:
        raise InvalidBattlesError(
            f"A table of counts has no use for weights: drop {roles.of['weight']!r}, "
            "or multiply the counts by it."
        )
    kinds = [
        kind
        for kind in ("wins_a", "wins_b", "ties", "ties_bothbad")
        if kind in roles.of
    ]
    chosen = {kind: nw.col(roles.of[kind]) for kind in kinds}
    table = _collected(frame.select(**exprs, **chosen))
    shared = _as_pandas(table.select([*exprs]))
    shared["_row"], shared["rows"] = np.arange(len(table)), 1
    for key in ("_a", "_b"):  # as codes, which are quick to repeat
        codes, names = _factorized(shared[key])
        shared[key] = pd.Categorical.from_codes(codes, pd.Index(names, dtype=object))
    blocks = []
    for kind in kinds:
        label = {"wins_a": "model_a", "wins_b": "model_b"}.get(kind, "tie")
        label = pd.Categorical([label], ["model_a", "model_b", "tie"]).repeat(
            len(table)
        )
        votes = intake.whole_numbers(table[kind], roles.of[kind])
        blocks.append(shared.assign(_label=label, votes=votes))
        shared = shared.assign(rows=0)
    cells = pd.concat(blocks, ignore_index=True)
    # Zeros are most of a large table's cells; the first block has every row's names.
    cells = cells[(cells["votes"] > 0) | (cells["rows"] > 0)]
    if "_time" in cells:
        cells = cells.assign(lo=cells["_time"], hi=cells["_time"])
    return cells
