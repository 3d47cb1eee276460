"""Columns of times, of any of the types that tables have -> months."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from illusion.audit.engine import collected
from illusion.rating.intake import InvalidBattlesError

_DAY = 86_400


class Times:
    """A column of times, of any of the types that tables have.

    Parameters
    ----------
    frame : Frame
    name : str
        Of the column.
    dtype : narwhals.dtypes.DType
    """

    def __init__(
        self, frame: nw.DataFrame | nw.LazyFrame, name: str, dtype: nw.dtypes.DType
    ) -> None:
        self.column, self.name = nw.col(name), name
        self.text = isinstance(dtype, nw.String | nw.Object | nw.Categorical)
        self.unit = 0.0
        self.steps: list[dict[str, nw.Expr]] = []
        if self.text:
            some = frame.filter(~self.column.is_null()).select(first=self.column)
            head = collected(some.head(1))["first"].to_list()
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
        top = collected(frame.select(self.column.max().alias("top")))["top"].item()
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
        """Tell the times from a day on."""
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
        """Return months since year 0, as numbers; NaN where there is none."""
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
        """Write a time as text that sorts."""
        if self.unit:
            at = dt.datetime.fromtimestamp(float(value) / self.unit, dt.UTC)
            return at.isoformat(timespec="seconds")
        return value if isinstance(value, str) else pd.Timestamp(value).isoformat()


def _is_number(value: object) -> bool:
    try:
        return bool(np.isfinite(float(str(value))))
    except ValueError:
        return False


def _floor(expr: nw.Expr, by: float) -> nw.Expr:
    return (expr / by).floor()
