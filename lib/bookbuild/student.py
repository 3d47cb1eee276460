"""The students' edition: the book without solutions, and notebooks with stubs.

A stub is made from the solution that the tests run. It keeps what is asked for
(the name ``answer``, or a function's first line and docstring), the imports and
the check, which says whether the answer is right.
"""

import ast
import copy
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import nbformat
import yaml

from bookbuild.commonmark import solved
from bookbuild.site import build
from bookbuild.tree import CONFIG, ROOT, TOC, read
from illusion.telling import prose

__all__ = ["StubError", "checked", "make", "pack", "stub", "without_solutions"]

FOR_TEACHERS = ["instructors"]
_SITE = (CONFIG, TOC, "_static", "references.bib", "chapters")
_KIT = ("lib", "data", "requirements.txt", "pyproject.toml", "LICENSE", "CITATION.cff")
_KIT += ("chapters/quizzes", "chapters/glossary.md", "chapters/notation.md")
_KIT += ("references.bib",)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", ".ipynb_checkpoints")
_LABEL = re.compile(r"^### Exercise: .*<!--#(ex-[\w-]+)-->$", re.MULTILINE)
_DAY = (2025, 1, 1, 0, 0, 0)  # one date for all files, so that a zip is the same again
_START = """# Notebooks for students

With Python 3.11 or newer, in a fresh virtual environment, from this folder:

```sh
pip install -r requirements.txt
jupyter lab chapters/
```

Begin with `ranking.ipynb`. Every exercise has a cell for your work, which ends with
`answer = ...`, and below it a cell that says whether the answer is right. Run a
notebook from the top before you begin: exercises use what the chapter has computed.
"""


class StubError(ValueError):
    """A solution from which no stub can be made, with what to change."""


def stub(label: str, solution: list[str]) -> tuple[str, str]:
    """Return what a student is given instead of a solution's code.

    Parameters
    ----------
    label
        The exercise's.
    solution
        The code cells of the solution. The last statement of the last is
        ``exercises.check(label, ...)``.

    Returns
    -------
    tuple of str
        The cell to work in, and the cell with the check.

    Raises
    ------
    StubError
        No such statement, or one that needs more than the answer.
    """
    trees = [ast.parse(source) for source in solution]
    last = trees[-1].body[-1] if trees and trees[-1].body else None
    if not last or not ast.unparse(last).startswith(f"exercises.check({label!r},"):
        raise StubError(
            f'{label}: the solution must end with exercises.check("{label}", ...).'
        )
    asked = {n.id for n in ast.walk(last) if isinstance(n, ast.Name)}
    work: list[str] = []
    own: set[str] = set()
    for node in [node for tree in trees for node in tree.body if node is not last]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            work.append(ast.unparse(node))
        elif isinstance(node, ast.FunctionDef) and node.name in asked:
            documented = ast.get_docstring(node) is not None
            node.body = [*node.body[:documented], ast.Expr(ast.Constant(...))]
            work.append(ast.unparse(node))
        else:
            names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            own |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    if hidden := (asked & own) - {"answer"}:
        raise StubError(
            f"{label}: the check uses {sorted(hidden)}, which only the solution has; "
            "put it into `answer`."
        )
    work.append("# Your work goes here.")
    if "answer" in asked:
        work.append("answer = ...")
    return "\n\n".join(work), ast.get_source_segment(solution[-1], last) or ""


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a chapter with stubs in the place of its solutions.

    A solution without a check, to a question for discussion, leaves nothing.

    Parameters
    ----------
    notebook
        With its stored outputs, which cells outside of solutions keep.

    Raises
    ------
    StubError
        A solution whose check is not its end, or that has no end itself.
    """
    notebook = copy.deepcopy(notebook)
    before = list(prose.markers(notebook.cells))
    cells: list[nbformat.NotebookNode] = []
    solution: list[str] | None = None
    label = ""
    for cell, part in solved(notebook.cells):
        if part != "inside":
            cells += _stubs(label, solution or [])
            solution = [] if part else None
        if solution is not None and cell.cell_type == "code":
            solution.append(cell.source)
        elif not part:
            if cell.cell_type == "markdown":
                label = (_LABEL.findall(cell.source) or [label])[-1]
            cells.append(cell)
    if solution is not None:
        raise StubError(f"{label}: the solution has no end.")
    notebook.cells = cells
    _keep_checks(notebook, before)
    return notebook


def checked(solution: Iterable[str]) -> str:
    """Return the label of the exercise whose answer a solution checks, or nothing."""
    found = re.findall(r"^exercises\.check\(\s*.(ex-[\w-]+)", "\n".join(solution), re.M)
    return found[-1] if found else ""


def _stubs(label: str, solution: list[str]) -> list[nbformat.NotebookNode]:
    """Return the cells that a student is given for a solution's."""
    if not any("exercises.check(" in source for source in solution):
        return []
    work, check = stub(label, solution)
    new = nbformat.v4.new_code_cell
    return [new(work, id=f"{label}-work"[:64]), new(check, id=f"{label}-check"[:64])]


