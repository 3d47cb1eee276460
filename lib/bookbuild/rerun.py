"""A line under every page's title: how long it takes, and how to rerun it."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from bookbuild import reading, tree

__all__ = ["line", "setup"]


def line(path: Path) -> list[tuple[str, bool]]:
    """Return what a page says of itself, in parts; whether each is code.

    Parameters
    ----------
    path
        Of the page's source.
    """
    minutes = max(1, round(reading.reading(path).minutes))
    text = f"{minutes} minute{'s' * (minutes > 1)} to read"
    if path.suffix != ".ipynb":
        return [(f"{text}; nothing to run.", False)]
    if runs := reading.running(path.stem, tree.ROOT):
        text += f", {runs} to run"
    command = f"jupyter lab {tree.CHAPTERS}/{path.name}"
    return [(f"{text}. To rerun it: ", False), (command, True)]


def _add(app: Sphinx, doctree: nodes.document) -> None:
    title = next(doctree.findall(nodes.title), None)
    if title is None or not app.env.docname.startswith(f"{tree.CHAPTERS}/"):
        return
    # A page is read again when the tests have timed the chapters again.
    if (timed := tree.ROOT / reading.RUNS).exists():
        app.env.note_dependency(str(timed))
    paragraph = nodes.paragraph(classes=["rerun"])
    for text, code in line(Path(app.env.doc2path(app.env.docname))):
        paragraph += nodes.literal(text, text) if code else nodes.Text(text)
    title.parent.insert(title.parent.index(title) + 1, paragraph)


def setup(app: Sphinx) -> None:
    """Add the line as soon as a page is read."""
    app.connect("doctree-read", _add)
