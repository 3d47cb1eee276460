"""Files of votes -> a lazy table that DuckDB reads, out of core."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from illusion.rating.intake import InvalidBattlesError, listed

READERS = {
    ".parquet": "read_parquet($files, union_by_name => true)",
    ".csv": "read_csv($files, header => true, all_varchar => true, "
    "union_by_name => true)",
    ".tsv": "read_csv($files, header => true, all_varchar => true, delim => '\t', "
    "union_by_name => true)",
    ".json": "read_json($files, union_by_name => true)",
    ".jsonl": "read_json($files, format => 'newline_delimited', union_by_name => true)",
    ".ndjson": "read_json($files, format => 'newline_delimited', "
    "union_by_name => true)",
}
"""How DuckDB reads files, by the end of their name, also if ``.gz`` follows."""


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[Any, Callable[[], float]]]:
    """Open a file, or a folder of files of one kind, as a lazy table.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    table : duckdb.DuckDBPyRelation
        Nothing is read before it is asked for; text of CSV files stays text.
    share : callable
        Returns the percentage of the present query that is done, -1 without one.

    Raises
    ------
    InvalidBattlesError
        No such file, an empty one or one of another kind, or what DuckDB cannot read,
        then or while the table is in use.
    """
    try:
        import duckdb
    except ImportError:
        raise InvalidBattlesError(
            "Files are read by DuckDB, which is not installed: pip install duckdb."
        ) from None

    path = Path(path)
    if not path.exists():
        raise InvalidBattlesError(f"There is no file or folder {str(path)!r}.")
    files = [path]
    if path.is_dir():
        visible = (f for f in path.rglob("*") if not f.name.startswith((".", "_")))
        files = sorted(file for file in visible if file.is_file())
    kinds = sorted({_kind(file) for file in files})
    if len(kinds) != 1 or kinds[0] not in READERS:
        held = f"files of the kinds {listed(kinds)}" if kinds else "no files"
        raise InvalidBattlesError(
            f"{str(path)!r} holds {held}: give one file, or a folder of files of one "
            f"kind of {listed(READERS)}."
        )
    if empty := [file.name for file in files if not file.stat().st_size]:
        raise InvalidBattlesError(f"{listed(empty)}: the file is empty.")
    try:
        with duckdb.connect() as connection:
            # It counts how far it is, and leaves the drawing to the caller.
            connection.execute("SET enable_progress_bar = true")
            connection.execute("SET enable_progress_bar_print = false")
            paths = ", ".join("'" + str(f).replace("'", "''") + "'" for f in files)
            reader = READERS[kinds[0]].replace("$files", f"[{paths}]")
            table = connection.sql(f"SELECT * FROM {reader}")
            mixed = [
                '"{0}" ->> \'$\' AS "{0}"'.format(name.replace('"', '""'))
                for name, kind in zip(table.columns, table.types, strict=True)
                if str(kind) == "JSON"  # numbers and text in one column
            ]
            if mixed:
                table = table.project(f"* REPLACE ({', '.join(mixed)})")
            yield table, connection.query_progress
    except (duckdb.Error, UnicodeDecodeError) as error:
        first = _first_lines(str(error))
        raise InvalidBattlesError(f"{str(path)!r} could not be read: {first}") from None


def _kind(file: Path) -> str:
    return Path(file.name.lower().removesuffix(".gz")).suffix


def _first_lines(message: str) -> str:
    """Say why, without the file's own text and the options that follow."""
    if message.startswith("{"):
        message = str(json.loads(message).get("exception_message", message))
    first = message.strip().split("\n\n")[0].splitlines()[:3]
    kept = [line.strip() for line in first if not line.startswith("Original Line")]
    return " ".join(kept)[:300] or "no reason"
