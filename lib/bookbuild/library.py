"""Pages about the library, and links to them from the code of the chapters."""

from docutils import nodes
from sphinx.application import Sphinx

__all__ = ["setup"]


def _unwrap(app: Sphinx, doctree: nodes.document) -> None:
    """Make plain boxes of sphinx-exercise's sections, which have no title.

    sphinx-codeautolink takes every section for one with a title.
    """
    for section in list(doctree.findall(nodes.section)):
        if not isinstance(section.next_node(), nodes.title):
            section.replace_self(nodes.container("", *section.children))


def setup(app: Sphinx) -> None:
    """Load what makes the pages and the links."""
    # Before sphinx-codeautolink, which reads the document at the same event.
    app.connect("doctree-read", _unwrap, priority=100)
    for extension in ("sphinx.ext.autodoc", "numpydoc", "sphinx_codeautolink"):
        app.setup_extension(extension)
