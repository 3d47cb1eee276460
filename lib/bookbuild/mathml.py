r"""Formulas as MathML, made by the build.

Browsers draw MathML by themselves, so a page with formulas needs no script, and
a screen reader can read them. latex2mathml does the translation; what it gets
wrong for the browsers' MathML Core is put right here. The TeX source stays in
the page as an annotation, for who copies a formula.
"""

import html
import re
import unicodedata
from typing import Any
from xml.etree import ElementTree as ET

from docutils import nodes
from latex2mathml.converter import convert_to_element
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

__all__ = ["MathError", "setup", "to_mathml"]

logger = logging.getLogger(__name__)

# TeX sets these with their limits below, and with a space before an argument.
_LIMITS = {"max", "min", "sup", "inf", "lim", "arg\u2009max", "arg\u2009min"}
_FUNCTIONS = _LIMITS | {"log", "ln", "exp", "sin", "cos", "tan", "det", "dim", "Pr"}
_ACCENTS = {"^": "ˆ", "~": "˜", "¯": "¯", "˙": "˙", "→": "→", "\u20d7": "→"}
_ENVIRONMENTS = re.compile(r"\\(begin|end)\{(?:aligned|split|align|gathered)\*?\}")
_STYLES = {"script": "SCRIPT", "double-struck": "DOUBLE-STRUCK", "fraktur": "FRAKTUR"}


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

    Raises
    ------
    MathError
        If the formula has a command that is not known.
    """
    bare = re.sub(r"\\[\\{}]", "", tex)
    if bare.count("{") != bare.count("}"):
        raise MathError(f"The formula {tex!r} has braces that do not match.")
    source = _ENVIRONMENTS.sub(r"\\\1{align*}", tex.strip())
    source = re.sub(r"\\arg\s*\\(max|min)", r"\\operatorname{arg \1}", source)
    try:
        math = convert_to_element(source, display="block" if display else "inline")
    except Exception as error:
        raise MathError(
            f"The formula {tex!r} cannot be read ({type(error).__name__}: {error}); "
            "look for an unmatched brace or \\left."
        ) from error
    for element in math.iter():
        # latex2mathml leaves entities as text.
        element.text = element.text and html.unescape(element.text)
    unknown = [e.text for e in math.iter() if (e.text or "").startswith("\\")]
    if unknown:
        raise MathError(
            f"The formula {tex!r} has {unknown[0]}, which latex2mathml does not know; "
            "write it with commands that it knows."
        )
    _repair(math, display)
    row = list(math)
    for child in row:
        math.remove(child)
    semantics = ET.SubElement(math, "semantics")
    semantics.extend(row)
    annotation = ET.SubElement(semantics, "annotation", encoding="application/x-tex")
    annotation.text = tex.strip()
    math.attrib.pop("xmlns", None)
    return ET.tostring(math, encoding="unicode")


def _repair(element: ET.Element, display: bool) -> None:
    """Put right what MathML Core draws otherwise than TeX, in place."""
    for child in element:
        _repair(child, display)
    text = (element.text or "").strip()
    if element.tag == "mo" and (text in _FUNCTIONS or re.fullmatch("[A-Za-z ]+", text)):
        # An operator's wide spaces are for signs, not for names.
        element.tag = "mi"
        element.attrib.clear()
        element.text = text = re.sub("^arg ?(?=m)", "arg\u2009", text)
    if element.tag == "mtd":
        # MathML Core aligns a cell by CSS; its columnalign is gone.
        align = element.attrib.pop("columnalign", None)
        if align:
            element.set("style", f"text-align: {align}")
    style = _STYLES.get(element.get("mathvariant", ""))
    if style and len(text) == 1:
        del element.attrib["mathvariant"]
        element.text = _styled(text, style)
    if element.tag in ("msub", "munder") and display and len(element):
        if (element[0].text or "").strip() in _LIMITS:
            element.tag = "munder"
    if element.tag in ("mtable", "mspace"):
        for name in ("rowspacing", "columnspacing", "linebreak"):
            element.attrib.pop(name, None)
    if element.tag == "mtable" and element.get("displaystyle"):
        element.set("class", "aligned")
    if element.tag == "mover" and len(element) == 2:
        accent = element[1]
        mark = _ACCENTS.get((accent.text or "").strip())
        if accent.tag == "mo" and mark:
            element.set("accent", "true")
            accent.text = mark
            wide = len(element[0]) > 1
            accent.set("stretchy", "true" if wide or mark == "¯" else "false")
    _space_functions(element)


def _space_functions(row: ET.Element) -> None:
    """Put TeX's thin space between a function's name and its neighbours."""
    if row.tag not in ("mrow", "math", "mtd", "mstyle"):
        return
    children = list(row)
    row[:] = []
    for i, child in enumerate(children):
        row.append(child)
        after = children[i + 1] if i + 1 < len(children) else None
        if after is None or "mo" in (child.tag, after.tag):
            continue
        if (len(after) and after[0].get("fence")) and _is_function(child):
            continue
        if _is_function(child) or _is_function(after):
            row.append(ET.Element("mspace", width="0.167em"))


def _is_function(element: ET.Element) -> bool:
    """Tell whether an element is a function's name, with or without limits."""
    base = element[0] if element.tag in ("msub", "munder", "msup") else element
    return base.tag == "mi" and (base.text or "").strip() in _FUNCTIONS


def _styled(letter: str, style: str) -> str:
    """Return the letter of a Unicode mathematical alphabet."""
    case = "CAPITAL" if letter.isupper() else "SMALL"
    for name in (
        f"MATHEMATICAL {style} {case} {letter.upper()}",
        f"{style} {case} {letter.upper()}",
    ):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return letter


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
