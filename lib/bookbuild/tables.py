"""The HTML that notebooks have stored, tidied, and the ledger as a file."""

import datetime as dt
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from bookbuild import tree
from bookbuild.tidying import tidy
from illusion import ledger

__all__ = ["LEDGER", "setup"]

LEDGER = "ledger.csv"
"""File of the site, beside its chapters, that has all claims."""


class _TidyOutputs(SphinxPostTransform):
    """Tidy the outputs that the page shows, once myst-nb has chosen them."""

    default_priority = 100
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        for node in self.document.findall(nodes.raw):
            if "html" in node["format"].split():
                tidied = tidy(node.astext())
                node[:] = [nodes.Text(tidied)]
                node.rawsource = tidied


def _write_ledger(app: Sphinx, error: Exception | None) -> None:
    """Write all claims, with what was found of them, as a table."""
    pages = Path(app.outdir, tree.CHAPTERS)
    if error is not None or app.builder.format != "html" or not pages.exists():
        return
    judged, numbers = ledger.evaluate(), ["value", "ours", "other"]
    for number in numbers:
        days = judged.loc[judged["unit"] == "date", number].dropna()
        judged[number] = judged[number].astype(object)
        judged.loc[days.index, number] = [dt.date.fromordinal(int(d)) for d in days]
    judged.to_csv(pages / LEDGER)


def setup(app: Sphinx) -> None:
    """Tidy the pages' raw HTML."""
    app.add_post_transform(_TidyOutputs)
    app.connect("build-finished", _write_ledger)
