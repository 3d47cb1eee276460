"""Slides for a room, made from the chapters by nbconvert and reveal.js.

A cell's metadata say whether it is on the slides. What it shows there is made
here: few words, tables cut to what can be read from the back row, and charts
drawn anew for a slide's width and height. A deck asks no other host for anything:
reveal.js comes from the package sphinx-revealjs and is written beside the decks.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from bookbuild import drawing, mathfont, tree
from bookbuild.mathml import to_mathml
from bookbuild.tidying import tidy
from illusion import ledger
from illusion.telling import prose
from illusion.telling.charts import FIGURE_MIME, MIME, is_single

__all__ = ["HEIGHT", "MAX_CLAIMS", "MAX_ROWS", "WIDTH", "SlidesError", "draw", "make"]


WIDTH, HEIGHT = 1280, 720
"""Of a slide, in CSS pixels; it is scaled to the screen."""

MAX_ROWS = 8
"""Rows of a table that can be read from the back row."""

MAX_CLAIMS = 5
"""Rows of the ledger, whose claims are sentences."""

_FILES = ("LICENSE", "dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js")
_TYPES = ("slide", "subslide", "fragment", "-", "notes")

# A chart's text of 13 pixels becomes one of 23.
_SCALE = 1.8
_CHART_WIDTH = WIDTH - 96
# Without the margins, a heading of one line and a caption of two.
_CHART_HEIGHT = HEIGHT - 248
# How high a chart may be on a slide, at least and at most, against the page's: rows
# of names that come closer would lie on each other.
_LEAST, _LEAST_WITH_NAMES, _MOST = 0.45, 0.75, 1.5
# The name of an upright axis lies on top of it: a low plot has no room beside it,
# and a room does not turn its head.
_AXIS = {"titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom"}
_AXIS |= {"titleX": 0, "titleY": -10}
_SENTENCE = re.compile(r"(?<=[^A-Z\s][.!?])\s+(?=[A-Z])")


class SlidesError(ValueError):
    """A chapter whose slides cannot be made, with what to change."""


def make(out: Path, names: Sequence[str] = ()) -> list[Path]:
    """Write a deck of slides for each chapter, and a page that lists them.

    Parameters
    ----------
    out
        The folder, made if it is not there. Each deck is a page in it.
    names
        Chapters, such as ``"ranking"``; by default all that have slides.

    Returns
    -------
    list of Path
        The decks and, last, the list of them.

    Raises
    ------
    SlidesError
        If a chapter is not known, has no slides, or has a cell that cannot stand
        on one.
    """
    chapters = tree.notebooks()
    decks = {}
    for name in names or chapters:
        if name not in chapters:
            raise SlidesError(
                f"There is no chapter {name!r}; there are {', '.join(chapters)}."
            )
        try:
            decks[name] = _deck(nbformat.read(chapters[name], as_version=4))
        except ValueError as error:
            raise SlidesError(f"The slides of {name}: {error}") from error
        if name in names and not decks[name]:
            raise SlidesError(
                f"The chapter {name!r} has no slides; a cell begins one if its "
                'metadata have {"slideshow": {"slide_type": "slide"}}.'
            )
    out.mkdir(parents=True, exist_ok=True)
    made = {out / f"{name}.html": deck for name, deck in decks.items() if deck}
    for path, deck in made.items():
        path.write_text(deck, encoding="utf-8")
    # The landing page, which has no slides, is named as the list of the decks is.
    paths = [out / f"{name}.html" for name in chapters if name != "index"]
    pages = {path.name: path.read_text("utf-8") for path in paths if path.exists()}
    _write_style(out, pages.values())
    (out / "reveal").mkdir(exist_ok=True)
    for file in _FILES:
        source = files("sphinx_revealjs") / "_static/revealjs" / file
        (out / "reveal" / Path(file).name).write_bytes(source.read_bytes())
    found = re.compile("<title>(.*)</title>")
    titles = {name: found.findall(page)[0] for name, page in pages.items()}
    listed = _environment().get_template("slides_index.html.j2")
    text = listed.render(titles=titles, book=tree.read()["title"])
    (out / "index.html").write_text(text, encoding="utf-8")
    return [*made, out / "index.html"]


def draw(spec: Mapping[str, Any], key: str) -> str:
    """Draw a chart for a slide, with text that can be read from afar.

    Parameters
    ----------
    spec
        A stored Vega-Lite specification.
    key
        Unique in the deck; the drawing's ids begin with it.

    Returns
    -------
    str
        SVG without a size of its own, to fill its frame. What cannot be made
        low enough, such as many rows of names, has smaller text.
    """
    upright = [
        layer["encoding"]["y"]
        for layer in (spec, *spec.get("layer", []))
        if "y" in layer.get("encoding", {})
    ]
    config = {**spec.get("config", {}), "axisLeft": _AXIS}
    if any(y.get("title", "") is not None for y in upright):
        config["legend"] = {**config.get("legend", {}), "offset": 36}
    chart = drawing.sized({**spec, "config": config}, int(_CHART_WIDTH / _SCALE))
    svg = drawing.to_svg(json.dumps(chart, sort_keys=True))
    if is_single(chart):
        own = drawing.svg_size(svg)[1]
        named = any(y.get("type") in ("nominal", "ordinal") for y in upright)
        least = _LEAST_WITH_NAMES if named else _LEAST
        scale = min(_SCALE, _CHART_HEIGHT / (least * own))
        chart["width"] = int(_CHART_WIDTH / scale)
        chart["height"] = int(min(_CHART_HEIGHT / scale, _MOST * own))
        chart["autosize"] = {"type": "fit", "contains": "padding"}
        svg = drawing.to_svg(json.dumps(chart, sort_keys=True))
    svg = drawing.clean_svg(svg, key)
    return re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)


def _deck(notebook: NotebookNode) -> str:
    """Return a notebook's slides as a page, or nothing if it has none."""
    cells = []
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        if kind in (None, "", "skip"):
            continue
        if kind not in _TYPES:
            raise SlidesError(
                f"Cell {cell.id} has the slide type {kind!r}; it can be one of "
                f"{', '.join(_TYPES)}."
            )
        said = {"slide", "slide_input"} & set(cell.metadata)
        if cell.cell_type == "code" and not (said or cell.outputs):
            raise SlidesError(
                f"Cell {cell.id} is on a slide and shows nothing there; store its "
                "outputs, give it metadata `slide`, or take it off."
            )
        if cell.cell_type == "code":
            cell.outputs = _one_ledger(cell.outputs)
        cells.append(cell)
    if not cells:
        return ""
    exporter = SlidesExporter(
        template_file="slides.html.j2", extra_loaders=[_environment().loader]
    )
    exporter.register_filter("book_markdown", _markdown)
    exporter.register_filter("book_code", _code)
    exporter.register_filter("book_output", _output)
    # The chapter's title is its first line.
    title = notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
    deck = {"title": title, "book": tree.read()["title"]}
    deck |= {"width": WIDTH, "height": HEIGHT}
    page, _ = exporter.from_notebook_node(
        nbformat.v4.new_notebook(cells=cells), {"deck": deck}
    )
    return page


