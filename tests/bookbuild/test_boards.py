"""The boards are rebuilt from histories, here of small made-up repositories."""

import csv
import json
import subprocess

import pandas as pd
import pytest

from bookbuild import __main__ as commands
from bookbuild import boards, renew, tree
from bookbuild.site import BuildError
from illusion import data

TABLE = (
    "rank,model,{score},95_pct_ci,votes,organization,license\n"
    "1,GPT-4o-2024-05-13,1287,+3/-4,{votes},OpenAI,Proprietary\n"
    "2,Some-Model,1187,+6/-5,300,Allen AI,{licence}\n"
)
HEADS = {
    "old": "| 排名 (UB) | 模型 | 分数 | 95% 置信区间 (±) | 票数 | 组织/公司 | 许可证 |",
    "new": "| Rank | Rank Spread | 模型 | 分数 | 票数 | Price $/M | Context |",
}


def page(day, form, *rows):
    """Write a page as it was printed on a day."""
    head = HEADS[form]
    rule = "|" + "---|" * (head.count("|") - 1)
    lines = [f"> **数据更新时间**: {day} 08:00:01 UTC", "", head, rule, *rows, ""]
    return "\n".join(lines)


class Clone:
    """A repository of one branch."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments, day="2025-01-01"):
        when = f"{day}T10:00:00+00:00"
        subprocess.run(
            ["git", "-C", self.path, *arguments],
            check=True,
            capture_output=True,
            env={
                "PATH": "/usr/bin:/bin:/usr/local/bin",
                "GIT_AUTHOR_DATE": when,
                "GIT_COMMITTER_DATE": when,
                "GIT_AUTHOR_NAME": "a",
                "GIT_AUTHOR_EMAIL": "a@b",
                "GIT_COMMITTER_NAME": "a",
                "GIT_COMMITTER_EMAIL": "a@b",
            },
        )

    def commit(self, file, text, day):
        target = self.path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            target.unlink()
        else:
            target.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", day, day=day)


@pytest.fixture
def clones(tmp_path):
    """Return three repositories that hold two copies each, in every form."""
    table = Clone(tmp_path / "table")
    first = TABLE.format(score="arena_elo", votes=1000, licence="MIT")
    table.commit(boards.TABLE, first, "2024-06-19")
    second = TABLE.format(score="arena_score", votes=1200, licence="N/A")
    table.commit(boards.TABLE, second, "2024-07-07")
    table.commit(boards.TABLE, None, "2025-08-06")
    pages = Clone(tmp_path / "page")
    old = "| 1 | {} | {} | ±4 | {} | {} | {} |"
    sonnet = "Anthropicclaude-sonnet-4-5-20250929-thinking-32k"
    rows = (
        old.format(sonnet, "1448Preliminary", "4,415", "Anthropic", "Proprietary"),
        old.format("glm-4.6", 1421, 3056, "Z.ai", "MIT"),
        old.format("Metallama-3.1-70b-instruct", 1250, 39, "Meta", "Llama 3.1"),
    )
    pages.commit(boards.PAGE, page("2025-10-01", "old", *rows), "2025-10-01")
    pages.commit(boards.PAGE, page("2025-10-09", "old", *rows), "2025-10-09")
    # The next day nothing changed.
    pages.commit(boards.PAGE, page("2025-10-10", "old", *rows), "2025-10-10")
    new = "| 1 | 12 | {} | {} | {} | $5/$25 | 1M |"
    rows = (
        new.format(
            "Anthropicclaude-sonnet-4-5-20250929-high-32kAnthropic · Proprietary",
            "1449±4",
            "5,000",
        ),
        new.format("glm-4.6Z.ai · MIT", "1420±5Preliminary", "3,100"),
        new.format("Meta-Llama-3.1-70B-InstructMIT", "1249±6", "40"),
    )
    pages.commit(boards.PAGE, page("2026-03-11", "new", *rows), "2026-03-12")
    pages.commit(boards.PAGE, page("2026-07-20", "new", *rows), "2026-07-20")
    files = Clone(tmp_path / "files")
    for day, votes in (("2026-07-15", 1), ("2026-07-16", 3200), ("2026-07-17", 3200)):
        rows = [
            ("glm-4.6", "Z.ai", "open", 1422, 4, votes),
            ("kimi-k3", "Moonshot", "open", 1480, 9, 1000),
        ]
        names = ("model", "vendor", "license", "score", "ci", "votes")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        found[1]["preliminary"] = True
        text = json.dumps({"models": found})
        files.commit(f"data/{day}/text.json", text, day)
    return table.path, pages.path, files.path


def test_copies_of_every_form_are_read(clones):
    copies, _ = boards.rebuild(*clones)
    assert copies["board"].unique().tolist() == [
        "2024-06-19",
        "2024-07-07",
        "2025-10-09",
        "2026-03-11",
        "2026-07-16",
    ]
    rows = copies.set_index(["board", "model"])
    assert rows.loc[("2024-06-19", "gpt-4o-2024-05-13")].tolist() == [
        1287, 1283, 1290, 1000, 0,
    ]  # fmt: skip
    name = "claude-sonnet-4-5-20250929-high-32k"
    assert rows.loc[("2025-10-09", name)].tolist() == [1448, 1444, 1452, 4415, 1]
    assert rows.loc[("2026-03-11", name)].tolist() == [1449, 1445, 1453, 5000, 0]
    assert rows.loc[("2026-03-11", "glm-4.6")].tolist() == [1420, 1415, 1425, 3100, 1]
    # Printed without an organisation, its licence is one that was printed before.
    assert rows.loc[("2026-03-11", "llama-3.1-70b-instruct"), "votes"] == 40
    assert rows.loc[("2026-07-16", "kimi-k3-max")].tolist() == [
        1480, 1471, 1489, 1000, 1,
    ]  # fmt: skip
    assert copies.equals(boards._in_order(copies.sample(frac=1, random_state=1)))


def test_models_are_what_was_printed_last(clones):
    _, models = boards.rebuild(*clones)
    table = models.set_index(["period", "model"])
    some = table.loc[("to 2025-07", "Some-Model")]
    assert some.tolist() == ["Some-Model", "Ai2", "MIT", "open-source"]
    # The files of a day say "open", the page before them which licence.
    glm = table.loc[("from 2025-10", "glm-4.6")]
    assert glm.tolist() == ["glm-4.6", "Zhipu AI", "MIT", "open-source"]
    kimi = table.loc[("from 2025-10", "kimi-k3-max")]
    assert kimi.tolist()[2:] == ["open", "open, unspecified"]


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache-2.0", "open-source"),
        ("MIT", "open-source"),
        ("Modified MIT", "open-weight"),
        ("CC-BY-SA-4.0", "open-source"),
        ("CC-BY-NC-SA-4.0", "open-weight"),
        ("Other", "open-weight"),
        ("Propretary", "proprietary"),
        ("proprietary", "proprietary"),
        ("open", "open, unspecified"),
    ],
)
def test_licences_are_sorted_by_the_rule_of_the_paper(licence, expected):
    assert boards.licence_class(licence) == expected


def test_the_rule_sorts_all_models_of_the_book():
    table = data.load("board_models")
    found = table["licence"].map(boards.licence_class)
    assert (found == table["licence_class"]).all()


def test_names_lead_to_models_of_the_book():
    table = data.load("board_models")
    models = set(zip(table["period"], table["model"], strict=True))
    with boards.NAMES.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {(row["period"], row["model"]) for row in rows} <= models
    printed = [(row["period"], row["printed"]) for row in rows]
    assert len(set(printed)) == len(printed)


@pytest.fixture
def here(tmp_path, monkeypatch, clones):
    """Let a folder hold the tables that are rebuilt."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    monkeypatch.setattr(renew, "describe", lambda: iter(["described"]))
    copies, models = boards.rebuild(*clones)
    copies.to_csv(folder / "boards.csv.gz", index=False)
    models.to_csv(folder / "board_models.csv", index=False)
    return folder


