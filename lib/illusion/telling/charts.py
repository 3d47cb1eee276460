"""How a chapter shows a chart: one theme, one palette, one call.

Importing this module turns on the book's Altair theme and renderer. A chapter
builds an ordinary Altair chart and hands it to :func:`show`, which stores the
Vega-Lite specification in the notebook. JupyterLab draws that specification
without a network; the site's build draws it as a numbered figure.

What is stored is the same for the same chart, on every machine and whichever
cells ran before: names that Altair makes up are numbered and data are rounded.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import altair as alt
from IPython.display import display

from illusion.telling import prose

__all__ = [
    "CATEGORIES",
    "FIGURE_MIME",
    "LICENCE",
    "LICENCE_COLOURS",
    "MAX_ROWS",
    "MIME",
    "PARTY",
    "PARTY_COLOURS",
    "WIDTH",
    "ChartError",
    "show",
]

MIME = "application/vnd.vegalite.v5+json"
"""What JupyterLab 4 draws by itself; it has no renderer for Vega-Lite 6."""

FIGURE_MIME = "application/vnd.illusion.figure+json"
"""Marks the caption that JupyterLab needs and the site's build drops."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
WIDTH = 680
"""Width of a chart in CSS pixels: the site's column on a laptop."""

MAX_ROWS = 5_000
SIGNIFICANT_DIGITS = 6

PARTY_COLOURS = {
    "paper": "#d1590a",
    "LMArena": "#3a7bd0",
    "others": "#48668e",
    "this book": "#009080",
}
LICENCE_COLOURS = {
    "proprietary": "#7d6bd6",
    "open-weight": "#b07d00",
    "open-source": "#c80078",
}
CATEGORIES = ["#573ffe", "#61a617", "#8b509c", "#c47ead", "#596c2e"]
"""Colours of whatever is neither a party nor a licence."""

PARTY = alt.Scale(domain=[*PARTY_COLOURS], range=[*PARTY_COLOURS.values()])
"""Colour scale for who says it: the paper, LMArena, others or this book."""

LICENCE = alt.Scale(domain=[*LICENCE_COLOURS], range=[*LICENCE_COLOURS.values()])
"""Colour scale for how a model is released."""

_COMPOSED = ("facet", "repeat", "concat", "hconcat", "vconcat")
_LABEL = re.compile(r"fig-[a-z0-9]+(-[a-z0-9]+)*")
_MADE_UP = re.compile(r"(param|view|concat|layer)_[0-9a-f]+(_\d+)?")
_TEXTS = {"datasets", "values", "usermeta", "description", "title"}


class ChartError(ValueError):
    """A chart that the book cannot show, with what to change."""


def _theme() -> alt.theme.ThemeConfig:
    # Text and lines are currentColor: one drawing serves a light and a dark page.
    ink = {f"{part}Color": "currentColor" for part in ("label", "title")}
    text = {"labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": 600}
    # Altair's type wants every colour and option written out in place.
    return {  # pyright: ignore[reportReturnType]
        "config": {
            "background": "transparent",
            "font": "Arial, Helvetica, sans-serif",
            "view": {
                "stroke": None,
                "continuousWidth": 600,
                "continuousHeight": 300,
                "discreteWidth": 600,
            },
            "axis": ink
            | text
            | {
                "domainColor": "currentColor",
                "domainOpacity": 0.5,
                "tickColor": "currentColor",
                "tickOpacity": 0.5,
                "gridColor": "currentColor",
                "gridOpacity": 0.13,
                "labelLimit": 220,
                "labelOverlap": True,
                "titlePadding": 10,
            },
            "legend": ink | text | {"orient": "top", "columnPadding": 18},
            "header": ink | text,
            "title": {
                "color": "currentColor",
                "subtitleColor": "currentColor",
                "fontSize": 15,
                "anchor": "start",
            },
            "mark": {"color": PARTY_COLOURS["this book"]},
            "text": {"color": "currentColor", "fontSize": 13},
            "rule": {"color": "currentColor"},
            "errorbar": {"rule": {"color": PARTY_COLOURS["this book"]}},
            "line": {"strokeWidth": 2},
            "point": {"filled": True, "size": 60, "opacity": 1},
            "circle": {"size": 60},
            "range": {"category": CATEGORIES},
        }
    }


def show(
    chart: alt.TopLevelMixin, *, label: str, caption: str, description: str, source: str
) -> None:
    """Show a chart as one of the book's figures.

    Parameters
    ----------
    chart : altair.TopLevelMixin
        Any Altair chart. Its data are the aggregate it draws.
    label : str
        ``fig-...``, the name by which the text refers to the figure.
    caption : str
        The finding, in a sentence with its number. Inline Markdown; a comment that
        holds it against the run (:mod:`illusion.telling.prose`) is not shown.
    description : str
        What the chart shows, as its alternative text: one or two sentences.
    source : str
        Where the data come from. Inline Markdown.

    Raises
    ------
    ChartError
        If a text is missing, the label is malformed, or the chart carries
        more than `MAX_ROWS` rows.
    """
    texts = {"caption": caption, "description": description, "source": source}
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ChartError(
                f"The chart {label!r} has no {name}; give charts.show a sentence "
                f"as {name}=."
            )
        texts[name] = " ".join(prose.COMMENT.sub("", text).split())
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        raise ChartError(
            "A figure's label is 'fig-' and lower-case words joined by hyphens, "
            f"such as 'fig-win-rates'; got {label!r}."
        )
    spec = chart.to_dict() | {"description": texts.pop("description")}
    spec["usermeta"] = {"figure": {"label": label, **texts}}
    display(render(spec), raw=True)
    text = f"**Figure.** {texts['caption']} *Source: {texts['source']}*"
    marked = {FIGURE_MIME: {"label": label}, "text/markdown": text, "text/plain": text}
    display(marked, raw=True)


