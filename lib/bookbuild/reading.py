"""How long a page takes: counted for reading, measured for running.

Nothing of it is stored. What there is to read is counted from the sources whenever
the site is built, for the line under a page's title and for the tables that ask for
it; what runs was timed by the last run of the tests, if there was one.
"""

from __future__ import annotations

import json
import re
from dataclasses import astuple, dataclass
from operator import add
from pathlib import Path
from urllib.parse import quote

import nbformat
from docutils import nodes
from myst_parser.mdit_to_docutils.base import default_slugify
from sphinx.addnodes import desc, pending_xref
from sphinx.application import Sphinx

from bookbuild import theme, tree
from bookbuild.commonmark import solved
from illusion.telling import charts, quiz

__all__ = [
    "RUNS", "Reading", "hosted", "line", "reading", "running", "sections", "setup",
]  # fmt: skip

WORDS_PER_MINUTE = 238
"""Silent reading of English non-fiction, mean of 190 studies (Brysbaert 2019)."""

SECONDS_PER_LINE = 4
"""Allowed for a line of code: it is read, not skimmed."""

SECONDS_PER_CHART = 30
"""Allowed for a chart."""

RUNS = ".pytest_cache/v/book/seconds"
"""Where the tests leave how long each notebook ran, in seconds by its name."""

_GITHUB = "https://github.com/"

COLUMNS = ("words", "lines of code", "charts", "to read")
"""Headings of the columns that the build fills in, from the links of each row."""

_MARKUP = re.compile(
    r"^[`:]{3,}(?:\{[\w-]+\})?|</?\w[^>]*>|\]\([^)]*\)|^#+ ", re.MULTILINE
)


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
        return Reading(*map(add, astuple(self), astuple(other)))


def sections(path: Path) -> dict[str, Reading]:
    """Count what there is to read in each section of a notebook or a Markdown page.

    Returns
    -------
    dict of str to Reading
        By the anchor of a heading of the second level, as links have it; what stands
        before the first is under ``""``.
    """
    if path.suffix == ".md":
        cells = [nbformat.v4.new_markdown_cell(path.read_text(encoding="utf-8"))]
    else:
        cells = nbformat.read(path, as_version=4).cells
    found = {"": Reading()}
    here = ""
    for cell in (cell for cell, part in solved(cells) if not part):
        if cell.cell_type == "code":
            found[here] += _code(path.stem, cell)
            continue
        folded = r"<details\b.*?</details>|<!--.*?-->"
        for line in re.sub(folded, "", cell.source, flags=re.DOTALL).splitlines():
            if line.startswith("## "):
                here = default_slugify(line.removeprefix("## ").strip())
                found.setdefault(here, Reading())
            found[here] += Reading(words=_words(line))
    return found


def reading(path: Path) -> Reading:
    """Count what there is to read on a page."""
    return sum(sections(path).values(), Reading())


