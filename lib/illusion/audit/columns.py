"""Which column says what, and what a label of the outcome means.

Names are recognised, or given as options; where two readings are possible, the table
is refused and both are named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from illusion.rating.intake import InvalidBattlesError, listed

# Names that are recognised, by role.
KNOWN: dict[str, tuple[str, ...]] = {
    "model_a": ("model_a", "model_1", "model_left", "left_model"),
    "model_b": ("model_b", "model_2", "model_right", "right_model"),
    "winner": ("winner", "outcome", "preference", "result"),
    "loser": ("loser",),
    "score_a": ("score_a",),
    "score_b": ("score_b",),
    "wins_a": ("wins_a",),
    "wins_b": ("wins_b",),
    "ties": ("ties",),
    "ties_bothbad": ("ties_bothbad",),
    "time": ("time", "timestamp", "tstamp", "date", "created_at"),
    "voter": ("voter", "judge", "voter_id", "user_id"),
    "owner_a": ("owner_a", "provider_a", "organization_a"),
    "owner_b": ("owner_b", "provider_b", "organization_b"),
    "weight": ("weight", "weights"),
}
_TIES = {"tie": 2, "draw": 2, "bothbad": 2, "tiebothbad": 2}
SCHEMES: dict[str, tuple[dict[str, int], str]] = {
    "arena": ({"modela": 0, "modelb": 1}, "model_a, model_b, tie, tie (bothbad)"),
    "letters": ({"a": 0, "b": 1}, "a, b, tie"),
    "sides": ({"left": 0, "right": 1}, "left, right, tie"),
    "score": ({"1": 0, "0": 1, "0.5": 2}, "points of the first model: 1, 0, 0.5"),
    "place": ({"0": 0, "1": 1}, "0 if the first model won, 1 if the second did"),
    "preference": ({"1": 0, "2": 1}, "1 if the first model won, 2 if the second did"),
    "names": ({}, "the name of the model that won, or tie"),
}
"""Schemes of labels: what each means (0: first wins, 1: second wins, 2: tie)."""


@dataclass(frozen=True)
class Columns:
    """The columns that an audit reads, by role.

    Attributes
    ----------
    form : {"winner", "scores", "winner and loser", "counts"}
        How a row says who won.
    of : dict of str to str
        Column of each role; roles without a column are absent.
    """

    form: str
    of: Mapping[str, str]


_NEEDS = {
    "counts": ("model_a", "model_b", "wins_a", "wins_b"),
    "scores": ("model_a", "model_b", "score_a", "score_b"),
    "winner": ("model_a", "model_b", "winner"),
    "winner and loser": ("winner", "loser"),
}


def find(columns: Sequence[str], given: Mapping[str, str | None]) -> Columns:
    """Find out which column has which role.

    Parameters
    ----------
    columns : sequence of str
        Of the table.
    given : mapping of str to str or None
        Role to column, as the user says; None is as good as absent. The role
        ``owner`` stands for two columns, the name with ``_a`` and ``_b``.

    Returns
    -------
    Columns

    Raises
    ------
    InvalidBattlesError
        A column that is not there, two columns for one role, or no way or two ways
        to read who won.
    """
    given = {role: name for role, name in given.items() if name is not None}
    owner = given.pop("owner", None)
    if owner is not None:
        given |= {f"owner_{side}": f"{owner}_{side}" for side in "ab"}
    of: dict[str, str] = {}
    for role, names in KNOWN.items():
        if role in given:
            if given[role] not in columns:
                raise InvalidBattlesError(
                    f"There is no column {given[role]!r} for {role}; the columns are "
                    f"{listed(columns, 12)}."
                )
            of[role] = given[role]
            continue
        found = [name for name in names if name in columns]
        if len(found) > 1:
            raise InvalidBattlesError(
                f"{listed(found)} could each be {role}: say which, as "
                f"{_option(role)} {found[0]}."
            )
        if found:
            of[role] = found[0]
    forms = [form for form, needs in _NEEDS.items() if set(needs) <= set(of)]
    if {"winner", "winner and loser"} <= set(forms):
        forms.remove("winner and loser")  # it says the same by name
    chosen = [
        form
        for form in forms
        if any(role in given for role in set(_NEEDS[form]) - {"model_a", "model_b"})
    ]
    forms = chosen if len(chosen) == 1 else forms
    if len(forms) > 1:
        ways = " or by ".join(
            listed([of[role] for role in _NEEDS[form][2:]]) for form in forms
        )
        raise InvalidBattlesError(
            f"Who won can be read by {ways}: say which, as "
            f"{_option(_NEEDS[forms[0]][2])} {of[_NEEDS[forms[0]][2]]}."
        )
    if not forms:
        raise InvalidBattlesError(
            f"The columns are {listed(columns, 12) or 'none'}. An audit needs two "
            "columns of models (--model-a, --model-b) and one that says who won "
            "(--winner), two of scores (--score-a, --score-b), or counts (wins_a, "
            "wins_b, ties); or a winner and a loser (--winner, --loser)."
        )
    form = forms[0]
    unused = {"winner", "loser", "score_a", "score_b", "wins_a", "wins_b"}
    of = {role: of[role] for role in of if role in _NEEDS[form] or role not in unused}
    if form != "counts":
        of = {role: of[role] for role in of if not role.startswith("ties")}
    columns_twice = [name for name in of.values() if [*of.values()].count(name) > 1]
    if columns_twice:
        roles = [role for role in of if of[role] == columns_twice[0]]
        raise InvalidBattlesError(
            f"The column {columns_twice[0]!r} is asked to be {listed(roles)} at once."
        )
    return Columns(form, of)


def _option(role: str) -> str:
    """Write a role as the command's option."""
    return "--" + re.sub("^owner_[ab]$", "owner", role).replace("_", "-")


