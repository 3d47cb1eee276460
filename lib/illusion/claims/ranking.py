"""Claims of the chapter on ranking."""

from functools import cache

import pandas as pd

from illusion import data
from illusion.claims import Finding
from illusion.rating import ratings
from illusion.rating.battles import PairCounts


@cache
def public_votes() -> PairCounts:
    """Return the votes published on 14 August 2024, counted per pair."""
    return PairCounts.from_table(data.load("battles_2024-08-14"))


@cache
def public_board() -> pd.DataFrame:
    """Return the board that is fitted to the public votes."""
    return ratings.fit(public_votes()).table()


def board() -> Finding:
    """Count the published scores whose interval holds ours."""
    published = data.load("board_2024-08").set_index("model").dropna(subset="score")
    anchor = published.index[published["ci_lo"] == published["ci_hi"]][0]
    fitted = ratings.fit(
        public_votes(), anchor=(anchor, float(published["score"][anchor]))
    )
    ours = fitted.table()["score"][published.index]
    inside = ours.round().between(published["ci_lo"], published["ci_hi"])
    off = (ours - published["score"]).abs()
    return Finding(
        int(inside.sum()),
        f"Our fit of the published votes is {off.mean():.1f} points off on average, "
        f"at most {off.max():.1f}; rounding alone makes a quarter of a point.",
    )


COMPUTED = {"ranking.lmarena-board": board}
