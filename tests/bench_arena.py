"""Speed and memory of the simulated arena.

Run by hand: ``python tests/bench_arena.py``. Needs nothing but the library.
"""

import resource
import time

import numpy as np

from illusion.rating import batch, battles, ratings
from illusion.rating.likelihood import one_thread
from illusion.reforms import arena, scenario

MODELS, OLD, WEEKS, VOTES, REPLICATES = 250, 110, 52, 2_000_000, 100


def cast(rng):
    """A year's models, spread as on the public record."""
    listed = np.sort(
        np.append(np.zeros(OLD, int), rng.integers(1, WEEKS, MODELS - OLD))
    )
    stay = np.where(listed == 0, rng.integers(0, 2 * WEEKS, MODELS), WEEKS)
    return scenario.Cast(
        provider=rng.integers(0, 40, MODELS),
        licence_class=rng.choice(["proprietary", "open-weight", "open-source"], MODELS),
        skill=rng.normal(0, 127, MODELS) + listed,
        listed=listed,
        silent=np.maximum(stay, listed + 1),
        battles=np.where(listed == 0, rng.integers(5_000, 50_000, MODELS), 0),
        variants=np.where((listed > 0) & (rng.random(MODELS) < 0.1), 10, 1),
    )


def year(models, world):
    """Play a hundred replicates on two cores, under four samplings."""
    for sampling in ("lmarena", "uniform", "inverse", "variance"):
        rules = scenario.Rules(sampling=sampling)
        start = time.perf_counter()
        season = arena.simulate(
            models, world, rules, REPLICATES, 1, processes=2, progress=True
        )
        seconds = time.perf_counter() - start
        kept = sum(x.nbytes for x in vars(season).values() if hasattr(x, "nbytes"))
        own, child = (
            resource.getrusage(who).ru_maxrss / 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        print(
            f"{sampling:8} {seconds:5.1f} s for {REPLICATES} replicates of {WEEKS} "
            f"weekly boards of up to {MODELS} models; peak memory {own:.0f} MB and "
            f"2 x {child:.0f} MB, of it {kept / 2**20:.0f} MB results"
        )


@one_thread
def ratios(models, rng):
    """One board and one year's votes, beside the plain ways to get them."""
    names = tuple(f"{place:03d}" for place in range(MODELS))
    a, b = np.triu_indices(MODELS, 1)
    met = rng.poisson(VOTES / len(a), len(a))
    counts = ratings.simulate(names, models.skill, (a, b, met), rng, tie_rate=0.35)
    table = np.zeros((2, 1, MODELS, MODELS))
    won = counts.wins_a + counts.ties / 2
    for row, column, points in ((a, b, won), (b, a, met - won)):
        table[0, 0, row, column], table[1, 0, row, column] = met, points
    near = batch.climb(*table, np.zeros((1, MODELS))) + rng.normal(0, 2, (1, MODELS))
    vote = np.repeat(np.arange(len(a)), met)

    def per_vote():
        p = ratings.win_probability(models.skill[a[vote]] - models.skill[b[vote]])
        wins = np.bincount(vote, rng.random(len(vote)) < p, len(a))
        return battles.PairCounts(names, a, b, wins, met - wins, 0 * met)

    def per_pair():
        return ratings.simulate(names, models.skill, (a, b, met), rng)

    for what, plain, ours in (
        ("a board", lambda: ratings.fit(counts), lambda: batch.climb(*table, near)),
        ("a year's votes", per_vote, per_pair),
    ):
        times = []
        for function in (plain, ours):
            function()
            start = time.perf_counter()
            for _ in range(10):
                function()
            times.append((time.perf_counter() - start) * 100)
        print(
            f"{what}: {times[0]:.1f} ms plainly, {times[1]:.1f} ms here, "
            f"{times[0] / times[1]:.1f} times as fast"
        )


def main():
    """Print seconds, memory and ratios."""
    rng = np.random.default_rng(52)
    models = cast(rng)
    year(models, scenario.World((VOTES / WEEKS,) * WEEKS))
    ratios(models, rng)


if __name__ == "__main__":
    main()
