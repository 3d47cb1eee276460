"""An audit: what votes allow one to say, in eight sections.

Each section asks one question of the votes, answers it in plain sentences with a table,
and says which findings a pipeline may want to fail on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from illusion.audit.board import ranking
from illusion.audit.counting import count
from illusion.audit.dependence import dependence
from illusion.audit.existence import existence, parts_of
from illusion.audit.fitting import fit
from illusion.audit.fragility import fragility
from illusion.audit.overview import luck, read, shares
from illusion.audit.section import FINDINGS as FINDINGS
from illusion.audit.section import TITLES, Section, answer, plain_value
from illusion.audit.sparse import Scores, scores_of
from illusion.audit.votes import PERIODS, Votes
from illusion.rating.battles import NoRankingError, PairCounts
from illusion.rating.intake import InvalidBattlesError, listed
from illusion.rating.likelihood import NotConvergedError

# What needs no scores.
_UNRATED = frozenset({"read", "existence", "shares"})


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes
    ----------
    votes : Votes
        As they were counted.
    counts : PairCounts
        Of the largest set of models that one ranking holds.
    scores : Scores or None
        None where no ranking exists, or no section that was wanted needs it.
    sections : tuple of Section
    """

    votes: Votes
    counts: PairCounts
    scores: Scores | None
    sections: tuple[Section, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Keys of all findings, in the order of the sections."""
        return tuple(each for s in self.sections for each in s.findings)

    def __getitem__(self, key: str) -> Section:
        """Return the section of that key."""
        return {section.key: section for section in self.sections}[key]

    def __str__(self) -> str:
        """Say what was found, a paragraph per section."""
        lines = []
        for number, section in enumerate(self.sections, 1):
            lines += [f"{number}. {section.title}", *section.sentences, ""]
        return "\n".join([*lines, f"Findings: {', '.join(self.findings) or 'none'}."])

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        sections = [
            {
                "key": section.key,
                "title": section.title,
                "sentences": [*section.sentences],
                "findings": [*section.findings],
                "numbers": {k: plain_value(v) for k, v in section.numbers.items()},
                "table": [
                    {str(k): plain_value(v) for k, v in row.items()}
                    for row in section.table.to_dict("records")
                ],
            }
            for section in self.sections
        ]
        return {"findings": [*self.findings], "sections": sections}


def run(
    table: Any,
    *,
    since: str | None = None,
    every: str | None = None,
    scheme: str | None = None,
    only: Collection[str] = (),
    rng: np.random.Generator | None = None,
    note: Callable[[str], None] = lambda step: None,
    **columns: str | None,
) -> Audit:
    """Audit the votes of a table.

    Parameters
    ----------
    table : table
        One row per vote, or a table of counts; anything narwhals reads. See
        :func:`illusion.audit.counting.count`.
    since : str, optional
        Day as YYYY-MM-DD; earlier votes are left out.
    every : {"month", "quarter", "year"}, optional
        Show the board of each such period too.
    scheme : str, optional
        How the outcome is written.
    only : collection of str
        Keys of the sections that are wanted; all unless given.
    rng : numpy.random.Generator, optional
        For the simultaneous rank sets; one of a fixed seed unless given.
    note : callable
        Told what is being done, ten times.
    **columns : str
        Column of a role, as for :func:`illusion.audit.counting.count`.

    Returns
    -------
    Audit

    Raises
    ------
    InvalidBattlesError
        A table that cannot be read, or in two ways; or no vote that can be counted.
    """
    rng = np.random.default_rng(1) if rng is None else rng
    if unknown := sorted(set(only) - set(TITLES)):
        raise InvalidBattlesError(
            f"There is no section {listed(unknown)}: there are {listed(TITLES)}."
        )
    if every is not None and every not in PERIODS:
        raise InvalidBattlesError(
            f"every={every!r} is not known: use {listed(PERIODS)}."
        )
    note("Counting")
    votes = count(table, since=since, scheme=scheme, repeats=True, **columns)
    if every is not None and votes.first is None:
        raise InvalidBattlesError(
            "every= needs a column of times: say which, as --time COLUMN."
        )
    note("Rating")
    parts = parts_of(votes.counts)
    core = np.isin(votes.models, [*parts[0]])
    cells = core[votes.a] & core[votes.b]
    counts, scores, refusal = votes.counts, None, ""
    wanted = [key for key in TITLES if not only or key in only]
    try:
        if not cells.any():
            raise NoRankingError("No two models are linked by wins both ways.")
        counts = votes.within(cells) if len(parts) > 1 else counts
        if not _UNRATED.issuperset(wanted):
            scores = scores_of(counts, rng)
    except (NoRankingError, NotConvergedError) as error:
        refusal = str(error)
    why = f"There is nothing to say here, as no ranking exists. {refusal}"
    board, rated = counts, scores
    asked: dict[str, Callable[[], Section]] = {
        "read": lambda: read(votes),
        "existence": lambda: existence(votes, parts),
        "shares": lambda: shares(votes),
        "repeats": lambda: dependence(votes, scores),
    }
    if rated is not None:
        asked |= {
            "ranking": lambda: ranking(votes, board, rated, every, rng),
            "fit": lambda: fit(votes, board, rated),
            "fragility": lambda: fragility(board, rated),
            "selection": lambda: luck(rated),
        }
    sections = []
    for key in wanted:
        note(TITLES[key][0])
        said = refusal if key == "ranking" else why
        sections.append(asked[key]() if key in asked else answer(key, [said]))
    return Audit(votes, counts, scores, tuple(sections))
