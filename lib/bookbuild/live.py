"""A chapter that runs in its page: what the build adds for it.

With Pyodide's files in place (:mod:`bookbuild.runtime`), the site gets a folder
``_static/python`` with those files, a zip of the book's library, data and notebooks,
another of what they import, and for each chapter its cells; and each chapter gets a
button. A page asks for none of this before the button is pressed. Without the files the
site is what it was.
"""

import ast
import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from bookbuild import bytecode, runtime, student, tree
from bookbuild.commonmark import solved
from illusion import ledger

__all__ = ["about", "book", "packages", "prepare", "setup"]

FOLDER = "python"
"""Of the site's static files."""

SCRIPTS = Path(__file__).parent / "page"
"""What the page does then: not in ``_static``, whose scripts are on every page."""

_PURE = ("panels", "tidying", "inpage")
# What the library imports, and what that does: pure Python, from the build's own
# environment. Of numpy, pandas and scipy, Pyodide has its own builds.
_PACKAGES = (
    "altair", "attrs", "beautifulsoup4", "jinja2", "markdown-it-py", "markupsafe",
    "mdurl", "narwhals", "packaging", "soupsieve", "threadpoolctl", "tqdm",
    "typing-extensions",
)  # fmt: skip
# What only other uses of them need.
_LEFT_OUT = re.compile(
    r"^(?:altair/jupyter/js|jsonschema/(?:benchmarks|cli)|markdown_it/cli"
    r"|narwhals/(?:_arrow|_dask|_duckdb|_ibis|_polars|_spark_like|testing)"
    r"|tqdm/(?:contrib|keras|dask|rich))|/tests/|\.dist-info/sboms/"
)
_Members = Iterator[tuple[str, bytes]]


def packages(find: Callable[[str], Any] = distribution) -> _Members:
    """Yield the files of the packages that the library imports.

    Parameters
    ----------
    find
        Returns an installed package by its name.

    Yields
    ------
    (str, bytes)
        Path among the packages, and content.
    """
    for name in _PACKAGES:
        package = find(name)
        for file in package.files or ():
            content = Path(package.locate_file(file)).read_bytes
            yield from _needed(file.as_posix(), content)
    for wheel in runtime.wheels():
        with zipfile.ZipFile(wheel) as archive:
            for path in archive.namelist():
                yield from _needed(path, partial(archive.read, path))


def _needed(path: str, read: Callable[[], bytes]) -> _Members:
    """Yield a package's file if it is needed where nothing is installed."""
    if path.startswith("..") or re.search(_LEFT_OUT, path):
        return
    if path.endswith(".dist-info/METADATA"):
        # Packages ask one another for their versions, and for nothing else.
        yield path, b"\n".join(re.findall(rb"^(?:Metadata-V|V|Name).*", read(), re.M))
    elif path.startswith(("altair/", "narwhals/")) and path.endswith(".py"):
        yield path, _brief(read().decode())
    elif path.endswith((".py", ".json")) or "/schemas/" in path:
        yield path, read()


def _brief(source: str) -> bytes:
    """Return code with docstrings of one line: whole, they are most of it."""
    parsed = ast.parse(source)
    for node in ast.walk(parsed):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module):
            if text := ast.get_docstring(node):
                node.body[0] = ast.Expr(ast.Constant(text.partition("\n")[0]))
    return ast.unparse(ast.fix_missing_locations(parsed)).encode()


def _book(source: Path) -> _Members:
    """Yield the book's own files: those of the library, and the chapters' as built."""
    library = sorted((tree.ROOT / "lib" / "illusion").rglob("*.py"))
    parts = [tree.ROOT / "lib" / "bookbuild" / f"{n}.py" for n in ("__init__", *_PURE)]
    tables = sorted((tree.ROOT / "data").iterdir())
    for path in (*library, *parts, *tables):
        if path.is_file():
            yield path.relative_to(tree.ROOT).as_posix(), path.read_bytes()
    for path in sorted((source / tree.CHAPTERS / "quizzes").glob("*.toml")):
        yield f"{tree.CHAPTERS}/quizzes/{path.name}", path.read_bytes()
    for path in sorted((source / tree.CHAPTERS).glob("*.ipynb")):
        yield f"{tree.CHAPTERS}/{path.name}", json.dumps(_bare(path)).encode()


