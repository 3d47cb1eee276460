"""Claims of the chapter on private testing."""

from functools import cache, partial

import numpy as np
import pandas as pd
from scipy.special import ndtr

from illusion import data, record
from illusion.claims import Finding, copies, day_of, listed_models, ranking
from illusion.private_testing import listing, selection
from illusion.rating import ratings

PAPER_V1 = "paper v1 figure 7"
PAPER_FINAL = "paper final (NeurIPS 2025)"
LMARENA = "LMArena response"


@cache
def published_gains() -> pd.DataFrame:
    """Return the gains that were published, indexed by source."""
    return data.load("best_of_n_published").set_index("source")


def setting(source: str, quantity: str) -> float:
    """Return the spread or the votes that a source states for its simulation."""
    return published_gains().loc[[source], quantity].iloc[0]


@cache
def v1_spread() -> selection.SpreadFit:
    """Return the spread that gives the curve of the paper's first version."""
    curve = published_gains().loc[PAPER_V1]
    return selection.fit_spread(
        curve["n_variants"].to_numpy(),
        curve["gain_points"].to_numpy(),
        repetitions=int(curve["repetitions"].iloc[0]),
    )


@cache
def tie_rate() -> float:
    """Return the share of ties among the public votes."""
    votes = ranking.public_votes()
    return votes.ties.sum() / votes.n_battles


def final_spread() -> tuple[float, float]:
    """Return spread of skill and standard error of the paper's final version."""
    votes = int(setting(PAPER_FINAL, "votes"))
    error = selection.standard_error(votes, tie_rate())
    return setting(PAPER_FINAL, "skill_sd"), error


def gain_v1(n: int, *, own_figure: bool) -> Finding:
    """Gain of the best of n under the spread behind the first version's curve."""
    spread = v1_spread().spread
    ours = selection.best_of(n, spread, 0).published
    skill_sd, error = final_spread()
    final = selection.best_of(n, skill_sd, error).published
    if not own_figure:
        needed = published_gains().loc["paper v1 text", "gain_points"] / (ours / spread)
        why = (
            f"The paper's own figure has a spread of {spread:.0f} points, which gives "
            f"{ours:.0f}; the text's number needs {needed:.0f}."
        )
        return Finding(ours, why)
    why = (
        f"Holds if the true skill of variants spreads by {spread:.0f} points, which "
        f"the curve implies and the text does not say; under the final version's "
        f"{skill_sd:.0f} it is {final:.0f}."
    )
    return Finding(ours, why, final, "assumption")


def gain_final(n: int) -> Finding:
    """Gain of the best of n under the final version's stated setting."""
    skill_sd, error = final_spread()
    votes = setting(PAPER_FINAL, "votes")
    ours = selection.best_of(n, skill_sd, error).published
    identical = selection.best_of(n, 0, error).published
    published = published_gains().loc[PAPER_FINAL].set_index("n_variants")
    needed = published.loc[n, "gain_points"] / selection.expected_maximum(n)
    why = (
        f"Its stated spread of {skill_sd:.0f} points and {votes:,.0f} votes give "
        f"{ours:.0f}; "
        f"identical variants would give {identical:.0f}, and the number printed needs "
        f"a spread of {np.sqrt(needed**2 - error**2):.0f}."
    )
    return Finding(ours, why, identical, "assumption")


def gain_lmarena() -> Finding:
    """Gain of the best of 50 identical variants, ties as on the Arena."""
    votes = setting(LMARENA, "votes")
    ours = selection.best_of(50, 0, selection.standard_error(votes, tie_rate()))
    no_ties = selection.best_of(50, 0, selection.standard_error(votes))
    fitted = ratings.fit(ranking.public_votes())
    per_vote = np.median(fitted.standard_error * np.sqrt(fitted.battles))
    real = selection.best_of(50, 0, per_vote / np.sqrt(votes)).published
    skill_sd, error = final_spread()
    final = selection.best_of(50, skill_sd, error).published
    why = (
        f"Holds if all variants are equally good and {tie_rate():.0%} of votes are "
        f"ties; {no_ties.published:.0f} without ties, {real:.1f} with the errors of "
        f"the real board, {final:.0f} with the paper's spread of {skill_sd:.0f}."
    )
    return Finding(ours.published, why, final, "assumption")


