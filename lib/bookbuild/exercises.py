"""Solutions that open and close without a script.

sphinx-exercise writes a solution as an open box, and relies on a script to
hide it. Here a solution is the browser's own ``details`` element.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_exercise.nodes import (
    depart_solution_node,
    solution_node,
    visit_solution_node,
)

__all__ = ["setup"]


def _visit_html(self: Any, node: nodes.Element) -> None:
    title = next(
        (child for child in node.children if isinstance(child, nodes.title)), None
    )
    text = "Solution"
    if title is not None:
        # Plain text: a link inside a summary could not be followed by keyboard.
        # And without the exercise's own title, which stands above.
        text = re.sub(r" \(.*\)$", "", title.astext())
        node.remove(title)
    self.body.append(self.starttag(node, "details", CLASS="solution"))
    self.body.append(f"<summary>{self.encode(text)}</summary>\n")


def _depart_html(self: Any, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    """Replace the HTML of sphinx-exercise's solutions; it must be loaded first."""
    app.setup_extension("sphinx_exercise")
    app.add_node(
        solution_node,
        override=True,
        html=(_visit_html, _depart_html),
        latex=(visit_solution_node, depart_solution_node),
        text=(visit_solution_node, depart_solution_node),
    )
