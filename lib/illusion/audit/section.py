"""What an audit asks, and the answer to one question: a section of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

FINDINGS = {
    "refused": "rows that could not be counted",
    "no-single-ranking": "models that no common ranking holds",
    "weak-bridge": "fewer than 50 battles connect two groups of models",
    "first-place-open": "the votes do not settle who is first",
    "misfit": "one number per model does not fit (p < 0.01)",
    "intransitive": "a circle of models beyond chance (p < 0.05, all circles together)",
    "position": "the side on which a model is shown matters (p < 0.01)",
    "drift": "models changed between the halves of the period (p < 0.01)",
    "concentration": "a tenth of the models has more than half of the battles",
    "silence": "models without a vote in the last 30 days",
    "fragile": "fewer than one battle in a thousand decides the first place",
    "repeats": "rows that repeat another one",
    "heavy-voter": "one voter with more than a twentieth of the votes",
}
"""Findings by name, and when each is made."""
TITLES = {
    "read": ("What was read", "ranking"),
    "ranking": ("The ranking, and what it can show", "ranking"),
    "existence": ("Is there one ranking?", "ranking"),
    "fit": ("Does one number per model fit?", "ranking"),
    "shares": ("Who gets the battles?", "data-asymmetry"),
    "fragility": ("How fragile is the first place?", "rebuttal"),
    "selection": (
        "What would choosing the best of several be worth?",
        "private-testing",
    ),
    "repeats": ("Repeated votes", "rebuttal"),
}
"""Title of each section, in order, and the chapter that explains it."""
TESTED = 400
"""Models up to which all pairs, circles and removals are looked at."""


@dataclass(frozen=True, eq=False)
class Section:
    """One question and its answer.

    Attributes
    ----------
    key, title : str
    chapter : str
        Chapter of the book that explains it.
    sentences : tuple of str
    findings : tuple of str
        Keys of :data:`FINDINGS`.
    numbers : dict of str to int, float, str or None
        What the sentences say, by name.
    table : DataFrame
    """

    key: str
    title: str
    chapter: str
    sentences: tuple[str, ...]
    findings: tuple[str, ...]
    numbers: dict[str, Any]
    table: pd.DataFrame


def answer(
    key: str,
    sentences: Sequence[str],
    findings: Sequence[str] = (),
    numbers: Mapping[str, Any] | None = None,
    table: pd.DataFrame | None = None,
) -> Section:
    """Give the answer to a question of :data:`TITLES`.

    Parameters
    ----------
    key : str
    sentences, findings : sequence of str
    numbers : mapping, optional
    table : DataFrame, optional

    Returns
    -------
    Section
    """
    title, chapter = TITLES[key]
    table = pd.DataFrame() if table is None else table
    parts = (tuple(sentences), tuple(findings), dict(numbers or {}), table)
    return Section(key, title, chapter, *parts)


def plain_value(value: Any) -> Any:
    """Return a value as JSON has it; what is no number is None.

    Parameters
    ----------
    value : object

    Returns
    -------
    object
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def some(number: int, what: str) -> str:
    """Write how many of something there are.

    Parameters
    ----------
    number : int
    what : str
        In the singular.

    Returns
    -------
    str
    """
    return f"{number:,} {what}" + ("" if number == 1 else "s")