def ten_times() -> Finding:
    """Ratio of the paper's gains to LMArena's, at 50 variants."""
    gains = published_gains().query("n_variants == 50")["gain_points"]
    v1, final = (gains[s] / gains[LMARENA] for s in (PAPER_V1, PAPER_FINAL))
    why = (
        f"{gains[PAPER_V1]:.0f} of the first version's figure against "
        f"{gains[LMARENA]:.0f}; against the {gains[PAPER_FINAL]:.0f} of the final "
        f"version, which came later, {final:.0f} times."
    )
    return Finding(v1, why)


def to_zero() -> Finding:
    """Share of the gain that fresh votes do not take away."""
    skill_sd, error = final_spread()
    spread_out = selection.best_of(50, skill_sd, error)
    stays = spread_out.skill / spread_out.published
    why = (
        "Holds for identical variants, whose gain is all luck; with a spread of "
        f"{skill_sd:.0f} points {stays:.0%} of the gain is skill, which stays."
    )
    return Finding(0.0, why, stays, "assumption")


def within_days() -> Finding:
    """Share of the curse left two weeks after listing, votes kept."""
    drift = record.after_listing(copies("2025-05-13"), [14], listed_by="2025-04-24")
    drift = drift[drift["first_date"] > listing.FIRST]
    left = (1 - drift["frac_new"]).median()
    why = (
        f"If the votes that chose are kept, about {left:.0%} is left: so much of the "
        f"votes of the median of {len(drift)} new models was older than the listing. "
        "If they are dropped, nothing is."
    )
    return Finding(left, why, 0.0, "assumption")


def nba() -> Finding:
    """Whether most of the published lead is skill, with and without a spread."""
    skill_sd, error = final_spread()
    apart, alike = (
        lead.skill / lead.published
        for lead in (selection.best_of(50, tau, error) for tau in (skill_sd, 0.0))
    )
    why = (
        f"Players differ. If variants do, with a spread of {skill_sd:.0f} points, "
        f"{apart:.0%} of the lead is skill; of the identical ones of LMArena's own "
        f"curve, {alike:.0%}."
    )
    return Finding(apart > 0.5, why, alike > 0.5, "assumption")


def press(n: int) -> Finding:
    """Gain of the best of n under the final version's setting."""
    skill_sd, error = final_spread()
    ours = selection.best_of(n, skill_sd, error).published
    summary = published_gains().loc["press summary"]
    maxima = selection.expected_maximum(summary["n_variants"].to_numpy())
    implied = (maxima * summary["gain_points"]).sum() / (maxima**2).sum()
    why = (
        f"The nearest setting of the paper that we know, the final one, gives "
        f"{ours:.0f}; a spread of {implied:.0f} would give all three numbers of this "
        "summary."
    )
    return Finding(ours, why)


def theorem() -> Finding:
    """Whether choosing raises the expectation, over a grid of cases."""
    n, sd = np.meshgrid(np.arange(2, 51), [1.0, 5.0, 25.0, 50.0])
    holds = bool((selection.best_of(n, 0, sd).published > 0).all())
    why = (
        "True for any spread and any N from 2 on; the gain of two variants is "
        f"{selection.expected_maximum(2):.2f} standard deviations."
    )
    return Finding(holds, why)


def worse_ahead() -> Finding:
    """How much worse a family of ten may be against one of one."""
    skill_sd, error = final_spread()
    gaps = [selection.even_gap(10, 1, sd) for sd in (np.hypot(skill_sd, error), error)]
    why = (
        "With ten variants against one, a family can be worse by "
        f"{gaps[0]:.0f} points and still come out ahead half of the time under the "
        f"paper's spread, by {gaps[1]:.0f} if variants are identical."
    )
    return Finding(min(gaps) > 0, why)


