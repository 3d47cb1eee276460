"""The students' edition: stubs run and are not right yet, solutions are."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pyflakes.checker
import pyflakes.messages
import pytest
import yaml
from conftest import CHAPTERS, FINDINGS, ROOT

from bookbuild import student, tree
from bookbuild.commonmark import SOLUTION, solved
from bookbuild.student import StubError, stub, without_solutions
from illusion.telling import prose

EXERCISE = re.compile(
    r"^### Exercise: (?P<title>[^\n]+) \((?P<level>\w+)\)<!--#(?P<label>[\w-]+)-->\n"
    r"(?P<text>.*?)(?=\n<details|\n#|\Z)",
    re.M | re.S,
)
LEVELS = ["check", "apply", "extend"]


def text_of(notebook) -> str:
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def printed(notebook) -> str:
    return "".join(
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    )


def asked(path: Path) -> dict[str, str]:
    """Return the exercises of a chapter and their levels."""
    text = text_of(nbformat.read(path, as_version=4))
    return {m["label"]: m["level"] for m in EXERCISE.finditer(text)}


TAUGHT = [path for path in CHAPTERS if asked(path)]
chapter = pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.stem)


@chapter
def test_exercises_of_a_chapter(path):
    text = text_of(nbformat.read(path, as_version=4))
    found = asked(path)
    assert len(found) == text.count("### Exercise"), "a title without a level"
    levels = [level for level in found.values() if level != "discuss"]
    assert levels == sorted(levels, key=LEVELS.index)
    if path in FINDINGS:
        assert set(levels) == set(LEVELS)
        assert 4 <= len(levels) <= 6
    for match in EXERCISE.finditer(text):
        if match["level"] == "discuss":
            continue
        assert re.search(r"`(answer`|\w+\()", match["text"]), match["title"]
        after = text[match.end() :].lstrip()
        assert after.startswith('<details class="hint">'), match["title"]
        hint, _, rest = after.partition("</details>")
        assert len(hint.split()) > 10
        assert rest.lstrip().startswith(f"{SOLUTION}\n")


@chapter
def test_solutions_are_right(path):
    notebook = nbformat.read(path, as_version=4)
    said = printed(notebook)
    for label, level in asked(path).items():
        right = said.count(f"{label}: right.\n")
        assert right == (level != "discuss"), label
    assert "not yet" not in said


@pytest.fixture(scope="session")
def kit(tmp_path_factory) -> Path:
    """Return the folder that a student unpacks."""
    folder = tmp_path_factory.mktemp("kit")
    student.pack(folder / "notebooks.zip")
    with zipfile.ZipFile(folder / "notebooks.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def said(kit) -> dict[str, str]:
    """Return what the stubs of each chapter print.

    They run with what is in the zip and nothing of the tree, after the cells that
    they depend on; the chapters themselves are run by nbval.
    """
    cells = {path.stem: needed(kit / "chapters" / path.name) for path in TAUGHT}
    done = subprocess.run(
        [sys.executable, "-B", "-c", RUN],
        input=json.dumps(cells),
        cwd=kit / "chapters",
        env=os.environ | {"PYTHONPATH": str(kit / "lib")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


RUN = """
import contextlib, io, json, sys
said = {}
for chapter, cells in json.load(sys.stdin).items():
    names = {}
    with contextlib.redirect_stdout(io.StringIO()) as said[chapter]:
        for cell in cells:
            exec(cell, names)
        import illusion
        print(illusion.__file__)
print(json.dumps({chapter: text.getvalue() for chapter, text in said.items()}))
"""


def needed(path: Path) -> list[str]:
    """Return a chapter's stubs and checks, and the statements they depend on."""
    kept: list[str] = []
    names: set[str] = set()
    for cell in reversed(nbformat.read(path, as_version=4).cells):
        if cell.cell_type != "code":
            continue
        own = "Your work goes here" in cell.source or "exercises.check(" in cell.source
        for statement in reversed(ast.parse(cell.source).body):
            nodes = [*ast.walk(statement)]
            if own or names & {name for node in nodes for name in changed(node)}:
                kept.insert(0, ast.unparse(statement))
                used = (n for n in nodes if isinstance(n, ast.Name))
                names |= {n.id for n in used if not changed(n)}
    return kept


