"""Bring up to date what is made from something else: ``python -m bookbuild renew``.

That is what ``data/datapackage.json`` says of the tables' files, the list of tables
``data/README.md``, the digests of the exercises' answers, and the outputs stored in the
notebooks. What is up to date stays as it is, byte for byte.
"""

import hashlib
import io
import json
import platform
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from bookbuild import kernels, tree
from bookbuild.site import BuildError
from illusion import data
from illusion.telling import prose

__all__ = ["describe", "renew", "run"]

_ASK = "from illusion.telling import exercises\nimport json\n"
_ASK += "print(json.dumps(exercises.seen))"
_LIST = """# The tables

Made from `datapackage.json` by `python -m bookbuild renew`. That file also has all
sources of each table, its caveats, its SHA-256 digest, and the meaning and unit of
every column.

"""


def renew() -> Iterator[str]:
    """Bring the tree up to date.

    Yields
    ------
    str
        What was changed, as soon as it was.

    Raises
    ------
    BuildError
        A table without a description, or a cell that fails.
    """
    yield from describe()
    known = tree.ROOT / tree.BUILD / "renewed.json"
    fresh = json.loads(known.read_text("utf-8")) if known.exists() else {}
    # Those that show what others have settled come after them, the landing page last.
    first, *rest = tree.notebooks().values()
    alone = [path for path in rest if not _shows_others(path)]
    after = {path: alone for path in rest if path not in alone} | {first: rest}
    for path in (*alone, *after):
        around = _around(after.get(path, []))
        if fresh.get(path.stem) == around + _own(path):
            continue
        yield from _run_again(path)
        # What was there before the run: a file that changed meanwhile counts as new.
        fresh[path.stem] = around + _own(path)
        known.parent.mkdir(exist_ok=True)
        known.write_text(json.dumps(fresh), "utf-8")


def _shows_others(path: Path) -> bool:
    """Whether a notebook shows claims that others settle."""
    return "ledger.show_ledger(" in path.read_text("utf-8")


