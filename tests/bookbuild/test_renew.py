"""What is made from something else is brought up to date, and nothing else touched."""

import hashlib
import json
import shutil

import nbformat
import pandas as pd
import pytest
from conftest import ROOT

from bookbuild import renew, tree
from bookbuild.site import BuildError
from illusion import data

RENEW = "run: python -m bookbuild renew"
# The second line makes a kernel read the small book's tables.
STALE = """import sys; from pathlib import Path; from illusion import data
data.ROOT = Path("../data").resolve()
print("one")
print("two", flush=True)
sys.stdout.write("three\\n")
from illusion.telling import exercises
exercises.check("ex-new", [2, "b"], within=1)"""


def contents(root):
    """Return every file of a tree but what the build writes."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in files
        if "_build" not in path.parts and "__pycache__" not in path.parts
    }


def test_the_description_of_the_tables_is_up_to_date(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    for name in ("data", "chapters", "lib"):
        shutil.copytree(ROOT / name, tmp_path / name)
    before = contents(tmp_path)
    changed = list(renew.describe())
    assert not changed, f"{changed}; {RENEW}"
    assert contents(tmp_path) == before


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Return a small book: a landing page, a chapter, a table, and answers."""
    for folder in ("data", "chapters/quizzes", "lib/illusion"):
        (tmp_path / folder).mkdir(parents=True)
    toc = "format: jb-book\nroot: chapters/index\nchapters:\n- file: chapters/one\n"
    (tmp_path / "_toc.yml").write_text(toc)
    (tmp_path / "requirements.txt").write_text("")
    module = 'from illusion import data\n\n\ndef f():\n    return data.load("facts")\n'
    (tmp_path / "lib" / "illusion" / "some.py").write_text(module)
    columns = ["chapter", "exercise", "part", "digest"]
    rows = [["one", "ex-old", 1, "e" * 16], ["other", "ex-o", 1, "d" * 16]]
    answers = pd.DataFrame(rows, columns=columns)
    answers.to_csv(tmp_path / "data" / "answers.csv", index=False, lineterminator="\n")
    facts = "name,n,share,day,yes,note\na,1,0.5,2024-01-02,True,\n"
    facts += "b,2,1,2024-01-03,False,x\n"
    (tmp_path / "data" / "facts.csv").write_text(facts)
    described = [
        described_by_hand("answers", columns),
        described_by_hand("facts", facts.partition("\n")[0].split(",")),
    ]
    package = {"resources": described}
    (tmp_path / "data" / "datapackage.json").write_text(json.dumps(package))
    for name, source in (("one", STALE), ("index", "1 + 1")):
        cell = nbformat.v4.new_code_cell(source, id=name)
        notebook = nbformat.v4.new_notebook(cells=[cell])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, tmp_path / "chapters" / f"{name}.ipynb")
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    monkeypatch.setattr(data, "ROOT", tmp_path / "data")
    return tmp_path


def described_by_hand(name, columns):
    return {
        "name": name,
        "title": f"Some {name}",
        "description": "Told.",
        "sources": [{"title": "A source", "path": "https://example.org"}],
        "licenses": [{"name": "CC-BY-4.0", "path": "https://example.org/licence"}],
        "builder": "Made.",
        "schema": {"fields": [{"name": n, "description": f"{n}."} for n in columns]},
    }


def record_of(book, name="facts"):
    package = json.loads((book / "data" / "datapackage.json").read_text("utf-8"))
    return next(each for each in package["resources"] if each["name"] == name)


