"""What brings Python into a page: checked, complete, and only there if asked for."""

import base64
import gzip
import hashlib
import io
import json
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import CHAPTERS, ROOT

from bookbuild import __main__ as commands
from bookbuild import live, runtime, student
from bookbuild.browser import NoBrowserError
from bookbuild.site import BuildError
from illusion import ledger

FILES = {"pyodide.js": b"run()\n" * 500, "stdlib.bin": bytes(range(256))}
WHEELS = {"pure-1.0-py3-none-any.whl": b"wheel"}


def record(name: str, content: bytes) -> dict:
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "bytes": len(content), "sha256": digest}


@pytest.fixture
def known(monkeypatch):
    """Let the manifest be of a few small files."""
    manifest = {
        "address": "https://nowhere.invalid/",
        "carrier": "carrier==1",
        "files": [record(*pair) for pair in FILES.items()],
        "wheels": [record(*pair) for pair in WHEELS.items()],
        "lock": {"info": {}, "packages": {}},
    }
    monkeypatch.setattr(runtime, "_manifest", lambda: manifest)
    return manifest


@pytest.fixture
def source(tmp_path):
    """Return a folder with the files that the manifest describes."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name, content in (FILES | WHEELS).items():
        (folder / name).write_bytes(content)
    return folder


def test_files_come_from_a_folder(known, source, tmp_path):
    kept = runtime.fetch(str(source), tmp_path / "kept")
    assert [path.name for path in kept] == [*FILES, *WHEELS]
    assert kept[0].read_bytes() == FILES["pyodide.js"]
    assert runtime.complete(tmp_path / "kept")
    assert [path.name for path in runtime.wheels(tmp_path / "kept")] == [*WHEELS]


def test_what_is_kept_is_not_fetched_again(known, source, tmp_path):
    runtime.fetch(str(source), tmp_path / "kept")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert len(runtime.fetch(str(empty), tmp_path / "kept")) == 3


def refused(source, into) -> list[str]:
    with pytest.raises(BuildError) as stopped:
        runtime.fetch(str(source), into)
    assert not runtime.complete(into)
    return str(stopped.value).splitlines()[1:]


def test_a_wrong_digest_is_refused_by_name(known, source, tmp_path):
    (source / "stdlib.bin").write_bytes(FILES["stdlib.bin"][::-1])
    (line,) = refused(source, tmp_path / "kept")
    assert line.startswith("stdlib.bin: another SHA-256 digest")
    # What is right is kept, what is not is not.
    assert (tmp_path / "kept" / "pyodide.js").exists()
    assert not (tmp_path / "kept" / "stdlib.bin").exists()


def test_a_wrong_size_is_said(known, source, tmp_path):
    (source / "stdlib.bin").write_bytes(b"short")
    assert refused(source, tmp_path / "kept") == ["stdlib.bin: 5 bytes instead of 256"]


def test_a_missing_file_is_named(known, source, tmp_path):
    (source / "pyodide.js").unlink()
    (line,) = refused(source, tmp_path / "kept")
    assert line.startswith("pyodide.js: not there")


def test_a_file_that_was_changed_later_is_fetched_again(known, source, tmp_path):
    runtime.fetch(str(source), tmp_path / "kept")
    (tmp_path / "kept" / "stdlib.bin").write_bytes(b"changed")
    assert not runtime.complete(tmp_path / "kept")
    runtime.fetch(str(source), tmp_path / "kept")
    assert runtime.complete(tmp_path / "kept")


def test_an_unknown_source_is_refused(known, tmp_path):
    with pytest.raises(BuildError, match="'npm' is neither a folder nor one of cdn"):
        runtime.fetch("npm", tmp_path)


def test_files_come_from_the_carrier_and_wheels_from_the_index(
    known, source, tmp_path, monkeypatch
):
    asked = []

    def download(*arguments):
        asked.append(arguments)
        into = Path(arguments[arguments.index("--dest") + 1])
        into.mkdir(exist_ok=True)
        if "--require-hashes" in arguments:
            for name, content in WHEELS.items():
                (into / name).write_bytes(content)
            return
        with zipfile.ZipFile(into / "carrier-1-py3-none-any.whl", "w") as archive:
            for name, content in FILES.items():
                archive.writestr(f"carrier/deep/{name}", content)

    monkeypatch.setattr(runtime, "_pip", download)
    runtime.fetch("pypi", tmp_path / "kept")
    assert runtime.complete(tmp_path / "kept")
    assert [args[-1] == "carrier==1" for args in asked] == [True, False]


def test_files_come_from_an_address(known, tmp_path, monkeypatch):
    asked = []

    def answer(address):
        asked.append(address)
        return io.BytesIO((FILES | WHEELS)[address.rpartition("/")[2]])

    monkeypatch.setattr(runtime.urllib.request, "urlopen", answer)
    runtime.fetch("cdn", tmp_path / "kept")
    assert runtime.complete(tmp_path / "kept")
    assert asked[0] == "https://nowhere.invalid/pyodide.js"


def test_no_network_is_said(known, tmp_path, monkeypatch):
    def refuse(*_):
        raise subprocess.CalledProcessError(1, "pip", stderr="a\nno such host\n")

    def unreachable(_):
        raise runtime.urllib.error.URLError("no network")

    monkeypatch.setattr(runtime, "_pip", refuse)
    monkeypatch.setattr(runtime.urllib.request, "urlopen", unreachable)
    lines = refused("cdn", tmp_path / "kept")
    assert [line.partition(":")[0] for line in lines] == [*FILES, *WHEELS]
    assert "no network" in lines[0]
    assert "no such host" in lines[-1]


def test_files_are_served_small_and_with_their_digests(known, source, tmp_path):
    runtime.fetch(str(source), tmp_path / "kept")
    script, library, lock = runtime.served(tmp_path / "kept")
    assert script.file == "pyodide.js.packed"
    assert gzip.decompress(script.content) == FILES["pyodide.js"]
    assert library.file == library.name
    assert library.content == FILES["stdlib.bin"]
    assert json.loads(lock.content) == known["lock"]
    entry = script.entry()
    digest = hashlib.sha256(script.content).digest()
    assert base64.b64decode(entry["sha256"]) == digest
    assert entry["bytes"] == len(script.content)


def test_the_manifest_is_of_the_files_that_pyodide_names():
    manifest = json.loads((ROOT / "lib/bookbuild/runtime.json").read_text("utf-8"))
    digests = {each["name"]: each["sha256"] for each in manifest["files"]}
    packages = manifest["lock"]["packages"]
    for package in packages.values():
        assert digests[package["file_name"]] == package["sha256"]
        assert set(package["depends"]) <= set(packages)
    assert {"numpy", "pandas", "scipy"} <= set(packages)
    assert re.fullmatch(r"0\.27\.\d+", manifest["lock"]["info"]["version"])


def test_the_oldest_libraries_are_those_of_the_pages():
    """Why .ci/run need not run .ci/lower where every chapter runs in its page."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    oldest = dict(re.findall(r"^(numpy|pandas|scipy)>=([\d.]+)", each)[0]
                  for each in project["dependencies"]
                  if each.startswith(("numpy", "pandas", "scipy")))  # fmt: skip
    manifest = json.loads((ROOT / "lib/bookbuild/runtime.json").read_text("utf-8"))
    packages = manifest["lock"]["packages"]
    assert oldest == {name: packages[name]["version"] for name in oldest}
    assert len(oldest) == 3


