r"""Formulas as MathML, made by the build.

Browsers draw MathML by themselves, so a page with formulas needs no script, and
a screen reader can read them. The TeX source stays in the page as an annotation
for readers who copy a formula.
"""

import re
from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

__all__ = ["MathError", "setup", "to_mathml"]

logger = logging.getLogger(__name__)

_CONVERTER = LatexToMathML(annotation=True, fancy_error=False)
# Sphinx numbers an equation, so its environment must not.
_NUMBERED = re.compile(r"\\(begin|end)\{(align|gather)\*?\}")


class MathError(ValueError):
    """A formula that cannot be turned into MathML, with what to change."""


def to_mathml(tex: str, *, display: bool = False) -> str:
    r"""Translate TeX into MathML that the browsers draw.

    Parameters
    ----------
    tex
        A formula, without its dollars.
    display
        Whether it stands on a line of its own.

    Returns
    -------
    str
        A ``math`` element, with the TeX as an annotation.

    Raises
    ------
    MathError
        If the formula has a command that is not known, or its braces do not match.
    """
    source = _NUMBERED.sub(r"\\\1{\2ed}", tex.strip())
    try:
        math = _CONVERTER.convert_with_local_state(source, displaystyle=display)
    except LatexError as error:
        place, _, fault = str(error).partition(": ")
        raise MathError(
            f"The formula {tex!r} cannot be read at character {place}: {fault}"
        ) from error
    # Chromium cuts a brace off that is an accent, and draws it too large.
    return math.replace(' accentunder="true"', "")


def _write(self: Any, node: nodes.Element, display: bool) -> str:
    try:
        return to_mathml(node.astext(), display=display)
    except MathError as error:
        logger.warning(str(error), location=node, type="illusion", subtype="math")
        return f"<code>{self.encode(node.astext())}</code>"


def _visit_inline(self: Any, node: nodes.math) -> None:
    self.body.append(_write(self, node, display=False))
    raise nodes.SkipNode


def _visit_display(self: Any, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="formula"))
    self.body.append('<div class="formula-box">')
    self.body.append(_write(self, node, display=True))
    self.body.append("</div>")
    if node["number"]:
        self.body.append(
            f'<span class="formula-number">({get_node_equation_number(self, node)})'
        )
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register the renderer; ``html_math_renderer: mathml`` chooses it."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_display, None))
