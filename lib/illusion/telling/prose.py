"""A text that knows when it is wrong: its numbers and statements, held against the run.

A number in a chapter's text is followed at once by a comment with the expression that
makes it, and a statement by one with an expression that is true if it holds::

    The luckiest of the ten comes out at 9<!--=copies.max():.0f--> points.
    Not one rank changes.<!--?(davidson.rank == plain.rank).all()-->

No viewer shows the comments. :func:`check`, the last cell of a chapter, evaluates them
all where the chapter has run.
"""

import ast
import builtins
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from IPython.display import display

from illusion import data

__all__ = [
    "CODE",
    "COMMENT",
    "MIME",
    "Marker",
    "MarkerError",
    "bundle",
    "check",
    "holds",
    "markers",
    "names_set",
    "names_used",
    "renew",
    "split",
    "stored",
]

MIME = "application/vnd.illusion.prose+json"
"""What :func:`check` stores its findings under: a pair of expression and value each."""

_MARK = re.compile(r"<!--(?P<kind>[=?])(?P<code>.*?)-->", re.DOTALL)
CODE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,}).*?^[ \t]*(?P=fence)[`~]*[ \t]*$"
    r"|(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)",
    re.MULTILINE | re.DOTALL,
)
"""Code in Markdown: a comment in it is none."""

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
"""What no viewer of a notebook shows."""

_START = re.compile(r"^[ \t>]*(?:[-*+] +|\d+[.)] +)?<!--[=?]", re.MULTILINE)
# Before a number: what belongs to the sentence and not to the number.
_OPENING = "([{\"'“‘*_–—±$=≈~"
# What ends a paragraph or an item, and what begins the lines of a box.
_BLOCK = re.compile(r"\n[ \t>]*\n|\n[ \t>]*(?=[-*+] |\|)")
# What is no part of a sentence: a quotation's sign, and in code the end of a string
# that the next line takes up.
# In a cell of code, where a caption begins and ends.
_ARGUMENT = re.compile(r"= ?f?\"|\",?(?=\s*(?:\w+=|\)))")
_QUOTE = re.compile(r"^> ?|[\"']\n\s*f?[\"']", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_SENTENCE = re.compile(r"(?<=[.!?:])[\s\"'”’)*_]+(?=[A-Z“‘\"'*_(\[])")


class MarkerError(ValueError):
    """A comment in the text that cannot be held against a run, with its place."""


@dataclass(frozen=True)
class Marker:
    """A number or a statement of a text, and the expression behind it.

    Attributes
    ----------
    code : str
        The expression; a number's may end in ``:`` and a format, as in an f-string.
    before : str
        The text before it, from the end of the comment before.
    sentence : str
        In which it stands, without comments.
    cell : str
        Id of its cell.
    place : int
        Of the comment in its text.
    in_slide : bool
        Whether that is what a slide says, and not the cell.
    is_number : bool
        Whether it is a number, and not a statement.
    """

    code: str
    before: str
    sentence: str
    cell: str
    place: int
    in_slide: bool
    is_number: bool


def check(name: str) -> None:
    """Hold the numbers and statements of a chapter's text against the run.

    Parameters
    ----------
    name : str
        The notebook's name without its ending. Its text is read from its file, so
        save the notebook before you run this.

    Raises
    ------
    FileNotFoundError
        No such notebook, neither here nor beside the data.
    MarkerError
        A comment that is malformed.
    """
    path = Path(f"{name}.ipynb")
    if not path.exists():
        path = data.ROOT.parent / "chapters" / path
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    names = sys._getframe(1).f_globals
    bound, found = _bound(cells), []
    for mark in markers(cells):
        found.append((mark, *_judge(mark, names, bound)))
    display(bundle(found), raw=True)


def bundle(found: Sequence[tuple[Marker, str | bool, str]]) -> dict[str, Any]:
    """Write what was found, for a reader and for the build.

    Parameters
    ----------
    found : sequence of (Marker, str or bool, str)
        Of each comment the value, and what is wrong with it, empty if it holds.

    Returns
    -------
    dict of str to Any
        A MIME bundle.
    """
    kinds = Counter(mark.is_number for mark, _, _ in found)
    what = f"{_count(kinds[True], 'number')} and {_count(kinds[False], 'statement')}"
    text = f"All {what} of this chapter hold."
    if wrong := [(mark, fault) for mark, _, fault in found if fault]:
        verb = "hold" if len(wrong) > 1 else "holds"
        text = f"Of the {what} of this chapter, {len(wrong)} no longer {verb}:\n"
        for sentence, faults in groupby(wrong, lambda pair: pair[0].sentence):
            text += f"\n- “{sentence}”"
            text += "".join(f"\n  {fault}" for _, fault in faults)
    return {"text/plain": text, MIME: [[mark.code, value] for mark, value, _ in found]}


def markers(cells: Iterable[Mapping[str, Any]]) -> Iterator[Marker]:
    """Yield the numbers and statements of a notebook, in its order.

    Parameters
    ----------
    cells : iterable of mapping
        As the notebook's file has them: ``cell_type``, ``id``, ``source`` and
        ``metadata``, of which ``slide`` is text too. In code, captions have them.

    Yields
    ------
    Marker

    Raises
    ------
    MarkerError
        A comment that starts a line, that holds ``--``, or ``|`` in a table.
    """
    for cell in cells:
        yield from _marks("".join(cell["source"]), cell)
        yield from _marks(cell["metadata"].get("slide", ""), cell, in_slide=True)


def holds(mark: Marker, value: str) -> bool:
    """Whether a text shows a number as it comes out of the run.

    Parameters
    ----------
    mark : Marker
    value : str
        As formatted.

    Returns
    -------
    bool
        A no-break space counts as a space, and the sign − as a hyphen.
    """
    before, value = _plain(mark.before), _plain(value)
    if not value or not before.endswith(value):
        return False
    # No number is the end of a longer one.
    rest = mark.before[: -len(value)].replace("−", "-").replace("\u00a0", "_")
    return not re.search(r"[\w-]\Z|\d[.,]\Z", rest) or not re.match(r"[\w.]", value)


def stored(cells: Sequence[Mapping[str, Any]]) -> list[tuple[Marker, str | bool]]:
    """Return the numbers and statements of a notebook with what its last run gave.

    Parameters
    ----------
    cells : sequence of mapping
        As for :func:`markers`, with stored outputs.

    Returns
    -------
    list of (Marker, str or bool)
        A number is text, as formatted; it is empty if it could not be computed.

    Raises
    ------
    MarkerError
        The text has other comments than that run had, or is malformed.
    """
    outputs = [out.get("data", {}) for c in cells for out in c.get("outputs", [])]
    found = [data[MIME] for data in outputs if MIME in data]
    marks, values = list(markers(cells)), found[-1] if found else []
    if [mark.code for mark in marks] != [code for code, _ in values]:
        raise MarkerError(
            "The text has other numbers and statements than the last run: let the last "
            "cell be prose.check, and run the notebook."
        )
    return [(mark, value) for mark, (_, value) in zip(marks, values, strict=True)]


def renew(cells: Sequence[dict[str, Any]]) -> list[str]:
    """Write the numbers of a notebook's text as its last run has them, in place.

    Parameters
    ----------
    cells : sequence of dict
        As for :func:`markers`, with the outputs of that run.

    Returns
    -------
    list of str
        What was changed. Statements are not touched.
    """
    by_id, changes = {cell["id"]: cell for cell in cells}, []
    for mark, value in stored(cells)[::-1]:
        if not (isinstance(value, str) and value) or holds(mark, value):
            continue
        # Up to the last space, a no-break space apart, or opening sign.
        old = re.split(r"[ \n\t]", mark.before)[-1].lstrip(_OPENING)
        cell = by_id[mark.cell]
        text = cell["metadata"]["slide"] if mark.in_slide else "".join(cell["source"])
        head, tail = text[: mark.place - len(old)], text[mark.place :]
        if mark.in_slide:
            cell["metadata"]["slide"] = head + value + tail
        else:
            cell["source"] = head + value + tail
        changes.insert(0, f"{old} is now {value}: “{mark.sentence}”")
    return changes


def _marks(
    text: str, cell: Mapping[str, Any], *, in_slide: bool = False
) -> Iterator[Marker]:
    """Yield the markers of a text."""
    open_text, block = text, _ARGUMENT
    if in_slide or cell["cell_type"] == "markdown":
        block = _BLOCK
        open_text = CODE.sub(lambda code: "`" * len(code[0]), text)
    if wrong := _START.search(open_text):
        line = text[wrong.start() :].strip().partition("\n")[0]
        raise MarkerError(f"Cell {cell['id']}: a comment starts a line: {line}")
    end = 0
    for match in _MARK.finditer(open_text):
        code = match["code"].strip()
        if "--" in code or not code:
            raise MarkerError(
                f"Cell {cell['id']}: the comment {match[0]} is empty or holds '--', "
                "which ends a comment; write the expression in another way."
            )
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if "|" in code and line.lstrip().startswith("|"):
            raise MarkerError(
                f"Cell {cell['id']}: {match[0]} stands in a table, where '|' begins "
                "the next column; write the expression without it."
            )
        yield Marker(
            code=code,
            before=COMMENT.sub("", text[end : match.start()]),
            sentence=_sentence(text, match.start(), block),
            cell=cell["id"],
            place=match.start(),
            in_slide=in_slide,
            is_number=match["kind"] == "=",
        )
        end = match.end()


def _sentence(text: str, place: int, block: re.Pattern[str]) -> str:
    """Return the sentence of a text in which a comment stands."""
    bounds = [m.span() for m in block.finditer(text)]
    begin = max((end for _, end in bounds if end <= place), default=0)
    part = text[begin : min((at for at, end in bounds if end > place), default=None)]
    before, whole = (
        _QUOTE.sub("", COMMENT.sub("", t)) for t in (part[: place - begin], part)
    )
    # A statement's comment comes after the full stop, which ends its sentence.
    at = max(0, len(before.rstrip()) - 1)
    stops = [0, *(m.end() for m in _SENTENCE.finditer(whole)), len(whole)]
    first = max(e for e in stops[:-1] if e <= at)
    last = min(e for e in stops[1:] if e > at)
    plain = _LINK.sub(r"\1", whole[first:last]).replace("**", "")
    return " ".join(plain.split()).strip("*_ #")


def _judge(
    mark: Marker, names: dict[str, Any], bound: Mapping[str, list[str]]
) -> tuple[str | bool, str]:
    """Evaluate a marker: its value, and what is wrong with it, if something is."""
    code, form = split(mark.code)
    try:
        # A copy: an expression may not change what the next one finds.
        found = eval(code, dict(names))
        value = (
            re.sub("^-", "−", format(found, form)) if mark.is_number else bool(found)
        )
    except Exception as error:  # whatever the reader's change has led to
        told = f"{type(error).__name__}: {error}".partition("\n")[0]
        return "", f"{mark.code} cannot be computed: {told}"
    used = names_used(code)
    for name, ids in bound.items():
        if name.partition("[")[0] in used and len(ids) > 1:
            cells = " and ".join(ids)
            return value, f"{name} is set in more than one cell ({cells}): which one?"
    if isinstance(value, str):
        return value, "" if holds(mark, value) else f"{mark.code} is {value}."
    return value, "" if value else f"{mark.code} is not true."


def split(code: str) -> tuple[str, str]:
    """Split an expression from its format.

    Parameters
    ----------
    code : str
        Of a :class:`Marker`.

    Returns
    -------
    tuple of str
        The expression, and the format, which may be empty.
    """
    for place in [m.start() for m in re.finditer(":", code)][::-1]:
        try:
            compile(code[:place].strip(), "text", "eval")
        except SyntaxError:
            continue
        return code[:place].strip(), code[place + 1 :]
    return code.strip(), ""


def _bound(cells: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the cells that set each name, or a part of what it stands for."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        for name in sorted(set(names_set(ast.parse("".join(cell["source"]))))):
            found.setdefault(name, []).append(cell["id"])
    return {name: ids for name, ids in found.items() if not hasattr(builtins, name)}


def names_used(code: str) -> list[str]:
    """Return the names in an expression.

    Parameters
    ----------
    code : str

    Returns
    -------
    list of str
        Each once, in no particular order.
    """
    nodes = ast.walk(ast.parse(code))
    return list(dict.fromkeys(n.id for n in nodes if isinstance(n, ast.Name)))


def names_set(node: ast.AST) -> Iterator[str]:
    """Yield the names that some code sets, but for those of inner scopes.

    Parameters
    ----------
    node : ast.AST

    Yields
    ------
    str
        A name that is bound, or of which a part is changed. A column that is set, as
        in ``table["share"] = ...``, is by itself: ``table['share']``.
    """
    inner = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    if isinstance(node, inner):
        return
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, ast.alias):
        yield (node.asname or node.name).split(".")[0]
    if isinstance(getattr(node, "ctx", None), ast.Store):
        target: Any = node
        key = getattr(getattr(node, "slice", None), "value", None)
        while isinstance(target, (ast.Attribute, ast.Subscript)):
            target = target.value
        if isinstance(target, ast.Name):
            yield f"{target.id}[{key!r}]" if isinstance(key, str) else target.id
    for child in ast.iter_child_nodes(node):
        yield from names_set(child)


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("−", "-")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
