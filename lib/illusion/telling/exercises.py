"""Whether an answer to an exercise is right, said without showing the right one.

The book keeps no answers, only digests of them. They are made from the solutions
by ``python -m bookbuild renew``, and the tests run both.
"""

import hashlib
import math
from collections.abc import Sequence
from numbers import Real

import numpy as np

from illusion import data

Part = float | str
Answer = Part | Sequence[Part]

_STEPS = 8  # into which `within` is cut: so exact is the distance
seen: dict[str, list[str]] = {}
"""Digests of the answers that were checked, one per part of the last, by exercise."""


def check(label: str, answer: Answer, within: float | None = None) -> None:
    """Say whether an answer is right.

    Parameters
    ----------
    label : str
        The exercise's label, such as ``"ex-ten-points"``.
    answer : number, str, or sequence of them
        A text is compared without regard to case and surrounding space.
    within : float, optional
        How far a number may be from the book's, in the number's unit; needed if
        there is a number.

    Raises
    ------
    ValueError
        A number without `within`, or a `within` that is not above 0.
    """
    if within is not None and not within > 0:
        raise ValueError(f"{label}: within={within} must be above 0.")
    parts = _parts(answer)
    if not parts:
        print(f"{label}: no answer yet.")
        return
    allowed = [_allowed(label, place, part, within) for place, part in enumerate(parts)]
    seen[label] = [digests[0] for digests in allowed]
    known = data.load("answers").query("exercise == @label")["digest"].tolist()
    if not known:
        print(f"{label}: the book keeps no answer to this exercise.")
    elif len(parts) != len(known):
        print(f"{label}: not yet; it has {len(parts)} parts instead of {len(known)}.")
    else:
        right = sum(k in some for k, some in zip(known, allowed, strict=True))
        if right == len(known):
            print(f"{label}: right.")
        elif len(known) == 1:
            print(f"{label}: not yet.")
        else:
            print(f"{label}: not yet; {right} of {len(known)} parts are right.")


def _parts(answer: object) -> list[Part]:
    """Split an answer; empty if a part is neither a finite number nor a text."""
    if isinstance(answer, str) or not isinstance(answer, Sequence):
        # An array or a series is as good as a list; a number of numpy's is one.
        listed = getattr(answer, "tolist", lambda: answer)()
        answer = listed if isinstance(listed, list) else [listed]
    parts: list[Part] = []
    for part in answer:
        part = part.item() if isinstance(part, np.generic) else part
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Real) and math.isfinite(part):
            parts.append(float(part))
        else:
            return []
    return parts


def _allowed(label: str, place: int, part: Part, within: float | None) -> list[str]:
    """Return the digests that agree with a part, the one of the part itself first."""
    if isinstance(part, str):
        values = [" ".join(part.casefold().split())]
    elif within is None:
        raise ValueError(f"{label}: a number needs `within`, how far it may be off.")
    else:
        # A number is kept as a count of steps; all counts within reach agree.
        count = _STEPS * part / within
        reach = range(math.ceil(count - _STEPS), math.floor(count + _STEPS) + 1)
        values = sorted(reach, key=lambda value: abs(value - count))
    return [
        hashlib.sha256(f"{label}/{place}/{value}".encode()).hexdigest()[:16]
        for value in values
    ]
