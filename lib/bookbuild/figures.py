"""Charts of the notebooks as numbered figures of the site.

A myst-nb renderer turns a stored chart into a Sphinx figure with a caption and
a label. The picture is static SVG, so a page needs no script to show it; the
chart's specification stays in the page for the script that makes it live.
"""

import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from bookbuild import drawing, panels
from illusion.telling.charts import FIGURE_MIME, MIME, WIDTH

__all__ = ["VegaLiteRenderer", "chart", "chart_html", "setup"]

logger = logging.getLogger(__name__)
BUNDLE = "live/vega.js"
# Vega rounds the width of text, so a drawing may miss its width by a little.
_TOLERANCE = 1.03


class chart(nodes.General, nodes.Element):  # noqa: N801 - docutils' own style
    """A chart in a document: its specification and a key unique to the page."""


class VegaLiteRenderer:
    """Render the output of ``illusion.telling.charts.show`` in a Sphinx build."""

    mime_priority_overrides = (("*", MIME, 1), ("*", FIGURE_MIME, 1))

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list | None:
        """Return the nodes of a chart, or nothing for its notebook caption."""
        if inline or data.mime_type not in (MIME, FIGURE_MIME):
            return None
        if data.mime_type == FIGURE_MIME:
            # An empty node rather than none: it wins over the Markdown caption.
            return [nodes.raw("", "", format="html")]
        spec = dict(data.content)
        figure = spec.pop("usermeta", {}).get("figure")
        node = chart(spec=spec, key=f"c{data.cell_index}-{data.output_index}")
        if figure is None:
            logger.warning(
                "A chart has no caption; show it with charts.show(...).",
                location=(renderer.source, data.line),
                type="illusion",
                subtype="caption",
            )
            return [node]
        return [_figure(renderer.renderer, node, figure, data.line or 0)]


def _figure(markdown: Any, node: chart, texts: dict, line: int) -> nodes.figure:
    """Build the numbered figure around a chart and register its label."""
    caption, source = nodes.caption(), nodes.paragraph("", "Source: ")
    for parent, key in ((caption, "caption"), (source, "source")):
        with markdown.current_node_context(parent):
            markdown.nested_render_text(texts[key], line, inline=True)
    figure = nodes.figure("", node, caption, nodes.legend("", source))
    figure["classes"].append("chart-figure")
    figure["names"].append(texts["label"])
    markdown.document.note_explicit_target(figure, figure)
    return figure


def chart_html(spec: dict, key: str) -> str:
    """Return a chart as HTML: both drawings, and the data of the live view.

    Parameters
    ----------
    spec
        The stored specification.
    key
        Unique on the page; the drawings' ids begin with it.
    """
    pictures, sizes = [], {}
    scrolls = False
    for name, width in (("wide", WIDTH), ("narrow", drawing.NARROW)):
        sized = drawing.sized(spec, width)
        svg = drawing.to_svg(json.dumps(sized, sort_keys=True))
        scrolls = scrolls or drawing.svg_size(svg)[0] > width * _TOLERANCE
        svg = drawing.clean_svg(svg, f"{key}-{name[0]}-")
        pictures.append(f'<div class="chart-static chart-{name}">{svg}</div>')
        sizes[name] = sized
    live = panels.live_data(spec, sizes)
    data = json.dumps(live, separators=(",", ":"), ensure_ascii=False)
    # A script element ends at the first "</script", wherever it stands.
    data = data.replace("<", "\\u003c")
    alt = html.escape(spec["description"])
    box = ' tabindex="0" role="group" aria-label="Chart, scrolls sideways"'
    return (
        f'<div class="chart{" chart-scrolls" if scrolls else ""}">'
        f'<div class="chart-frame"{box if scrolls else ""}>'
        f'<div class="chart-picture" role="img" aria-label="{alt}">'
        f"{''.join(pictures)}</div></div>"
        f'<script type="application/json" class="chart-data">{data}</script>'
        "</div>\n"
    )


def _mark(key: str) -> str:
    return f"<!--chart {key}-->"


def _visit_html(self: Any, node: chart) -> None:
    self.body.append(_mark(node["key"]))
    raise nodes.SkipNode


def _draw(
    app: Sphinx, name: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Put the charts into their page, after those who read all of its elements."""
    for node in doctree.findall(chart) if doctree else ():
        drawn = chart_html(node["spec"], node["key"])
        context["body"] = context["body"].replace(_mark(node["key"]), drawn)


def _write_bundle(app: Sphinx, error: Exception | None) -> None:
    """Write Vega, once, where no page links it; the live view asks for it."""
    if error is None and app.builder.format == "html":
        path = Path(app.outdir, "_static", BUNDLE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawing.bundle(), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register the chart node and the bundle of the live view."""
    app.add_node(chart, html=(_visit_html, None))
    app.connect("html-page-context", _draw, priority=900)
    app.connect("build-finished", _write_bundle)
