r"""A notebook in plain CommonMark, and what the site makes of its comments.

A chapter reads right wherever it is opened, so it has no directive and no role. What
the site needs beyond that stands in HTML comments, which no viewer shows::

    9<!--=copies.max():.0f-->                    a number, and how it is made
    Not one rank changes.<!--?(a == b).all()-->  a statement that is held against a run
    [Singh et al. 2025](https://...)<!--@key-->  a source; in brackets or not
    the chart above<!--numref fig-win-rates-->   a figure; with ref, an exercise
    equation (1)<!--eq eq-best-of-->             a formula
    $$ x \tag{1} $$<!--#eq-best-of-->            and its label
    ### Exercise: Ten points (check)<!--#ex-a--> an exercise, up to its hint or solution
    #### Solution                                a cell of its own; the solution ends
                                                 before the next cell with a heading
    > **In one minute**                          a box
    **Try:** fewer of them.<!--try ab12: size=50 -> size=5-->
                                                 a change of a cell's code, which a page
                                                 that runs makes at a press

:func:`to_site` turns them into what MyST and Sphinx understand, while a page is read.
It is strict: an unknown key, a number that is not the stored one, a solution without an
end stop the build and name the place.
"""

import ast
import copy
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from pybtex.database import parse_file
from sphinx.application import Sphinx

from bookbuild import tables, tree
from illusion import ledger
from illusion.telling import prose

__all__ = ["SOLUTION", "PortableError", "setup", "solved", "to_site"]

SOLUTION = "#### Solution"
"""A cell that has only this begins a solution."""

REFERENCES = "references.bib"
_DOWNLOAD = f'<p><a href="{tables.LEDGER}" download>All claims as a table (CSV)</a></p>'

_CITE = r"\[[^\]]+\]\((?:[^()\s]|\([^()\s]*\))+\)<!--@[\w:-]+-->"
_GROUP = re.compile(rf"\({_CITE}(?:;\s+{_CITE})*\)|{_CITE}")
_KEY = re.compile(r"<!--@([\w:-]+)-->")
_EXERCISE = re.compile(
    r"^### Exercise: (?P<title>[^\n]+?) ?<!--#(?P<label>ex-[\w-]+)-->\n"
    r"(?P<text>.*?)(?=\n<details|\Z)",
    re.MULTILINE | re.DOTALL,
)
_FORMULA = re.compile(
    r"(?P<tex>\$\$(?:(?!\$\$).)+?)\s*\\tag\{\d+\}\s*\$\$<!--#(?P<label>[\w-]+)-->",
    re.DOTALL,
)
_BOX = re.compile(
    r"^> \*\*In one minute\*\*\n(?P<text>(?:>.*(?:\n|\Z))+)", re.MULTILINE
)
_REFER = re.compile(r"(?P<eq>\(\d+\))?<!--(?P<role>eq|numref|ref) (?P<label>[\w-]+)-->")
_TRY = re.compile(
    r"<!--try (?P<cell>[\w-]+): (?P<old>.+?) -> (?P<new>.+?)-->", re.DOTALL
)
_HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
# Of a name, the first line of the statement that sets it, and the cell's id.
_Origin = Callable[[str], list[tuple[str, str]]]


class PortableError(ValueError):
    """A text that the site cannot show, with its place and what to change."""