def test_what_is_there_already_is_not_written(here, clones):
    before = [(here / name).read_bytes() for name in ("boards.csv.gz",)]
    assert list(boards.make(*clones)) == ["described"]
    assert before == [(here / "boards.csv.gz").read_bytes()]


def test_differences_are_said_and_copies_that_are_not_found_kept(here, clones):
    copies = pd.read_csv(here / "boards.csv.gz")
    whole = copies.copy()
    other = copies[copies["board"] == "2026-03-11"].assign(board="2026-08-01")
    copies.loc[copies["board"] == "2024-07-07", "votes"] += [1, 0]
    copies = copies[copies["board"] != "2026-07-16"]
    pd.concat([copies, other]).to_csv(here / "boards.csv.gz", index=False)
    models = pd.read_csv(here / "board_models.csv")
    models.loc[models["model"] == "glm-4.6", "licence"] = "open"
    models[models["model"] != "kimi-k3-max"].to_csv(
        here / "board_models.csv", index=False
    )
    assert list(boards.make(*clones)) == [
        "2024-07-07: 1 rows of 2 are others, of gpt-4o-2024-05-13",
        "2026-07-16: a new copy of 2 models",
        "2026-08-01: not in these clones, kept",
        "from 2025-10, glm-4.6: licence 'open' is 'MIT'",
        "from 2025-10, kimi-k3-max: a new model, Moonshot, open",
        f"data/boards.csv.gz: {len(whole) + len(other)} rows",
        "data/board_models.csv: 6 rows",
        "described",
    ]
    found = pd.read_csv(here / "boards.csv.gz")
    assert found[found["board"] < "2026-08"].equals(whole)
    assert (found["board"] == "2026-08-01").sum() == len(other)
    packed = (here / "boards.csv.gz").read_bytes()
    assert packed[4:8] == bytes(4), "the same content gives the same bytes"


