"""The table of football matches, from a clone of the repository that collects them.

``data/football.csv.gz`` keeps of each match what an audit needs and no more: the day,
who was named first and second, how it ended, and whether the ground was neutral.
"""

import gzip
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from bookbuild import renew, tree
from bookbuild.site import BuildError

FIRST = "1980-01-01"
"""Day of the first match that is kept."""
_OUTCOMES = {1: "home", -1: "away", 0: "draw"}


def make(clone: Path) -> Iterator[str]:
    """Rebuild the table from a clone, and write it if it is another.

    Parameters
    ----------
    clone : Path
        Of international_results; a bare one will do.

    Yields
    ------
    str
        What was written.

    Raises
    ------
    BuildError
        A clone without the file of results, or a row that cannot be read.
    """
    matches = reduced(_results(clone))
    content = matches.to_csv(index=False, lineterminator="\n").encode()
    path = tree.ROOT / "data" / "football.csv.gz"
    if not path.exists() or gzip.decompress(path.read_bytes()) != content:
        path.write_bytes(gzip.compress(content, mtime=0))
        yield f"data/{path.name}: {len(matches)} rows"
    yield from renew.describe()


def reduced(results: pd.DataFrame) -> pd.DataFrame:
    """Keep of the results what the book needs.

    Parameters
    ----------
    results : DataFrame
        The file ``results.csv`` of the repository, a row per match, as text.

    Returns
    -------
    DataFrame
        ``date``, ``home``, ``away``, ``outcome`` (home, draw or away) and
        ``neutral``, in the order of the source, from :data:`FIRST` on.

    Raises
    ------
    BuildError
        A match without a result, or whose ground is neither neutral nor not.
    """
    recent = results[results["date"] >= FIRST].reset_index(drop=True)
    goals = [
        pd.to_numeric(recent[f"{side}_score"], errors="coerce")
        for side in ("home", "away")
    ]
    outcome = (goals[0] - goals[1]).clip(-1, 1).map(_OUTCOMES)
    neutral = recent["neutral"].map({"TRUE": True, "FALSE": False})
    unread = outcome.isna() | neutral.isna()
    if unread.any():
        row = recent[unread].iloc[0]
        raise BuildError(
            f"{row['home_team']} against {row['away_team']} on {row['date']} has the "
            f"score {row['home_score']}:{row['away_score']} and neutral "
            f"{row['neutral']!r}: expected two numbers, and TRUE or FALSE."
        )
    return pd.DataFrame(
        {
            "date": recent["date"],
            "home": recent["home_team"],
            "away": recent["away_team"],
            "outcome": outcome,
            "neutral": neutral.astype(bool),
        }
    )


def _results(clone: Path) -> pd.DataFrame:
    """Read the newest results that a clone has."""
    done = subprocess.run(
        ["git", "-C", clone, "show", "HEAD:results.csv"], capture_output=True
    )
    if done.returncode:
        raise BuildError(f"{clone} has no results.csv: {done.stderr.decode().strip()}")
    return pd.read_csv(io.BytesIO(done.stdout), dtype=str, keep_default_na=False)
