"""Slides for a room, made from the chapters by nbconvert and reveal.js.

A cell's metadata say whether it is on the slides. What it shows there is made
here: few words, tables cut to what can be read from the back row, and charts
drawn anew for a slide's width and height. A deck asks no other host for anything:
reveal.js comes from the package sphinx-revealjs and is written beside the decks.
"""

import base64
import html
import json
import math
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import distribution
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

from bookbuild import drawing, mathfont, tables, tree
from bookbuild.mathml import to_mathml
from bookbuild.plain import glued, plain
from illusion.telling.charts import FIGURE_MIME, MIME, is_single

__all__ = ["HEIGHT", "MAX_CLAIMS", "MAX_ROWS", "WIDTH", "SlidesError", "draw", "make"]


WIDTH, HEIGHT = 1280, 720
"""Of a slide, in CSS pixels; it is scaled to the screen."""

MAX_ROWS = 8
"""Rows of a table that can be read from the back row."""

MAX_CLAIMS = 5
"""Rows of the ledger, whose claims are sentences."""

_REVEAL = "sphinx_revealjs/_static/revealjs"
_FILES = ("LICENSE", "dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js")
_TYPES = ("slide", "subslide", "fragment", "-", "notes")

# A chart's text of 13 pixels becomes one of 23.
_SCALE = 1.8
_CHART_WIDTH = WIDTH - 96
# Without the margins and a heading of one line.
_CHART_HEIGHT = HEIGHT - 172
# The height of a row of names, as Vega draws it.
_ROW = 20
# The name of an upright axis lies on top of it: a low plot has no room beside it,
# and a room does not turn its head.
_AXIS = {"titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom"}
_AXIS |= {"titleX": 0, "titleY": -10}
# Characters to a line, and its height, of a caption's first sentence and rest.
_FINDING, _REMARK = (84, 38), (106, 30)
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
    paths = [out / f"{name}.html" for name in chapters]
    pages = {path.name: path.read_text("utf-8") for path in paths if path.exists()}
    _write_style(out, pages.values())
    _write_reveal(out / "reveal")
    (out / "index.html").write_text(_index(pages), encoding="utf-8")
    return [*made, out / "index.html"]


def draw(spec: Mapping[str, Any], key: str, height: int = _CHART_HEIGHT) -> str:
    """Draw a chart for a slide, with text that can be read from afar.

    Parameters
    ----------
    spec
        A stored Vega-Lite specification.
    key
        Unique in the deck; the drawing's ids begin with it.
    height
        For which there is room on the slide.

    Returns
    -------
    str
        SVG without a size of its own, to fill its frame. What cannot be made
        low enough, such as many rows of names, has smaller text.
    """
    config = {**spec.get("config", {}), "axisLeft": _AXIS}
    if any(y.get("title", "") is not None for y in _upright(spec)):
        config["legend"] = {**config.get("legend", {}), "offset": 36}
    spec = {**spec, "config": config}
    scale = _SCALE
    sized = drawing.sized(spec, int(_CHART_WIDTH / scale))
    if is_single(sized):
        least, most = _range(sized)
        own, around = _heights(sized)
        if (own * least + around) * scale > height:
            scale = height / (own * least + around)
            sized = drawing.sized(spec, int(_CHART_WIDTH / scale))
            own, around = _heights(sized)
        wanted = height / scale - around
        sized["height"] = int(min(max(wanted, own * least), own * most))
    svg = drawing.clean_svg(_svg(sized), key)
    return re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)


def _svg(spec: Mapping[str, Any]) -> str:
    return drawing.to_svg(json.dumps(spec, sort_keys=True))


def _heights(spec: Mapping[str, Any]) -> tuple[float, float]:
    """Return a drawing's height: of its plot, and of what is around it."""

    def total(chart: Mapping[str, Any]) -> float:
        return float(re.search(r'<svg[^>]*? height="([\d.]+)"', _svg(chart))[1])

    around = total({**spec, "height": 100}) - 100
    return total(spec) - around, around