def test_a_table_needs_a_file_and_a_few_words(book):
    assert list(renew.describe()) == ["data/datapackage.json", "data/README.md"]
    record = record_of(book)
    content = (book / "data" / "facts.csv").read_bytes()
    assert record["path"] == "facts.csv"
    assert record["rows"] == 2
    assert record["consumers"] == ["lib/illusion/some.py"]
    assert record["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()
    assert record["bytes"] == len(content)
    types = {field["name"]: field["type"] for field in record["schema"]["fields"]}
    assert types == {
        "name": "string",
        "n": "integer",
        "share": "number",
        "day": "date",
        "yes": "boolean",
        "note": "string",
    }
    required = [
        field["name"]
        for field in record["schema"]["fields"]
        if field.get("constraints") == {"required": True}
    ]
    assert required == ["name", "n", "share", "day", "yes"]
    listed = (book / "data" / "README.md").read_text("utf-8")
    assert "[facts.csv](facts.csv), 2 rows: Some facts. From [A source]" in listed
    assert data.load("facts")["n"].tolist() == [1, 2]
    # Once more, nothing changes; a new row, a word that is changed, and it does.
    before = contents(book)
    assert list(renew.describe()) == []
    assert contents(book) == before
    with (book / "data" / "facts.csv").open("a") as file:
        file.write("c,3,0,2024-01-04,True,\n")
    assert list(renew.describe()) == ["data/datapackage.json", "data/README.md"]
    assert record_of(book)["rows"] == 3


def test_what_is_written_by_hand_stays(book):
    list(renew.describe())
    file = book / "data" / "datapackage.json"
    package = json.loads(file.read_text("utf-8"))
    package["resources"][1]["schema"]["fields"][1] |= {
        "type": "number",
        "unit": "points",
        "constraints": {"minimum": 0},
    }
    file.write_text(json.dumps(package))
    list(renew.describe())
    field = {"name": "n", "type": "number", "description": "n.", "unit": "points"}
    field["constraints"] = {"minimum": 0}
    assert record_of(book)["schema"]["fields"][1] == field


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda folder: (folder / "new.csv").write_text("a\n1\n"), "new.csv"),
        (lambda folder: (folder / "facts.csv").unlink(), "There is no data/facts.csv"),
        (lambda folder: (folder / "facts.csv").write_text("a\n1\n"), "columns"),
    ],
)
def test_a_table_that_is_not_described_is_named(book, damage, fault):
    damage(book / "data")
    before = contents(book)
    with pytest.raises(BuildError, match=fault):
        list(renew.describe())
    assert contents(book) == before


def outputs(book, name="one"):
    notebook = nbformat.read(book / "chapters" / f"{name}.ipynb", as_version=4)
    return notebook.cells[0].outputs


def test_a_stale_book_is_renewed_once(book):
    changes = list(renew.renew())
    assert changes == [
        "data/datapackage.json",
        "data/README.md",
        "data/answers.csv: answers of one",
        "data/README.md",
        "chapters/one.ipynb: outputs",
        "chapters/index.ipynb: outputs",
    ]
    # Answers of the chapter are made anew, of others kept; the second run knows them.
    kept = data.load("answers")
    assert kept["exercise"].tolist() == ["ex-new", "ex-new", "ex-o"]
    (printed,) = outputs(book)
    assert printed.text == "one\ntwo\nthree\nex-new: right.\n"
    stored = (book / "chapters" / "one.ipynb").read_text("utf-8")
    notebook = json.loads(stored)
    assert notebook["metadata"].keys() == {"kernelspec"}
    assert notebook["cells"][0]["id"] == "one"
    assert notebook["cells"][0]["metadata"] == {}
    assert len(notebook["cells"]) == 1
    assert stored.startswith('{\n "cells"')
    # Twice: what is known to be fresh is not run, what is run comes out the same.
    before = contents(book)
    assert list(renew.renew()) == []
    (book / "_build" / "renewed.json").unlink()
    assert list(renew.renew()) == []
    assert contents(book) == before


def test_what_a_change_makes_stale_is_run_again(book, monkeypatch):
    list(renew.renew())
    ran = []
    run = renew._run
    monkeypatch.setattr(renew, "_run", lambda path: ran.append(path.stem) or run(path))

    def again():
        ran.clear()
        list(renew.renew())
        return ran

    assert again() == []
    # A chapter's cell: the chapter and the landing page.
    path = book / "chapters" / "one.ipynb"
    path.write_text(path.read_text().replace("three", "four"))
    assert again() == ["one", "index"]
    assert "four" in outputs(book)[0].text
    path = book / "chapters" / "index.ipynb"
    path.write_text(path.read_text().replace("1 + 1", "1 + 2"))
    assert again() == ["index"]
    # The library, a table, a table's description: all.
    with (book / "lib" / "illusion" / "some.py").open("a") as file:
        file.write("\n")
    assert again() == ["one", "index"]
    with (book / "data" / "facts.csv").open("a") as file:
        file.write("d,3,0,2024-01-04,True,\n")
    assert again() == ["one", "index"]


def test_a_cell_that_fails_is_named(book):
    path = book / "chapters" / "one.ipynb"
    path.write_text(path.read_text().replace("import sys;", "import sys; 1 / 0;"))
    before = path.read_bytes()
    with pytest.raises(BuildError, match=r"(?s)one\.ipynb fails:.*ZeroDivisionError"):
        list(renew.renew())
    assert path.read_bytes() == before
