"""How a page runs cells, tried in a Python of its own, which has no IPython then."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DRIVE = """
import json, sys
from bookbuild import inpage
told = []
out = sys.stdout
inpage.install(told.append)
session = inpage.Session(sys.argv[1], "{}")
found = [json.loads(session.run(*cell)) for cell in json.loads(sys.argv[2])]
marks = json.loads(session.marks())
print(json.dumps({"found": found, "marks": marks, "told": told}), file=out)
"""
TEXT = """It is 9<!--=top:.0f-->, and small.<!--?top < 10 and rest < 3-->
Later it is 4<!--=later-->."""


def run(tmp_path: Path, *cells: tuple[str, str], text: str = TEXT) -> dict:
    """Run cells of a small notebook and return what they show and the text's marks."""
    written = [{"cell_type": "markdown", "id": "t", "source": text, "metadata": {}}]
    written += [
        {"cell_type": "code", "id": name, "source": "", "metadata": {}}
        for name, _ in cells
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": written}), "utf-8")
    command = [sys.executable, "-c", DRIVE, str(path), json.dumps(cells)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    return found | {"cells": json.loads(path.read_text("utf-8"))["cells"]}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return what each of many cells shows, by its name."""
    sources = {
        "value": "x = 3\nx + 1",
        "quiet": "x + 1;",
        "none": "None",
        "dict": "{'a' * 30: 1, 'b' * 30: 2, 'c' * 30: 3}",
        "printed": "print('a')\n"
        "display({'text/html': '<b>x</b>'}, raw=True)\nprint('b')",
        "table": "import pandas as pd\npd.DataFrame({'n': [1, 2]})",
        "rich": "from IPython.display import HTML, Markdown, display\n"
        "display(HTML('<i>h</i>'), Markdown('**m**'))",
        "bar": "import sys\nsys.stderr.write('1 of 2\\r2 of 2')\nNone",
        "name": "a = 1\n\nb = c",
        "syntax": "a = 1\nb = = 2",
        "key": "{}['gone']",
        "deep": "import json\njson.loads('{')",
        "package": "import nothing_of_this_name",
        "exit": "raise SystemExit(3)",
        "memory": "raise MemoryError",
        "long": "raise ValueError('x' * 5000)",
        "type": "int",
        "after": "x",
    }
    ran = run(tmp_path_factory.mktemp("book"), *sources.items())
    outputs = dict(zip(sources, ran["found"], strict=True))
    return outputs | {"told": ran["told"]}


def test_the_last_expression_is_shown_unless_a_sign_ends_it(shown):
    assert shown["value"]["outputs"] == [{"kind": "text", "text": "4"}]
    assert shown["quiet"]["outputs"] == shown["none"]["outputs"] == []
    assert shown["type"]["outputs"][0]["text"] == "<class 'int'>"
    assert shown["dict"]["outputs"][0]["text"].count("\n") == 2


def test_what_is_printed_is_in_one_piece(shown):
    stream, html = shown["printed"]["outputs"]
    assert stream == {"kind": "stream", "name": "stdout", "text": "a\nb\n"}
    assert html == {"kind": "html", "html": "<b>x</b>"}


def test_tables_are_tidied_as_on_the_page(shown):
    (table,) = shown["table"]["outputs"]
    assert '<div class="table-box"><table class="dataframe">' in table["html"]
    assert "<style" not in table["html"]


def test_rich_objects_are_shown_as_what_they_are(shown):
    first, second = shown["rich"]["outputs"]
    assert first["html"] == "<i>h</i>"
    assert second["html"] == "<p><strong>m</strong></p>\n"


def test_a_bar_of_progress_is_told_as_it_moves(shown):
    assert shown["bar"]["outputs"][0]["text"] == "2 of 2"
    assert shown["told"][-1] == "2 of 2"


@pytest.mark.parametrize(
    ("cell", "kind", "line", "text"),
    [
        ("name", "NameError", 3, "name 'c' is not defined"),
        ("syntax", "SyntaxError", 2, "invalid syntax"),
        ("key", "KeyError", 1, "there is no 'gone'"),
        ("deep", "JSONDecodeError", 2, "Expecting property name"),
        ("package", "ModuleNotFoundError", 1, "the page brings the book's library"),
        ("exit", "SystemExit", 1, "3"),
        ("memory", "MemoryError", 1, "no more memory"),
        ("long", "ValueError", 1, "xxx"),
    ],
)
def test_an_error_is_short_and_has_the_cells_line(shown, cell, kind, line, text):
    assert not shown[cell]["ok"]
    error = shown[cell]["outputs"][-1]
    assert (error["kind"], error["name"], error["line"]) == ("error", kind, line)
    assert text in error["text"]
    assert len(error["text"]) <= 600


def test_what_ran_before_an_error_stays(shown):
    assert shown["after"]["outputs"] == [{"kind": "text", "text": "3"}]


def test_the_text_is_held_against_the_run_as_far_as_it_came(tmp_path):
    ran = run(tmp_path, ("a", "top, rest = 9.2, 1"))
    number, statement, later = ran["marks"]
    assert number["holds"]
    assert statement["holds"]
    assert later is None


def test_what_no_longer_holds_is_told_with_what_was_found(tmp_path):
    ran = run(tmp_path, ("a", "top, rest = -12.34, 5"), ("b", "later = 'x' > 1"))
    number, statement, later = ran["marks"]
    assert (number["value"], number["holds"]) == ("−12", False)
    assert statement["found"] == "−12.34 < 10; 5 < 3"
    assert not statement["holds"]
    assert later is None  # its cell has stopped
    assert ran["cells"][1]["source"] == "top, rest = -12.34, 5"


def test_a_number_that_cannot_be_computed_is_told(tmp_path):
    (mark,) = run(tmp_path, ("a", "x = []"), text="It is 9<!--=x[0]-->.")["marks"]
    assert not mark["holds"]
    assert mark["found"] == "IndexError: list index out of range"


def test_an_expressions_own_names_need_not_be_set(tmp_path):
    text = "It is 6<!--=sum(k for k in xs)-->, so 3<!--=max(xs, key=lambda a: a)-->."
    marks = run(tmp_path, ("a", "xs = [1, 2, 3]"), text=text)["marks"]
    assert [mark["holds"] for mark in marks] == [True, True]
