"""How long the book takes: counted for reading, measured for running.

Reading time is counted from the notebooks as they are stored; running time is in
``data/run_times.csv``, which ``python -m bookbuild times`` measures anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import pandas as pd

from illusion import data
from illusion.telling import quiz

CHAPTERS = Path(__file__).resolve().parents[3] / "chapters"
WORDS_PER_MINUTE = 238
"""Silent reading of English non-fiction, mean of 190 studies (Brysbaert 2019)."""

SECONDS_PER_LINE = 4
"""Allowed for a line of code: it is read, not skimmed."""

SECONDS_PER_CHART = 30
"""Allowed for a chart."""

_CHART = "application/vnd.vegalite.v5+json"
_MARKUP = re.compile(
    r"^[`:]{3,}(?:\{[\w-]+\})?|^:\w+:.*$|</?\w[^>]*>|\]\([^)]*\)|\{[\w:]+\}(?=`)|^#+ ",
    re.M,
)
_SOLUTION = re.compile(r"```\{solution-(start|end)\}")


@dataclass(frozen=True)
class Reading:
    """What there is to read in a part of a chapter.

    Attributes
    ----------
    words : int
        Of prose, exercises and quiz questions; not of hints and solutions, which
        are folded.
    lines : int
        Of code that is shown.
    charts : int
    """

    words: int = 0
    lines: int = 0
    charts: int = 0

    @property
    def minutes(self) -> float:
        """Time to read it, in minutes."""
        seconds = SECONDS_PER_LINE * self.lines + SECONDS_PER_CHART * self.charts
        return self.words / WORDS_PER_MINUTE + seconds / 60

    def __add__(self, other: Reading) -> Reading:
        """Return both together."""
        return Reading(
            self.words + other.words,
            self.lines + other.lines,
            self.charts + other.charts,
        )


@cache
def sections(name: str) -> dict[str, Reading]:
    """Count what there is to read in each section of a page.

    Parameters
    ----------
    name : str
        Of a file in ``chapters/``, without its ending.

    Returns
    -------
    dict of str to Reading
        By heading of the second level; what stands before the first is ``""``.
    """
    path = CHAPTERS / f"{name}.ipynb"
    if not path.exists():
        text = path.with_suffix(".md").read_text(encoding="utf-8")
        cells = [nbformat.v4.new_markdown_cell(text)]
    else:
        cells = nbformat.read(path, as_version=4).cells
    found: dict[str, Reading] = {"": Reading()}
    here, solved = "", False
    for cell in cells:
        if cell.cell_type == "code":
            if not (solved or "remove-cell" in cell.metadata.get("tags", [])):
                found[here] += _code(name, cell)
            continue
        for line in _unfolded(cell.source).splitlines():
            if mark := _SOLUTION.match(line):
                solved = mark[1] == "start"
            elif line.startswith("## "):
                here = line.removeprefix("## ").strip()
                found.setdefault(here, Reading())
            if not solved:
                found[here] += Reading(words=_words(line))
    return found


def reading(name: str) -> Reading:
    """Count what there is to read on a page.

    Parameters
    ----------
    name : str
        As for :func:`sections`.

    Returns
    -------
    Reading
    """
    return sum(sections(name).values(), Reading())


def running(name: str) -> float | None:
    """Return how long a notebook ran when that was last measured.

    Parameters
    ----------
    name : str
        As for :func:`sections`.

    Returns
    -------
    float or None
        Seconds; None for a page without code.
    """
    times = data.load("run_times").set_index("notebook")["seconds"]
    return float(times[name]) if name in times.index else None


def table(names: list[str]) -> pd.DataFrame:
    """Return the times of some chapters.

    Parameters
    ----------
    names : list of str

    Returns
    -------
    DataFrame
        A row per chapter: ``words``, ``lines`` of code, ``charts``, ``reading``
        (minutes) and ``running`` (seconds).
    """
    rows = {}
    for name in names:
        counted = reading(name)
        rows[name] = {
            **vars(counted),
            "reading": round(counted.minutes),
            "running": round(running(name) or 0),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


@dataclass(frozen=True)
class Part:
    """A part of a lesson.

    Attributes
    ----------
    allowed : int
        Minutes that are planned for it, talk and work included.
    what : str
    page : str
        Of whose text it treats; empty if of none.
    headings : tuple of str
        The sections it treats; all of the page if empty.
    """

    allowed: int
    what: str
    page: str = ""
    headings: tuple[str, ...] = ()


def plan(parts: Sequence[Part]) -> pd.DataFrame:
    """Lay out a lesson, with what was measured beside what is planned.

    Parameters
    ----------
    parts : sequence of Part

    Returns
    -------
    DataFrame
        A row per part, by what it is: the minute ``from`` which it goes; ``read``,
        minutes that its text takes; and ``planned`` minutes.

    Raises
    ------
    ValueError
        A heading that its page does not have, or a part that is planned to be
        shorter than its text takes to read.
    """
    rows, start = [], 0
    for part in parts:
        read = _minutes(part) if part.page else 0.0
        if read > part.allowed:
            raise ValueError(
                f"{part.what!r} takes {read:.1f} minutes to read, and {part.allowed} "
                "are planned."
            )
        rows.append(
            {
                "what": part.what,
                "from": start,
                "read": round(read),
                "planned": part.allowed,
            }
        )
        start += part.allowed
    return pd.DataFrame(rows).set_index("what")


def _minutes(part: Part) -> float:
    """Minutes to read the text of a part."""
    found = sections(part.page)
    for heading in part.headings:
        if heading not in found:
            raise ValueError(f"{part.page} has no section {heading!r}: {[*found]}.")
    chosen = [found[heading] for heading in part.headings or found]
    return sum(chosen, Reading()).minutes


def _code(name: str, cell: nbformat.NotebookNode) -> Reading:
    """Count a cell; a quiz is read like prose."""
    charts = sum(_CHART in output.get("data", {}) for output in cell.outputs)
    if cell.source.startswith("quiz.show("):
        return Reading(words=_words(quiz.to_text(quiz.load(name))))
    lines = sum(bool(line.strip()) for line in cell.source.splitlines())
    return Reading(lines=lines, charts=charts)


def _unfolded(text: str) -> str:
    return re.sub(r"<details\b.*?</details>", "", text, flags=re.DOTALL)


def _words(text: str) -> int:
    return len(re.findall(r"[^\W\d_][\w’'-]*", _MARKUP.sub(" ", text)))
