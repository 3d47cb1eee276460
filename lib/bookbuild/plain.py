r"""A chapter's Markdown without MyST, for readers that know only Markdown.

Sphinx resolves the roles and directives of a chapter. JupyterLab and slides show
them raw, so they are replaced here: a glued value by the value, a citation by
authors and year, a reference by words, a box by its title and text. Links stay,
and code in fences or backticks is left alone.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import nbformat
from pybtex.database import parse_file
from pybtex.richtext import Text

from bookbuild.tree import ROOT

__all__ = ["GLUE_MIME", "PlainError", "glued", "plain"]

GLUE_MIME = "application/papermill.record/text/plain"
"""What myst_nb's ``glue`` stores a value under."""

REFERENCES = ROOT / "references.bib"

_FENCE = re.compile(r"\s*(`{3,}|:{3,}|~{3,})\s*(.*)")
_DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*)")
_OPTION = re.compile(r":[\w-]+:(\s.*)?")
# The first two alternatives find what is not to be touched, so that a role
# is never looked for inside of them.
_INLINE = re.compile(
    r"(?P<code>(?<![`}])(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<math>\$\$.*?\$\$)(?:[ ]*\((?P<label>[\w-]+)\))?"
    r"|\{(?P<role>[a-z][\w:-]*)\}`(?P<text>[^`]+)`",
    re.DOTALL,
)
_KINDS = {"numref": "the chart", "ref": "the exercise"}


class PlainError(ValueError):
    """A text that has no plain form, with what to change."""


def glued(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the values that a notebook has glued, as its prose shows them.

    Parameters
    ----------
    notebook
        With its stored outputs.
    """
    values = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name is not None and GLUE_MIME in output["data"]:
                values[name] = _shown("".join(output["data"][GLUE_MIME]))
    return values


def plain(text: str, glued: Mapping[str, str]) -> str:
    r"""Replace what only Sphinx understands by Markdown that reads the same.

    Parameters
    ----------
    text
        A Markdown cell's source.
    glued
        The notebook's values by name, from :func:`glued`.

    Returns
    -------
    str
        Markdown. A citation links its source, since there is no bibliography; a
        formula's label becomes its ``\tag``, by which the text refers to it.

    Raises
    ------
    PlainError
        If a value or a source is not known, or a directive has no plain form.
    """
    parts: list[str] = []
    prose: list[str] = []

    def flush() -> None:
        parts.append(_inline("\n".join(prose), glued))
        prose.clear()

    lines = text.splitlines()
    while lines:
        line = lines.pop(0)
        fence = _FENCE.fullmatch(line)
        if not fence or (fence[1][0] == ":" and not fence[2]):
            prose.append(line)
            continue
        body = _take(lines, fence[1])
        directive = _DIRECTIVE.fullmatch(fence[2])
        flush()
        if directive:
            parts.append(_directive(directive[1], directive[2], body, glued))
        else:
            parts.append("\n".join([line, *body, fence[1]]))
    flush()
    return "\n\n".join(part for part in parts if part)


def _shown(stored: str) -> str:
    """Return a stored value without the quotes of its type."""
    try:
        return str(ast.literal_eval(stored))
    except (ValueError, SyntaxError):
        return stored


def _take(lines: list[str], mark: str) -> list[str]:
    """Take a fence's lines up to its end, and its end, off a text's lines."""
    end = re.compile(rf"\s*{re.escape(mark)}{re.escape(mark[0])}*\s*")
    body = []
    while lines:
        line = lines.pop(0)
        if end.fullmatch(line):
            break
        body.append(line)
    return body


def _directive(
    name: str, title: str, body: Sequence[str], glued: Mapping[str, str]
) -> str:
    """Return a directive as Markdown."""
    if name in ("solution-start", "solution-end"):
        return ""
    start = next((i for i, x in enumerate(body) if not _OPTION.fullmatch(x)), len(body))
    text, title = plain("\n".join(body[start:]), glued), _inline(title, glued)
    if name == "exercise":
        return f"### Exercise: {title}\n\n{text}"
    if name == "admonition":
        return f"**{title}**\n\n{text}"
    raise PlainError(
        f"The directive {{{name}}} has no plain form; write it as Markdown, or say in "
        f"bookbuild.plain how it reads."
    )


def _inline(text: str, glued: Mapping[str, str]) -> str:
    """Replace the roles of a text without fences."""

    def replace(match: re.Match) -> str:
        if match["code"]:
            return match[0]
        if match["math"]:
            tag = match["label"] and rf"\tag{{{_words(match['label'])}}}"
            return f"{match['math'][:-2].rstrip()}\n{tag}\n$$" if tag else match["math"]
        return _role(match["role"], " ".join(match["text"].split()), glued)

    text = _INLINE.sub(replace, text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def _role(role: str, text: str, glued: Mapping[str, str]) -> str:
    """Return what a role shows."""
    if role.startswith("cite:"):
        return _cite(role, [key.strip() for key in text.split(",")])
    if role == "eq":
        return f"({_words(text)})"
    if role in _KINDS:
        return f"{_KINDS[role]} “{_words(text)}”"
    if role != "glue:text":
        raise PlainError(
            f"The role {{{role}}} has no plain form; write it as Markdown."
        )
    if text not in glued:
        raise PlainError(
            f"The text shows the value {text!r}, which no cell of the notebook has "
            "glued; run the notebook and store its outputs."
        )
    return glued[text]


def _words(label: str) -> str:
    """Return the words of a label: ``fig-win-rates`` is "win rates"."""
    return label.split("-", 1)[-1].replace("-", " ")


def _cite(role: str, keys: Sequence[str]) -> str:
    """Return sources as authors and year, each linked if it has an address."""
    shown = []
    for key in keys:
        entry = _references().get(key)
        if entry is None:
            raise PlainError(f"The source {key!r} is not in {REFERENCES.name}.")
        year = (entry.fields or {})["year"]
        within = f"({year})" if role == "cite:t" else year
        name, address = f"{_authors(entry)} {within}", _address(entry)
        shown.append(f"[{name}]({address})" if address else name)
    return " and ".join(shown) if role == "cite:t" else f"({'; '.join(shown)})"


def _authors(entry: Any) -> str:
    """Return the authors' family names: one, two, or the first of more."""
    persons = entry.persons or {}
    people = persons.get("author") or persons["editor"]
    names = [" ".join(p.prelast_names + p.last_names) for p in people]
    names = [str(Text.from_latex(name)) for name in names]
    return " and ".join(names) if len(names) < 3 else f"{names[0]} et al."


def _address(entry: Any) -> str:
    """Return where a source can be read, or nothing."""
    fields = entry.fields or {}
    if "doi" in fields:
        return "https://doi.org/" + quote(fields["doi"])
    if "url" in fields:
        return fields["url"]
    return "https://arxiv.org/abs/" + fields["eprint"] if "eprint" in fields else ""


@lru_cache(maxsize=1)
def _references() -> Mapping[str, Any]:  # pybtex has no types
    return parse_file(REFERENCES, bib_format="bibtex").entries
