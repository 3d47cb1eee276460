"""An audit as one page that needs nothing else: text, tables and drawings."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from illusion.audit.section import Section
from illusion.audit.sections import Audit

BOOK = ""
"""Where the book is published; empty until it is, and then chapters are named only."""
_ROWS = 25
_WIDTH, _NAME, _LINE = 440, 150, 22
_STYLE = """
:root { color-scheme: light dark; --ours: #009080; }
body { font: 16px/1.5 Arial, Helvetica, sans-serif; max-width: 44rem; margin: 2rem auto;
  padding: 0 1rem; color: CanvasText; background: Canvas; overflow-wrap: anywhere; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
svg { width: 100%; max-width: 34rem; height: auto; }
svg text { fill: currentColor; font-size: 13px; }
.scroll { overflow-x: auto; overflow-wrap: normal; }
table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #8886; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.finding { font-weight: bold; } summary { cursor: pointer; }
a { color: LinkText; } footer { margin-top: 3rem; font-size: 14px; }
@media print { :root { color-scheme: light; } body { max-width: none; margin: 0; }
  h2 { break-after: avoid; } svg, tr { break-inside: avoid; }
  .scroll { overflow: visible; } }
"""


def html(audit: Audit, title: str, *, book: str = BOOK) -> str:
    """Write an audit as a page.

    Parameters
    ----------
    audit : Audit
    title : str
        What was audited.
    book : str
        Address of the book, to whose chapters the sections link.

    Returns
    -------
    str
        HTML that fetches nothing. All text of the data is escaped, and every number
        is one of `audit`'s.
    """
    found = ", ".join(audit.findings) or "none"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Audit of {_shown(title)}</title><style>{_STYLE}</style></head><body>",
        f"<main><h1>Audit of {_shown(title)}</h1><p>Findings: {found}.</p>",
    ]
    for number, section in enumerate(audit.sections, 1):
        parts += [
            f'<section id="{section.key}"><h2>{number}. {escape(section.title)}</h2>',
            f'<p class="finding">{_shown(section.sentences[0])}</p>',
            *(f"<p>{_shown(sentence)}</p>" for sentence in section.sentences[1:]),
            _picture(section),
            f"<p>Explained in the book's chapter {_chapter(section, book)}.</p>",
            "</section>",
        ]
    parts.append(
        "</main><footer>Made by the audit of <cite>The Leaderboard Illusion, "
        "Re-run</cite>. Scores are in Elo points: 400 are odds of ten to one. "
        "Intervals are of 95%.</footer></body></html>"
    )
    return "\n".join(part for part in parts if part) + "\n"


def plain(text: object) -> str:
    """Write text without characters that steer a terminal or turn its direction.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
        Such characters are written as their codes.
    """
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode()
        for c in str(text)
    )


def _shown(text: object) -> str:
    return escape(plain(text))


def _picture(section: Section) -> str:
    """Show a section's chart, its table under it; or its table, or its numbers."""
    table = section.table
    if table.empty:
        known = [(k.replace("_", " "), v) for k, v in section.numbers.items()]
        table = pd.DataFrame(known, columns=["what", "value"], dtype=object)
    drawing = _drawing(section)
    if not drawing:
        return _table(table)
    return f"{drawing}<details><summary>As a table</summary>{_table(table)}</details>"


def _table(table: pd.DataFrame) -> str:
    if table.empty:
        return ""
    some = table.head(_ROWS)
    digits = [_digits(some[name]) for name in some]
    head = "".join(
        f'<th scope="col"{_right(d)}>{_shown(name)}</th>'
        for name, d in zip(some, digits, strict=True)
    )
    rows = []
    for row in some.itertuples(index=False, name=None):
        cells = (_cell(v, d) for v, d in zip(row, digits, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    rest = "<p>The JSON file has all rows.</p>" if len(table) > _ROWS else ""
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{rest}"
    )


def _digits(column: pd.Series) -> int | None:
    """Decimals of a column of numbers, the same in all its rows; None of another."""
    if column.dtype.kind not in "iuf":
        return None
    size = column.abs().max()
    return 0 if (column % 1 == 0).all() else 1 if size >= 10 else 3


def _right(digits: int | None) -> str:
    return "" if digits is None else ' class="n"'


def _cell(value: Any, digits: int | None) -> str:
    if isinstance(value, bool | np.bool_):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int | float | np.number):
        if not np.isfinite(value):
            return "<td></td>"
        if digits is None:  # numbers of several kinds
            digits = 0 if value == int(value) else 3 if abs(value) < 10 else 1
        tiny = 0 < abs(value) < 0.5 * 10.0**-digits
        said = f"{value:.1e}" if tiny else f"{value:,.{digits}f}"
        return f'<td class="n">{said}</td>'
    return f"<td>{'' if value is None else _shown(value)}</td>"


def _drawing(section: Section) -> str:
    """Draw the section's table, where a picture says it sooner."""
    table = section.table
    if section.key == "ranking" and len(table):
        return _dots(
            table.head(_ROWS), "Scores with their 95% intervals, in Elo points"
        )
    if section.key == "shares" and len(table):
        return _bars(table.head(_ROWS), "model", "battles", "Battles of each model")
    if section.key == "selection" and len(table):
        names = table.assign(of=[f"best of {n}" for n in table["variants"]])
        return _bars(names, "of", "points", "Elo points gained by luck alone")
    return ""


def _names(names: pd.Series) -> list[str]:
    out = []
    for k, name in enumerate(names):
        text = plain(name)
        text = text if len(text) <= 21 else text[:20] + "…"
        y = k * _LINE + 16
        out.append(
            f'<text x="{_NAME - 8}" y="{y}" text-anchor="end">{escape(text)}</text>'
        )
    return out


def _svg(lines: list[str], rows: int, label: str) -> str:
    height = rows * _LINE + 24
    return (
        f'<figure style="margin:0"><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(lines)}</svg>'
        f"<figcaption>{escape(label)}.</figcaption></figure>"
    )


def _dots(table: pd.DataFrame, label: str) -> str:
    low, high = float(table["lower"].min()), float(table["upper"].max())
    scale = (_WIDTH - _NAME - 30) / max(high - low, 1e-9)

    def x(value: float) -> float:
        return round(_NAME + 10 + (value - low) * scale, 1)

    lines = _names(table["model"])
    for k, (score, lower, upper) in enumerate(
        zip(table["score"], table["lower"], table["upper"], strict=True)
    ):
        y = k * _LINE + 12
        lines.append(
            f'<path d="M{x(lower)} {y}H{x(upper)}" stroke="var(--ours)" '
            f'stroke-width="2"/><circle cx="{x(score)}" cy="{y}" r="4" '
            'fill="var(--ours)"/>'
        )
    y = len(table) * _LINE + 16
    for end, anchor in ((low, "start"), (high, "end")):
        lines.append(
            f'<text x="{x(end)}" y="{y}" text-anchor="{anchor}">{end:,.1f}</text>'
        )
    return _svg(lines, len(table), label)


def _bars(table: pd.DataFrame, name: str, value: str, label: str) -> str:
    scale = (_WIDTH - _NAME - 70) / max(float(table[value].max()), 1e-9)
    lines = _names(table[name])
    for k, size in enumerate(table[value]):
        y, long = k * _LINE + 4, round(float(size) * scale, 1)
        said = f"{size:,.0f}" if isinstance(size, int | np.integer) else f"{size:,.1f}"
        lines.append(
            f'<rect x="{_NAME}" y="{y}" width="{long}" height="15" fill="var(--ours)"/>'
            f'<text x="{_NAME + long + 6}" y="{y + 12}">{said}</text>'
        )
    return _svg(lines, len(table), label)


def _chapter(section: Section, book: str) -> str:
    """Name the chapter that explains a section, with a link if there is an address."""
    title = section.chapter.replace("-", " ").capitalize()
    name = f"<cite>{escape(title)}</cite>"
    if not book:
        return name
    return f'<a href="{escape(book)}/chapters/{section.chapter}.html">{name}</a>'
