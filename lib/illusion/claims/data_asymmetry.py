"""Claims of the chapter on data asymmetry."""

from functools import cache, partial

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from illusion import data, record
from illusion.claims import Finding, copies, listed_models, ranking
from illusion.data_asymmetry import exposure

FOUR = ["OpenAI", "Google", "Anthropic", "Meta"]
ACADEMIC = ["Ai2", "Stanford", "Princeton", "UC Berkeley"]


@cache
def percent(column: str) -> pd.Series:
    """Return the share of all votes of each organisation or licence class."""
    return 100 * exposure.shares(listed_models()["votes"], listed_models()[column])


@cache
def early_shares() -> pd.DataFrame:
    """Return each class's share of the sampling weights in every version of 2023.

    What the weights gave to models that never were on the board is left out.
    """
    weights = data.load("sampling_weights_by_licence")
    weights = weights[weights["date"] < "2024-01-01"]
    table = weights.pivot_table("share_pct", "date", "licence_class")
    table = table.drop(columns="not on board")
    return table.div(table.sum(axis="columns"), axis="index")


def early_votes() -> float:
    """Return the most participations there can have been before 2024.

    Twice the votes that the policy page of 1 March 2024 speaks of.
    """
    totals = data.load("vote_totals").sort_values("date")
    return 2.0 * totals["votes"].iloc[0]


def window(licence_class: str) -> tuple[float, float]:
    """Return the range of a class's percent of the votes since January 2024.

    From no vote before to :func:`early_votes`, split among the classes as in any
    version of the sampling weights of 2023.
    """
    total = listed_models()["votes"].sum()
    share, split = percent("licence_class"), early_shares()[licence_class]
    most, least = split.max(), split.min()
    rest = partial(exposure.without_early, total, share[licence_class] / 100)
    return 100 * rest(early_votes(), most), 100 * rest(early_votes(), least)


def by_class(licence_class: str) -> Finding:
    """Share of a licence class in the paper's window."""
    low, high = window(licence_class)
    why = (
        f"{percent('licence_class')[licence_class]:.1f} of all votes to April 2025; of "
        "those since January 2024, where the paper begins, it depends on how many came "
        "before, to 300,000, and to whom."
    )
    return Finding(low, why, high, "assumption", between=True)


def by_provider(*names: str) -> Finding:
    """Share of providers in the paper's window.

    Of up to :func:`early_votes`, the providers may have had from none to twice their
    share of all.
    """
    total = listed_models()["votes"].sum()
    share = percent("organisation")[list(names)].sum() / 100
    low, high = (
        100 * exposure.without_early(total, share, early_votes(), part)
        for part in (min(2 * share, 1.0), 0.0)
    )
    table = data.load("provider_shares").query("source == 'paper'").set_index("group")
    group = names[0] if len(names) == 1 else "four largest together"
    rest = table["share_pct"][group] / 100 * (total - early_votes())
    needed = (share * total - rest) / early_votes()
    why = (
        f"{100 * share:.1f} of all votes to April 2025. The paper's number for its "
        f"window comes out if of 300,000 votes before it {needed:.0%} went to "
        f"{'them' if len(names) > 1 else names[0]}."
    )
    return Finding(low, why, high, "assumption", between=True)


def by_lmarena(name: str) -> Finding:
    """Share of a provider in all votes to April 2025."""
    ours = percent("organisation")[name]
    why = f"{name} has {ours:.1f}% of the votes on the board of 24 April 2025."
    return Finding(ours, why)


def times_68() -> Finding:
    """Ratio of the four largest to the four academic labs."""
    share = percent("organisation")
    four, academic = (share[names].sum() for names in (FOUR, ACADEMIC))
    why = f"{four:.1f}% against {academic:.2f}% of all votes to April 2025."
    return Finding(four / academic, why)


def highest() -> Finding:
    """Highest share of proprietary models, by month and by quarter."""
    gained = record.gained(record.votes_by_month(copies()))
    gained = gained.loc[:, gained.columns < "2025-04-01"]
    kind = listed_models()["licence_class"]

    def top(periods: pd.DataFrame) -> float:
        return max(
            100 * exposure.shares(periods[c], kind)["proprietary"] for c in periods
        )

    quarters = gained.T.groupby(pd.PeriodIndex(gained.columns, freq="Q")).sum().T
    month, quarter = top(gained), top(quarters)
    why = (
        f"By month it reached {month:.1f} and by quarter {quarter:.1f} between June "
        "2024 and March 2025; the caption does not name its periods."
    )
    return Finding(month, why, quarter, "definition")


