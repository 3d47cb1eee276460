"""The numbers that people quote: both sides', ours, and an answer.

A picture made of text. It reads as a list where nothing is drawn, and the site's style
sheet puts each number on a line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import pandas as pd
from IPython.display import display

from illusion import ledger
from illusion.telling import charts, prose

__all__ = ["Headline", "show"]


@dataclass(frozen=True)
class Headline:
    """A question, with the numbers that were given for an answer.

    Attributes
    ----------
    question : str
        What the numbers are about.
    answer : str
        What this book found, in a sentence or two. Comments in it are for
        :func:`illusion.telling.prose.check`.
    unit : str
        Of all numbers.
    end : float
        Of the line, which starts at zero, in that unit.
    paper, lmarena, ours : mapping of str to str
        For ids of claims, what the number stands for. Of `ours` the number is the one
        that the ledger has; both of two, if it may be anything between them.
    instead : mapping of str to str
        What a party says that has no number, by ``"paper"``, ``"LMArena"`` or ``"this
        book"``.
    """

    question: str
    answer: str
    unit: str
    end: float
    paper: Mapping[str, str] = field(default_factory=dict)
    lmarena: Mapping[str, str] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)


def show(headlines: Sequence[Headline]) -> None:
    """Show questions with both sides' numbers, ours, and the answers.

    Parameters
    ----------
    headlines : sequence of Headline
        Each answer links the cell of its last claim.

    Raises
    ------
    KeyError
        A claim that is not in the ledger.
    ValueError
        A number that is not on its line, or a party that says nothing.
    """
    judged = ledger.evaluate()
    items, plain = [], []
    for each in headlines:
        rows = list(_rows(each, judged))
        said = "".join(
            f'<div style="--party:{charts.PARTY_COLOURS[party]}">'
            f"<dt>{party[0].upper()}{party[1:]}</dt>"
            f'<dd>{text}<span class="line" aria-hidden="true">{marks}</span></dd></div>'
            for party, text, marks in rows
        )
        last = [*each.paper, *each.lmarena, *each.ours][-1]
        place = f"{judged.loc[last, 'chapter']}.ipynb#{ledger.anchor(last)}"
        answer = escape(prose.COMMENT.sub("", each.answer))
        items.append(
            f"<li><p><b>{escape(each.question)}</b> <small>In {escape(each.unit)}, "
            f"on a line from 0 to {each.end:g}.</small></p>\n<dl>{said}</dl>\n"
            f'<p>{answer} <a href="{place}">Where this is computed</a></p></li>'
        )
        plain += [each.question, *(f"  {p}: {t}" for p, t, _ in rows), f"  {answer}"]
    html = '<ol class="headlines">\n' + "\n".join(items) + "\n</ol>"
    display({"text/html": html, "text/plain": "\n".join(plain)}, raw=True)


def _rows(each: Headline, judged: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Yield each party, what it says, and the marks on its line."""
    claims = {"paper": each.paper, "LMArena": each.lmarena, "this book": each.ours}
    for party, named in claims.items():
        words, marks = [], ""
        for name, what in named.items():
            claim = judged.loc[name]
            ends = [claim["value"]] if party != "this book" else [claim["ours"]]
            ends += [claim["other"]] * bool(party == "this book" and claim["between"])
            low, high = min(ends), max(ends)
            if not 0 <= low <= high <= each.end:
                raise ValueError(
                    f"{name}: {low:g} to {high:g} is not on a line from 0 to "
                    f"{each.end:g}."
                )
            number = " to ".join(f"{end:.3g}" for end in sorted(ends))
            words.append(f"{number} {what}".strip())
            left, width = (f"{100 * x / each.end:.1f}%" for x in (low, high - low))
            marks += f'<i style="left:{left};width:{width}"></i>'
        if party in each.instead:
            words.append(each.instead[party])
        if not words:
            raise ValueError(f"{each.question} What does {party} say?")
        yield party, escape("; ".join(words)), marks
