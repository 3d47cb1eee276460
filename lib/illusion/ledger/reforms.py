"""Claims of the chapter on reforms."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pandas as pd

from illusion import boards, data, exposure, reforms, selection
from illusion.arena import POWERS
from illusion.experiments import WORLD
from illusion.ledger import Finding, ranking
from illusion.ratings import win_probability

ASSUMED = "as assumed"


@cache
def effects(world: str = ASSUMED) -> pd.DataFrame:
    """Return every policy's measures in a world, and their changes."""
    runs = data.load("arena_runs").query("world == @world")
    return reforms.summary(runs, "baseline")


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
    """Say how a policy changes Kendall's tau."""
    row = effects(world).loc[(policy, "tau")]
    return f"{row['change']:+.4f} ± {row['change_error']:.4f}"


def retraction() -> Finding:
    """Tell whether a reader of all scores can undo the choice."""
    left = effects().loc[("no-retraction", "inflation")]
    fair = abs(left["mean"]) < 2 * left["error"]
    why = (
        "Publishing changes no score; for a reader who shrinks the best towards its "
        f"family, first scores are {inside('no-retraction', 'inflation')} too high."
    )
    return Finding(float(fair), why)


def cap() -> Finding:
    """Tell whether a cap lowers what testing many variants gives."""
    lower = all(clearly(ASSUMED, "variant-cap", m) < 0 for m in ("inflation", "gain"))
    gain = effects().xs("gain", level="measure")["mean"]
    why = (
        f"The excess is {inside('variant-cap', 'inflation')}; but true skill gained by "
        f"choosing falls too, from {gain['baseline']:.0f} to {gain['variant-cap']:.0f}."
    )
    return Finding(float(lower), why)


def removal() -> Finding:
    """Tell whether one rule for all classes gives open models more battles."""
    share = effects().xs("open_share", level="measure")["mean"]
    top = inside("equal-removal", "width_top")
    why = (
        f"Open models' share of battles goes from {share['baseline']:.0%} to "
        f"{share['equal-removal']:.0%}; the half-widths at the top are {top}."
    )
    return Finding(float(clearly(ASSUMED, "equal-removal", "open_share") > 0), why)


def sampling() -> Finding:
    """Tell whether the rule of 2024 narrows the intervals of open models."""
    why = (
        f"Half-widths of open models are {inside('fair-sampling', 'width_open')}; at "
        f"the top, {inside('fair-sampling', 'width_top')}."
    )
    return Finding(float(clearly(ASSUMED, "fair-sampling", "width_open") < 0), why)


def saved(of: str) -> Finding:
    """More votes that random pairs need than the rule of 2024, percent."""
    score = ranking.public_board()["score"].to_numpy()
    n = len(score)
    a, b = np.triu_indices(n, 1)
    p = win_probability(score[a] - score[b])
    # Followed for long, the rule gives pairs votes as the variance to the 1/5.
    rule = (p * (1 - p)) ** (1 / (2 * (POWERS["variance"] + 1)))
    widths = []
    for share in (np.full(len(a), 1 / len(a)), rule / rule.sum()):
        met = np.zeros((1, n, n))
        met[0, a, b] = met[0, b, a] = share
        if of == "score":
            errors = boards.standard_errors(
                met, score[None], weighting="battles", tie_rate=0
            )
        else:
            errors = np.sqrt(p * (1 - p) / share)
        widths.append(errors.mean())
    ours = 100 * ((widths[0] / widths[1]) ** 2 - 1)
    why = (
        "On the public board, if every pair has met often. The rule also evens out "
        "chance, which counts when pairs have met once or twice; how many models and "
        "which intervals the authors used is not in what we read."
    )
    return Finding(ours, why)


def wider() -> Finding:
    """Tell whether weighing pairs alike widens the intervals of the public board."""
    votes = ranking.public_votes()
    n = len(votes.models)
    met = np.zeros((1, n, n))
    met[0, votes.a, votes.b] = met[0, votes.b, votes.a] = votes.battles
    score = ranking.public_board()["score"].reindex(votes.models).to_numpy()[None]
    tie = float(votes.ties.sum() / votes.n_battles)
    plain, weighted = (
        boards.standard_errors(met, score, weighting=w, tie_rate=tie).mean()
        for w in boards.WEIGHTING
    )
    why = f"On the public votes they become {weighted / plain:.2f} times as wide."
    return Finding(float(weighted > plain), why)


def representative() -> Finding:
    """Tell whether weighing pairs alike serves all models, in two senses."""
    met = ranking.public_votes().battles
    uneven = [exposure.gini(boards.weights(met, w) * met) for w in boards.WEIGHTING]
    why = (
        f"It makes pairs count more evenly (Gini {uneven[0]:.2f} to {uneven[1]:.2f} on "
        "the public votes). It does not bring the order nearer to the truth: Kendall's "
        f"tau changes by {moved(ASSUMED, 'inverse-frequency')}, and by "
        f"{moved('drift 100', 'inverse-frequency')} if tasks shift much."
    )
    return Finding(
        float(uneven[1] < uneven[0]),
        why,
        other=float(clearly(ASSUMED, "inverse-frequency", "tau") > 0),
        depends="definition",
    )


def accuracy() -> Finding:
    """Tell whether right rankings by providers bring the order nearer to the truth."""
    why = (
        f"Kendall's tau changes by {moved(ASSUMED, 'yrwr')} if providers know the "
        "skill of their models. The formula is ours; of the study we read the abstract."
    )
    return Finding(float(clearly(ASSUMED, "yrwr", "tau") > 0), why)


def clones() -> Finding:
    """Tell whether copies gain less than a standard error if providers rank them."""
    error = float(selection.standard_error(WORLD.test_battles, WORLD.tie_rate))
    left = effects("alike").loc[("yrwr", "inflation")]
    why = (
        "With variants that are copies, first scores are "
        f"{inside('yrwr', 'inflation', 'alike')} too high; one score's standard error "
        f"is {error:.1f}."
    )
    return Finding(float(left["mean"] < error), why)


COMPUTED: dict[str, Callable[[], Finding]] = {
    "no-retraction.paper-selective": retraction,
    "variant-cap.paper-many": cap,
    "equal-removal.paper-even": removal,
    "fair-sampling.paper-uncertainty": sampling,
    "fair-sampling.lmarena-win-matrix": partial(saved, "win"),
    "fair-sampling.lmarena-score": partial(saved, "score"),
    "inverse-frequency.lmarena-wider": wider,
    "inverse-frequency.lmarena-fair": representative,
    "yrwr.others-clones": clones,
    "yrwr.others-accuracy": accuracy,
}

UNAVAILABLE = {
    "variant-cap.others-not-the-fix": "It would take models trained with and without "
    "the Arena's data; providers have them. The simulated arena has no training.",
    "removal-notice.paper-trust": "A list changes no score in any arena, simulated or "
    "real; whether it lets outsiders trust a board is not a number.",
}
