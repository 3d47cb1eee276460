"""Claims of the chapter on overfitting."""

from functools import cache, partial

import pandas as pd

from illusion import data
from illusion.claims import Finding, ranking
from illusion.overfitting import transfer
from illusion.rating import ratings


@cache
def arms() -> pd.DataFrame:
    """Return the paper's three models, by percent of Arena data, as shares."""
    return data.load("finetuning").set_index("arena_share_pct") / 100


@cache
def setup() -> pd.Series:
    """Return the settings of the paper's experiment, by name."""
    return data.load("finetuning_setup").set_index("item")["value"]


def gain(percent: int, column: str, items: str) -> transfer.WinRateGain:
    """Return the gain of a model over the one without Arena data."""
    share = arms()[column]
    return transfer.win_rate_gain(share[0], share[percent], int(setup()[items]))


def relative(percent: int) -> Finding:
    """Relative gain of a model, with its error from 500 prompts."""
    found = gain(percent, "arenahard_win_pct", "prompts")
    low, high = (found.relative + z * found.relative_error for z in (-1.96, 1.96))
    why = (
        f"{100 * found.absolute:.1f} percentage points, or {found.elo:.0f} Elo points; "
        f"500 prompts leave it between {low:.0%} and {high:.0%}, and a second training "
        "run was not made."
    )
    return Finding(100 * found.relative, why, error=100 * found.relative_error)


def direct(percent: int) -> Finding:
    """Win rate against the model without Arena data, from the two other win rates."""
    found = gain(percent, "arenahard_win_pct", "prompts")
    ours = ratings.win_probability(found.elo)
    error = ours * (1 - ours) * found.elo_error / ratings.ELO
    why = (
        "In a Bradley–Terry model, the two win rates against Llama-3.1-8B are "
        f"{found.elo:.0f} Elo points apart, which gives this one."
    )
    return Finding(100 * ours, why, error=100 * error)


def mmlu(percent: int) -> Finding:
    """Fall of MMLU, with its interval from the number of questions."""
    found = gain(percent, "mmlu_pct", "questions")
    half = 196 * found.absolute_error
    fall = -100 * found.absolute
    shown = "shows a fall of these two models" if fall > half else "shows no fall"
    why = (
        f"The number of questions alone gives {fall - half:.1f} to {fall + half:.1f}, "
        f"which {shown}; with one run each, it may be the run."
    )
    return Finding(fall, why, error=100 * found.absolute_error)


def hard_agreement() -> Finding:
    """Agreement of ArenaHard with the public votes, on the 20 models of its paper."""
    hard = data.load("arenahard_2024-07")
    models = transfer.on_both(hard, ranking.public_board())
    found = transfer.agreement(models.query("in_published_agreement"))
    why = (
        f"On the votes of August 2024: {found.agreeing} pairs alike less "
        f"{found.separated - found.agreeing} otherwise, of {found.separated} that both "
        f"boards separate. Over all {found.pairs} pairs, as the measure is printed, it "
        f"is {found.of_all:.0%}."
    )
    return Finding(100 * found.of_separated, why, 100 * found.of_all, "definition")


def benchmark() -> Finding:
    """Count the prompts behind the win rates."""
    why = (
        f"The paper's text says so too: judged by {setup()['judge']}, against "
        f"{setup()['opponent']}. Its first abstract said 'on the arena distribution', "
        "the second 'on ArenaHard'."
    )
    return Finding(int(setup()["prompts"]), why)


def english() -> Finding:
    """Share of English prompts, from the paper's text on other languages."""
    table = data.load("prompt_languages").set_index(["language", "month"])["share_pct"]
    other = table["other than English"]
    why = (
        f"The text has {other['2023-04']}% of prompts in other languages in April 2023 "
        f"and {other['2025-01']}% in January 2025; caption and text do not agree."
    )
    return Finding(100 - other["2025-01"], why)


COMPUTED = {
    "gain.paper-70": partial(relative, 70),
    "gain.paper-30": partial(relative, 30),
    "gain.paper-direct-70": partial(direct, 70),
    "gain.paper-direct-30": partial(direct, 30),
    "gain.lmarena-benchmark": benchmark,
    "mmlu.paper-70": partial(mmlu, 70),
    "mmlu.paper-30": partial(mmlu, 30),
    "arenahard.paper-agreement": hard_agreement,
    "languages.paper-english": english,
}