def changed(node: ast.AST) -> set[str]:
    """Return the names that a part of some code binds, or whose parts it sets."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.alias):
        return {(node.asname or node.name).split(".")[0]}
    if isinstance(getattr(node, "ctx", None), ast.Store):
        return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    # A call that stands alone, such as rows.append(row), is there for what it does.
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = ast.walk(node.value.func)
        return {each.id for each in called if isinstance(each, ast.Name)}
    return set()


@chapter
def test_stubs_run_and_are_not_right_yet(path, kit, said):
    text = said[path.stem]
    for label, level in asked(path).items():
        assert text.count(f"{label}: no answer yet.\n") == (level != "discuss"), label
    assert ": right." not in text
    assert str(kit / "lib") in text


@chapter
def test_a_chapter_needs_no_name_of_a_solution(path, kit):
    cells = nbformat.read(kit / "chapters" / path.name, as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    # Nor does its text, which the last cell checks.
    sources += [prose.split(mark.code)[0] for mark in prose.markers(cells)]
    source = "\n".join(sources)
    checker = pyflakes.checker.Checker(ast.parse(source), builtins={"display"})
    missing = (pyflakes.messages.UndefinedName, pyflakes.messages.UndefinedLocal)
    assert not [
        str(message) for message in checker.messages if isinstance(message, missing)
    ]


@chapter
def test_nothing_of_a_solution_is_left(path, kit):
    full = nbformat.read(path, as_version=4)
    left = nbformat.read(kit / "chapters" / path.name, as_version=4)
    nbformat.validate(left)
    ids = [cell.id for cell in left.cells]
    assert len(set(ids)) == len(ids)
    solutions = []
    for cell, part in solved(full.cells):
        if part == "begins":
            solutions.append("")
        elif part and cell.cell_type == "markdown":
            solutions[-1] += f"{cell.source}\n"
    assert len(solutions) == len(asked(path))
    text = text_of(left)
    for solution in solutions:
        lines = [line for line in solution.splitlines() if len(line) > 30]
        assert lines
        assert not [line for line in lines if line in text]
    code = "\n".join(c.source for c in left.cells if c.cell_type == "code")
    answers = re.findall(r"^answer = .*", code, re.M)
    assert set(answers) == {"answer = ..."}
    # Nor is anything missing that is not of a solution.
    for match in EXERCISE.finditer(text_of(full)):
        assert f"### Exercise: {match['title']}" in text


def test_links_of_the_notebooks_lead_somewhere(kit):
    links = []
    for path in (kit / "chapters").glob("*.ipynb"):
        text = text_of(nbformat.read(path, as_version=4))
        links += re.findall(r"\]\(([\w./-]+\.(?:md|ipynb))", text)
    assert {"glossary.md", "ranking.ipynb"} <= set(links)
    for link in set(links):
        assert (kit / "chapters" / link).exists(), link


def test_the_zip_is_the_same_again(kit, tmp_path):
    student.pack(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (kit / "notebooks.zip").read_bytes()


def test_the_zip_has_what_its_readme_names(kit):
    for name in re.findall(r"-r (\S+)|lab (\S+)/", (kit / "README.md").read_text()):
        assert (kit / "".join(name)).exists()
    files = [p.relative_to(kit) for p in kit.rglob("*") if p.is_file()]
    assert not [f for f in files if "__pycache__" in f.parts or "egg-info" in str(f)]
    assert not list(kit.rglob("instructors.*"))
    assert (kit / "lib" / "illusion" / "rating" / "ratings.py").exists()


def test_the_site_for_students_has_no_solutions(tmp_path, monkeypatch):
    # Without the library's page, which students have as it is, and takes longest.
    book = tmp_path / "book"
    book.mkdir()
    for path in ROOT.iterdir():
        (book / path.name).symlink_to(path)
    (book / tree.TOC).unlink()
    toc = tree.read(tree.TOC)
    toc["chapters"].remove({"file": "chapters/library"})
    (book / tree.TOC).write_text(yaml.safe_dump(toc), encoding="utf-8")
    monkeypatch.setattr(tree, "ROOT", book)
    monkeypatch.setattr(student, "ROOT", book)
    first, packed = student.make(tmp_path / "student")
    assert packed.stat().st_size < 5e6
    pages = {
        path.stem: path.read_text("utf-8") for path in first.parent.rglob("*.html")
    }
    for path in TAUGHT:
        page = pages[path.stem]
        for label, level in asked(path).items():
            assert f'id="{label}"' in page
            if level != "discuss":
                assert "Your work goes here" in page
            assert f'id="{label.replace("ex-", "sol-", 1)}"' not in page
        assert 'class="solution' not in page
        assert 'class="hint"' in page
        assert 'class="quiz"' in page or path not in FINDINGS
    for name in student.FOR_TEACHERS:
        assert name not in pages
        assert not [page for page in pages.values() if f"{name}.html" in page]


SOLVED = '''
import math

def f(x, n=2):
    """Say what f does."""
    return x**n

def helper():
    return 3

secret = helper() + f(2)
answer = secret * 2
exercises.check("ex-a", [answer, f(3)], within=1)
'''


def test_a_stub_keeps_what_is_asked_for():
    work, check = stub("ex-a", ["import re\nfirst = 1", SOLVED])
    assert check == 'exercises.check("ex-a", [answer, f(3)], within=1)'
    for part in ("import re", "import math", "def f(x, n=2):", "Say what f does."):
        assert part in work
    for part in ("secret", "helper", "x**n", "first"):
        assert part not in work
    names = {"exercises": None}
    exec(compile(ast.parse(work), "stub", "exec"), names)
    assert names["answer"] is ...
    assert names["f"](3) is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("answer = 3", "must end with"),
        ('exercises.check("ex-b", answer)', "must end with"),
        ('exercises.check("ex-a", answer)\nprint(1)', "must end with"),
        ('own = 3\nexercises.check("ex-a", own)', r"uses \['own'\]"),
        ("", "must end with"),
    ],
)
def test_a_solution_that_gives_no_stub_is_refused(source, message):
    with pytest.raises(StubError, match=message):
        stub("ex-a", [source])


def test_cells_are_taken_out_from_the_mark_to_the_next_heading():
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    check = 'answer = 3\nexercises.check("ex-a", answer, within=1)'
    holds = nbformat.v4.new_output("display_data")
    holds.data = {prose.MIME: [["one", "1"], ["two", "2"], ["six", "6"]]}
    cells = [
        text("Before: 1<!--=one-->.\n\n### Exercise: A (check)<!--#ex-a-->\n\nAsk."),
        text(SOLUTION),
        text("First: 2<!--=two-->."),
        code("inside = 1  # no heading"),
        text("Between."),
        code(check),
        text("After."),
        text("### Exercise: D (discuss)<!--#ex-d-->\n\nMiddle: 6<!--=six-->."),
        text(SOLUTION),
        text("Talk."),
        text("## More"),
        code("outside = 1"),
        code('prose.check("a")', outputs=[holds]),
    ]
    left = without_solutions(nbformat.v4.new_notebook(cells=cells))
    assert [cell.source for cell in left.cells] == [
        cells[0].source,
        "# Your work goes here.\n\nanswer = ...",
        'exercises.check("ex-a", answer, within=1)',
        cells[7].source,
        "## More",
        "outside = 1",
        'prose.check("a")',
    ]
    said = left.cells[-1].outputs[0].data
    assert said[prose.MIME] == [["one", "1"], ["six", "6"]]
    assert said["text/plain"] == "All 2 numbers and 0 statements of this chapter hold."
    assert len(cells[-1].outputs[0].data[prose.MIME]) == 3, "the original was changed"
    with pytest.raises(StubError, match="ex-a: the solution has no end"):
        without_solutions(nbformat.v4.new_notebook(cells=cells[:7]))