def meta_total() -> Finding:
    """Add up Meta's variants."""
    meta = record.private_variants().loc["Meta"]
    why = (
        f"{meta['main_arena']} in the main arena and {meta['vision_only']} in vision; "
        "who made them rests on the models' own answers."
    )
    return Finding(meta["main_arena"] + meta["vision_only"], why)


def providers() -> Finding:
    """Count the providers with a private variant."""
    total = record.private_variants()["total"]
    why = f"The paper's figure has {total.sum()} variants of {len(total)} makers."
    return Finding(len(total), why)


@cache
def _terms() -> pd.DataFrame:
    return data.load("policy_terms").set_index("term")


def undisclosed() -> Finding:
    """Count the public statements on private tests before the paper."""
    paper = day_of("The Leaderboard Illusion, v1")
    several, one = (
        _terms().loc[term, "date"] < paper
        for term in ("several-variants-allowed", "unreleased-models-section")
    )
    why = (
        "That unreleased models are tested in private was in the policy from April "
        "2024; that several variants at once are allowed, only from May 2025."
    )
    return Finding(several, why, one, "definition")


def march_2024() -> Finding:
    """Dates of the policy's page and of its section on unreleased models."""
    page, section = (
        _terms().loc[term, "date"].toordinal()
        for term in ("pull-out-allowed", "unreleased-models-section")
    )
    why = (
        "The page of that day lets a provider pull out; the section on unreleased "
        "models is first found in the version of 29 April 2024."
    )
    return Finding(page, why, section, "definition")