def render(chart: Mapping[str, Any], **_: Any) -> dict[str, Any]:
    """Turn a Vega-Lite specification into the output that is stored.

    This is the renderer registered with Altair; it also serves a chart that is
    a cell's last line.

    Parameters
    ----------
    chart : mapping
        The Vega-Lite specification.
    **_
        Options of Altair's that the book does not use.

    Returns
    -------
    dict of str to Any
        A MIME bundle: the specification under `MIME`, and a plain text.

    Raises
    ------
    ChartError
        If the chart has no description or more than `MAX_ROWS` rows.
    """
    description = str(chart.get("description") or "").strip()
    if not description:
        raise ChartError(
            "This chart has no description, which is its alternative text; show it "
            "with charts.show(..., description='...')."
        )
    rows = max((len(table) for table in _tables(chart)), default=0)
    if rows > MAX_ROWS:
        raise ChartError(
            f"This chart carries {rows:,} rows and a page has room for "
            f"{MAX_ROWS:,}; give it the aggregate it draws, not the rows behind it."
        )
    spec = _rename(chart)
    spec["$schema"] = SCHEMA
    if not is_single(spec):
        # Several views side by side, each as wide as one alone, are too wide.
        view = spec.get("config", {}).get("view", {})
        view.update(continuousWidth=WIDTH // 3, discreteWidth=WIDTH // 3)
    # JupyterLab draws on a canvas otherwise, where currentColor is black.
    options = {"embedOptions": {"renderer": "svg", "actions": False}}
    spec["usermeta"] = spec.get("usermeta", {}) | options
    # A plain copy with sorted keys: the same chart is the same text.
    spec = json.loads(json.dumps(spec, sort_keys=True), parse_float=_round)
    return {MIME: spec, "text/plain": f"Chart: {description}"}


def is_single(spec: Mapping[str, Any]) -> bool:
    """Tell whether a chart is one view, layered or not, rather than several.

    Parameters
    ----------
    spec : mapping
        A Vega-Lite specification.

    Returns
    -------
    bool
    """
    if any(key in spec for key in _COMPOSED):
        return False
    layers = [spec, *spec.get("layer", [])]
    return not any(
        {"row", "column", "facet"} & set(layer.get("encoding", {})) for layer in layers
    )


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every object of a chart, but not its texts and its rows."""
    if isinstance(node, Mapping):
        yield node
        for key, value in node.items():
            if key not in _TEXTS:
                yield from _nodes(value)
    elif isinstance(node, list):
        for item in node:
            yield from _nodes(item)


def _tables(spec: Mapping[str, Any]) -> list[list[Any]]:
    """Return every table of rows embedded in a chart."""
    inline = (node["data"] for node in _nodes(spec) if "values" in node.get("data", {}))
    tables = [*spec.get("datasets", {}).values(), *(data["values"] for data in inline)]
    return [table for table in tables if isinstance(table, list)]


def _rename(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the names that Altair makes up by numbers, in order of appearance.

    Altair derives them from a hash of the chart, last digits and all, and
    older versions from a count of the charts drawn before.
    """
    found = (node.get("name") for node in _nodes(spec))
    made_up = [name for name in found if _MADE_UP.fullmatch(str(name))]
    made_up += spec.get("datasets", {})
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    for name in dict.fromkeys(made_up):
        # Vega calls its own tables data_0, data_1, ...
        stem = re.split("[_-]", name)[0].replace("data", "table")
        counts[stem] = counts.get(stem, 0) + 1
        names[name] = f"{stem}_{counts[stem]}"
    if not names:
        return dict(spec)
    # Such names stand in no text and in no row: all of the chart can be searched.
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return json.loads(pattern.sub(lambda match: names[match[0]], json.dumps(spec)))


def _round(text: str) -> float:
    """Round a number, so that another machine's last digits change nothing."""
    number = float(text)
    if number.is_integer():
        return number
    # In two steps: a number midway between two, as a mean of rounded ones may be,
    # would be rounded up or down by its last digits.
    return float(f"{float(f'{number:.12g}'):.{SIGNIFICANT_DIGITS}g}")


# Altair's own refusal suggests ways out that a page does not have; ours is in
# render.
alt.data_transformers.disable_max_rows()
alt.theme.register("book", enable=True)(_theme)
alt.renderers.register("book", render)
alt.renderers.enable("book")