def _keep_checks(
    notebook: nbformat.NotebookNode, before: Sequence[prose.Marker]
) -> None:
    """Let the stored check of a text speak of what is left of it."""
    left = {
        (m.cell, m.code, m.place, m.in_slide) for m in prose.markers(notebook.cells)
    }
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            values = output.get("data", {}).get(prose.MIME)
            if values is not None:
                pairs = zip(before, (value for _, value in values), strict=True)
                kept = [
                    (mark, value, "")
                    for mark, value in pairs
                    if (mark.cell, mark.code, mark.place, mark.in_slide) in left
                ]
                output.data = nbformat.NotebookNode(prose.bundle(kept))


def pack(path: Path) -> None:
    """Write the notebooks and all they need to run into a zip.

    Parameters
    ----------
    path
        Of the zip, which is the same again for the same files.
    """
    with tempfile.TemporaryDirectory() as folder:
        kit = Path(folder)
        _copy(_KIT, kit)
        for source in sorted((ROOT / "chapters").glob("*.ipynb")):
            nbformat.write(_for_students(source), kit / "chapters" / source.name)
        (kit / "README.md").write_text(_START, encoding="utf-8")
        # In order and without dates.
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(p for p in kit.rglob("*") if p.is_file()):
                entry = zipfile.ZipInfo(file.relative_to(kit).as_posix(), _DAY)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())


def make(out: Path) -> list[Path]:
    """Build the students' edition.

    Parameters
    ----------
    out
        Folder of the pages (``html/``) and of the zip.

    Returns
    -------
    list of Path
        The first page and the zip.

    Raises
    ------
    BuildError
        The pages do not build without a warning.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        _copy(_SITE, site)
        toc = read(TOC)
        left = [f"chapters/{name}" for name in FOR_TEACHERS]
        toc["chapters"] = [c for c in toc["chapters"] if c["file"] not in left]
        (site / TOC).write_text(yaml.safe_dump(toc), encoding="utf-8")
        for name in left:
            (site / f"{name}.md").unlink()
        for path in (site / "chapters").glob("*.ipynb"):
            nbformat.write(_for_students(path), path)
        shutil.copytree(build(site, Path(folder, "built")), out / "html")
    pack(out / "notebooks.zip")
    return [out / "html" / "index.html", out / "notebooks.zip"]


def _for_students(path: Path) -> nbformat.NotebookNode:
    """Return a chapter without solutions and paragraphs that link teachers' pages."""
    notebook = without_solutions(nbformat.read(path, as_version=4))
    link = re.compile(rf"\]\((?:{'|'.join(FOR_TEACHERS)})\.md")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts = cell.source.split("\n\n")
            cell.source = "\n\n".join(p for p in parts if not link.search(p))
    return notebook


def _copy(names: tuple[str, ...], to: Path) -> None:
    """Copy files and folders of the tree."""
    for name in names:
        path = ROOT / name
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, to / name, ignore=_LEFT_OUT)
        else:
            shutil.copy(path, to / name)