def _code(source: str) -> str:
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip()


def _output(output: NotebookNode) -> str:
    """Return an output as HTML."""
    if output.output_type == "stream":
        return _printed(output.text)
    data = output.get("data", {})
    if MIME in data:
        return _figure(data[MIME])
    if FIGURE_MIME in data:
        return ""
    if "text/html" in data:
        return _table(data["text/html"])
    if "text/markdown" in data:
        return _markdown(data["text/markdown"])
    return _printed(data.get("text/plain", ""))


def _one_ledger(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Put the contested claims that a cell settles into one table."""
    kept: list[NotebookNode] = []
    first = None
    for output in outputs:
        if ledger.MIME not in output.get("data", {}):
            kept.append(output)
        elif "<tbody>" not in output.data["text/html"]:
            continue
        elif first is None:
            kept.append(first := output)
        else:
            row = output.data["text/html"].partition("<tbody>")[2].partition("</tbody>")
            first.data["text/html"] = first.data["text/html"].replace(
                "</tbody>", f"{row[0].strip()}\n</tbody>"
            )
    return kept


def _printed(text: str) -> str:
    """Return printed lines, larger if they are few."""
    lines = text.rstrip().splitlines()
    short = len(lines) <= 7 and max(map(len, lines), default=0) <= 46
    shown = html.escape("\n".join(lines))
    name = "printed short" if short else "printed"
    return f'<pre class="{name}">{shown}</pre>' if lines else ""


def _figure(spec: Mapping[str, Any]) -> str:
    """Return a chart with its caption, the finding first."""
    figure = spec["usermeta"]["figure"]
    alt = html.escape(spec["description"], quote=True)
    texts = _SENTENCE.split(figure["caption"], maxsplit=1)
    told = "".join(map(_markdown, texts))
    return (
        f'<figure><div class="chart" role="img" aria-label="{alt}">'
        f"{draw(spec, figure['label'] + '-')}</div><figcaption>{told}</figcaption>"
        "</figure>"
    )


def _table(page: str) -> str:
    """Return a table with as many rows as a room can read."""
    page = tidy(page)
    page = re.sub(r"</?a\b[^>]*>|<style.*?</style>", "", page, flags=re.DOTALL)
    most = MAX_ROWS
    if 'class="ledger' in page:
        # The source and the reason are for readers: here, what is said and found.
        page = re.sub(r"<br><small>.*?</small>", "", page, flags=re.DOTALL)
        page = re.sub(
            r'(<td data-label="Verdict"[^>]*><b>.*?</b>).*?(?=</td>)', r"\1", page
        )
        page = re.sub(r"<tr id=\"[^\"]*\">", "<tr>", page)
        most = MAX_CLAIMS
    head, opened, rest = page.partition("<tbody>")
    body, closed, rest = rest.partition("</tbody>")
    rows = re.findall(r"<tr\b.*?</tr>", body, re.DOTALL)
    if len(rows) <= most:
        return page
    kept = "\n".join(rows[: most - 1])
    more = f'<p class="more">… and {len(rows) - most + 1} more rows</p>'
    return head + opened + kept + closed + rest + more


def _markdown(text: str) -> str:
    """Return Markdown as HTML."""
    # A slide has no other to refer to a formula.
    text = re.sub(r"\\tag\{[^}]*\}\s*", "", prose.COMMENT.sub("", text))
    return _parser().render(text).strip()


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    """Return a parser that draws formulas and writes links as their text."""

    def formula(tex: str, options: Mapping[str, Any]) -> str:
        return to_mathml(tex, display=options["display_mode"])

    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.use(dollarmath_plugin, renderer=formula, allow_digits=False)
    for rule in ("link_open", "link_close"):
        parser.add_render_rule(rule, lambda self, *rest: "")
    return parser


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(loader=loader, autoescape=True)


def _write_style(out: Path, pages: Iterable[str]) -> None:
    """Write the style of the decks with the formulas' font inside of it.

    A page that is opened from a folder may not load a font from a file.
    """
    font = base64.b64encode(mathfont.font(mathfont.signs(pages))).decode("ascii")
    code = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".code")
    values = {"font": font, "code": code, "width": WIDTH, "height": HEIGHT}
    for name in ("slides.css", "slides_print.css"):
        style = _environment().get_template(f"{name}.j2").render(values)
        (out / name).write_text(style, encoding="utf-8")
