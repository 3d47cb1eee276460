"""Draw a chart's specification as static SVG, as wide as the page has room.

A chart is drawn twice: for the column of a laptop and for a phone. Vega-Lite
sets the width of a view without its axes, and cannot fit several views at all,
so the width of a view is found by drawing: the total is linear in it.
"""

import copy
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

import vl_convert

from bookbuild import panels, tree

__all__ = [
    "CACHE",
    "NARROW",
    "VL_VERSION",
    "bundle",
    "clean_svg",
    "sized",
    "svg_size",
    "to_svg",
]

VL_VERSION = "6.4"
"""Drawn with Altair's own version; JupyterLab draws the same charts with 5."""

CACHE = tree.ROOT / tree.BUILD / "charts"
"""Drawings that were made before; it may be removed at any time."""

NARROW = 350
"""Width of a chart on a phone: 390 CSS pixels less the page's margins."""

_MIN_VIEW = 120
Spec = dict[str, Any]


def sized(spec: Spec, width: int) -> Spec:
    """Return the chart at a given width, its panels stacked on a phone.

    Parameters
    ----------
    spec
        A stored Vega-Lite specification.
    width
        Total width in CSS pixels. At :data:`NARROW` or less, panels that stand
        side by side are put one below the other.

    Returns
    -------
    dict
        A copy; a chart whose views have widths of their own is returned at
        those, and may be wider.
    """
    narrow = width <= NARROW
    spec = panels.narrowed(spec) if narrow else copy.deepcopy(spec)
    config = spec.setdefault("config", {})
    views = [view for view in panels.views(spec) if "width" not in view]
    if not views:
        return spec

    def total(view_width: float) -> float:
        for view in views:
            view["width"] = max(_MIN_VIEW, int(view_width))
        return svg_size(to_svg(json.dumps(spec, sort_keys=True)))[0]

    # Measured far out, where the views, and not the legend, make the chart's width.
    far = width + 400
    wide = total(far)
    slope = (total(far + 100) - wide) / 100 or 1
    view_width = far - (wide - width) / slope
    for columns in (None, 3, 2, 1) if narrow else (None,):
        if columns:
            config["legend"] = {**config.get("legend", {}), "columns": columns}
        drawn = total(view_width)
        if drawn <= width + 2:
            break
    # What stands beside the views, such as a word at a point, need not be linear.
    if abs(total(view_width + (width - drawn) / slope) - width) > abs(drawn - width):
        total(view_width)
    return spec


@lru_cache(maxsize=512)
def to_svg(spec_json: str) -> str:
    """Draw a specification, given as JSON, as SVG, or take it from :data:`CACHE`."""

    def draw() -> str:
        return vl_convert.vegalite_to_svg(json.loads(spec_json), vl_version=VL_VERSION)

    return _kept(spec_json, "svg", draw)


def bundle() -> str:
    """Return Vega as a script, which makes charts live in a page."""
    # Its types ask for a snippet, which it does without.
    make = partial(vl_convert.javascript_bundle, vl_version=VL_VERSION)
    return _kept("", "js", make)  # pyright: ignore[reportArgumentType]


def _kept(source: str, kind: str, make: Callable[[], str]) -> str:
    """Make something of a source, or take it from :data:`CACHE`.

    It follows from the source and from vl-convert, which brings a font of its own, so
    it is kept on disk and made once for the site, slides and print.
    """
    made_by = f"{version('vl-convert-python')} {VL_VERSION}"
    digest = hashlib.sha256(f"{made_by}\n{source}".encode()).hexdigest()
    path = CACHE / f"{digest}.{kind}"
    with suppress(OSError):
        return path.read_text(encoding="utf-8")
    text = make()
    # Another process finds a whole file or none; where none can be written, each makes.
    with suppress(OSError):
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=CACHE, delete=False
        ) as file:
            file.write(text)
        os.replace(file.name, path)
    return text


def svg_size(svg: str) -> tuple[float, float]:
    """Return the width and height that Vega gives an SVG, in CSS pixels."""
    match = re.search(r'<svg[^>]*? width="([\d.]+)" height="([\d.]+)"', svg)
    if match is None:
        raise ValueError("The SVG has no size; Vega is expected to write one.")
    return float(match[1]), float(match[2])


def clean_svg(svg: str, prefix: str) -> str:
    """Make an SVG fit to stand inside a page.

    Parameters
    ----------
    svg
        As Vega writes it.
    prefix
        Put before every id, which must be unique on the page.

    Returns
    -------
    str
        The drawing without the names and roles of its parts, since the element
        around it has the chart's description, and without needless digits.
    """
    svg = re.sub(r'\s(?:role|aria-[a-z]+|xmlns(?::\w+)?|version)="[^"]*"', "", svg)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", svg)
    svg = re.sub(r'(?:xlink:)?href="#([^"]+)"', rf'href="#{prefix}\1"', svg)
    # Vega's own class names and invisible backgrounds serve its live view only.
    svg = re.sub(r'\sclass="[^"]*"', "", svg)
    svg = re.sub(
        r'<path d="[^"]*" (?:pointer-events="none" )?display="none"/>', "", svg
    )
    svg = re.sub(r'\spointer-events="none"', "", svg)
    svg = re.sub(r"(?<=[\d])\.(\d\d)\d+", r".\1", svg)
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
