"""The reforms as they were run: worlds, policies, a grid, and where they are kept.

``python -m illusion.reforms.experiments data`` plays them all, some twenty minutes on
two cores, and writes ``arena_runs.csv`` and ``arena_grid.csv`` into that folder.
"""

import os
import sys
from collections.abc import Iterator
from concurrent import futures
from dataclasses import replace
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from illusion import data, record
from illusion.reforms import arena, measures
from illusion.reforms.measures import AT_A_TIME, BASELINE, MEASURES, PROPOSALS
from illusion.reforms.scenario import Cast, Rules, World

SEED = 2504
REPLICATES, OTHER_REPLICATES, GRID_REPLICATES = 120, 24, 16
_IDLE = 3  # votes per day of a model that is no longer sampled
_BOARD = 12  # rows of a board in the grid

DRIFT = 2.0  # Elo points a week: of the record, see `changes`
# What is assumed otherwise than in the first world.
WORLDS: dict[str, dict[str, Any]] = {
    "as assumed": {},
    "alike": {"variant_sd": 0.0},
    "spread 50": {"variant_sd": 50.0},
    "drift 0": {"drift_sd": 0.0},
    "drift 4": {"drift_sd": 4.0},
    "belief 3": {"belief_sd": 3.0},
    "belief 10": {"belief_sd": 10.0},
}
_CHANGING = {name: rules for name, rules in PROPOSALS.items() if rules != BASELINE}
POLICIES = {
    "baseline": BASELINE,
    **_CHANGING,
    "cap-three": replace(BASELINE, cap=3),
    "uniform": replace(BASELINE, sampling="uniform"),
    "inverse-sampling": replace(BASELINE, sampling="inverse"),
    "nobody-leaves": replace(BASELINE, retirement="none"),
    "written-both": replace(BASELINE, retirement="both"),
    "written-either": replace(BASELINE, retirement="either"),
    "paper": Rules("variance", "bottom", cap=AT_A_TIME, correction="shrunk"),
    "adopted": replace(BASELINE, provisional=True, weighting="pairs"),
    "fresh-and-fair": Rules("variance", keep_choosing=False),
}
LAB = {
    "variants": (1, 3, 10),
    "spread": (0, 25),
    "sampling": ("lmarena", "uniform", "variance"),
    "retirement": ("silent", "none", "both", "bottom"),
}
BIG = ("OpenAI", "Google", "Anthropic", "Meta")  # the paper's four largest


def _copies() -> pd.DataFrame:
    return record.boards("2024-06-19", "2025-04-24")


def recorded_cast(variants: pd.Series | None = None, **changes: float) -> Cast:
    """Take the public record, June 2024 to April 2025, as a cast.

    Parameters
    ----------
    variants : Series of int, optional
        By organisation: variants tested for its best listing of every quarter. As
        the paper counted them in one quarter, unless given.
    **changes
        What is assumed otherwise than in the first world, as in `WORLDS`: what the
        choice among variants gains depends on it.

    Returns
    -------
    Cast
    """
    copies = _copies()
    votes = record.votes_by_month(copies)
    if variants is None:
        variants = record.private_variants()["main_arena"]
    return arena.cast_from_record(
        record.models(copies),
        votes.iloc[:, 0],
        record.last_active(votes, _IDLE),
        variants,
        replace(World((1.0,)), **changes),
    )


@cache
def world(name: str = "as assumed") -> World:
    """Take the weeks' votes from the public record, and the rest from `WORLDS`.

    Parameters
    ----------
    name : str
        A key of `WORLDS`.

    Returns
    -------
    World
        With so many battles that, under the rules of 2025, public models get as many
        as on the record.
    """
    battles = record.votes_by_month(_copies()).sum() / 2
    day = (battles.index - battles.index[0]).days.to_numpy()
    cast = recorded_cast()
    ends = 7 * np.arange(cast.listed.max() + 2)
    # The record ends within the last week; its last pace is kept up.
    pace = (battles.iloc[-1] - battles.iloc[-2]) / (day[-1] - day[-2])
    day = np.append(day, ends[-1])
    total = np.append(battles, battles.iloc[-1] + pace * (ends[-1] - day[-2]))
    weekly = np.diff(np.interp(ends, day, total))
    tests = (cast.variants[cast.tested] - 1).sum() * World.test_battles
    weekly = np.round(weekly * (1 + tests / weekly.sum()))
    first = World(tuple(weekly.tolist()), drift_sd=DRIFT)
    return replace(first, **WORLDS[name])


