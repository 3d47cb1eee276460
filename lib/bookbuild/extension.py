"""The book's Sphinx extension: what its site needs beyond Jupyter Book's own."""

from sphinx.application import Sphinx

from bookbuild import (
    commonmark,
    exercises,
    figures,
    library,
    live,
    mathfont,
    mathml,
    reading,
    tables,
    theme,
)

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Set up the book's Sphinx extension."""
    for part in (
        commonmark,
        exercises,
        figures,
        library,
        live,
        mathfont,
        mathml,
        reading,
        tables,
        theme,
    ):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