def open_models() -> Finding:
    """Share of open models: of participations, and of battles that hold one."""
    ours = 100 - percent("licence_class")["proprietary"]
    kind = data.load("board_2024-08").set_index("model")["licence_class"]
    # The one model of the votes that is not on that board is GPT-4o.
    opened = kind.fillna("proprietary").where(lambda k: k == "proprietary", "open")
    table = exposure.battle_shares(ranking.public_votes(), opened)
    involving = 100 * table["battles"]["open"]
    why = (
        f"{ours:.1f}% of participations to April 2025; but {involving:.0f}% of battles "
        "to August 2024 had an open model. 8.8% counts open-source models only."
    )
    return Finding(ours, why, involving, "definition")


def omits() -> Finding:
    """Whether the paper's 8.8% leaves out open-weight models."""
    table = data.load("provider_shares").query("source == 'paper'")
    table = table.set_index("group")["share_pct"]
    source, weight = (
        table[table.index.str.startswith(name)].iloc[0]
        for name in ("open-source", "open-weight")
    )
    why = (
        f"The {source}% counts open-source models; the paper's abstract has the "
        f"{weight}% of the open-weight ones beside it."
    )
    return Finding(source < weight + source, why)


def press_battles() -> Finding:
    """Battles on the board, against those the paper says it analysed."""
    ours = listed_models()["votes"].sum() / 2e6
    why = (
        f"{ours:.2f} million battles stand on the board of April 2025; the paper says "
        "that it analysed about 2 million."
    )
    return Finding(ours, why, 2.0, "definition")


def rate(provider: str) -> Finding:
    """Maximum daily sampling rate, with its binomial interval."""
    row = record.largest_rates().loc[provider]
    k, n = row["battles_with_model"], row["battles_that_day"]
    interval = binomtest(k, n).proportion_ci()
    why = (
        f"{k} of {n} battles on one day; the 95% interval goes from "
        f"{interval.low:.0%} to {interval.high:.0%}, and a maximum over days is high "
        "by selection."
    )
    return Finding(100 * k / n, why, error=100 * np.sqrt(k * (n - k) / n**3))


def api() -> Finding:
    """Share of data on request, by LMArena's own words."""
    terms = data.load("policy_terms").set_index("term")
    why = (
        "LMArena's post of 27 April 2025 says that it shares 20% back with providers. "
        "That who hosts an API sees all that is sent to it follows from how APIs work."
    )
    return Finding(terms.loc["share-on-request", "value"], why)


COMPUTED = {
    "shares.paper-openai": partial(by_provider, "OpenAI"),
    "shares.paper-google": partial(by_provider, "Google"),
    "shares.paper-anthropic": partial(by_provider, "Anthropic"),
    "shares.paper-meta": partial(by_provider, "Meta"),
    "shares.paper-four": partial(by_provider, *FOUR),
    "shares.paper-68-times": times_68,
    "shares.paper-proprietary": partial(by_class, "proprietary"),
    "shares.paper-open-weight": partial(by_class, "open-weight"),
    "shares.paper-open-source": partial(by_class, "open-source"),
    "shares.paper-highest": highest,
    "shares.lmarena-open": open_models,
    "shares.lmarena-omits": omits,
    "shares.lmarena-openai": partial(by_lmarena, "OpenAI"),
    "shares.lmarena-google": partial(by_lmarena, "Google"),
    "shares.lmarena-anthropic": partial(by_lmarena, "Anthropic"),
    "shares.lmarena-meta": partial(by_lmarena, "Meta"),
    "shares.lmarena-cohere": partial(by_lmarena, "Cohere"),
    "shares.lmarena-deepseek": partial(by_lmarena, "DeepSeek"),
    "votes.others-battles": press_battles,
    "sampling.paper-google-rate": partial(rate, "Google"),
    "sampling.paper-openai-rate": partial(rate, "OpenAI"),
    "sampling.paper-allen-ai-rate": partial(rate, "Allen AI"),
    "data.paper-api": api,
}