def _upright(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what is said of a chart's upright axis, layer by layer."""
    layers = (spec, *spec.get("layer", []))
    encodings = (layer.get("encoding", {}) for layer in layers)
    return [encoding["y"] for encoding in encodings if "y" in encoding]


def _range(spec: Mapping[str, Any]) -> tuple[float, float]:
    """Return how high a plot may be, at least and at most, against the page's."""
    rows = [y for y in _upright(spec) if y.get("type") in ("nominal", "ordinal")]
    if not rows:
        return 0.45, 1.5
    # Names that come closer than they are high would be left out.
    fonts = [(y.get("axis") or {}).get("labelFontSize", 13) for y in rows]
    return (max(fonts) + 1) / _ROW, 2


def _deck(notebook: NotebookNode) -> str:
    """Return a notebook's slides as a page, or nothing if it has none."""
    values = glued(notebook)
    shown = []
    for number, cell in enumerate(notebook.cells):
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        if kind in (None, "", "skip"):
            continue
        if kind not in _TYPES:
            raise SlidesError(
                f"Cell {cell.id} has the slide type {kind!r}; it can be one of "
                f"{', '.join(_TYPES)}."
            )
        content = _cell(cell, number, values)
        if not re.sub(r"<aside.*?</aside>", "", content, flags=re.DOTALL).strip():
            raise SlidesError(
                f"Cell {cell.id} is on a slide and shows nothing there; store its "
                "outputs, give it metadata `slide`, or take it off."
            )
        if not shown:
            book = tree.read()["title"]
            content = f'<p class="book">{html.escape(book)}</p>\n{content}'
        # The exporter makes the slides; what stands on them is ready.
        made = nbformat.v4.new_markdown_cell(content)
        made.metadata.slideshow = {"slide_type": kind}
        shown.append(made)
    if not shown:
        return ""
    title = re.search(r"^# (.*)", notebook.cells[0].source, re.MULTILINE)[1]
    exporter = SlidesExporter(
        template_file="slides.html.j2", extra_loaders=[_environment().loader]
    )
    resources = {"deck": {"title": title, "width": WIDTH, "height": HEIGHT}}
    page, _ = exporter.from_notebook_node(
        nbformat.v4.new_notebook(cells=shown), resources
    )
    return page


def _cell(cell: NotebookNode, number: int, values: Mapping[str, str]) -> str:
    """Return what a cell shows on a slide, as HTML."""
    instead = cell.metadata.get("slide", "")
    if cell.cell_type == "markdown":
        text = _markdown(instead or cell.source, values)
        if instead and cell.metadata.slideshow.slide_type != "notes":
            # What the slide is too small for, the speaker has before them.
            text += f'<aside class="notes">{_markdown(cell.source, values)}</aside>'
        return text
    parts = [_markdown(instead, values)]
    if cell.metadata.get("slide_input"):
        style = HtmlFormatter(nowrap=True)
        code = highlight(cell.source, PythonLexer(), style).rstrip()
        parts.append(f'<pre class="code"><code>{code}</code></pre>')
    for place, output in enumerate(cell.outputs):
        parts.append(_output(output, f"c{number}-{place}-", values))
    return "\n".join(part for part in parts if part)


def _output(output: NotebookNode, key: str, values: Mapping[str, str]) -> str:
    """Return an output as HTML."""
    if output.output_type == "stream":
        return _printed(output.text)
    data = output.get("data", {})
    if MIME in data:
        return _figure(data[MIME], key, values)
    if FIGURE_MIME in data:
        return ""
    if "text/html" in data:
        return _table(data["text/html"])
    if "text/markdown" in data:
        return _markdown(data["text/markdown"], values)
    return _printed(data.get("text/plain", ""))


def _printed(text: str) -> str:
    """Return printed lines, larger if they are few."""
    lines = text.rstrip().splitlines()
    short = len(lines) <= 7 and max(map(len, lines), default=0) <= 46
    shown = html.escape("\n".join(lines))
    name = "printed short" if short else "printed"
    return f'<pre class="{name}">{shown}</pre>' if lines else ""


def _figure(spec: Mapping[str, Any], key: str, values: Mapping[str, str]) -> str:
    """Return a chart with its caption, the finding first."""
    caption = spec["usermeta"]["figure"]["caption"]
    finding, *rest = _SENTENCE.split(caption, maxsplit=1)
    height = _CHART_HEIGHT
    sizes = (_FINDING, _REMARK)
    for text, (length, line) in zip([finding, *rest], sizes, strict=False):
        height -= math.ceil(len(text) / length) * line
    alt = html.escape(spec["description"], quote=True)
    texts = "".join(f"<p>{_inline(text, values)}</p>" for text in (finding, *rest))
    return (
        f'<figure><div class="chart" role="img" aria-label="{alt}">'
        f"{draw(spec, key, height)}</div><figcaption>{texts}</figcaption></figure>"
    )


def _table(page: str) -> str:
    """Return a table with as many rows as a room can read."""
    page = tables.tidy(page)
    page = re.sub(r"</?a\b[^>]*>|<style.*?</style>", "", page, flags=re.DOTALL)
    most = MAX_ROWS
    if 'class="ledger' in page:
        # The source and the reason are for readers: here, what is said and found.
        page = re.sub(r"<br><small>.*?</small>", "", page, flags=re.DOTALL)
        page = re.sub(r'(<td[^>]*"Verdict"><b>.*?</b>).*?(?=</td>)', r"\1", page)
        page = re.sub(r"<tr id=\"[^\"]*\">", "<tr>", page)
        most = MAX_CLAIMS
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    rows = re.findall(r"<tr\b.*?</tr>", body[1], re.DOTALL) if body else []
    if len(rows) <= most:
        return page
    kept = "\n".join(rows[: most - 1])
    more = f'<p class="more">… and {len(rows) - most + 1} more rows</p>'
    return page[: body.start(1)] + kept + page[body.end(1) :] + more


def _markdown(text: str, values: Mapping[str, str]) -> str:
    """Return Markdown, which may have the book's roles, as HTML."""
    return _parser().render(_untagged(plain(text, values)))


def _inline(text: str, values: Mapping[str, str]) -> str:
    return _parser().renderInline(_untagged(plain(text, values)))


def _untagged(text: str) -> str:
    return re.sub(r"\\tag\{[^}]*\}\s*", "", text)


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


def _index(pages: Mapping[str, str]) -> str:
    """Return the page that lists the decks."""
    titles = {
        name: html.unescape(re.search("<title>(.*?)</title>", page)[1])
        for name, page in pages.items()
    }
    template = _environment().get_template("slides_index.html.j2")
    return template.render(titles=titles, book=tree.read()["title"])


def _write_style(out: Path, pages: Iterable[str]) -> None:
    """Write the style of the decks with the formulas' font inside of it.

    A page that is opened from a folder may not load a font from a file.
    """
    font = _font(frozenset(mathfont.signs(pages)))
    code = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".code")
    values = {"font": font, "code": code, "width": WIDTH, "height": HEIGHT}
    for name in ("slides.css", "slides_paper.css"):
        style = _environment().get_template(f"{name}.j2").render(values)
        (out / name).write_text(style, encoding="utf-8")


@lru_cache(maxsize=4)
def _font(points: frozenset[int]) -> str:
    """Return the formulas' font as a data address holds it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "formulas.woff2")
        mathfont.write_font(path, set(points))
        return base64.b64encode(path.read_bytes()).decode("ascii")


def _write_reveal(folder: Path) -> None:
    """Copy what the decks need of reveal.js, with its licence."""
    folder.mkdir(exist_ok=True)
    package = distribution("sphinx-revealjs")
    for file in _FILES:
        source = Path(package.locate_file(f"{_REVEAL}/{file}"))
        (folder / source.name).write_bytes(source.read_bytes())
