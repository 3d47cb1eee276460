"""Exercises and solutions that can be told apart and opened without a script.

sphinx-exercise writes a solution as an open box, and relies on a script to
hide it. Here a solution is the browser's own ``details`` element.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node
from sphinx_exercise.utils import get_node_number

__all__ = ["setup"]

_LEVEL = re.compile(r"(?P<text>.* )\((?P<level>\w+)\)", re.DOTALL)


def _inline(text: str, name: str) -> nodes.inline:
    return nodes.inline(text, text, classes=[name])


class _Titles(SphinxPostTransform):
    """Write titles once sphinx-exercise, at 20 to 22, has put them together."""

    default_priority = 30
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        for node in self.document.findall(exercise_enumerable_node):
            number = get_node_number(self.app, node, "exercise")
            title = nodes.paragraph(classes=["admonition-title"])
            title += _inline(f"Exercise {number}.", "caption-number")
            title += nodes.Text(" ")
            # " (", what the exercise is called with its level in brackets, and ")".
            *parts, last = node[0].children[1:-1] or [nodes.Text("")]
            title += parts
            if named := _LEVEL.fullmatch(last.astext()):
                title += nodes.Text(named["text"])
                title += _inline(named["level"], "exercise-level")
            else:
                title += last
            node[0] = title
        for node in self.document.findall(nodes.Element):
            # Every exercise has the same id otherwise.
            if node["ids"] in (["exercise-content"], ["solution-content"]):
                node["ids"] = []


def _visit_html(self: Any, node: nodes.Element) -> None:
    # Plain text: a link inside a summary could not be followed by keyboard.
    # And without the exercise's own title, which stands above.
    title = node.next_node(nodes.title)
    assert title is not None, "sphinx-exercise gives every solution a title"
    text = re.sub(r" \(.*\)$", "", title.astext())
    node.remove(title)
    self.body.append(self.starttag(node, "details", CLASS="solution"))
    self.body.append(f"<summary>{self.encode(text)}</summary>\n")


def _depart_html(self: Any, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    """Replace the HTML of sphinx-exercise's solutions; it must be loaded first."""
    app.setup_extension("sphinx_exercise")
    app.add_node(solution_node, override=True, html=(_visit_html, _depart_html))
    app.add_post_transform(_Titles)
