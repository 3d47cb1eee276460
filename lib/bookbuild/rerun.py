"""A line under every page's title: how long it takes, and how to rerun it."""

from docutils import nodes
from sphinx.application import Sphinx

from illusion import data
from illusion.telling import course

__all__ = ["line", "setup"]


def line(name: str, *, runs: bool) -> list[tuple[str, bool]]:
    """Return what a page says of itself, in parts; whether each is code.

    Parameters
    ----------
    name
        Of the page's file, without its ending.
    runs
        Whether it is a notebook.
    """
    minutes = max(1, round(course.reading(name).minutes))
    read = f"{minutes} minute{'s' * (minutes > 1)} to read"
    if not runs:
        return [(f"{read}; nothing to run.", False)]
    seconds = max(1, round(course.running(name) or 0))
    return [
        (f"{read}, {seconds} second{'s' * (seconds > 1)} to run. To rerun it: ", False),
        (f"jupyter lab chapters/{name}.ipynb", True),
    ]


def _add(app: Sphinx, doctree: nodes.document) -> None:
    title = next(doctree.findall(nodes.title), None)
    folder, _, name = app.env.docname.rpartition("/")
    if title is None or folder != "chapters":
        return
    # A page is read again when the times have been measured again.
    app.env.note_dependency(str(data.ROOT / "run_times.csv"))
    runs = app.env.doc2path(app.env.docname).endswith(".ipynb")
    paragraph = nodes.paragraph(classes=["rerun"])
    for text, code in line(name, runs=runs):
        paragraph += nodes.literal(text, text) if code else nodes.Text(text)
    title.parent.insert(title.parent.index(title) + 1, paragraph)


def setup(app: Sphinx) -> None:
    """Add the line as soon as a page is read."""
    app.connect("doctree-read", _add)