def test_the_command_says_what_it_got(known, source, monkeypatch, capsys):
    made = ROOT / "_build"
    monkeypatch.setattr(runtime, "fetch", lambda source: [made / source])
    monkeypatch.setattr(live, "prepare", lambda: [made / "code.zip"])
    commands.main(["live", "here"])
    assert capsys.readouterr().out == "_build/here\n_build/code.zip\n"

    def without():
        raise NoBrowserError("No browser.")

    monkeypatch.setattr(live, "prepare", without)
    commands.main(["live", "here"])
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first == "No browser."
    assert "some seconds later" in second
    assert rest == ["_build/here"]


CELLS = [
    ("markdown", "a", "# A\n\n### Exercise: One (check)<!--#ex-one-->\n\nHow many?"),
    ("code", "b", "n = 3"),
    ("markdown", "c", "#### Solution"),
    ("code", "d", "answer = n + 1\nexercises.check('ex-one', answer, within=1)"),
    ("markdown", "e", "## End"),
    ("code", "f", 'prose.check("a")'),
]


@pytest.fixture
def book(tmp_path):
    """Return a tree with one chapter that has an exercise and settles a claim."""
    chapters = tmp_path / "chapters"
    (chapters / "quizzes").mkdir(parents=True)
    cells = [
        {"cell_type": kind, "id": name, "source": text, "metadata": {}}
        for kind, name, text in CELLS
    ]
    settled = {"text/html": "<p>", ledger.MIME: {"id": "x"}}
    cells[1]["outputs"] = [
        {"output_type": "display_data", "data": settled},
        {"output_type": "stream", "text": "3"},
    ]
    (chapters / "a.ipynb").write_text(json.dumps({"cells": cells}), "utf-8")
    return tmp_path


