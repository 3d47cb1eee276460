"""The reforms as they were run: worlds, policies, a grid, and where they are kept.

``python -m illusion.experiments data`` plays them all, some ten minutes on two
cores, and writes ``arena_runs.csv`` and ``arena_grid.csv`` into that folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

from illusion import arena, data, deprecation, reforms
from illusion.arena import Cast, Rules, World
from illusion.reforms import BASELINE, MEASURES, PROPOSALS

SEED = 2504
REPLICATES, OTHER_REPLICATES, GRID_REPLICATES = 100, 32, 4
_IDLE = 3  # votes per day of a model that is no longer sampled
_BOARD = 12  # rows of a board in the grid

# The share of prompts that are not in English rose from 23.9% in April 2023 to
# 43.5% in January 2025 (the paper, section 4.2); on that line, over the weeks here:
_MIX = (0.37, 0.47)
WORLD = World(weeks=45, battles=40_600, mix=_MIX)
WORLDS = {
    "as assumed": WORLD,
    "alike": replace(WORLD, variant_sd=0.0),
    "spread 10": replace(WORLD, variant_sd=10.0),
    "spread 50": replace(WORLD, variant_sd=50.0),
    "drift 50": replace(WORLD, drift_sd=50.0),
    "drift 100": replace(WORLD, drift_sd=100.0),
    "belief 3": replace(WORLD, belief_sd=3.0),
    "belief 10": replace(WORLD, belief_sd=10.0),
    "belief 25": replace(WORLD, belief_sd=25.0),
}
_CHANGING = {name: rules for name, rules in PROPOSALS.items() if rules != BASELINE}
POLICIES = {
    "baseline": BASELINE,
    **_CHANGING,
    "uniform": replace(BASELINE, sampling="uniform"),
    "inverse-sampling": replace(BASELINE, sampling="inverse"),
    "nobody-leaves": replace(BASELINE, retirement="none"),
    "written-both": replace(BASELINE, retirement="both"),
    "written-either": replace(BASELINE, retirement="either"),
    "paper": Rules("variance", "bottom", cap=3, correction="shrunk"),
    "adopted": replace(BASELINE, provisional=True, weighting="pairs"),
    "fresh-and-fair": Rules("variance", keep_choosing=False),
}
LAB = {
    "variants": (1, 3, 10, 15),
    "spread": (0, 25, 50),
    "sampling": ("lmarena", "uniform", "variance"),
    "retirement": ("silent", "none", "both", "bottom"),
}
BIG = ("OpenAI", "Google", "Anthropic", "Meta")  # the paper's four largest


def record(variants: pd.Series | None = None) -> Cast:
    """Take the public record, June 2024 to April 2025, as a cast.

    Parameters
    ----------
    variants : Series of int, optional
        By organisation: variants tested before its first listing of every quarter.
        As the paper counted them in one quarter, unless given.

    Returns
    -------
    Cast
    """
    history = data.load("votes_by_month")
    first = history[history["snapshot"] == history["snapshot"].min()]
    before = first.drop_duplicates("model").set_index("model")["votes_cumulative"]
    if variants is None:
        variants = data.load("private_variants").set_index("provider")["main_arena"]
    return arena.cast_from_record(
        data.load("models_2025-04-24"),
        before,
        deprecation.last_active(history, _IDLE),
        variants,
    )


def play(
    cast: Cast, world: World, rules: Rules, n_replicates: int, **options: int | bool
) -> pd.DataFrame:
    """Play a season and measure it.

    Parameters
    ----------
    cast, world, rules, n_replicates
        As for :func:`illusion.arena.simulate`.
    **options
        ``processes`` and ``progress`` of the same.

    Returns
    -------
    DataFrame
        As :func:`illusion.reforms.measure`, indexed by ``replicate``. With the
        seed of the book, so that the first replicates are those of its tables.
    """
    season = arena.simulate(cast, world, rules, n_replicates, SEED, **options)
    return reforms.measure(season, cast, rules).rename_axis("replicate")


def planned() -> Iterator[tuple[str, str, int]]:
    """Yield every world and policy that is kept, and how often it is played."""
    for policy in POLICIES:
        yield "as assumed", policy, REPLICATES
    for world in list(WORLDS)[1:]:
        for policy in ("baseline", *_CHANGING):
            yield world, policy, OTHER_REPLICATES


def cell(variants: int, spread: int, sampling: str, retirement: str) -> pd.DataFrame:
    """Play one arena of the laboratory.

    Parameters
    ----------
    variants : int
        That each of the four largest providers tests for a listing.
    spread : int
        Standard deviation of their skill, Elo points.
    sampling, retirement : str
        As in :class:`illusion.arena.Rules`.

    Returns
    -------
    DataFrame
        The best twelve of the last board of one replicate: ``rank``, ``model`` (its
        place in the cast), ``score``, ``half_width`` and ``truth`` (Elo points, 0
        being the mean of the board); and means over four replicates of
        ``inflation``, ``top_ten``, ``open_share`` and ``width_open``.
    """
    cast = record(pd.Series(variants, index=list(BIG)))
    rules = Rules(sampling, retirement)
    world = replace(WORLD, variant_sd=float(spread))
    season = arena.simulate(cast, world, rules, GRID_REPLICATES, SEED)
    mean = reforms.measure(season, cast, rules).mean()
    score = season.score[0, -1]
    best = np.argsort(-score)[:_BOARD]
    return pd.DataFrame(
        {
            "variants": variants,
            "spread": spread,
            "sampling": sampling,
            "retirement": retirement,
            "rank": np.arange(1, _BOARD + 1),
            "model": best,
            "score": score[best],
            "half_width": -ndtri(0.025) * season.standard_error[0, best],
            "truth": season.truth[0, -1, best],
            **{
                name: mean[name]
                for name in ("inflation", "top_ten", "open_share", "width_open")
            },
        }
    )


def runs(processes: int) -> pd.DataFrame:
    """Play all that is planned: a row per world, policy and replicate."""
    cast, parts = record(), []
    for world, policy, times in planned():
        print(f"{world}: {policy}", file=sys.stderr)
        measured = play(
            cast, WORLDS[world], POLICIES[policy], times, processes=processes
        )
        parts.append(measured.reset_index().assign(world=world, policy=policy))
    return pd.concat(parts)[["world", "policy", "replicate", *MEASURES]]


def grid(processes: int) -> pd.DataFrame:
    """Play every arena of the laboratory."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(processes) as pool:
        return pd.concat(pool.map(cell, *zip(*product(*LAB.values()), strict=True)))


def keep(table: pd.DataFrame, name: str, folder: Path) -> None:
    """Write a table, and its hash and size into the data package."""
    path = folder / f"{name}.csv"
    rounded = table.apply(lambda x: x.round(4) if x.dtype.kind == "f" else x)
    rounded.to_csv(path, index=False, lineterminator="\n")
    described = folder / "datapackage.json"
    package = json.loads(described.read_text(encoding="utf-8"))
    entry = next(x for x in package["resources"] if x["name"] == name)
    raw = path.read_bytes()
    entry["hash"] = "sha256:" + hashlib.sha256(raw).hexdigest()
    entry["bytes"], entry["rows"] = len(raw), len(table)
    text = json.dumps(package, indent=2, ensure_ascii=False)
    described.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Play everything and keep it in the folder that is named."""
    folder, processes = Path(sys.argv[1]), os.cpu_count() or 1
    keep(runs(processes), "arena_runs", folder)
    keep(grid(processes), "arena_grid", folder)


if __name__ == "__main__":
    main()