def solved(cells: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    """Yield each cell with ``"begins"`` or ``"inside"`` where it is of a solution.

    A solution ends before text with a heading. Elsewhere it is with ``""``.
    """
    inside = False
    for cell in cells:
        text = cell["cell_type"] == "markdown"
        begins = text and _source(cell).strip() == SOLUTION
        if text and _HEADING.search(prose.CODE.sub("", _source(cell))):
            inside = begins
        yield cell, "begins" if begins else "inside" if inside else ""


def to_site(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook as MyST reads it.

    Parameters
    ----------
    notebook
        As its file has it, with stored outputs.

    Raises
    ------
    PortableError
        A malformed comment, or one of no known kind, an unknown source, a number or
        statement that is not what the last run gave, or a solution without an exercise
        or an end.
    """
    notebook = copy.deepcopy(notebook)
    values = _values(notebook["cells"])
    origin = _origin(notebook["cells"])
    code = {c["id"]: _source(c) for c in notebook["cells"] if c["cell_type"] == "code"}
    cells: list[dict[str, Any]] = []
    exercise, before = "", ""
    for cell, part in solved(notebook["cells"]):
        if before and part != "inside":
            cells.append(_text("```{solution-end}\n```", f"{exercise}-end"))
        before = part
        cells.append(cell)
        if cell["cell_type"] == "code":
            cell["metadata"]["id"] = cell["id"]
            if "ledger.show_ledger()" in _source(cell):
                cells.append(_text(_DOWNLOAD, f"{cell['id']}-table"))
            for output in cell.get("outputs", []):
                made = output.get("data", {})
                if made.pop(prose.MIME, None):  # for the book, not for the page
                    cells.append(_text(_list(values, origin), f"{cell['id']}-list"))
                made.pop(ledger.MIME, None)
        if cell["cell_type"] != "markdown":
            continue
        source = _source(cell)
        if part == "begins":
            if not exercise:
                raise PortableError(f"Cell {cell['id']}: a solution of no exercise.")
            label = exercise.replace("ex-", "sol-", 1)
            cell["source"] = f"```{{solution-start}} {exercise}\n:label: {label}\n```"
            continue
        for match in _EXERCISE.finditer(source):
            exercise = match["label"]
        try:
            source = _site_text(source, values.get(cell["id"], []), origin, code)
            cell["source"] = source
        except PortableError as error:
            raise PortableError(f"Cell {cell['id']}: {error}") from None
    if before:
        raise PortableError(f"The solution of {exercise} has no end: add a heading.")
    notebook["cells"] = cells
    return notebook


def _values(cells: list[dict[str, Any]]) -> dict[str, list[tuple]]:
    """Return the comments of each cell's text and their values, if they hold."""
    found: dict[str, list[tuple]] = {}
    in_text = {cell["id"] for cell in cells if cell["cell_type"] == "markdown"}
    number = 0
    try:
        stored = prose.stored(cells)
    except prose.MarkerError as error:
        raise PortableError(str(error)) from error
    for mark, value in stored:
        if not (prose.holds(mark, value) if isinstance(value, str) else value):
            raise PortableError(
                f"Cell {mark.cell}: the last run has {value} for {mark.code}, which is "
                f"not what the text says: “{mark.sentence}”"
            )
        if not mark.in_slide:
            # Where a page that runs finds it again, which counts those of the text.
            found.setdefault(mark.cell, []).append((mark, value, number))
            number += mark.cell in in_text
    return found


def _origin(cells: list[dict[str, Any]]) -> _Origin:
    """Return a function that finds what sets the names of an expression."""
    lines: dict[str, tuple[str, str]] = {}
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        source = _source(cell)
        for statement in ast.parse(source).body:
            first, *more = (
                ast.get_source_segment(source, statement) or ""
            ).splitlines()
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                for name in prose.names_set(statement):
                    lines[name] = f"{first} …" if more else first, cell["id"]

    def find(code: str) -> list[tuple[str, str]]:
        return [lines[name] for name in prose.names_used(code) if name in lines]

    return find


def _list(values: dict[str, list[tuple]], origin: _Origin) -> str:
    """Return what the text says of a run, for those who do not point at a number."""
    rows = []
    pairs = [pair for pairs in values.values() for pair in pairs]
    for sentence, said in groupby(pairs, lambda pair: pair[0].sentence):
        lines = [f"“{html.escape(sentence)}”"]
        for mark, value, _ in said:
            number = f"<b>{html.escape(value)}</b>: " if mark.is_number else ""
            lines.append(f"{number}<code>{html.escape(mark.code)}</code>")
            lines += [
                f'<a href="#cell-{cell}"><code>{html.escape(line)}</code></a>'
                for line, cell in origin(prose.split(mark.code)[0])
            ]
        # Not set apart by <br>, at which WebKit's page of a hundred of them ends.
        rows.append("".join(f"<div>{line}</div>" for line in dict.fromkeys(lines)))
    return (
        '<details class="made"><summary>What each of them is made of</summary><ol>'
        f"<li>{'</li><li>'.join(rows)}</li></ol></details>"
    )


def _site_text(
    text: str, values: list[tuple], origin: _Origin, code: Mapping[str, str]
) -> str:
    """Return the Markdown of a cell as MyST reads it."""
    kept: list[str] = []

    def keep(match: re.Match) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    text = prose.CODE.sub(keep, _numbers(text, values, origin))
    text = _FORMULA.sub(r"\g<tex>\n$$ (\g<label>)", text)
    text = _GROUP.sub(_cite, text)
    text = _REFER.sub(_refer, text)
    text = _EXERCISE.sub(_exercise, text)
    text = _BOX.sub(_box, text)
    text = _TRY.sub(lambda match: _try(match, code), text)
    if left := re.search(r"<!--.*?(?:-->|\Z)", text, re.DOTALL):
        raise PortableError(f"no such comment is known: {left[0]}")
    return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], text)


