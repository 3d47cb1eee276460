"""Pages about the library, and links to them from the code of the chapters."""

import re

from docutils import nodes
from sphinx.application import Sphinx

__all__ = ["setup"]

_CODE = re.compile(r'(<div class="highlight-\w+ .*?</pre></div>\s*</div>)', re.DOTALL)
_GAP = "\n<!--gap-->\n"


def _unwrap(app: Sphinx, doctree: nodes.document) -> None:
    """Make plain boxes of sphinx-exercise's sections, which have no title.

    sphinx-codeautolink takes every section for one with a title.
    """
    for section in list(doctree.findall(nodes.section)):
        if not isinstance(section.next_node(), nodes.title):
            section.replace_self(nodes.container("", *section.children))


def _part(app: Sphinx, name: str, template: str, context: dict, tree: object) -> None:
    """Leave a page's code alone, for sphinx-codeautolink parses all that is there."""
    parts = _CODE.split(context.get("body", ""))
    context["gaps"], context["body"] = parts[::2], _GAP.join(parts[1::2])


def _join(app: Sphinx, name: str, template: str, context: dict, tree: object) -> None:
    """Put the rest of the page back."""
    first, *gaps = context.pop("gaps")
    code = context["body"].split(_GAP) if gaps else []
    pairs = zip(code, gaps, strict=True)
    context["body"] = first + "".join(part for pair in pairs for part in pair)


def setup(app: Sphinx) -> None:
    """Load what makes the pages and the links."""
    # Before sphinx-codeautolink, which reads the document at the same event.
    app.connect("doctree-read", _unwrap, priority=100)
    app.connect("html-page-context", _part, priority=100)
    app.connect("html-page-context", _join, priority=800)
    for extension in ("sphinx.ext.autodoc", "numpydoc", "sphinx_codeautolink"):
        app.setup_extension(extension)
