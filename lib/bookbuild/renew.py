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
from collections.abc import Iterator
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

__all__ = ["describe", "renew"]

_ASK = "from illusion.telling import exercises\nimport json\n"
_ASK += "print(json.dumps(exercises.seen))"
# The order in which a table's description is written.
_ORDER = ("name", "path", "title", "description", "profile", "hash", "bytes", "rows")
_ORDER += ("totals", "sources", "licenses", "licenseNote", "builder", "consumers")
_ORDER += ("schema",)
_FIELD = ("name", "type", "description", "unit", "constraints")
_LIST = """# The tables

Made from `datapackage.json` by `python -m bookbuild renew`. That file also has all
sources of each table, its caveats, its SHA-256 digest, and the meaning and unit of
every column.

"""


def renew(root: Path | None = None) -> Iterator[str]:
    """Bring a tree up to date.

    Parameters
    ----------
    root
        Of another tree than this one.

    Yields
    ------
    str
        What was changed, as soon as it was.

    Raises
    ------
    BuildError
        A table without a description, or a cell that fails.
    """
    root = root or tree.ROOT
    yield from describe(root)
    known = root / tree.BUILD / "renewed.json"
    fresh = json.loads(known.read_text("utf-8")) if known.exists() else {}
    # The landing page, which comes first, shows what the chapters have found.
    first, *rest = tree.notebooks(root).values()
    for path in (*rest, first):
        around = _around(root, set(rest) if path == first else set())
        if fresh.get(path.stem) == around + _own(root, path):
            continue
        yield from _run_again(root, path)
        # What was there before the run: a file that changed meanwhile counts as new.
        fresh[path.stem] = around + _own(root, path)
        known.parent.mkdir(exist_ok=True)
        known.write_text(json.dumps(fresh), "utf-8")


def _around(root: Path, others: set[Path]) -> str:
    """Digest what a notebook's outputs depend on beside it, and other notebooks."""
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


def _own(root: Path, path: Path) -> str:
    """Digest a notebook and its answers."""
    answers = pd.read_csv(root / "data" / "answers.csv").query("chapter == @path.stem")
    content = path.read_bytes() + answers.to_csv(index=False).encode()
    return hashlib.sha256(content).hexdigest()


def _run_again(root: Path, path: Path) -> Iterator[str]:
    """Renew a notebook's answers and its outputs."""
    before = path.read_text("utf-8")
    notebook, answers = _run(path)
    if _keep_answers(root, path.stem, answers):
        yield f"data/answers.csv: answers of {path.stem}"
        yield from describe(root)
        notebook, _ = _run(path)  # what is said of an answer depends on those kept
    after = nbformat.writes(notebook) + "\n"
    if after != before:
        path.write_text(after, "utf-8")
        yield f"{path.relative_to(root)}: outputs"


def _run(path: Path) -> tuple[nbformat.NotebookNode, dict[str, list[str]]]:
    """Run a notebook; return it as it is stored, and the answers' digests."""
    notebook = nbformat.read(path, as_version=4)
    kept = notebook.metadata.copy()  # the kernel writes its own version into it
    notebook.cells.append(nbformat.v4.new_code_cell(_ASK))
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
    return notebook, json.loads(notebook.cells.pop().outputs[0].text)


def _keep_answers(root: Path, chapter: str, found: dict[str, list[str]]) -> bool:
    """Keep the digests of a chapter's answers; return whether they have changed."""
    file = root / "data" / "answers.csv"
    kept = pd.read_csv(file)
    rows = [
        (chapter, label, part, digest)
        for label, digests in found.items()
        for part, digest in enumerate(digests, 1)
    ]
    rows += kept[kept["chapter"] != chapter].itertuples(index=False, name=None)
    rows.sort(key=itemgetter(0))
    if rows == list(kept.itertuples(index=False, name=None)):
        return False
    data.keep(pd.DataFrame(rows, columns=list(kept)), "answers", file.parent)
    return True


def describe(root: Path | None = None) -> Iterator[str]:
    """Bring the descriptions of the tables, and their list, up to date.

    By hand, a table needs name (and path, if it is compressed), title, description,
    sources, licenses and builder, and each column name, description and, for a number,
    unit. The rest is filled in; a type and constraints that are there are kept.

    Parameters
    ----------
    root
        As for :func:`renew`.

    Yields
    ------
    str
        What was changed.

    Raises
    ------
    BuildError
        A file that is not described, or whose columns are others.
    """
    folder = (root or tree.ROOT) / "data"
    file = folder / "datapackage.json"
    package = json.loads(file.read_text("utf-8"))
    records = package["resources"]
    code = _code(folder.parent)
    for place, record in enumerate(records):
        records[place] = _filled(record, folder, code)
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


def _code(root: Path) -> dict[str, str]:
    """Return the code of all notebooks and modules by their paths."""
    code = {}
    for file in sorted(root.glob("chapters/*.ipynb")):
        cells = json.loads(file.read_text("utf-8"))["cells"]
        sources = ("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        code[f"chapters/{file.name}"] = "\n".join(sources)
    for file in sorted(root.glob("lib/**/*.py")):
        code[file.relative_to(root).as_posix()] = file.read_text("utf-8")
    return code


def _filled(
    record: dict[str, Any], folder: Path, code: dict[str, str]
) -> dict[str, Any]:
    """Fill in what a table's file, and those who load it, tell of it."""
    name = record["name"]
    record = {"path": f"{name}.csv", "profile": "tabular-data-resource"} | record
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
    record["schema"]["fields"] = [_sorted(field, _FIELD) for field in fields.values()]
    loads = re.compile(rf"""\bload\(\s*["']{re.escape(name)}["']""")
    record |= {
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "bytes": len(content),
        "rows": len(table),
        "consumers": [file for file, text in code.items() if loads.search(text)],
    }
    return _sorted(record, _ORDER)


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


def _sorted(record: dict[str, Any], order: tuple[str, ...]) -> dict[str, Any]:
    known = {key: record[key] for key in order if key in record}
    return known | record
