"""HTML that notebooks have stored, made fit for the book's pages.

pandas writes tables for a notebook: with a style sheet inside of the text, headings
that head nothing, and no way to scroll on a phone.
"""

import datetime as dt
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EntitySubstitution
from bs4.formatter import HTMLFormatter
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from bookbuild import tree
from illusion import ledger

__all__ = ["LEDGER", "setup", "tidy"]

LEDGER = "ledger.csv"
"""File of the site, beside its chapters, that has all claims."""

# HTML and not XML: <br>, as notebooks have it.
_HTML = HTMLFormatter(EntitySubstitution.substitute_xml, void_element_close_prefix="")


def tidy(html: str) -> str:
    """Return stored HTML with its tables put right and its links for the site."""
    if not any(mark in html for mark in ("<style", "dataframe", ".ipynb#")):
        return html
    part = BeautifulSoup(html, "html.parser")
    for style in part("style"):
        style.decompose()
    for link in part.select('a[href*=".ipynb#"]'):
        # As JupyterLab follows it; on the site the cell is on a page.
        link["href"] = str(link["href"]).replace(".ipynb#", ".html#")
    for table in part.select("table.dataframe"):
        _tidy_table(table)
        table.wrap(part.new_tag("div", attrs={"class": "table-box"}))
    return part.decode(formatter=_HTML)


def _tidy_table(table: Tag) -> None:
    """Mark up what is a heading, and nothing else, as one."""
    table.attrs.pop("border", None)
    heads = table.select("thead tr")
    texts = [[cell.get_text(strip=True) for cell in row("th")] for row in heads]
    if len(heads) == 2 and not any(texts[1][1:]) and not texts[0][0]:
        # The second row has only the name of the rows.
        heads[0]("th")[0].replace_with(heads[1]("th")[0])
        heads[1].decompose()
    for cell in table("th"):
        if not cell.contents:
            cell.name = "td"
        elif cell.find_parent("tbody") and not cell.attrs:
            cell["scope"] = "row"


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
