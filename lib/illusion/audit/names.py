"""Names of models as tables have them, and whose the models are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from illusion.audit.engine import Frame, grouped
from illusion.rating import intake
from illusion.rating.intake import InvalidBattlesError, listed

NO_NAME = "no name of a model"
"""What is wrong with a row without a name."""


def written(value: Any) -> str:
    """Write a model's name; whole numbers are names too.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def fault_of(value: Any) -> str | None:
    """Say what is wrong with a value as a name, if anything is.

    Parameters
    ----------
    value : object

    Returns
    -------
    str or None
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    whole |= isinstance(value, float) and value.is_integer()
    if not (whole or isinstance(value, str)):
        return "a name that is not text"
    name = written(value)
    if not name.strip():
        return NO_NAME
    return None if name == name.strip() else "spaces around the name of a model"


def distinct(models: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
    """Refuse names that are told apart by what nobody sees.

    Parameters
    ----------
    models : sequence of str
    values : sequence of sequences
        What stood in each column of names.

    Raises
    ------
    InvalidBattlesError
        Names that look alike, or one that stands as text and as a number.
    """
    numbers = {written(v) for side in values for v in side if not isinstance(v, str)}
    texts = {v for side in values for v in side if isinstance(v, str)}
    if both := numbers & texts:
        raise InvalidBattlesError(
            f"{listed(sorted(both))} stands both as text and as a number: write it in "
            "one way, if it is one model."
        )
    intake.require_distinct(models)


def owners(
    frame: Frame, columns: Mapping[str, str], models: Sequence[str]
) -> dict[str, str]:
    """Find out who owns each model.

    Parameters
    ----------
    frame : Frame
        With columns of owners, if `columns` has their roles.
    columns : mapping of str to str
        By role.
    models : sequence of str

    Returns
    -------
    dict of str to str
        Empty without such columns.

    Raises
    ------
    InvalidBattlesError
        A model with two owners.
    """
    owner: dict[str, str] = {}
    for side in "ab":
        if f"owner_{side}" not in columns:
            continue
        known = frame.filter(~nw.col(f"_owner_{side}").is_null())
        pairs = grouped(known, [f"_{side}", f"_owner_{side}"])
        both = (pairs[key].to_list() for key in (f"_{side}", f"_owner_{side}"))
        for model, name in zip(*both, strict=True):
            before = owner.setdefault(written(model), str(name))
            if before != str(name):
                raise InvalidBattlesError(
                    f"{written(model)!r} has two owners, {before!r} and {str(name)!r}: "
                    "give each model one."
                )
    return {name: owner[name] for name in models if name in owner}
