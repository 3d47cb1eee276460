"""Claims of the chapter on reforms."""

from functools import cache

import numpy as np
import pandas as pd

from illusion import concentration, data
from illusion.claims import Finding, ranking
from illusion.private_testing import selection
from illusion.rating import batch
from illusion.reforms import measures
from illusion.reforms.experiments import world

ASSUMED = "as assumed"


@cache
def effects(world: str = ASSUMED) -> pd.DataFrame:
    """Return every policy's measures in a world, and their changes."""
    runs = data.load("arena_runs").query("world == @world")
    return measures.summary(runs, "baseline")


def clearly(world: str, policy: str, measure: str) -> int:
    """Tell which way a policy moves a measure: 0 within two standard errors."""
    row = effects(world).loc[(policy, measure)]
    return int(np.sign(row["change"]) * (abs(row["change"]) > 2 * row["change_error"]))


def inside(policy: str, measure: str, world: str = ASSUMED) -> str:
    """Say a measure, in points, under the rules of 2025 and under a policy."""
    before, after = (
        effects(world).loc[(name, measure)] for name in ("baseline", policy)
    )
    return (
        f"{before['mean']:.1f} ± {before['error']:.1f} points before and "
        f"{after['mean']:.1f} ± {after['error']:.1f} after"
    )


def moved(world: str, policy: str) -> str:
    """Say how many more pairs of models a policy puts in the right order."""
    row = effects(world).loc[(policy, "tau")]
    # Kendall's tau is the share of pairs in order minus the share that is not.
    change, error = 1000 * row[["change", "change_error"]] / 2
    return f"{change:+.1f} ± {error:.1f}"


def retraction() -> Finding:
    """Tell whether a reader of all scores can undo the choice."""
    left = [
        effects(name).loc[("no-retraction", "inflation")] for name in (ASSUMED, "alike")
    ]
    undone = [abs(row["mean"]) < 2 * row["error"] for row in left]
    values = [f"{row['mean']:.1f} ± {row['error']:.1f}" for row in left]
    why = (
        "Publishing changes no score. For a reader who shrinks the best towards its "
        f"family, {values[0]} points of excess are left at a spread of 25, and "
        f"{values[1]} if variants are copies."
    )
    return Finding(undone[0], why, undone[1], "assumption")


def cap() -> Finding:
    """Tell whether a cap lowers the skill that is gained by choosing."""
    gain = effects().xs("gain", level="measure")["mean"]
    why = (
        f"Skill gained by choosing falls from {gain['baseline']:.0f} points to "
        f"{gain['variant-cap']:.0f}, and to {gain['cap-three']:.0f} if three is the "
        "limit in all. The excess of first scores is "
        f"{inside('variant-cap', 'inflation')}."
    )
    return Finding(clearly(ASSUMED, "variant-cap", "gain") < 0, why)


def removal() -> Finding:
    """Tell whether one rule for all classes gives open models more battles."""
    share = effects().xs("open_share", level="measure")["mean"]
    top = inside("equal-removal", "width_top")
    why = (
        f"Open models' share of battles goes from {share['baseline']:.0%} to "
        f"{share['equal-removal']:.0%}; the half-widths at the top are {top}."
    )
    return Finding(clearly(ASSUMED, "equal-removal", "open_share") > 0, why)


def sampling() -> Finding:
    """Tell whether the rule of 2024 narrows the intervals of open models."""
    why = (
        f"Half-widths of open models are {inside('fair-sampling', 'width_open')}; at "
        f"the top, {inside('fair-sampling', 'width_top')}."
    )
    return Finding(clearly(ASSUMED, "fair-sampling", "width_open") < 0, why)


def wider() -> Finding:
    """Tell whether weighing pairs alike widens the intervals of the public board."""
    votes = ranking.public_votes()
    n = len(votes.models)
    met = np.zeros((1, n, n))
    met[0, votes.a, votes.b] = met[0, votes.b, votes.a] = votes.battles
    score = ranking.public_board()["score"].reindex(votes.models).to_numpy()[None]
    tie = votes.ties.sum() / votes.n_battles
    plain, weighted = (
        batch.standard_errors(met, score, weighting=w, tie_rate=tie).mean()
        for w in batch.WEIGHTING
    )
    why = f"On the public votes they become {weighted / plain:.2f} times as wide."
    return Finding(weighted > plain, why)


def representative() -> Finding:
    """Tell whether weighing pairs alike serves all models, in two senses."""
    met = ranking.public_votes().battles
    uneven = [concentration.gini(batch.weights(met, w) * met) for w in batch.WEIGHTING]
    why = (
        f"It makes pairs count evenly (Gini {uneven[0]:.2f} to {uneven[1]:.2f} on the "
        f"public votes). Of 1,000 pairs, {moved(ASSUMED, 'inverse-frequency')} come "
        f"into their true order, "
        f"{moved('drift 100', 'inverse-frequency')} if tasks shift much."
    )
    truer = clearly(ASSUMED, "inverse-frequency", "tau") > 0
    return Finding(uneven[1] < uneven[0], why, truer, "definition")


def accuracy() -> Finding:
    """Tell whether right rankings by providers bring the order nearer to the truth."""
    why = (
        f"Of 1,000 pairs, {moved(ASSUMED, 'yrwr')} come into their true order if "
        "providers know their models. The formula is ours; of the study we read the "
        "abstract."
    )
    return Finding(clearly(ASSUMED, "yrwr", "tau") > 0, why)


def clones() -> Finding:
    """Tell whether copies gain less than a standard error if providers rank them."""
    alike = world("alike")
    error = selection.standard_error(alike.test_battles, alike.tie_rate)
    left = effects("alike").loc[("yrwr", "inflation")]
    why = (
        "With variants that are copies, first scores are "
        f"{inside('yrwr', 'inflation', 'alike')} too high; one score's standard error "
        f"is {error:.1f}."
    )
    return Finding(left["mean"] < error, why)


COMPUTED = {
    "no-retraction.paper-selective": retraction,
    "variant-cap.paper-many": cap,
    "equal-removal.paper-even": removal,
    "fair-sampling.paper-uncertainty": sampling,
    "inverse-frequency.lmarena-wider": wider,
    "inverse-frequency.lmarena-fair": representative,
    "yrwr.others-clones": clones,
    "yrwr.others-accuracy": accuracy,
}
