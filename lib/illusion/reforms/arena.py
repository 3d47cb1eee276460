"""A simulated arena: who meets whom, private tests, removals, a board a week.

Votes are drawn per pair and week, not one by one, for several replicates at a
time. What the arena may decide is in :class:`~illusion.reforms.scenario.Rules`; what
it may not, in :class:`~illusion.reforms.scenario.World`.
"""

from concurrent import futures
from dataclasses import fields
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.stats import norm
from tqdm import tqdm

from illusion.rating.likelihood import ELO, one_thread
from illusion.reforms.scenario import (
    QUARTER,
    TEST_WEEKS,
    Cast,
    Rules,
    Season,
    World,
    variants_tested,
)
from illusion.reforms.season import Block

_AT_ONCE = 4  # replicates of a block, which has seeds of its own


def cast_from_record(
    models: pd.DataFrame,
    votes_before: pd.Series,
    last_active: pd.Series,
    variants: pd.Series,
    world: World,
) -> Cast:
    """Take models, dates and votes from the public record.

    Parameters
    ----------
    models : DataFrame
        As :func:`illusion.record.models` returns it.
    votes_before : Series of int
        By model: votes at the first copy of the board, from which weeks count.
    last_active : Series of datetime
        By model: end of the last month with votes; missing if there was none.
    variants : Series of int
        By organisation: variants tested for its best listing of each quarter, which
        is taken to be the one that the tests were for.
    world : World
        Of which `variant_sd`, `test_battles` and `tie_rate` say what choosing gains.

    Returns
    -------
    Cast
        The last published score serves as true skill: the cast has the spread of the
        record, but says nothing about any one of its models. The published score of a
        model that was chosen from variants is that of the best: its family's mean is
        lower by what :func:`choice_gain` expects.
    """
    table = models.sort_values(["first_seen", "model"], ignore_index=True)
    start = table["first_seen"].min()
    listed = (table["first_seen"] - start).dt.days // 7
    last = (pd.to_datetime(table["model"].map(last_active)) - start).dt.days // 7
    silent = (last + 1).fillna(0).astype(int)
    new = table.assign(quarter=listed // QUARTER)[listed > 0]
    best = new.sort_values("score", ascending=False, kind="stable")
    best = best.drop_duplicates(["organisation", "quarter"]).index
    tested = table["organisation"].map(variants).where(table.index.isin(best), 1)
    tested = tested.fillna(1).clip(lower=1).to_numpy(int)
    gain = [
        choice_gain(*each, world)
        for each in zip(tested.tolist(), table["votes"], strict=True)
    ]
    return Cast(
        provider=table["organisation"].to_numpy(),
        licence_class=table["licence_class"].to_numpy(),
        skill=table["score"].to_numpy(float) - gain,
        listed=listed.to_numpy(),
        silent=silent.where(listed == 0, np.maximum(silent, listed + 1)).to_numpy(),
        battles=table["model"].map(votes_before).fillna(0).to_numpy(float),
        variants=tested,
    )


def choice_gain(n: int, votes: float, world: World) -> float:
    """Points that the score of the best of some variants gains by the choice.

    Parameters
    ----------
    n : int
        Variants, each with the battles that the world gives to a test.
    votes : float
        Battles that the score rests on, those of its test among them.
    world : World

    Returns
    -------
    float
        Expected skill of the chosen above the family's mean, and its luck as far as
        fresh votes have not thinned it out. With the spread tau of skill, the
        standard error sigma of a test, ``s = hypot(tau, sigma)`` and the expected
        maximum m of n standard normals, the choice gains ``m tau**2 / s`` of skill
        and ``m sigma**2 / s`` of luck (David and Nagaraja 2003, section 3.1, for m).
    """
    if n == 1:
        return 0.0
    most, _ = quad(lambda x: x * n * norm.pdf(x) * norm.cdf(x) ** (n - 1), -9, 9)
    luck = 4 * ELO**2 * (1 - world.tie_rate) / world.test_battles
    left = min(1.0, world.test_battles / votes)
    whole = world.variant_sd**2 + luck
    return float(most * (world.variant_sd**2 + left * luck) / np.sqrt(whole))


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
    play = partial(_play, (cast, world, rules), (served, private), seed)
    bar = partial(tqdm, total=len(sizes), unit=" blocks") if progress else iter
    if processes == 1:
        blocks = list(bar(map(play, range(len(sizes)), sizes)))
    else:
        # A process that is forked beside threads, as a notebook's kernel has, may hang.
        with futures.ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            blocks = list(bar(pool.map(play, range(len(sizes)), sizes)))
    arrays = [field.name for field in fields(Season) if field.name != "private"]
    return Season(
        **{name: np.concatenate([getattr(b, name) for b in blocks]) for name in arrays},
        private=private,
    )


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
    given: tuple[Cast, World, Rules],
    battles: tuple[np.ndarray, int],
    seed: int,
    block: int,
    size: int,
) -> Season:
    """Play a block of replicates."""
    return Block(*given, size, [seed, block]).play(*battles)
