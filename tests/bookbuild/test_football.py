"""The table of matches is rebuilt from a repository, here a small made-up one."""

import json
import subprocess

import pandas as pd
import pytest

from bookbuild import __main__ as commands
from bookbuild import football, tree
from bookbuild.site import BuildError

HEAD = (
    "date,home_team,away_team,home_score,away_score,tournament,city,country,neutral\n"
)
ROWS = (
    "1979-12-31,Left,Out,1,0,Friendly,Bern,Switzerland,FALSE\n"
    "1980-01-01,NA,Some Team,2,10,Friendly,Bern,Switzerland,FALSE\n"
    "1980-01-02,Some Team,NA,1,1,Cup,Oslo,Norway,TRUE\n"
    "1980-01-03,Some Team,NA,3,1,Cup,Oslo,Norway,TRUE\n"
)


@pytest.fixture
def clone(tmp_path):
    """Return what commits a text as the results of a repository."""
    path = tmp_path / "clone"
    path.mkdir()

    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", path, *who, *arguments], check=True)

    git("init", "-q")

    def commit(text):
        (path / "results.csv").write_text(text, "utf-8")
        git("add", ".")
        git("commit", "-q", "-m", "results")
        return path

    return commit


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Return the folder of a book that describes the table and nothing else."""
    package = json.loads((tree.ROOT / "data" / "datapackage.json").read_text("utf-8"))
    kept = [each for each in package["resources"] if each["name"] == "football"]
    folder = tmp_path / "book" / "data"
    folder.mkdir(parents=True)
    text = json.dumps({"resources": kept})
    (folder / "datapackage.json").write_text(text, "utf-8")
    monkeypatch.setattr(tree, "ROOT", folder.parent)
    return folder


def test_a_match_keeps_its_day_its_teams_its_outcome_and_its_ground(
    clone, book, capsys
):
    path = clone(HEAD + ROWS)
    commands.main(["football", str(path)])
    assert "data/football.csv.gz: 3 rows" in capsys.readouterr().out
    made = pd.read_csv(book / "football.csv.gz", keep_default_na=False)
    assert made.to_numpy().tolist() == [
        ["1980-01-01", "NA", "Some Team", "away", False],
        ["1980-01-02", "Some Team", "NA", "draw", True],
        ["1980-01-03", "Some Team", "NA", "home", True],
    ]
    before = (book / "football.csv.gz").read_bytes()
    commands.main(["football", str(path)])
    assert "what this clone holds" in capsys.readouterr().out
    assert (book / "football.csv.gz").read_bytes() == before


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2026-01-01,A,B,NA,1,Cup,Oslo,Norway,TRUE\n", "A against B on 2026-01-01"),
        ("2026-01-01,A,B,0,1,Cup,Oslo,Norway,maybe\n", "'maybe'"),
    ],
)
def test_a_match_that_cannot_be_read_is_refused(clone, book, row, said):
    with pytest.raises(BuildError, match=said):
        list(football.make(clone(HEAD + ROWS + row)))
    assert not (book / "football.csv.gz").exists()


def test_a_clone_without_results_is_refused(tmp_path):
    with pytest.raises(BuildError, match=r"no results\.csv"):
        list(football.make(tmp_path))
