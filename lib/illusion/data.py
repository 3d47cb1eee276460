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
    path, expected = record["path"], record["hash"]
    content = _read(path)
    if (actual := _digest(content)) != expected:
        raise ValueError(
            f"data/{path} is not the file that was described: its digest is "
            f"{actual[:19]}, expected {expected[:19]}. Restore it with `git checkout "
            f"-- data/{path}`; if the change is meant, run `python -m bookbuild renew`."
        )
    dtypes, dates = {}, []
    for field in record["schema"]["fields"]:
        if field["type"] == "date":
            dates.append(field["name"])
        else:
            gaps = not field.get("constraints", {}).get("required", False)
            dtypes[field["name"]] = _DTYPES[field["type"]][gaps]
    return pd.read_csv(
        io.BytesIO(content),
        compression="gzip" if path.endswith(".gz") else None,
        dtype=dtypes,
        parse_dates=dates,
        date_format="%Y-%m-%d",
        # A model may be called "None" or "NA": an empty field alone is a gap.
        na_values=[""],
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

    Raises
    ------
    ValueError
        No such table is described, or its columns are others. Nothing is written.
    """
    folder = ROOT if folder is None else folder
    described = folder / "datapackage.json"
    package = json.loads(described.read_text(encoding="utf-8"))
    record = _find(package, name)
    columns = [field["name"] for field in record["schema"]["fields"]]
    if list(table) != columns:
        raise ValueError(
            f"{name} is described with the columns {columns}, not {list(table)}: "
            "change the table, or its schema in data/datapackage.json."
        )
    content = table.to_csv(index=False, lineterminator="\n").encode()
    (folder / record["path"]).write_bytes(content)
    record |= {"hash": _digest(content), "bytes": len(content), "rows": len(table)}
    text = json.dumps(package, indent=2, ensure_ascii=False)
    described.write_text(text + "\n", encoding="utf-8")


def _record(name: str) -> dict:
    return _find(json.loads(_read("datapackage.json")), name)


def _find(package: dict, name: str) -> dict:
    records = {record["name"]: record for record in package["resources"]}
    if name in records:
        return records[name]
    names = ", ".join(sorted(records))
    raise ValueError(f"There is no table {name!r} in data/. The tables are: {names}.")


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _read(file: str) -> bytes:
    try:
        return (ROOT / file).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There is no {file} in {ROOT}. Restore it with `git checkout -- "
            f"data/{file}`, or, if the library was installed without the book, install "
            "it with `pip install -e .` from the book's tree, which holds the tables."
        ) from None
