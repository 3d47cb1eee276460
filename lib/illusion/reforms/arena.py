"""A simulated arena: who meets whom, private tests, removals, a board a week.

Votes are drawn per pair and week, not one by one, for several replicates at a
time. What the arena may decide is in `Rules`; what it may not, in `World`.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from illusion.rating import boards
from illusion.rating.likelihood import one_thread
from illusion.reforms.season import POWERS, Block

_OPTIONS = {
    "sampling": ("lmarena", *POWERS),
    "retirement": ("none", "silent", "both", "either", "bottom"),
    "correction": ("none", "shrunk", "ranked"),
    "weighting": boards.WEIGHTING,
}

QUARTER = 13  # weeks
TEST_WEEKS = 4  # over which variants get their battles
_AT_ONCE = 4  # replicates of a block, which has seeds of its own


@dataclass(frozen=True, eq=False)
class Cast:
    """The models of an arena, in the order in which they are listed.

    Attributes
    ----------
    provider : ndarray, shape (models,)
        Who made each.
    licence_class : ndarray of str, shape (models,)
        "proprietary", "open-weight" or "open-source".
    skill : ndarray, shape (models,)
        True score, Elo points; of variants, the mean of the family.
    listed : ndarray of int, shape (models,)
        Week from which each is on the board; 0 if it was before.
    silent : ndarray of int, shape (models,)
        Week from which each has no battles if removal is "silent".
    battles : ndarray, shape (models,)
        Battles of each before the first week.
    variants : ndarray of int, shape (models,)
        Variants tested privately before the listing; 1 if nothing was chosen.
    """

    provider: np.ndarray
    licence_class: np.ndarray
    skill: np.ndarray
    listed: np.ndarray
    silent: np.ndarray
    battles: np.ndarray
    variants: np.ndarray

    def __post_init__(self) -> None:
        """Refuse a cast that no arena can play."""
        if (np.diff(self.listed) < 0).any():
            raise ValueError("The models must be in the order of `listed`.")
        old = self.listed == 0
        if old.sum() < 2 or (self.battles[old] <= 0).any():
            raise ValueError(
                "Two models or more must be listed from week 0, each "
                "with battles before."
            )
        if (self.variants < 1).any():
            raise ValueError("A model has 1 variant or more.")

    @property
    def open(self) -> np.ndarray:
        """Whether the weights of each model are public."""
        return self.licence_class != "proprietary"

    @property
    def tested(self) -> np.ndarray:
        """Places of the models that are chosen from variants."""
        return np.flatnonzero((self.variants > 1) & (self.listed > 0))


@dataclass(frozen=True)
class World:
    """What no rule decides.

    Attributes
    ----------
    battles : tuple of float
        Battles of every week, those of private variants included.
    tie_rate : float
        Probability of a tie between equals; see
        :func:`illusion.rating.ratings.tie_probability`.
    variant_sd : float
        Spread of true skill among the variants of a family, Elo points.
    test_battles : int
        Battles of each private variant.
    drift_sd : float
        Spread over models of skill at a second task minus skill at the first, Elo
        points.
    mix : (float, float)
        Share of the second task in the first and in the last week.
    belief_sd : float
        Error with which providers know the skill of their models, Elo points.
    """

    battles: tuple[float, ...] = field(repr=False)
    tie_rate: float = 0.35
    variant_sd: float = 25.0
    test_battles: int = 2_000
    drift_sd: float = 0.0
    mix: tuple[float, float] = (0.0, 0.0)
    belief_sd: float = 0.0

    @property
    def weeks(self) -> int:
        """Number of weeks."""
        return len(self.battles)


@dataclass(frozen=True)
class Rules:
    """What an arena may decide.

    Attributes
    ----------
    sampling : {"lmarena", "uniform", "inverse", "variance"}
        Who meets whom: LMArena's weights of December 2024; all pairs alike; each
        pair in inverse proportion to its battles so far; or where a battle takes
        most off a pair's standard error (Chiang et al. 2024, equation 9).
    retirement : {"none", "silent", "both", "either", "bottom"}
        Who is sampled no more, but stays on the board: nobody; whoever the cast
        says; whoever meets both conditions of LMArena's rule of December 2024, or
        either of them, as far as they are known here (two newer models of the same
        provider, for want of series; a better model of more than three others, for
        want of prices); or the worst 30% of each licence class.
    cap : int or None
        Most variants that may be tested for a listing.
    keep_choosing : bool
        Whether the battles that chose a variant count for its score.
    provisional : bool
        Whether a score is set apart until it has 2,000 fresh battles, if more than
        10 variants were tested (policy of 2025-05-27).
    correction : {"none", "shrunk", "ranked"}
        "shrunk": the scores of all variants are public, and readers shrink the best
        to the mean of its family. "ranked": providers rank their models, list the
        variant that they rank first, and no score may contradict them (after
        You-Rank-We-Rank, Hays et al. 2026).
    weighting : {"battles", "pairs"}
        See :func:`illusion.rating.boards.weights`.
    """

    sampling: str = "lmarena"
    retirement: str = "silent"
    cap: int | None = None
    keep_choosing: bool = True
    provisional: bool = False
    correction: str = "none"
    weighting: str = "battles"

    def __post_init__(self) -> None:
        """Refuse an option that is not known."""
        for name, known in _OPTIONS.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is not known; choose from "
                    f"{list(known)}."
                )
        if self.cap is not None and self.cap < 1:
            raise ValueError(f"cap={self.cap} must be 1 or more, or None.")


@dataclass(frozen=True, eq=False)
class Season:
    """What happened, by replicate and week.

    Attributes
    ----------
    score : ndarray, shape (replicates, weeks, models)
        As published, Elo points; NaN before the listing.
    truth : ndarray, shape (replicates, weeks, models)
        The score of endless battles between all models listed, on the tasks of the
        week; Elo points with mean 0; NaN before the listing.
    battles : ndarray, shape (replicates, weeks, models)
        Battles of each model that its score rests on.
    skill : ndarray, shape (replicates, models)
        Of the variant that was listed, Elo points on the scale of the cast.
    chosen_by : ndarray, shape (replicates, models)
        Of these, battles that chose the variant.
    standard_error : ndarray, shape (replicates, models)
        Of the last board, Elo points.
    active : ndarray of bool, shape (replicates, models)
        Who is still sampled after the last week.
    private : int
        Battles that chose variants and count for no score.
    """

    score: np.ndarray
    truth: np.ndarray
    battles: np.ndarray
    skill: np.ndarray
    chosen_by: np.ndarray
    standard_error: np.ndarray
    active: np.ndarray
    private: int


def cast_from_record(
    models: pd.DataFrame,
    votes_before: pd.Series,
    last_active: pd.Series,
    variants: pd.Series,
) -> Cast:
    """Take models, dates and votes from the public record.

    Parameters
    ----------
    models : DataFrame
        The table ``models_2025-04-24``.
    votes_before : Series of int
        By model: votes at the first copy of the board, from which weeks count.
    last_active : Series of datetime
        By model: end of the last month with votes; missing if there was none.
    variants : Series of int
        By organisation: variants tested before its first listing of each quarter.

    Returns
    -------
    Cast
        The last published score serves as true skill: the cast has the spread of the
        record, but says nothing about any one of its models.
    """
    table = models.sort_values(["first_seen", "model"], ignore_index=True)
    start = table["first_seen"].min()
    listed = (table["first_seen"] - start).dt.days // 7
    last = (pd.to_datetime(table["model"].map(last_active)) - start).dt.days // 7
    silent = (last + 1).fillna(0).astype(int)
    new = table.assign(quarter=listed // QUARTER)[listed > 0]
    first = new.drop_duplicates(["organisation", "quarter"]).index
    tested = table["organisation"].map(variants).where(table.index.isin(first), 1)
    return Cast(
        provider=table["organisation"].to_numpy(),
        licence_class=table["licence_class"].to_numpy(),
        skill=table["score"].to_numpy(float),
        listed=listed.to_numpy(),
        silent=silent.where(listed == 0, np.maximum(silent, listed + 1)).to_numpy(),
        battles=table["model"].map(votes_before).fillna(0).to_numpy(float),
        variants=tested.fillna(1).clip(lower=1).to_numpy(int),
    )


def simulate(
    cast: Cast,
    world: World,
    rules: Rules,
    n_replicates: int,
    seed: int,
    *,
    processes: int = 1,
    progress: bool = False,
) -> Season:
    """Play the same season many times.

    Parameters
    ----------
    cast : Cast
    world : World
    rules : Rules
    n_replicates : int
    seed : int
        With one seed, a replicate has the same variants and tasks under all rules,
        so that rules can be compared replicate by replicate.
    processes : int
        Processes that share the work; the result does not depend on it.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Season

    Raises
    ------
    NoRankingError
        A model on a board that has won or lost all its battles.
    ValueError
        Private tests that need more battles than there are.
    """
    sizes = [min(_AT_ONCE, n_replicates - i) for i in range(0, n_replicates, _AT_ONCE)]
    served, private = _served(cast, world, rules)
    play = partial(_play, cast, world, rules, served, seed)
    bar = partial(tqdm, total=len(sizes), disable=not progress, unit=" blocks")
    if processes == 1:
        blocks = list(bar(map(play, range(len(sizes)), sizes)))
    else:
        with ProcessPoolExecutor(processes) as pool:
            blocks = list(bar(pool.map(play, range(len(sizes)), sizes)))
    arrays = (np.concatenate(each) for each in zip(*blocks, strict=True))
    return Season(*arrays, private)


def variants_tested(cast: Cast, rules: Rules) -> np.ndarray:
    """Variants that are tested for each listing.

    Parameters
    ----------
    cast : Cast
    rules : Rules

    Returns
    -------
    ndarray of int, shape (models,)
        1 if nothing is chosen, as for models that were there before.
    """
    wanted = np.where(cast.listed > 0, cast.variants, 1)
    return wanted if rules.cap is None else np.minimum(wanted, rules.cap)


def _served(cast: Cast, world: World, rules: Rules) -> tuple[np.ndarray, int]:
    """Battles of public models in each week, and those that private ones cost."""
    served, private = np.array(world.battles, dtype=float), 0
    for week, n in zip(cast.listed, variants_tested(cast, rules), strict=True):
        if n > 1:
            before = slice(max(0, week - TEST_WEEKS), week)
            served[before] -= n * world.test_battles / len(served[before])
            private += (n - rules.keep_choosing) * world.test_battles
    if served.min() <= 0:
        week = int(served.argmin())
        raise ValueError(
            f"Private tests need all {world.battles[week]:.0f} battles of week {week}: "
            "test fewer variants, or with fewer battles each."
        )
    return served, private


@one_thread
def _play(
    cast: Cast,
    world: World,
    rules: Rules,
    served: np.ndarray,
    seed: int,
    block: int,
    size: int,
) -> tuple[np.ndarray, ...]:
    """Play a block of replicates; return the arrays of `Season` in their order."""
    variants = variants_tested(cast, rules)
    return Block(cast, world, rules, variants, size, [seed, block]).play(served)
