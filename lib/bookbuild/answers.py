"""The digests of the exercises' answers, made from the solutions."""

import json
from pathlib import Path

import nbclient
import nbformat
import pandas as pd

from bookbuild import kernels
from illusion import data

__all__ = ["renew"]

_ASK = """
from illusion.telling import exercises
import json
print(json.dumps(exercises.seen()))
"""


def renew(chapters: Path, name: str) -> int:
    """Run a chapter and keep the digests of the answers that its solutions give.

    Parameters
    ----------
    chapters
        The folder of the notebooks.
    name
        A chapter, such as ``"ranking"``.

    Returns
    -------
    int
        Number of exercises.
    """
    notebook = nbformat.read(chapters / f"{name}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(_ASK))
    nbclient.NotebookClient(
        notebook,
        config=kernels.config(),
        timeout=None,
        resources={"metadata": {"path": chapters}},
    ).execute()
    found = json.loads(notebook.cells[-1].outputs[0].text)
    kept = data.load("answers")
    rows = [
        {"chapter": name, "exercise": label, "part": part, "digest": digest}
        for label, digests in found.items()
        for part, digest in enumerate(digests, 1)
    ]
    table = pd.concat([kept[kept["chapter"] != name], pd.DataFrame(rows)])
    data.keep(table.sort_values("chapter", kind="stable"), "answers")
    return len(found)