def aya(pair: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the two scores of a pair, and their standard errors, by the paper."""
    table = data.load("aya_vision").query("pair == @pair")
    table = table[table["source"].str.startswith("paper")]
    error = (table["ci_plus"] + table["ci_minus"]) / 2 / 1.96
    return table["score"].to_numpy(), error.to_numpy()


def aya_gap(pair: str) -> Finding:
    """Difference of a pair, with what chance makes of it.

    The two intervals are taken as independent, as nothing else is public.
    """
    (first, second), errors = aya(pair)
    gap, error = first - second, np.hypot(*errors)
    low, high = gap - 1.96 * error, gap + 1.96 * error
    holds = "holds" if low <= 0 <= high else "does not hold"
    why = f"Its 95% interval, {low:.0f} to {high:.0f} points, {holds} zero."
    return Finding(gap, why, error=error)


def aya_overlap() -> Finding:
    """Whether the intervals overlap, by the paper's and by LMArena's ends."""
    table = data.load("aya_vision").query("pair == '8B identical'")
    overlaps = []
    for _, two in table.groupby(table["source"].str.startswith("LMArena")):
        lowest = (two["score"] - two["ci_minus"]).max()
        highest = (two["score"] + two["ci_plus"]).min()
        overlaps.append(highest - lowest)
    sources = " and ".join(f"{overlap:.0f}" for overlap in sorted(overlaps))
    why = (
        f"They share {sources} points, by the two versions of the intervals; the "
        "paper's first version printed none."
    )
    return Finding(min(overlaps) > 0, why)


@cache
def neighbours() -> pd.Series:
    """Return the scores of the eight models around the pair, as the figure has them.

    On LMArena's vision board of 6 May 2025, without Cohere's own.
    """
    board = data.load("vision_board_aya").set_index(["commit_date", "model"])
    score = board.loc["2025-05-06", "rating"]
    return score[score.between(1045, 1072.2) & ~score.index.str.startswith("c4ai")]


def aya_copy() -> Finding:
    """Score of the identical copy in the paper."""
    table = data.load("aya_vision").query("checkpoint == 'Aya-Vision-8B copy'")
    theirs = table["source"].str.startswith("LMArena")
    copy, other = table.loc[~theirs, "score"].iloc[0], table.loc[theirs, "score"]
    same = neighbours().index[neighbours().round() == other.iloc[0]][0]
    why = f"The figure has {copy:.0f} for the copy; {other.iloc[0]:.0f} is {same}."
    return Finding(copy, why)


def four_between() -> Finding:
    """Count the models between the two copies."""
    (high, low), _ = aya("8B identical")
    scores = neighbours()
    why = (
        "The board is dense there: two copies that differ by chance alone have "
        f"{expected_between():.1f} of the eight models shown between them on average."
    )
    return Finding(((scores > low) & (scores < high)).sum(), why)


def expected_between() -> float:
    """Expected number of the known neighbours between two copies of equal skill."""
    pair, errors = aya("8B identical")
    scores = neighbours().to_numpy()
    below = ndtr((scores - pair.mean()) / errors[:, None])
    return (below[0] * (1 - below[1]) + below[1] * (1 - below[0])).sum()


def november() -> Finding:
    """Count the leaders that came in one week."""
    table = record.number_one(copies()).set_index("first_day")
    week = table.loc["2024-11-14":"2024-11-22"]
    leads = ", ".join(f"{lead:.0f}" for lead in week["lead"])
    why = f"Their leads: {leads} points. The board was copied a day after each change."
    return Finding(len(week), why)


def march() -> Finding:
    """Lead at the top on 4 March 2025."""
    row = record.number_one(copies()).set_index("first_day").loc["2025-03-04"]
    why = (
        f"{row['model']} led {row['runner_up']} by {row['lead']:.0f} point; the "
        f"half-widths are {row['half_width']:.0f} and "
        f"{row['runner_up_half_width']:.0f}."
    )
    return Finding(row["lead"], why)


def released() -> Finding:
    """Whether every experimental model that was listed is the one released."""
    table = data.load("sibling_families")
    pair = table["model"][table["family"].str.contains("exp vs released")]
    (experiment,) = pair[pair.str.endswith("experimental")]
    (other,) = pair[pair != experiment]
    seen = listed_models().loc[experiment]
    days = (seen["last_seen"] - seen["first_seen"]).days
    scores = listed_models()["score_first"]
    why = (
        f"{experiment} was listed for {days} days at {scores[experiment]:.0f}; the "
        f"released one came in at {scores[other]:.0f}. LMArena took the first off and "
        "said that it had expected otherwise."
    )
    return Finding(0.0 if days > 0 else 1.0, why)


COMPUTED = {
    "variants.paper-meta-total": meta_total,
    "variants.paper-providers": providers,
    "policy.paper-undisclosed": undisclosed,
    "policy.lmarena-march-2024": march_2024,
    "policy.lmarena-released": released,
    "best-of-n.paper-theorem": theorem,
    "best-of-n.paper-v1-text-n10": partial(gain_v1, 10, own_figure=False),
    "best-of-n.paper-v1-figure-n10": partial(gain_v1, 10, own_figure=True),
    "best-of-n.paper-v1-figure-n50": partial(gain_v1, 50, own_figure=True),
    "best-of-n.paper-final-n20": partial(gain_final, 20),
    "best-of-n.paper-final-n50": partial(gain_final, 50),
    "best-of-n.lmarena-n50": gain_lmarena,
    "best-of-n.lmarena-ten-times": ten_times,
    "best-of-n.lmarena-to-zero": to_zero,
    "best-of-n.lmarena-within-days": within_days,
    "best-of-n.lmarena-nba": nba,
    "best-of-n.others-n5": partial(press, 5),
    "best-of-n.others-n20": partial(press, 20),
    "best-of-n.others-n50": partial(press, 50),
    "families.paper-worse-ahead": worse_ahead,
    "aya.paper-8b-gap": partial(aya_gap, "8B identical"),
    "aya.paper-four-between": four_between,
    "aya.lmarena-overlap": aya_overlap,
    "aya.lmarena-copy": aya_copy,
    "aya.paper-32b-gap": partial(aya_gap, "32B variants"),
    "number-one.paper-november-2024": november,
    "number-one.paper-march-2025": march,
}
