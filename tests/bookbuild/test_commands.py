"""The commands for teachers call what they name."""

import subprocess
import sys

import pytest
from conftest import CHAPTERS, ROOT

from bookbuild import __main__ as commands
from bookbuild import printing, renew, seeds, slides, student
from bookbuild.browser import NoBrowserError
from bookbuild.site import BuildError

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


def test_changes_are_said(monkeypatch, capsys):
    monkeypatch.setattr(renew, "renew", lambda: iter(["a", "b"]))
    commands.main(["renew"])
    assert capsys.readouterr().out == "a\nb\n"
    monkeypatch.setattr(renew, "renew", lambda: iter([]))
    commands.main(["renew"])
    assert capsys.readouterr().out == "All is up to date.\n"


def test_what_hangs_on_luck_is_said(monkeypatch, capsys):
    monkeypatch.setattr(seeds, "changes", lambda path: iter([path.stem]))
    commands.main(["seeds", "ranking"])
    assert capsys.readouterr().out == "ranking\n"
    commands.main(["seeds"])
    names = [path.stem for path in CHAPTERS if path.stem != "index"]
    assert sorted(capsys.readouterr().out.split()) == names
    monkeypatch.setattr(seeds, "changes", lambda path: iter([]))
    commands.main(["seeds"])
    assert capsys.readouterr().out.startswith("No verdict and no sentence hangs")


def test_the_readme_names_the_commands():
    text = subprocess.run(
        [sys.executable, "-m", "bookbuild", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in ("student", "slides", "pdf", "renew", "seeds", "live"):
        assert f"python -m bookbuild {name}" in README
        assert name in text