def running(name: str) -> str:
    """Return how long a notebook runs, in words, or nothing if it was not timed.

    It is a bound rather than a number, since machines differ by more than seconds.
    """
    file = tree.ROOT / RUNS
    times = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if name not in times:
        return ""
    minutes = int(times[name] // 60) + 1
    return f"under {minutes} minutes" if minutes > 1 else "under a minute"


def _code(name: str, cell: nbformat.NotebookNode) -> Reading:
    """Count a cell; a quiz is read like prose, and what is folded is not read."""
    if cell.source.startswith("quiz.show("):
        return Reading(words=_words(quiz.to_text(quiz.load(name))))
    drawn = sum(charts.MIME in output.get("data", {}) for output in cell.outputs)
    folded = "hide-input" in cell.metadata.get("tags", [])
    shown = "" if folded else cell.source
    lines = sum(bool(line.strip()) for line in shown.splitlines())
    return Reading(lines=lines, charts=drawn)


def _words(text: str) -> int:
    return len(re.findall(r"[^\W\d_][\w’'-]*", _MARKUP.sub(" ", text)))


def _fill(app: Sphinx, doctree: nodes.document) -> None:
    """Fill the columns of :data:`COLUMNS`, which are empty in the source."""
    for table in doctree.findall(nodes.table):
        head, *rows = table.findall(nodes.row)
        titles = [entry.astext() for entry in head]
        if not set(titles) & set(COLUMNS):
            continue
        for row in rows:
            links = [x for x in row.findall(pending_xref) if x["refdomain"] == "doc"]
            total = sum((_linked(app, link) for link in links), Reading())
            counts = (*astuple(total), round(total.minutes))
            for title, number in zip(COLUMNS, counts, strict=True):
                if links and title in titles:
                    entry = [*row.findall(nodes.entry)][titles.index(title)]
                    entry.clear()
                    entry += nodes.paragraph("", f"{number}")


def _linked(app: Sphinx, link: pending_xref) -> Reading:
    """Count what a link leads to; MyST warns of a section that is not there."""
    path = Path(app.env.doc2path(link["reftarget"]))
    # The page with the table is read again when the other changes.
    app.env.note_dependency(str(path))
    anchor = link.get("reftargetid")
    return sections(path).get(anchor, Reading()) if anchor else reading(path)


def line(path: Path) -> list[tuple[str, bool]]:
    """Return what a source's page says of itself, in parts; whether each is code."""
    minutes = max(1, round(reading(path).minutes))
    text = f"{minutes} minute{'s' * (minutes > 1)} to read"
    if path.suffix != ".ipynb":
        return [(f"{text}; nothing to run.", False)]
    if runs := running(path.stem):
        text += f", {runs} to run"
    command = f"jupyter lab {tree.CHAPTERS}/{path.name}"
    return [(f"{text}. To rerun it: ", False), (command, True)]


def hosted(repository: str, branch: str, path: str) -> str:
    """Return the address at which a notebook of a public repository can be run.

    Parameters
    ----------
    repository, branch
        As in the book's settings.
    path
        Of the notebook.

    Returns
    -------
    str
        Empty while the book has no repository, or for one that is elsewhere than on
        GitHub.
    """
    if not theme.linked(repository) or not repository.startswith(_GITHUB):
        return ""
    name = repository.removeprefix(_GITHUB).strip("/").removesuffix(".git")
    wanted = quote(path, safe="")
    return (
        f"https://mybinder.org/v2/gh/{name}/{quote(branch, safe='')}?labpath={wanted}"
    )


def _elsewhere(app: Sphinx) -> nodes.inline:
    """Return links to a page's notebook, for the screen alone."""
    links = nodes.inline(classes=["rerun-links"])
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix == ".ipynb":
        file = f"{app.env.docname}.ipynb"
        up = "../" * file.count("/")
        options = app.config.html_theme_options
        at = options["repository_url"], options.get("repository_branch", "main")
        places = {
            "download the notebook": f"{up}_sources/{file}",
            "run it on mybinder.org": hosted(*at, file),
        }
        for text, address in places.items():
            if address:
                link = nodes.reference("", text, refuri=address, internal=False)
                links += [nodes.Text(", or "), link]
    return links


def _add(app: Sphinx, doctree: nodes.document) -> None:
    title = next(doctree.findall(nodes.title), None)
    if title is None or not app.env.docname.startswith(f"{tree.CHAPTERS}/"):
        return
    if doctree.next_node(desc):  # the library's functions are looked up, not read
        return
    # A page is read again when the tests have timed the chapters again.
    if (timed := tree.ROOT / RUNS).exists():
        app.env.note_dependency(str(timed))
    paragraph = nodes.paragraph(classes=["rerun"])
    for text, code in line(Path(app.env.doc2path(app.env.docname))):
        paragraph += nodes.literal(text, text) if code else nodes.Text(text)
    paragraph += _elsewhere(app)
    title.parent.insert(title.parent.index(title) + 1, paragraph)


def setup(app: Sphinx) -> None:
    """Fill the tables, and add the line, as soon as a page is read."""
    app.connect("doctree-read", _fill)
    app.connect("doctree-read", _add)
