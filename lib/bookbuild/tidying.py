"""HTML that notebooks have stored, made fit for the book's pages.

pandas writes tables for a notebook: with a style sheet inside of the text, headings
that head nothing, and no way to scroll on a phone. The build tidies them, and so does
the page that runs a chapter itself, so nothing here needs Sphinx.
"""

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EntitySubstitution
from bs4.formatter import HTMLFormatter

__all__ = ["tidy"]

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
