"""The tables of ``data/``, read only if they are the bytes they should be.

``data/datapackage.json``, a Frictionless Data Package, describes each table. One
whose bytes do not match the digest there is refused, so that no chapter computes
on a file that was changed by accident.
"""

import hashlib
import io
import json
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2] / "data"

# For a field that is required, and for one that may have gaps.
_DTYPES = {
    "string": ("str", "str"),
    "integer": ("int64", "Int64"),
    "number": ("float64", "float64"),
    "boolean": ("bool", "boolean"),
}


def load(name: str) -> pd.DataFrame:
    """Read a table of ``data/`` after checking its bytes.

    Parameters
    ----------
    name : str
        The table's name in ``datapackage.json``, such as ``"board_2024-08"``.

    Returns
    -------
    pandas.DataFrame
        One column per field of the schema, in the units of :func:`describe`:
        text as ``str``, whole numbers as ``int64``, other numbers as
        ``float64``, dates as ``datetime64``, yes/no as ``bool``. In a field
        that may have gaps, whole numbers are ``Int64`` and yes/no ``boolean``.

    Raises
    ------
    ValueError
        If no table has this name, or its bytes differ from those described.
    FileNotFoundError
        If the table's file, or the description of all of them, is missing.
    """
    record = _record(name)
    fields = record["schema"]["fields"]
    dtypes, dates = {}, []
    for field in fields:
        if field["type"] == "date":
            dates.append(field["name"])
        else:
            gaps = not field.get("constraints", {}).get("required", False)
            dtypes[field["name"]] = _DTYPES[field["type"]][gaps]
    return pd.read_csv(
        io.BytesIO(_checked_bytes(record)),
        encoding=record["encoding"],
        dtype=dtypes,
        parse_dates=dates,
        date_format="%Y-%m-%d",
        # A model may be called "None" or "NA": only the schema says what a gap is.
        na_values=record["schema"]["missingValues"],
        keep_default_na=False,
    )


def describe(name: str) -> pd.DataFrame:
    """Tell what each column of a table means, without reading the table.

    Parameters
    ----------
    name : str
        The table's name in ``datapackage.json``.

    Returns
    -------
    pandas.DataFrame
        One row per field, indexed by its name: ``type``, ``unit`` (empty if it
        has none) and ``description``.

    Raises
    ------
    ValueError
        If no table has this name.
    """
    fields = [{"unit": ""} | field for field in _record(name)["schema"]["fields"]]
    return pd.DataFrame(fields).set_index("name")[["type", "unit", "description"]]


def keep(table: pd.DataFrame, name: str, folder: Path | None = None) -> None:
    """Write a table that is described already, and its new digest and size.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns as in the schema.
    name : str
        The table's name in ``datapackage.json``.
    folder : Path, optional
        Where that file is; ``data/`` unless given.
    """
    folder = ROOT if folder is None else folder
    path = folder / f"{name}.csv"
    table.to_csv(path, index=False, lineterminator="\n")
    described = folder / "datapackage.json"
    package = json.loads(described.read_text(encoding="utf-8"))
    record = next(each for each in package["resources"] if each["name"] == name)
    content = path.read_bytes()
    record["hash"] = "sha256:" + hashlib.sha256(content).hexdigest()
    record["bytes"], record["rows"] = len(content), len(table)
    text = json.dumps(package, indent=2, ensure_ascii=False)
    described.write_text(text + "\n", encoding="utf-8")


def _record(name: str) -> dict:
    resources = json.loads(_read("datapackage.json"))["resources"]
    records = {record["name"]: record for record in resources}
    if name in records:
        return records[name]
    names = ", ".join(sorted(records))
    raise ValueError(f"There is no table {name!r} in data/. The tables are: {names}.")


def _checked_bytes(record: dict) -> bytes:
    path, expected = record["path"], record["hash"].removeprefix("sha256:")
    content = _read(path)
    actual = hashlib.sha256(content).hexdigest()
    if actual == expected:
        return content
    raise ValueError(
        f"data/{path} is not the file that was described: its SHA-256 starts with "
        f"{actual[:12]}, expected {expected[:12]}. Restore it with `git checkout -- "
        f"data/{path}`; if the change is meant, put the new digest, {actual}, into "
        "data/datapackage.json."
    )


def _read(file: str) -> bytes:
    try:
        return (ROOT / file).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There is no {file} in {ROOT}. Restore it with `git checkout -- "
            f"data/{file}`, or, if the library was installed without the book, install "
            "it with `pip install -e .` from the book's tree, which holds the tables."
        ) from None
