"""The views of a chart, and the two sizes in which a page has it.

How wide a view must be, so that the chart fits, is found by drawing it
(:mod:`bookbuild.drawing`). A page that runs a chapter itself gives a chart the widths
that the printed one was given; nothing here draws.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from illusion.telling.charts import is_single

__all__ = ["live_data", "narrowed", "resized", "views"]

NARROW_LABEL = 130
"""Room for an axis' label on a phone, in CSS pixels."""

_UNPRINTED = {"wide": 600, "narrow": 270}
# Vega complains of a schema that is not its own version's; it needs none.
_NOT_TWICE = ("datasets", "$schema", "description", "usermeta")
Spec = dict[str, Any]


def views(spec: Spec) -> Iterator[Spec]:
    """Yield the views that have a width: not facets or concatenations."""
    for key in ("hconcat", "vconcat", "concat"):
        if key in spec:
            for child in spec[key]:
                yield from views(child)
            return
    # A facet or a repeat wraps one view; row and column channels do not.
    yield spec["spec"] if "spec" in spec else spec


def narrowed(spec: Spec) -> Spec:
    """Return a copy for a phone: panels one below the other, and short labels."""
    spec = copy.deepcopy(spec)
    if not is_single(spec):
        _stack(spec)
    config = spec.setdefault("config", {})
    config["axis"] = {**config.get("axis", {}), "labelLimit": NARROW_LABEL}
    return spec


def live_data(spec: Spec, sizes: Mapping[str, Spec]) -> dict[str, Any]:
    """Return what a page keeps of a chart, for the script that makes it live.

    Parameters
    ----------
    spec
        As stored.
    sizes
        The same, by ``"wide"`` and ``"narrow"``, with the widths of their views.

    Returns
    -------
    dict
        What the two sizes share, and each of them.
    """
    shared = {"datasets": spec["datasets"]} if "datasets" in spec else {}
    own = {
        name: {k: v for k, v in sized.items() if k not in _NOT_TWICE}
        for name, sized in sizes.items()
    }
    return {"shared": shared, **own}


def resized(spec: Spec, printed: str | None) -> dict[str, Any]:
    """Return a chart as a page keeps it, with the widths of one that it has printed.

    Parameters
    ----------
    spec
        As :func:`illusion.telling.charts.show` stores it.
    printed
        What the page keeps of the printed chart, as JSON; without one, widths are
        what most charts have.

    Returns
    -------
    dict
        As of :func:`live_data`.
    """
    known = json.loads(printed) if printed else {}
    sizes = {"wide": copy.deepcopy(spec), "narrow": narrowed(spec)}
    for name, sized in sizes.items():
        like = known.get(name, {})
        widths = [view.get("width", _UNPRINTED[name]) for view in views(like)]
        config = sized.setdefault("config", {})
        if "columns" in like.get("config", {}).get("legend", {}):
            legend = config.get("legend", {})
            columns = like["config"]["legend"]["columns"]
            config["legend"] = {**legend, "columns": columns}
        for place, view in enumerate(views(sized)):
            # A panel more than before is as wide as the last.
            view.setdefault("width", widths[min(place, len(widths) - 1)])
    return live_data(spec, sizes)


def _stack(spec: Spec) -> None:
    """Put panels that stand side by side one below the other, in place."""
    for key in ("hconcat", "concat"):
        if key in spec:
            spec["vconcat"] = spec.pop(key)
            spec.pop("columns", None)
    for child in spec.get("vconcat", []):
        _stack(child)
    if "facet" in spec:
        facet = spec["facet"]
        if "column" in facet and "row" not in facet:
            spec["facet"] = {"row": facet["column"]}
        elif "field" in facet:
            spec["columns"] = 1
    if isinstance(spec.get("repeat"), list):
        spec["columns"] = 1
    for layer in (spec, *spec.get("layer", [])):
        encoding = layer.get("encoding", {})
        if "facet" in encoding:
            encoding["facet"]["columns"] = 1
        elif "column" in encoding and "row" not in encoding:
            encoding["facet"] = {**encoding.pop("column"), "columns": 1}