def test_a_page_knows_its_cells_and_where_a_reader_may_answer(book):
    told = live.about(book / "chapters" / "a.ipynb")
    assert [(cell["id"], cell["solution"]) for cell in told["cells"]] == [
        ("b", False), ("d", True), ("f", False)
    ]  # fmt: skip
    (work,) = told["work"]
    assert (work["id"], work["place"]) == ("ex-one", 1)
    assert work["source"].startswith("# Your work goes here.\n\nanswer = ...")
    assert work["source"].endswith("exercises.check('ex-one', answer, within=1)")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_exercise_with_a_check_has_a_place_to_work(path):
    text = path.read_text("utf-8")
    checked = set(re.findall(r'exercises\.check\(\\"(ex-[\w-]+)', text))
    assert {work["id"] for work in live.about(path)["work"]} == checked
    assert student.checked([]) == ""


def names(archive: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(archive)).namelist()


def test_the_zip_has_the_book_and_is_the_same_again(book):
    made = live.book(book)
    assert made == live.book(book)
    found = names(made)
    for name in (
        "lib/illusion/rating/ratings.py", "lib/bookbuild/inpage.py",
        "data/datapackage.json", "chapters/a.ipynb",
    ):  # fmt: skip
        assert name in found
    assert not [n for n in found if "__pycache__" in n or n.endswith("live.py")]
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        cells = json.loads(archive.read("chapters/a.ipynb"))["cells"]
    assert cells[1]["outputs"] == [
        {"output_type": "display_data", "data": {ledger.MIME: {"id": "x"}}}
    ]


def test_packages_are_pure_and_without_what_nobody_imports(monkeypatch):
    monkeypatch.setattr(runtime, "wheels", lambda: [])
    found = dict(live.packages())
    for name in (
        "altair/__init__.py",
        "narwhals/stable/v1/__init__.py",
        "attr/_make.py",
    ):
        assert name in found
    assert not [n for n in found if n.endswith((".so", ".pyi")) or "/tests/" in n]
    (about,) = (
        n for n in found if re.fullmatch(r"altair-[\d.]+\.dist-info/METADATA", n)
    )
    assert b"\nName: altair" in found[about]
    assert sum(map(len, found.values())) < 8e6


def test_code_keeps_the_first_line_of_what_it_says_of_itself():
    source = 'class A:\n    """One.\n\n    More.\n    """\n\n    x = """Two\nlines"""\n'
    shorter = {}
    exec(live._brief(source), shorter)
    assert shorter["A"].__doc__ == "One."
    assert shorter["A"].x == "Two\nlines"


def page_of(book, built) -> dict:
    config = SimpleNamespace(root_doc="chapters/index")
    env = SimpleNamespace(
        doc2path=lambda name: str(book / f"{name}.ipynb"), found_docs={"chapters/a"}
    )
    return SimpleNamespace(
        config=config, env=env, book_live=built, srcdir=str(book),
        outdir=str(book / "out"), builder=SimpleNamespace(format="html"),
    )  # fmt: skip


BODY = '<h1>A</h1>\n<p class="rerun">3 minutes.</p>\n<p>Text.</p>'


def offered(app, name: str) -> str:
    context = {"body": BODY}
    live._offer(app, name, "page.html", context, object())
    return context["body"]


def test_a_page_is_what_it_was_without_the_files(book, monkeypatch):
    monkeypatch.setattr(runtime, "complete", lambda: False)
    app = page_of(book, None)
    live._prepare(app)
    assert offered(app, "chapters/a") == BODY
    live._write(app, None)
    assert not (book / "out").exists()


def test_a_chapter_offers_to_run(book, known, source, monkeypatch, tmp_path):
    kept = tmp_path / "kept"
    runtime.fetch(str(source), kept)
    monkeypatch.setattr(runtime, "complete", lambda: True)
    served = [*runtime.served(kept)]
    monkeypatch.setattr(runtime, "served", lambda: iter(served))
    monkeypatch.setattr(live, "packages", lambda: iter([]))
    app = page_of(book, None)
    live._prepare(app)
    body = offered(app, "chapters/a")
    assert re.search(
        r'</p>\n<div class="live-offer" hidden data-folder="\.\./_static/', body
    )
    assert body.endswith("</div>\n<p>Text.</p>")
    assert offered(app, "chapters/index") == BODY
    app.env.doc2path = lambda name: str(book / f"{name}.md")
    assert offered(app, "chapters/a") == BODY
    app.env.doc2path = lambda name: str(book / f"{name}.ipynb")
    live._write(app, None)
    folder = book / "out" / "_static" / "python"
    told = json.loads((folder / "a.json").read_text("utf-8"))
    for entry in told["files"]:
        content = (folder / entry["file"]).read_bytes()
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert digest == entry["sha256"]
    assert {"live.js", "live.css", "live-worker.js"} <= {
        p.name for p in folder.iterdir()
    }
    # Pages are written again when there is another version, and only then.
    assert live._outdated(app, app.env) == ["chapters/a"]
    assert live._outdated(app, app.env) == []