def _around(others: Sequence[Path]) -> str:
    """Digest what a notebook's outputs depend on beside it, and other notebooks."""
    root = tree.ROOT
    package = json.loads((root / "data" / "datapackage.json").read_text("utf-8"))
    tables = [
        (each["name"], each["hash"], each["schema"])
        for each in package["resources"]
        if each["name"] != "answers"
    ]
    sources = [root / "requirements.txt", *root.glob("lib/illusion/**/*.py")]
    sources += [*root.glob("chapters/quizzes/*"), *others]
    parts = [platform.python_version(), json.dumps(tables)]
    for source in sorted(sources):
        content = hashlib.sha256(source.read_bytes()).hexdigest()
        parts.append(f"{source.relative_to(root)} {content}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _own(path: Path) -> str:
    """Digest a notebook and its answers."""
    file = tree.ROOT / "data" / "answers.csv"
    answers = pd.read_csv(file).query("chapter == @path.stem")
    content = path.read_bytes() + answers.to_csv(index=False).encode()
    return hashlib.sha256(content).hexdigest()


def _run_again(path: Path) -> Iterator[str]:
    """Renew a notebook's answers and its outputs."""
    before = path.read_text("utf-8")
    notebook, answers = _run(path)
    if _keep_answers(path.stem, answers):
        yield f"data/answers.csv: answers of {path.stem}"
        yield from describe()
        notebook, _ = _run(path)  # what is said of an answer depends on those kept
    if changes := prose.renew(notebook.cells):
        path.write_text(nbformat.writes(notebook) + "\n", "utf-8")
        for change in changes:
            yield f"{path.relative_to(tree.ROOT)}: {change}"
        notebook, _ = _run(path)
    after = nbformat.writes(notebook) + "\n"
    if after != before:
        path.write_text(after, "utf-8")
        yield f"{path.relative_to(tree.ROOT)}: outputs"


def _run(path: Path) -> tuple[nbformat.NotebookNode, dict[str, list[str]]]:
    """Run a notebook; return it as it is stored, and the answers' digests."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(_ASK))
    run(notebook, path)
    return notebook, json.loads(notebook.cells.pop().outputs[0].text)


def run(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Run a notebook, in place, where its file is.

    Raises
    ------
    BuildError
        A cell that fails.
    """
    kept = notebook.metadata.copy()  # the kernel writes its own version into it
    client = NotebookClient(
        notebook,
        config=kernels.config(),
        timeout=None,
        record_timing=False,
        # What is printed arrives in pieces, cut otherwise each time.
        coalesce_streams=True,
        resources={"metadata": {"path": path.parent}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise BuildError(f"{path.name} fails:\n{error}") from error
    notebook.metadata = kept


def _keep_answers(chapter: str, found: dict[str, list[str]]) -> bool:
    """Keep the digests of a chapter's answers; return whether they have changed."""
    folder = tree.ROOT / "data"
    kept = pd.read_csv(folder / "answers.csv")
    rows = [
        (chapter, label, part, digest)
        for label, digests in found.items()
        for part, digest in enumerate(digests, 1)
    ]
    rows += kept[kept["chapter"] != chapter].itertuples(index=False, name=None)
    rows.sort(key=itemgetter(0))
    if rows == list(kept.itertuples(index=False, name=None)):
        return False
    data.keep(pd.DataFrame(rows, columns=list(kept)), "answers", folder)
    return True


def describe() -> Iterator[str]:
    """Bring the descriptions of the tables, and their list, up to date.

    By hand, a table needs name (and path, if it is compressed), title, description,
    sources, licenses and builder, and each column name, description and, for a number,
    unit. The rest is filled in; a type and constraints that are there are kept.

    Yields
    ------
    str
        What was changed.

    Raises
    ------
    BuildError
        A file that is not described, or whose columns are others.
    """
    folder = tree.ROOT / "data"
    file = folder / "datapackage.json"
    package = json.loads(file.read_text("utf-8"))
    records = package["resources"]
    code = _code()
    for record in records:
        _fill(record, folder, code)
    files = {path.name for path in folder.iterdir() if path.suffix in (".csv", ".gz")}
    if lost := files - {record["path"] for record in records}:
        raise BuildError(
            f"data/datapackage.json does not describe {sorted(lost)}: add name, title, "
            "description, sources, licenses, builder and the meaning of each column."
        )
    listed = "".join(map(_line, sorted(records, key=lambda record: record["name"])))
    for path, text in (
        (file, json.dumps(package, indent=2, ensure_ascii=False) + "\n"),
        (folder / "README.md", _LIST + listed),
    ):
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            yield f"data/{path.name}"


def _line(record: dict[str, Any]) -> str:
    """Write a table's line of the list."""
    path, source = record["path"], record["sources"][0]
    link = source["path"] if "://" in source["path"] else f"../{source['path']}"
    licences = ", ".join(licence["name"] for licence in record["licenses"])
    return (
        f"- [{path}]({path}), {record['rows']:,} rows: {record['title']}. From "
        f"[{source['title']}]({link}); {licences}.\n"
    )


def _code() -> dict[str, str]:
    """Return the code of all notebooks and modules by their paths."""
    code = {}
    for file in sorted(tree.ROOT.glob("chapters/*.ipynb")):
        cells = nbformat.read(file, as_version=4).cells
        sources = (cell.source for cell in cells if cell.cell_type == "code")
        code[f"chapters/{file.name}"] = "\n".join(sources)
    for file in sorted(tree.ROOT.glob("lib/**/*.py")):
        code[file.relative_to(tree.ROOT).as_posix()] = file.read_text("utf-8")
    return code


def _fill(record: dict[str, Any], folder: Path, code: dict[str, str]) -> None:
    """Fill in what a table's file, and those who load it, tell of it."""
    name = record["name"]
    record.setdefault("path", f"{name}.csv")
    record.setdefault("profile", "tabular-data-resource")
    try:
        content = (folder / record["path"]).read_bytes()
    except FileNotFoundError:
        raise BuildError(f"There is no data/{record['path']}.") from None
    table = pd.read_csv(
        io.BytesIO(content),
        compression="gzip" if record["path"].endswith(".gz") else None,
        dtype=str,
        na_values=[""],
        keep_default_na=False,
    )
    fields = {field["name"]: field for field in record["schema"]["fields"]}
    if list(fields) != list(table):
        raise BuildError(
            f"data/{record['path']} has the columns {list(table)}, and is described "
            f"with {list(fields)}: describe them in data/datapackage.json."
        )
    for column, field in fields.items():
        if "type" not in field:
            field["type"] = _type(table[column])
            if table[column].notna().all():
                field["constraints"] = {"required": True} | field.get("constraints", {})
    loads = re.compile(rf"""\bload\(\s*["']{re.escape(name)}["']""")
    record |= {
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "bytes": len(content),
        "rows": len(table),
        "consumers": [file for file, text in code.items() if loads.search(text)],
    }


def _type(column: pd.Series) -> str:
    """Name the type of a column of text as a table schema does."""
    present = column.dropna()
    if present.isin(["True", "False"]).all():
        return "boolean"
    if present.str.fullmatch(r"-?\d+").all():
        return "integer"
    if pd.to_numeric(present, errors="coerce").notna().all():
        return "number"
    dates = pd.to_datetime(present, format="%Y-%m-%d", errors="coerce")
    return "date" if dates.notna().all() else "string"
