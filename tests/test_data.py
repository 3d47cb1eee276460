"""The tables, their descriptions, and what `load` refuses."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import frictionless
import numpy as np
import pandas as pd
import pytest

from illusion import data

TREE = Path(__file__).resolve().parents[1]
PACKAGE = json.loads((TREE / "data" / "datapackage.json").read_text("utf-8"))
RECORDS = {record["name"]: record for record in PACKAGE["resources"]}

table = pytest.mark.parametrize("name", sorted(RECORDS))


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of data/ that a test may damage."""
    root = tmp_path / "data"
    shutil.copytree(data.ROOT, root)
    monkeypatch.setattr(data, "ROOT", root)
    return root


def test_package_is_valid():
    report = frictionless.validate(str(TREE / "data" / "datapackage.json"))
    assert report.valid, report.flatten(["title", "rowNumber", "message"])


def test_validator_sees_a_negative_count(copy):
    # Guards the test above: the constraints in the schema are really applied.
    file = copy / "battles_2024-08-14.csv"
    content = file.read_bytes().replace(b",103,94,", b",-103,94,", 1)
    file.write_bytes(content)
    package = json.loads((copy / "datapackage.json").read_text("utf-8"))
    package["resources"][0] |= {
        "hash": "sha256:" + hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    (copy / "datapackage.json").write_text(json.dumps(package), "utf-8")
    report = frictionless.validate(str(copy / "datapackage.json"))
    assert [e[0] for e in report.flatten(["type"])] == ["constraint-error"]


def test_every_file_is_described_and_every_description_has_its_file():
    files = {file.name for file in (TREE / "data").glob("*.csv*")}
    assert files == {record["path"] for record in RECORDS.values()}
    assert len(RECORDS) == len(PACKAGE["resources"])


@table
def test_record_is_complete(name):
    record = RECORDS[name]
    file = TREE / "data" / record["path"]
    assert file.name in (f"{name}.csv", f"{name}.csv.gz")
    assert record["title"]
    assert record["description"]
    assert record["builder"]
    assert all(source["title"] and source["path"] for source in record["sources"])
    assert all(
        licence["name"] and licence["path"].startswith("https://")
        for licence in record["licenses"]
    )
    described = data.describe(name)
    assert described["description"].str.endswith(".").all()
    numeric = described["type"].isin(["integer", "number"])
    assert (described.loc[numeric, "unit"] != "").all(), "a number without a unit"


@table
def test_a_chapter_or_the_library_loads_it(name):
    assert RECORDS[name]["consumers"], "a table that nobody loads"


@table
def test_loads_with_the_types_of_its_schema(name):
    frame = data.load(name)
    assert len(frame) == RECORDS[name]["rows"]
    fields = RECORDS[name]["schema"]["fields"]
    assert list(frame) == [field["name"] for field in fields]
    for field in fields:
        required = field.get("constraints", {}).get("required", False)
        expected = {
            "string": "str",
            "integer": "int64" if required else "Int64",
            "number": "float64",
            "boolean": "bool" if required else "boolean",
            "date": "datetime64",
        }[field["type"]]
        assert str(frame[field["name"]].dtype).startswith(expected), field["name"]
        assert not (required and frame[field["name"]].isna().any()), field["name"]
        assert not (frame[field["name"]] == "").any(), "a gap is not an empty text"


def test_gaps_and_odd_names_survive(copy):
    # Integers, dates and yes/no with a gap; a text that looks like one.
    content = b"name,n,yes,day\nNA,1,True,2024-08-14\nNone,,,\n"
    (copy / "odd.csv").write_bytes(content)
    kinds = {"name": "string", "n": "integer", "yes": "boolean", "day": "date"}
    record = {
        "name": "odd",
        "path": "odd.csv",
        "hash": "sha256:" + hashlib.sha256(content).hexdigest(),
        "schema": {
            "fields": [{"name": k, "type": v} for k, v in kinds.items()],
        },
    }
    (copy / "datapackage.json").write_text(json.dumps({"resources": [record]}), "utf-8")
    frame = data.load("odd")
    assert frame["name"].tolist() == ["NA", "None"]
    assert frame["n"].tolist() == [1, pd.NA]
    assert frame["yes"].tolist() == [True, pd.NA]
    assert frame["day"].tolist() == [pd.Timestamp("2024-08-14"), pd.NaT]


def test_battles_hold_what_their_source_says():
    battles = data.load("battles_2024-08-14")
    totals = RECORDS["battles_2024-08-14"]["totals"]
    counts = battles[["wins_a", "wins_b", "ties", "ties_bothbad"]]
    assert counts.sum().sum() == totals["votes"]
    assert (counts.sum(axis=1) > 0).all(), "a pair without a vote"
    models = set(battles["model_a"]) | set(battles["model_b"])
    assert len(models) == totals["models"]
    # Unordered pairs: each once, the first name first.
    assert (battles["model_a"] < battles["model_b"]).all()
    assert not battles.duplicated(["model_a", "model_b"]).any()


def test_board_holds_what_its_source_says():
    board = data.load("board_2024-08").set_index("model")
    totals = RECORDS["board_2024-08"]["totals"]
    assert len(board) == totals["models"]
    published = board.dropna(subset="score")
    assert len(published) == totals["models_on_board"]
    assert published.notna().all(axis=None)
    assert board.drop(columns="snapshot").drop(published.index).isna().all(axis=None)
    assert (published["ci_lo"] <= published["score"]).all()
    assert (published["score"] <= published["ci_hi"]).all()
    # The anchor of the scale is the only score without an interval.
    exact = published.index[published["ci_lo"] == published["ci_hi"]]
    assert exact.tolist() == ["mixtral-8x7b-instruct-v0.1"]
    whole = published[["score", "ci_lo", "ci_hi", "votes"]]
    assert (whole % 1 == 0).all(axis=None)


@table
def test_a_changed_byte_is_refused(name, copy):
    file = copy / RECORDS[name]["path"]
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    expected = RECORDS[name]["hash"][:19]
    actual = hashlib.sha256(content).hexdigest()[:12]
    with pytest.raises(ValueError, match="is not the file that was described") as why:
        data.load(name)
    for part in (file.name, expected, actual, "git checkout", "bookbuild renew"):
        assert part in str(why.value)


@table
def test_windows_line_ends_are_refused(name, copy):
    file = copy / RECORDS[name]["path"]
    if file.suffix == ".gz":
        pytest.skip("compressed: it has no lines")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(ValueError, match="is not the file that was described"):
        data.load(name)


@table
def test_a_missing_file_is_named(name, copy):
    (copy / RECORDS[name]["path"]).unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(RECORDS[name]["path"])):
        data.load(name)


