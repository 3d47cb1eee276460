"""What the build of the site needs; no chapter imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Set up the book's Sphinx extension."""
    # Here, as not all that needs a module of this package has Sphinx.
    from bookbuild import (
        exercises,
        figures,
        library,
        mathfont,
        mathml,
        reading,
        tables,
        theme,
    )

    for part in (exercises, figures, library, mathfont, mathml, reading, tables, theme):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
