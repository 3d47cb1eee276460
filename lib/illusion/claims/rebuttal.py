"""Claims of the chapter on the rebuttal."""

from datetime import date
from functools import cache, partial

import numpy as np
import pandas as pd

from illusion import data, record
from illusion.claims import Finding, copies, data_asymmetry, day_in_words, ranking
from illusion.rating import ratings
from illusion.rebuttal import influence

SAMPLES = 20


@cache
def fewest_of_samples() -> np.ndarray:
    """Return the fewest battles that decide the first place, in thinned votes.

    As many votes are drawn as the later study has, some times over.
    """
    rng = np.random.default_rng(2508)
    n = int(research()["sample"])
    votes = ranking.public_votes()
    drawn = [influence.thinned(votes, n, rng) for _ in range(SAMPLES)]
    return np.array([influence.fewest_to_topple(one).removed for one in drawn])


@cache
def research() -> pd.Series:
    """Return the headline numbers of later research, by name."""
    return data.load("later_research").set_index("key")["value"]


def handful() -> Finding:
    """Fewest votes that decide the first place, in samples of the study's size."""
    fewest = fewest_of_samples()
    low, high = fewest.min(), fewest.max()
    why = (
        f"So it is in {SAMPLES} samples of as many public votes, in the middle "
        f"{np.median(fewest):.0f}: it depends on the lead that a sample happens to "
        "have. The study's votes are others than ours."
    )
    return Finding(low, why, high, "assumption", between=True)


def handful_share() -> Finding:
    """Share of votes that decide the first place, in samples of the study's size."""
    share = 1e6 * fewest_of_samples() / research()["sample"]
    votes = ranking.public_votes()
    found = influence.fewest_to_topple(votes)
    why = (
        f"So it is in the same samples. Of all {votes.n_battles / 1e6:.2f} million "
        f"public votes, {found.removed} carry a lead of {found.lead:.0f} points, "
        f"{1e6 * found.removed / votes.n_battles:.0f} per million. The study's votes "
        "are others."
    )
    low, high = share.min(), share.max()
    return Finding(low, why, high, "assumption", between=True)


def added(chosen: bool) -> Finding:
    """Votes to add until the second model is first."""
    leader, second = ranking.public_board().index[:2]
    count = partial(influence.fewest_added, ranking.public_votes(), leader, second)
    here, other = count(chosen=chosen), count(chosen=not chosen)
    pair, any_pair = (here, other) if chosen else (other, here)
    why = (
        f"To put {second} first takes {pair} wins over {leader}, or {any_pair} over "
        "the opponents it meets, if the pair cannot be chosen. The study's attack is "
        "another one."
    )
    return Finding(here, why, other, "assumption")


def bad_votes() -> Finding:
    """Places that models move by if a tenth of the votes is bad."""
    votes, rank = ranking.public_votes(), ranking.public_board()["rank"]
    share = research()["bad-share"] / 100
    rng = np.random.default_rng(2412)

    def moved(against: str | None = None) -> pd.Series:
        bad = influence.with_bad_votes(votes, share, rng, against)
        return (ratings.fit(bad).table()["rank"] - rank).abs()

    random = np.array([moved().max() for _ in range(SAMPLES)])
    aimed = [moved(name)[name] for name in rank.index[:20]]
    why = (
        f"Bad votes at random move some model by {random.min()} to {random.max()} of "
        f"{len(rank)} places, in {SAMPLES} draws; aimed at one of the first 20 they "
        f"move it by {min(aimed)} to {max(aimed)}."
    )
    return Finding(random.mean(), why, max(aimed), "assumption")


def sonnet() -> Finding:
    """Whether the newer Claude 3.5 Sonnet was low in April 2025.

    Below the first ten; or else in the lower half of the board.
    """
    ranks = record.ranks(copies())
    newer = ranks[ranks["model"] == "claude-3-5-sonnet-20241022"]
    first, last = newer.iloc[0], newer.iloc[-1]
    why = (
        f"Its newer version stood at {last['rank_by_score']} by score of "
        f"{last['models_on_board']} models on 24 April 2025, from "
        f"{first['rank_by_score']} in October 2024: far from the first, and among the "
        f"first fifth. Its score went from {first['score']:.0f} to {last['score']:.0f}."
    )
    rank = last["rank_by_score"]
    return Finding(rank > 10, why, rank > last["models_on_board"] / 2, "definition")


def gemini() -> Finding:
    """Whether a model of Google was first on the day of the remark."""
    now = record.number_one(copies()).iloc[-1]
    why = f"{now['model']} was first since {day_in_words(now['first_day'])}."
    return Finding(now["organisation"] == "Google", why)


def done(day: str, words: str) -> Finding:
    """Whether the timeline says so on that day."""
    event = data.load("policy_timeline").set_index("date")["event"][day]
    parts = [part.strip() for part in event.split(";")]
    said = [part for part in parts if words in part]
    when = day_in_words(date.fromisoformat(day))
    return Finding(bool(said), f"{when}: {'; '.join(said or parts)}.")


COMPUTED = {
    "revision.paper-arenahard": partial(done, "2025-05-12", "reworded to ArenaHard"),
    "revision.paper-intervals": partial(done, "2025-05-12", "intervals added"),
    "revision.paper-open-source": partial(data_asymmetry.by_class, "open-source"),
    "promise.lmarena-several": partial(done, "2025-05-27", "several variants"),
    "promise.lmarena-provisional": partial(done, "2025-05-27", "2000 fresh votes"),
    "handful.others-two": handful,
    "handful.others-share": handful_share,
    "rigging.others-hundreds": partial(added, True),
    "rigging.others-thousand": partial(added, False),
    "rigging.others-bad-votes": bad_votes,
    "sonnet.others-low": sonnet,
    "sonnet.others-gemini": gemini,
}
