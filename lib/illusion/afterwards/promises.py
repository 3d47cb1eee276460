"""What was asked for and promised in 2025, and what became of it."""

import pandas as pd

from illusion import data

STATUSES = ("done", "partly", "not found", "contrary")
"""What can have become of a promise, by public documents."""


def tally() -> pd.DataFrame:
    """Count what became of recommendations and promises, by who made them.

    Returns
    -------
    DataFrame
        Indexed by party (``paper``, ``LMArena``), a column for each of
        :data:`STATUSES`: rows of the table ``promises``. Not found is not broken: no
        public trace was found.
    """
    table = data.load("promises")
    counts = pd.crosstab(table["party"], table["status"])
    counts = counts.rename_axis(index=None, columns=None)
    return counts.reindex(["paper", "LMArena"], fill_value=0).reindex(
        columns=list(STATUSES), fill_value=0
    )