def _token(label: object) -> str:
    """A label without what spellings differ in; a number as it is shortest."""
    try:
        return f"{float(str(label)):g}"
    except ValueError:
        return re.sub(r"[\s_()-]", "", str(label)).casefold()


def outcomes(
    labels: Sequence[object],
    label: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    number: Mapping[str, int],
    scheme: str | None,
) -> tuple[np.ndarray, str]:
    """Read the outcome of each row of counts.

    Parameters
    ----------
    labels : sequence
        The labels that occur.
    label : ndarray of int, shape (rows,)
        Place of each row's label among them, -1 for none.
    a, b : ndarray of int, shape (rows,)
        The two models, as numbers.
    number : mapping from str to int
        Name to number.
    scheme : str or None
        A key of :data:`SCHEMES`; found out unless given.

    Returns
    -------
    outcome : ndarray of int, shape (rows,)
        0: the first won, 1: the second, 2: a tie, -1: no label.
    scheme : str

    Raises
    ------
    InvalidBattlesError
        No scheme fits, two do that disagree, or one label is spelled in two ways.
    """
    if scheme is not None and scheme not in SCHEMES:
        raise InvalidBattlesError(
            f"The scheme {scheme!r} is not known; choose from {listed(SCHEMES, 9)}."
        )
    text = [_text(each) for each in labels]
    tokens = [_token(each) for each in labels]
    read: dict[str, np.ndarray] = {}
    for name in SCHEMES if scheme is None else [scheme]:
        meaning = np.array([_meaning(name, *t) for t in zip(text, tokens, strict=True)])
        outcome = np.append(meaning, -1).astype(int)[label]
        if name == "names":
            winner = np.array([*(number.get(t, -2) for t in text), -2])[label]
            byname = np.where(winner == a, 0, np.where(winner == b, 1, outcome))
            outcome = np.where(label < 0, -1, byname)
        if not (outcome[label >= 0] < 0).any():
            read[name] = outcome
    if not read:
        known = "; ".join(
            f"{how} ({name})"
            for name, (_, how) in SCHEMES.items()
            if scheme in (None, name)
        )
        raise InvalidBattlesError(
            f"The winner is {listed(text, 8)}, which no one way of writing an outcome "
            f"explains. Known are: {known}. Write all rows in one of them, or drop "
            "those that say something else."
        )
    first = next(iter(read))
    others = [name for name in read if not np.array_equal(read[name], read[first])]
    if others:
        ways = " or as ".join(f"{SCHEMES[name][1]!r}" for name in (first, *others))
        raise InvalidBattlesError(
            f"The winner is {listed(text, 8)}, which can be read as {ways}: say which, "
            f"as --scheme {first} or --scheme {others[0]}."
        )
    if first not in ("names", "score", "place", "preference"):
        for token in set(tokens):
            same = sorted({t for t, k in zip(text, tokens, strict=True) if k == token})
            if len(same) > 1:
                raise InvalidBattlesError(
                    f"One outcome is spelled {listed(same)} in the winner column: "
                    "write it in one way, as the rows may come from two sources that "
                    "mean different things."
                )
    return read[first], first


def _text(label: object) -> str:
    number = isinstance(label, Real) and not isinstance(label, bool)
    return _token(label) if number else str(label)


def _meaning(scheme: str, text: str, token: str) -> int:
    """What a label means in a scheme; -1 if nothing, or a name."""
    known = _TIES | SCHEMES[scheme][0]
    return known.get(token, -1)