def test_what_cannot_be_read_is_refused(tmp_path, clones):
    table, pages, files = clones
    with pytest.raises(BuildError, match="cannot be read by git"):
        boards.rebuild(tmp_path / "nowhere", pages, files)
    with pytest.raises(BuildError, match=r"no history of csv/lmsys\.csv"):
        boards.rebuild(files, pages, files)
    broken = Clone(tmp_path / "broken")
    row = "| 1 | 12 | someNew Firm · MIT | 1449±4 | 5,000 | $5/$25 | 1M |"
    broken.commit(boards.PAGE, page("2026-03-12", "new", row), "2026-03-12")
    with pytest.raises(BuildError, match="add it to ORGANISATIONS"):
        boards.rebuild(table, broken.path, files)
    row = "| 1 | 12 | some | 1449±4 | 5,000 | $5/$25 | 1M |"
    broken.commit(boards.PAGE, page("2026-03-12", "new", row), "2026-03-12")
    with pytest.raises(BuildError, match="ends in no licence"):
        boards.rebuild(table, broken.path, files)
    row = "| 1 | some | a lot | ±4 | 5,000 | Google | MIT |"
    broken.commit(boards.PAGE, page("2026-03-12", "old", row), "2026-03-12")
    with pytest.raises(BuildError, match="some has the score 'a lot'"):
        boards.rebuild(table, broken.path, files)
    rows = ["| 1 | glm-4.6 | 1421 | ±4 | 30 | Z.ai | MIT |"] * 2
    broken.commit(boards.PAGE, page("2026-03-12", "old", *rows), "2026-03-12")
    with pytest.raises(BuildError, match=r"2026-03-12 has glm-4\.6 twice"):
        boards.rebuild(table, broken.path, files)
    row = "| 1 | new-model | 1421 | ±4 | 30 |  | MIT |"
    broken.commit(boards.PAGE, page("2026-03-12", "old", row), "2026-03-12")
    with pytest.raises(BuildError, match="names an organisation of new-model"):
        boards.rebuild(table, broken.path, files)
    text = TABLE.format(score="arena_score", votes=1, licence="MIT")
    broken.commit(boards.TABLE, text.replace("+6/-5", "6"), "2026-03-13")
    with pytest.raises(BuildError, match="Some-Model has the interval '6'"):
        boards.rebuild(broken.path, pages, files)


def test_the_command_names_the_clones(monkeypatch, capsys, tmp_path):
    calls = []

    def make(*paths):
        calls.append([path.name for path in paths])
        return iter([])

    monkeypatch.setattr(boards, "make", make)
    commands.main(["boards", *(str(tmp_path / name) for name in "abc")])
    assert calls == [["a", "b", "c"]]
    assert capsys.readouterr().out == "The boards are what these clones hold.\n"