def _bare(path: Path) -> dict[str, Any]:
    """Return a notebook with no outputs but what it has settled of the ledger."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        kept = [out.get("data", {}) for out in cell.pop("outputs", [])]
        if settled := [data for data in kept if ledger.MIME in data]:
            cell["outputs"] = [
                {"output_type": "display_data", "data": {ledger.MIME: d[ledger.MIME]}}
                for d in settled
            ]
        known = ("cell_type", "id", "metadata", "source", "outputs")
        for key in set(cell) - set(known):
            del cell[key]
    return {"cells": notebook["cells"]}


def book(source: Path) -> bytes:
    """Return the zip of the book that a page unpacks beside Pyodide.

    Parameters
    ----------
    source
        The tree that is built, whose chapters those of the students' edition are.

    Returns
    -------
    bytes
        The same again for the same files.
    """
    return bytecode.archive(_book(source))


def prepare() -> list[Path]:
    """Compile what is imported in a page, for the builds to come.

    Returns
    -------
    list of Path
        The archives of compiled code.

    Raises
    ------
    NoBrowserError
        If there is no browser, by which the page's own Python does it.
    """
    imported = bytecode.archive(packages())
    return bytecode.prepare(
        [*runtime.archives(), imported],
        book(tree.ROOT),
        imported,
        runtime.FOLDER,
        runtime.lock(),
    )


def about(path: Path) -> dict[str, Any]:
    """Return what a page must know of its notebook.

    Parameters
    ----------
    path
        Of the notebook, as built.

    Returns
    -------
    dict
        ``cells``, each with ``id``, ``source`` and whether it is of a ``solution``, in
        order; and ``work``: the ``id`` of each exercise that has a check, the place of
        its solution among the cells, and the ``source`` that a reader begins with.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells: list[dict[str, Any]] = []
    work: list[dict[str, Any]] = []
    solution: list[str] = []
    for cell, part in solved(notebook["cells"]):
        if not part or part == "begins":
            work += _work(solution, len(cells) - len(solution))
            solution = []
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            cells.append({"id": cell["id"], "source": source, "solution": bool(part)})
            solution += [source] if part else []
    work += _work(solution, len(cells) - len(solution))
    return {"cells": cells, "work": work}


def _work(solution: list[str], place: int) -> Iterable[dict[str, Any]]:
    """Yield what a reader is given instead of a solution, if it has a check."""
    label = student.checked(solution)
    if label:
        source = "\n\n".join(student.stub(label, solution))
        yield {"id": label, "place": place, "source": source}


class _Built:
    """What the build adds, made once."""

    def __init__(self, app: Sphinx) -> None:
        imported = bytecode.lean(bytecode.archive(packages()))
        files = [
            *runtime.served(),
            runtime.packed("packages.zip", imported),
            runtime.packed("book.zip", book(Path(app.srcdir))),
        ]
        # In the order in which a page needs them.
        files.sort(key=lambda file: file.name.startswith(("openblas", "scipy")))
        self.files = files
        scripts = [path.read_bytes() for path in sorted(SCRIPTS.iterdir())]
        entries = json.dumps([file.entry() for file in files]).encode()
        self.version = hashlib.sha256(b"".join([entries, *scripts])).hexdigest()[:12]
        self.bytes = sum(len(file.content) for file in files)


def _prepare(app: Sphinx) -> None:
    """Make what the build adds, if it can."""
    able = app.builder.format == "html" and runtime.complete()
    built = _Built(app) if able else None
    app.__dict__["book_live"] = built


def _outdated(app: Sphinx, env: BuildEnvironment, *_: Any) -> list[str]:
    """Have the chapters written again if there is another version, or none now."""
    built = app.__dict__["book_live"]
    now = built.version if built else ""
    if getattr(env, "book_live", "") == now:
        return []
    env.__dict__["book_live"] = now
    return [name for name in env.found_docs if _runs(app, name)]


def _runs(app: Sphinx, name: str) -> bool:
    """Whether a page is of a chapter that can be run: not the first."""
    of_chapter = name.startswith(f"{tree.CHAPTERS}/") and name != app.config.root_doc
    return of_chapter and Path(app.env.doc2path(name)).suffix == ".ipynb"


def _offer(
    app: Sphinx, name: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Put a button below the title, which the book's script shows."""
    built = app.__dict__["book_live"]
    if not (built and doctree and _runs(app, name)):
        return
    before, end, after = context["body"].partition("</h1>")
    rerun, paragraph, rest = after.partition('<p class="rerun">')
    line, closed, rest = rest.partition("</p>")
    folder = f"{'../' * name.count('/')}_static/{FOLDER}/"
    size = f"{built.bytes / 1e6:.0f}"
    offer = (
        f'\n<div class="live-offer" hidden data-folder="{folder}" '
        f'data-version="{built.version}" data-notebook="{Path(name).name}">'
        '<button type="button">Run this chapter here</button> '
        f"<span>Brings Python into this page: {size} megabytes, once, and some "
        "ten seconds. Nothing is sent to anyone.</span></div>"
    )
    context["body"] = before + end + rerun + paragraph + line + closed + offer + rest


def _write(app: Sphinx, error: Exception | None) -> None:
    """Write the files that a page asks for once its button is pressed."""
    built = app.__dict__.get("book_live")
    if error is not None or not built:
        return
    folder = Path(app.outdir, "_static", FOLDER)
    shutil.rmtree(folder, ignore_errors=True)  # of another build
    folder.mkdir(parents=True)
    for path in SCRIPTS.iterdir():
        shutil.copyfile(path, folder / path.name)
    for file in built.files:
        (folder / file.file).write_bytes(file.content)
    entries = [file.entry() for file in built.files]
    for name in app.env.found_docs:
        if _runs(app, name):
            told = {"files": entries} | about(Path(app.env.doc2path(name)))
            path = folder / f"{Path(name).name}.json"
            path.write_text(json.dumps(told), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Offer to run the chapters, if Pyodide's files are there."""
    app.connect("builder-inited", _prepare)
    app.connect("env-get-outdated", _outdated)
    # As the charts, when a page's body is whole again (bookbuild.library).
    app.connect("html-page-context", _offer, priority=900)
    app.connect("build-finished", _write)
