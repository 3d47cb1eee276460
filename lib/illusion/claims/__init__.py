"""The computations behind the ledger, one module per chapter.

A module has ``COMPUTED``, from a claim's id to the function that computes it;
:mod:`illusion.ledger` turns what it finds into a verdict.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache

import pandas as pd

from illusion import data, record


@dataclass(frozen=True)
class Finding:
    """What this book finds about a claim.

    Attributes
    ----------
    ours : float or bool
        Our value, in the claim's unit: a day is a proleptic ordinal.
    reason : str
        One sentence: why the two agree or not.
    other : float, bool or None
        The same under another assumption or definition.
    depends : {"assumption", "definition"} or None
        What `other` differs in.
    error : float or None
        Standard error of our value, if it has one.
    between : bool
        Whether our value may be anything from `ours` to `other`.
    """

    ours: float
    reason: str
    other: float | None = None
    depends: str | None = None
    error: float | None = None
    between: bool = False


@cache
def copies(last: str = "2025-04-24") -> pd.DataFrame:
    """Return the dated copies of the board from 19 June 2024 on."""
    return record.boards("2024-06-19", last)


@cache
def listed_models() -> pd.DataFrame:
    """Return the public models of 24 April 2025, indexed by model."""
    return record.models(copies()).set_index("model")


def day_of(event: str) -> date:
    """Return the day of the timeline's first event whose text holds this."""
    timeline = data.load("policy_timeline")
    return timeline.loc[timeline["event"].str.contains(event), "date"].iloc[0]


def day_in_words(day: date) -> str:
    """Write a day as the book does."""
    return f"{day.day} {day:%B %Y}"