def play(
    cast: Cast, world: World, rules: Rules, n_replicates: int, **options: Any
) -> pd.DataFrame:
    """Play a season and measure it.

    Parameters
    ----------
    cast, world, rules, n_replicates
        As for :func:`illusion.reforms.arena.simulate`.
    **options
        ``processes`` and ``progress`` of the same.

    Returns
    -------
    DataFrame
        As :func:`illusion.reforms.measures.measure`, indexed by ``replicate``. With the
        seed of the book, so that the first replicates are those of its tables.
    """
    season = arena.simulate(cast, world, rules, n_replicates, SEED, **options)
    return measures.measure(season, cast, rules).rename_axis("replicate")


def planned() -> Iterator[tuple[str, str, int]]:
    """Yield every world and policy that is kept, and how often it is played."""
    for policy in POLICIES:
        yield "as assumed", policy, REPLICATES
    for name in list(WORLDS)[1:]:
        for policy in ("baseline", *_CHANGING, "cap-three", "paper"):
            yield name, policy, OTHER_REPLICATES


def cell(variants: int, spread: int, sampling: str, retirement: str) -> pd.DataFrame:
    """Play one arena of the laboratory.

    Parameters
    ----------
    variants : int
        That each of the four largest providers tests for a listing.
    spread : int
        Standard deviation of their skill, Elo points.
    sampling, retirement : str
        As in :class:`illusion.reforms.scenario.Rules`.

    Returns
    -------
    DataFrame
        The best twelve of the last board of one replicate: ``rank``, ``model`` (its
        place in the cast), ``score``, ``half_width`` and ``truth`` (Elo points, 0
        being the mean of the board); and means over four replicates of
        ``inflation``, ``held`` (of the twelve, intervals that hold the truth) and
        ``wrong`` (pairs of the twelve in the wrong order).
    """
    wanted = pd.Series(variants, index=list(BIG))
    cast = recorded_cast(wanted, variant_sd=float(spread))
    rules = Rules(sampling, retirement)
    assumed = replace(world(), variant_sd=float(spread))
    season = arena.simulate(cast, assumed, rules, GRID_REPLICATES, SEED)
    score, truth = season.score[:, -1], season.truth[:, -1]
    best = np.argsort(-score, axis=1)[:, :_BOARD]
    score, truth, half_width = (
        np.take_along_axis(each, best, axis=1)
        for each in (score, truth, -ndtri(0.025) * season.standard_error)
    )
    wrong = np.triu(truth[:, :, None] < truth[:, None, :]).sum(axis=(1, 2))
    return pd.DataFrame(
        {
            "variants": variants,
            "spread": spread,
            "sampling": sampling,
            "retirement": retirement,
            "rank": np.arange(1, _BOARD + 1),
            "model": best[0],
            "score": score[0],
            "half_width": half_width[0],
            "truth": truth[0],
            "inflation": measures.measure(season, cast, rules)["inflation"].mean(),
            "held": (np.abs(score - truth) <= half_width).sum(axis=1).mean(),
            "wrong": wrong.mean(),
        }
    )


def runs(processes: int) -> pd.DataFrame:
    """Play all that is planned.

    Parameters
    ----------
    processes : int
        As for :func:`~illusion.reforms.arena.simulate`.

    Returns
    -------
    DataFrame
        A row per world, policy and replicate, with a column for each of `MEASURES`.
    """
    parts = []
    for name, policy, times in planned():
        print(f"{name}: {policy}", file=sys.stderr)
        cast = recorded_cast(**WORLDS[name])
        measured = play(cast, world(name), POLICIES[policy], times, processes=processes)
        parts.append(measured.reset_index().assign(world=name, policy=policy))
    return pd.concat(parts)[["world", "policy", "replicate", *MEASURES]]


def grid(processes: int) -> pd.DataFrame:
    """Play every arena of the laboratory.

    Parameters
    ----------
    processes : int
        That share the work.

    Returns
    -------
    DataFrame
        The rows of :func:`cell` for every combination of `LAB`.
    """
    with futures.ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return pd.concat(pool.map(cell, *zip(*product(*LAB.values()), strict=True)))


def main() -> None:
    """Play everything and keep it in the folder that is named."""
    folder, processes = Path(sys.argv[1]), os.cpu_count() or 1
    data.keep(runs(processes).round(4), "arena_runs", folder)
    data.keep(grid(processes).round(4), "arena_grid", folder)


if __name__ == "__main__":
    main()
