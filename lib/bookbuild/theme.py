"""What the theme's pages get wrong, put right where Sphinx lets it be.

The templates beside this module stand before the theme's of the same names. They
and the visitors here make pages that ask no other host, pass the accessibility
checks, and need no script to be right.
"""

import re
from collections.abc import Iterable
from html import escape, unescape
from pathlib import Path
from textwrap import shorten
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import (
    HideCodeCellNode,
    depart_HideCellInput,
    visit_HideCellInput,
)
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.writers.html5 import HTML5Translator

__all__ = ["auto_theme", "link_repository", "linked", "setup"]

TEMPLATES = Path(__file__).parent / "templates"

PLACEHOLDER = "https://github.com/example/"
"""No page links a repository at an address that begins so."""


_LONG, _DESCRIPTION = 80, 200
"""Characters of a paragraph that says something, and of a page's description."""


def linked(repository: str) -> bool:
    """Whether the address of a repository is more than a placeholder."""
    return not repository.startswith(PLACEHOLDER)


def link_repository(app: Sphinx, config: Config) -> None:
    """Offer to edit a page and to open an issue, once there is a repository."""
    options = config.html_theme_options
    there = linked(options["repository_url"])
    options |= {"use_edit_page_button": there, "use_issues_button": there}


def _introduce(
    app: Sphinx, name: str, template: str, context: dict, tree: nodes.document | None
) -> None:
    """Say in a page's head what it is about, for search engines and previews."""
    paragraphs = tree.findall(nodes.paragraph) if tree else []
    texts = [
        "".join(
            part.astext()
            for part in paragraph.findall(nodes.Text)
            if not isinstance(part.parent, nodes.raw)
        ).removeprefix("The claim.")
        for paragraph in paragraphs
        if not isinstance(paragraph.parent, nodes.citation)
    ]
    about = next((text for text in texts if len(text) > _LONG), "")
    about = shorten(about, _DESCRIPTION, placeholder=" …")
    title = unescape(re.sub("<[^>]+>", "", context.get("title", "")))
    told = {"title": title, "description": about}
    told |= {"type": "article", "site_name": app.config.html_title}
    tags = [f'<meta name="description" content="{escape(about)}">'] if about else []
    tags += [
        f'<meta property="og:{key}" content="{escape(text)}">'
        for key, text in told.items()
        if text
    ]
    context["metatags"] = "\n".join([context.get("metatags", ""), *tags])


def _visit_citation(self: Any, node: nodes.citation) -> None:
    HTML5Translator.visit_citation(self, node)
    # The list that docutils puts it in may hold list items only.
    self.body[-1] = self.body[-1].replace("doc-biblioentry", "listitem")


def _visit_folded(self: Any, node: HideCodeCellNode) -> None:
    start = len(self.body)
    visit_HideCellInput(self, node)
    # Named as it reads.
    self.body[start:] = [
        re.sub("<summary [^>]*>", "<summary>", part) for part in self.body[start:]
    ]


def auto_theme(styles: Iterable[str]) -> str:
    """Return the theme's colours for pages whose script did not run.

    The theme has a script mark a page as light or dark. Without one the page
    says ``data-theme="auto"``, and these rules follow the device, or print light.
    """
    rules: dict[str, list[str]] = {"light": [], "dark": []}
    for style in styles:
        style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
        for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", style):
            for theme, found in rules.items():
                mark = re.compile(rf"""html\[data-theme=["']?{theme}["']?\]""")
                # At the commas outside of brackets.
                split = re.split(r",(?![^()]*\))", selectors)
                chosen = [s.strip() for s in split if mark.search(s)]
                if chosen:
                    chosen = [mark.sub("html[data-theme=auto]", s) for s in chosen]
                    found.append(f"{','.join(chosen)}{{{body.strip()}}}")
    light, dark = ("\n".join(rules[theme]) for theme in ("light", "dark"))
    return (
        f"@media print, (prefers-color-scheme: light){{\n{light}\n}}\n"
        f"@media screen and (prefers-color-scheme: dark){{\n{dark}\n}}\n"
    )


# Without a script the drawer cannot be opened: the contents follow the text.
_NO_DRAWER = """
.sidebar-toggle, .dropdown-toggle { display: none !important; }
.dropdown-menu {
  display: flex !important; position: static !important; transform: none !important;
}
@media (max-width: 991.98px) {
  .bd-container__inner { flex-direction: column; }
  .bd-main { order: -1; }
  #pst-primary-sidebar {
    display: flex !important; position: static; visibility: visible;
    margin: 0; width: 100%; max-width: none; max-height: none; flex: none;
    border-top: 1px solid var(--pst-color-border);
  }
}
"""


def _write_style(app: Sphinx, error: Exception | None) -> None:
    """Write the style of pages whose script did not run."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    sheets = ("styles/pydata-sphinx-theme", "styles/sphinx-book-theme")
    styles = [
        (static / f"{name}.css").read_text(encoding="utf-8")
        for name in (*sheets, "pygments", "book")
    ]
    text = auto_theme(styles) + _NO_DRAWER
    (static / "noscript.css").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Put the templates before the theme's, and replace what none can reach."""
    app.config.templates_path.insert(0, str(TEMPLATES))
    app.connect("config-inited", link_repository)
    app.connect("html-page-context", _introduce)
    depart = HTML5Translator.depart_citation
    app.add_node(nodes.citation, override=True, html=(_visit_citation, depart))
    folded = (_visit_folded, depart_HideCellInput)
    app.add_node(HideCodeCellNode, override=True, html=folded)
    app.connect("build-finished", _write_style)
