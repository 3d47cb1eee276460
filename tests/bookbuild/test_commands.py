"""The commands for teachers call what they name."""

import subprocess
import sys

import nbformat
import pandas as pd
import pytest
from conftest import ROOT

from bookbuild import __main__ as commands
from bookbuild import answers, printing, slides, student
from bookbuild.browser import NoBrowserError
from bookbuild.site import BuildError
from illusion import data
from illusion.telling import exercises

README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("module", "arguments", "called"),
    [
        (student, ["student"], ["student"]),
        (slides, ["slides"], ["slides", []]),
        (slides, ["slides", "ranking"], ["slides", ["ranking"]]),
        (printing, ["pdf"], ["pdf"]),
    ],
)
def test_a_command_makes_what_it_names(monkeypatch, capsys, module, arguments, called):
    calls = []

    def make(out, *rest):
        calls.append([out.name, *rest])
        assert out.parent == ROOT / "_build"
        return [out / "made"]

    monkeypatch.setattr(module, "make", make)
    commands.main(arguments)
    assert calls == [called]
    assert capsys.readouterr().out == f"_build/{called[0]}/made\n"


@pytest.mark.parametrize("error", [NoBrowserError, BuildError])
def test_what_cannot_be_made_is_said_in_a_sentence(monkeypatch, capsys, error):
    def make(out):
        raise error("It cannot be.")

    monkeypatch.setattr(printing, "make", make)
    with pytest.raises(SystemExit) as stopped:
        commands.main(["pdf"])
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "It cannot be.\n"


def test_answers_are_said(monkeypatch, capsys):
    monkeypatch.setattr(answers, "renew", lambda chapters, name: len(name))
    commands.main(["answers", "ab", "abc"])
    assert capsys.readouterr().out == "ab: 2 exercises\nabc: 3 exercises\n"
    with pytest.raises(SystemExit):
        commands.main(["answers"])


def test_the_readme_names_the_commands():
    text = subprocess.run(
        [sys.executable, "-m", "bookbuild", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in ("student", "slides", "pdf", "answers"):
        assert f"python -m bookbuild {name}" in README
        assert name in text


def test_answers_are_renewed_from_solutions(tmp_path, monkeypatch, capsys):
    kept = pd.DataFrame(
        [["other", "ex-o", 1, "d" * 16], ["one", "ex-old", 1, "e" * 16]],
        columns=["chapter", "exercise", "part", "digest"],
    )
    written = {}
    monkeypatch.setattr(data, "load", lambda name: kept)
    monkeypatch.setattr(data, "keep", lambda table, name: written.update({name: table}))
    source = (
        'from illusion.telling import exercises\nexercises.check("ex-n", [2, "b"], 1)'
    )
    cells = [nbformat.v4.new_code_cell(source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "one.ipynb")
    assert answers.renew(tmp_path, "one") == 1
    table = written["answers"]
    # Rows of other chapters stay, and old ones of this chapter go.
    assert table[["chapter", "exercise", "part"]].to_numpy().tolist() == [
        ["one", "ex-n", 1],
        ["one", "ex-n", 2],
        ["other", "ex-o", 1],
    ]
    monkeypatch.setattr(data, "load", lambda name: table)
    capsys.readouterr()
    exercises.check("ex-n", [2.5, "B"], within=1)
    assert capsys.readouterr().out == "ex-n: right.\n"
