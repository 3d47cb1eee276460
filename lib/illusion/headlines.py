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
        that the ledger has, with its 95% interval; both of two, if it may be anything
        between them.
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
            f"<dd><span>{text}</span>"
            f'<span class="line" aria-hidden="true">{marks}</span></dd></div>'
            for party, text, marks in rows
        )
        last = [*each.paper, *each.lmarena, *each.ours][-1]
        chapter = str(judged.loc[last, "chapter"])
        place = f"{chapter}.ipynb#{ledger.anchor(last)}"
        answer = escape(prose.COMMENT.sub("", each.answer))
        items.append(
            f"<li><p><b>{escape(each.question)}</b> <small>({escape(each.unit)}, 0 to "
            f"{each.end:g})</small></p>\n<dl>{said}</dl>\n<p>{answer} "
            f'More in <a href="{place}">{chapter.replace("-", " ")}</a>.</p></li>'
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
            claim, mine = judged.loc[name].to_dict(), party == "this book"
            ends = [claim["ours" if mine else "value"]]
            ends += [claim["other"]] * bool(mine and claim["between"])
            low, high = min(ends), max(ends)
            if not 0 <= low <= high <= each.end:
                raise ValueError(
                    f"{name}: {low:g} to {high:g} is not on a line from 0 to "
                    f"{each.end:g}."
                )
            number = " to ".join(f"{end:.3g}" for end in sorted(ends))
            if mine and pd.notna(claim["error"]):
                within = 1.96 * claim["error"]
                number += f" ± {within:.2g}"
                reach = max(0, low - within), min(each.end, high + within)
                marks += f"<u{_place(*reach, each.end)}></u>"
            words.append(f"{number} {what}".strip())
            marks += f"<i{_place(low, high, each.end)}></i>"
        if party in each.instead:
            words.append(each.instead[party])
        if not words:
            raise ValueError(f"{each.question} What does {party} say?")
        yield party, escape("; ".join(words)), marks


def _place(low: float, high: float, end: float) -> str:
    """Return where on its line something begins, and how wide it is."""
    return f' style="left:{100 * low / end:.1f}%;width:{100 * (high - low) / end:.1f}%"'