def _numbers(text: str, values: list[tuple], origin: _Origin) -> str:
    """Mark up numbers with what makes them, and the places of statements."""
    for mark, value, place in reversed(values):  # so that places stay what they are
        head, tail = text[: mark.place], text[text.index("-->", mark.place) + 3 :]
        if mark.is_number:
            lines = [line for line, _ in origin(prose.split(mark.code)[0])]
            made = "\n".join([mark.code, *lines])
            made = html.escape(made).replace("\n", "&#10;").replace("|", "&#124;")
            number = head[-len(value) :]
            head = head[: -len(value)]
            head += f'<span class="computed" tabindex="-1" data-mark="{place}" '
            head += f'data-made="{made}">{number}</span>'
        else:
            head += f'<span class="said" data-mark="{place}"></span>'
        text = head + tail
    return text


def _cite(match: re.Match) -> str:
    """Return sources as Sphinx cites them."""
    keys = _KEY.findall(match[0])
    if unknown := [key for key in keys if key not in _sources()]:
        raise PortableError(f"{', '.join(unknown)} is not in {REFERENCES}.")
    form = "p" if match[0].startswith("(") else "t"
    return f"{{cite:{form}}}`{','.join(keys)}`"


def _refer(match: re.Match) -> str:
    role, label = match["role"], match["label"]
    if role != "eq":
        return f"{match['eq'] or ''} ({{{role}}}`{label}`)"
    if not match["eq"]:
        raise PortableError(f"{match[0]} needs the formula's number before it.")
    return f"{{eq}}`{label}`"


def _exercise(match: re.Match) -> str:
    text = f":label: {match['label']}\n{match['text'].rstrip()}"
    return f"````{{exercise}} {match['title']}\n{text}\n````\n"


def _try(match: re.Match, code: Mapping[str, str]) -> str:
    """Return a button, which only a page that runs shows."""
    cell, old, new = match["cell"], match["old"], match["new"]
    if cell not in code:
        raise PortableError(f"{match[0]}: there is no cell of code {cell}.")
    if (times := code[cell].count(old)) != 1:
        raise PortableError(
            f"{match[0]}: the cell has {old!r} {times} times; it must be there once."
        )
    about = f'data-cell="{cell}" data-old="{_attribute(old)}" '
    about += f'data-new="{_attribute(new)}"'
    return f' <button type="button" class="try" hidden {about}>Do it here</button>'


def _attribute(text: str) -> str:
    """Write a text so that neither HTML nor Markdown sees anything in it."""
    return "".join(c if c.isalnum() else f"&#{ord(c)};" for c in text)


def _box(match: re.Match) -> str:
    text = re.sub(r"^> ?", "", match["text"], flags=re.MULTILINE).strip()
    return f":::{{admonition}} In one minute\n:class: in-one-minute\n\n{text}\n:::\n"


@lru_cache(maxsize=1)
def _sources() -> set[str]:
    return set(parse_file(tree.ROOT / REFERENCES, bib_format="bibtex").entries)


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _text(source: str, name: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def _read(app: Sphinx, name: str, content: list[str]) -> None:
    path = Path(app.env.doc2path(name))
    if path.suffix == ".ipynb":
        try:
            content[0] = json.dumps(to_site(json.loads(content[0])))
        except PortableError as error:
            raise PortableError(f"{path.name}: {error}") from error


def _name(app: Sphinx, doctree: nodes.document) -> None:
    """Name the cells of code, so that the numbers they make can link them."""
    for node in doctree.findall(nodes.container):
        if node.get("nb_element") == "cell_code":
            node["ids"].append(f"cell-{node['cell_metadata']['id']}")


def setup(app: Sphinx) -> None:
    """Turn notebooks into what MyST reads."""
    app.connect("source-read", _read)
    app.connect("doctree-read", _name)