def test_a_missing_description_says_what_to_do(copy):
    (copy / "datapackage.json").unlink()
    with pytest.raises(FileNotFoundError, match="pip install -e"):
        data.load("board_2024-08")


@pytest.mark.parametrize("function", [data.load, data.describe])
def test_an_unknown_name_lists_the_names(function):
    with pytest.raises(ValueError, match="There is no table 'board'") as why:
        function("board")
    assert all(name in str(why.value) for name in RECORDS)


def test_import_is_light():
    code = "import sys, illusion.data; print({'scipy', 'altair'} & set(sys.modules))"
    run = [sys.executable, "-c", code]
    assert subprocess.check_output(run, text=True).strip() == "set()"


@pytest.fixture
def described(tmp_path):
    """The path of a description of two tables, one of which may be kept."""
    fields = [{"name": name} for name in ("n", "x", "s", "big")]
    other = {"name": "other", "hash": "sha256:0", "bytes": 1, "rows": 2}
    mine = {"name": "mine", "path": "mine.csv", "title": "≥ é"}
    mine["schema"] = {"fields": fields}
    file = tmp_path / "datapackage.json"
    file.write_text(json.dumps({"resources": [other, mine]}), encoding="utf-8")
    return file


TABLE = pd.DataFrame(
    {"n": [1, 2], "x": [0.123456, np.nan], "s": ["a", "b"], "big": [4.0, 5e6]}
)


def test_a_table_is_kept_with_its_digest(described):
    folder = described.parent
    other, mine = json.loads(described.read_text("utf-8"))["resources"]
    data.keep(TABLE.round(4), "mine", folder)
    raw = (folder / "mine.csv").read_bytes()
    assert raw == b"n,x,s,big\n1,0.1235,a,4.0\n2,,b,5000000.0\n"
    text = described.read_text(encoding="utf-8")
    package = json.loads(text)
    assert package["resources"][0] == other
    digest = "sha256:" + hashlib.sha256(raw).hexdigest()
    changed = {"hash": digest, "bytes": len(raw), "rows": 2}
    assert package["resources"][1] == mine | changed
    assert "≥ é" in text
    assert text.endswith("}\n")
    assert TABLE["x"][0] == 0.123456


@pytest.mark.parametrize(
    ("table", "name", "fault"),
    [
        (TABLE, "nobodys", "no table 'nobodys'"),
        (TABLE.drop(columns="x"), "mine", "described with the columns"),
        (TABLE[["x", "n", "s", "big"]], "mine", "described with the columns"),
    ],
)
def test_what_is_not_described_is_not_written(described, table, name, fault):
    before = described.read_bytes()
    with pytest.raises(ValueError, match=fault):
        data.keep(table, name, described.parent)
    assert [file.name for file in described.parent.iterdir()] == [described.name]
    assert described.read_bytes() == before
