"""Measures how long the chapters run."""

import datetime
import os
import platform
import time
from pathlib import Path

import nbclient
import nbformat
import pandas as pd

from illusion import data

__all__ = ["measure"]


def measure(chapters: Path) -> pd.DataFrame:
    """Run every notebook, one after the other, and keep how long each took.

    Parameters
    ----------
    chapters
        The folder of the notebooks.

    Returns
    -------
    DataFrame
        The table ``run_times``, as it is kept. A run begins with the start of its
        kernel.
    """
    rows = []
    for path in sorted(chapters.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        nbclient.NotebookClient(
            notebook, timeout=None, resources={"metadata": {"path": chapters}}
        ).execute()
        rows.append(
            {
                "notebook": path.stem,
                "seconds": round(time.perf_counter() - start, 1),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "day": datetime.date.today().isoformat(),
            }
        )
    table = pd.DataFrame(rows)
    data.keep(table, "run_times")
    return table
