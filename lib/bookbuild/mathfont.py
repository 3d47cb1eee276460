"""The font of the formulas, cut down to what the book uses.

A formula needs a font that can stretch a bracket, and few phones have one. The
package ziamath ships STIX Two Math (SIL Open Font License 1.1); the build keeps
the signs that occur in the pages and writes them beside the book's style.
"""

import html
import io
import re
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from fontTools import subset
from sphinx.application import Sphinx

__all__ = ["font", "setup", "signs"]

SOURCE = "ziamath/fonts/STIXTwoMath-Regular.ttf"
FONT = "fonts/stix-two-math.woff2"
# Browsers draw a lone letter with the slanted sign of the same letter.
_SLANTED = {*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C)} - {0x1D455}


def signs(pages: Iterable[str]) -> set[int]:
    """Return the code points that the formulas of some HTML pages need."""
    found = set(map(ord, " 0123456789")) | _SLANTED
    for page in pages:
        for formula in re.findall(r"<math\b.*?</math>", page, re.DOTALL):
            shown = re.sub(r"<annotation\b.*?</annotation>", "", formula, flags=re.S)
            text = html.unescape(re.sub(r"<[^>]*>", "", shown))
            found |= set(map(ord, text))
            # The sign of a root is no character of the formula.
            if re.search(r"<m(?:sqrt|root)\b", shown):
                found.add(ord("√"))
    return found


def font(points: Iterable[int]) -> bytes:
    """Return the part of STIX Two Math that draws some signs, at every size.

    Parameters
    ----------
    points
        The signs' code points.

    Returns
    -------
    bytes
        A WOFF2 file.
    """
    options = subset.Options(flavor="woff2", notdef_outline=True, name_IDs=["*"])
    source = distribution("ziamath").locate_file(SOURCE)
    whole = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=points)
    cutter.subset(whole)
    file = io.BytesIO()
    subset.save_font(whole, file, options)
    return file.getvalue()


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        out = Path(app.outdir)
        pages = (page.read_text(encoding="utf-8") for page in out.rglob("*.html"))
        path = out / "_static" / FONT
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(font(signs(pages)))


def setup(app: Sphinx) -> None:
    """Write the font once the pages are there."""
    app.connect("build-finished", _finish)
