"""Claims of the chapter on silent deprecation."""

from functools import cache, partial

import numpy as np
import pandas as pd

from illusion import data
from illusion.claims import Finding, day_in_words, day_of, listed_models
from illusion.rating import ratings
from illusion.silent_deprecation import deprecation, removal

PER_DAY = 10
WINDOW = 51
OPEN_SOURCE = 41
MODELS = 243
BATTLES = 2_000  # of the sparse-graph example, v1 s5.2
OPEN = ["open-weight", "open-source"]


@cache
def split() -> pd.DataFrame:
    """Return the one split of the paper's models that gives its percentages."""
    printed = data.load("deprecation_percentages").set_index("licence_class")
    printed = printed.loc[["proprietary", *OPEN]].copy()
    total = "inactive_total_pct_as_printed"
    printed.loc[OPEN, total] = printed.loc[OPEN[::-1], total].to_numpy()
    found = deprecation.class_splits(printed, MODELS, {"open-source": OPEN_SOURCE})
    if len(found) != 1:
        raise ValueError(f"{len(found)} splits give the printed percentages, not one.")
    return found[0]


@cache
def public_models() -> pd.DataFrame:
    """Return the models that were on the board by 23 April 2025, with their state."""
    models = listed_models()
    models = models[models["first_seen"] < "2025-04-24"].copy()
    models["inactive"] = models[f"votes_last_{WINDOW}d"] <= PER_DAY * WINDOW
    models["gone"] = models["inactive"] | models["on_official_list"]
    models["open"] = models["licence_class"] != "proprietary"
    return models


@cache
def effect_of_openness() -> pd.Series:
    """Fit inactivity to openness, age and score, of models older than the window."""
    models = public_models()
    models = models[~models[f"new_within_{WINDOW}d"]].copy()
    models["age"] = (pd.Timestamp("2025-04-24") - models["first_seen"]).dt.days
    return deprecation.odds_of_open(models, "inactive", "age", "score")


def silent() -> Finding:
    """Add up the split: inactive, and inactive without being listed."""
    total = split().sum()
    why = (
        f"The one split that gives the printed percentages has {total['inactive']} "
        f"inactive models, {total['listed']} of them on the official list: "
        f"{total['silent']} were silent."
    )
    return Finding(total["inactive"], why, total["silent"], "definition")


def inactive() -> Finding:
    """Count what the public record has, and what it lacks."""
    gone, known = int(public_models()["gone"].sum()), len(public_models())
    missing = MODELS - known
    why = (
        f"The public record has {gone} inactive or listed of {known} models; it is "
        f"{gone + missing} if the {missing} that only the paper counts were inactive "
        "too."
    )
    return Finding(gone + missing, why, gone, "assumption")


def official() -> Finding:
    """Count the names on FastChat's list, and the public models among them."""
    names = data.load("official_deprecated_names")
    names = names[names["fastchat_first"].notna()]
    private = int(names["private_test_name"].sum())
    why = (
        f"The list has {len(names)} names; {private} of them are private test names "
        f"that never were on the board, so it names {len(names) - private} public "
        "models."
    )
    return Finding(len(names), why, len(names) - private, "definition")


def percent(name: str, column: str) -> float:
    """Percentage of a class in the split."""
    row = split().loc[name]
    return 100 * row[column] / row["models"]


def open_percent(name: str) -> Finding:
    """Percentage of an open class that is listed or silent, by the paper's figure."""
    listed, quiet = percent(name, "listed"), percent(name, "silent")
    why = (
        f"The figure has {listed:.1f}% listed and {quiet:.1f}% silent, together "
        f"{listed + quiet:.1f}%; the text seems to have exchanged the two open classes."
    )
    return Finding(percent(name, "inactive"), why)


def proprietary_percent() -> Finding:
    """Percentage of proprietary models that are gone, with and without the unseen."""
    known = public_models()
    known = known[known["licence_class"] == "proprietary"]["gone"]
    unseen = int(split().loc["proprietary", "models"]) - len(known)
    ours = 100 * (known.sum() + unseen) / (len(known) + unseen)
    why = (
        f"{known.sum()} of {len(known)} in the public record, {known.mean():.0%}; "
        f"{ours:.0f}% if the {unseen} that only the paper has were all inactive."
    )
    return Finding(ours, why, 100 * known.mean(), "assumption")


def official_percent(name: str) -> Finding:
    """Percentage of a class that is on the official list."""
    known = public_models()
    known = known[known["licence_class"] == name]
    row, listed = split().loc[name], known["on_official_list"].sum()
    share = 100 * listed / row["models"]
    why = (
        f"{listed} public models of {row['models']} are on the list; the one split "
        f"that fits the paper's percentages has {row['listed']}."
    )
    return Finding(share, why)


def open_share() -> Finding:
    """Percentage of open models among the silent."""
    known = public_models()
    unseen = int(split()["models"].sum()) - len(known)
    known = known[known["inactive"] & ~known["on_official_list"]]
    ours = 100 * known["open"].sum() / (len(known) + unseen)
    why = (
        f"{known['open'].sum()} of {len(known)} in the public record, "
        f"{known['open'].mean():.0%}; {ours:.1f}% if the {unseen} proprietary ones "
        "that only the paper has were all silent."
    )
    return Finding(ours, why, 100 * known["open"].mean(), "assumption")


def open_more() -> Finding:
    """Whether open models go inactive more often, plainly and like for like."""
    shares = public_models().groupby("open")["gone"].mean()
    row = effect_of_openness()
    why = (
        f"{shares[True]:.0%} of the open models and {shares[False]:.0%} of the "
        "proprietary ones; at equal age and score the log-odds differ by "
        f"{row['estimate']:.1f} ({row['lower']:.1f} to {row['upper']:.1f})."
    )
    return Finding(shares[True] > shares[False], why, row["lower"] > 0, "definition")


def not_unequal() -> Finding:
    """Whether inactivity is blind to openness, like for like and among the listed."""
    row = effect_of_openness()
    known = public_models()
    named = known[known["inactive"]].groupby("open")["on_official_list"].mean()
    why = (
        "At equal age and score these data cannot tell who went inactive more often; "
        f"of those, {named[False]:.0%} of the proprietary and {named[True]:.0%} of the "
        "open ones had been listed."
    )
    alike = abs(named[False] - named[True]) < 0.05
    return Finding(row["lower"] <= 0 <= row["upper"], why, alike, "definition")


def not_opaque() -> Finding:
    """Whether rule, and names, were public before the paper."""
    paper, rule = day_of("Illusion, v1"), day_of("retirement rules")
    known = public_models()
    named = known.loc[known["inactive"], "on_official_list"].mean()
    why = (
        f"The rule was public from {day_in_words(rule)}; of the inactive models, "
        f"{named:.0%} were named in public before the paper, and all by June 2025."
    )
    if not known.loc[known["inactive"], "on_retired_page"].all():
        raise ValueError("Some inactive model is not on the page of June 2025.")
    return Finding(rule < paper, why, named > 0.95, "definition")


def list_day() -> Finding:
    """Day of the first public list of models off battles."""
    names = data.load("official_deprecated_names")
    first = pd.to_datetime(names["retired_page_first"]).min()
    known = public_models()
    quiet = known["inactive"] & ~known["on_official_list"]
    there = known.loc[quiet, "on_retired_page"].sum()
    why = (
        f"The page named {there} of the {quiet.sum()} models that were inactive and "
        "not listed in April."
    )
    return Finding(first.toordinal(), why)


@cache
def tables() -> removal.WinTables:
    """Return the paper's win tables."""
    return removal.WinTables.from_table(data.load("transitivity"))


PUBLISHED = ("A B D C", "B A C D")
"""Published orders, without and with the model's leaving (NeurIPS 2025, Fig. 5)."""


def flip() -> Finding:
    """Whether the published orders come out, for pure phases and for others."""
    pure = [[1.0, 0.0], [0.0, 1.0]]
    ours = tuple(" ".join(tables().order(pure, left)) for left in (None, "D"))
    mixes = tables().map("D", PUBLISHED)
    mixes = mixes[(mixes["first"] > 0.5) & (mixes["second"] < 0.5)]
    same = mixes["effect"] == "as published"
    why = (
        "Holds if phase 1 is all task 1 and phase 2 all task 2; of the mixes with more "
        f"than half task 1 first and less than half after, {same.mean():.0%} give both "
        "orders."
    )
    return Finding(ours == PUBLISHED, why, same.all(), "assumption")


@cache
def true_ratings() -> pd.DataFrame:
    """Return the models of the sparse-graph example, with both published ranks."""
    return data.load("sparse_graph").set_index("model")


def dense() -> Finding:
    """Whether the dense ranks are the true ones, and how often chance spoils them."""
    table = true_ratings().sort_index()
    true = table["true_rating"].to_numpy(float)
    same = (-true).argsort().argsort() + 1 == table["rank_dense"]
    a, b = np.triu_indices(len(true), 1)
    each = np.full(len(a), BATTLES // len(a))
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        drawn = ratings.simulate(tuple(table.index), true, (a, b, each), rng)
        # Two scores may be alike, which is not the true order whatever is sorted first.
        hits += bool((np.diff(ratings.fit(drawn).score[true.argsort()]) > 1e-6).all())
    why = (
        f"Of 200 simulations with {BATTLES:,} battles spread evenly over all pairs, "
        f"{hits / 200:.0%} give the true order; the closest two ratings are "
        f"{np.diff(np.sort(true)).min():.0f} points apart."
    )
    return Finding(same.all(), why)


def disconnected() -> Finding:
    """Whether a solver that starts at zero prints the disconnected ranks."""
    table = true_ratings()
    published = " ".join(table["rank_disconnected"].sort_values().index)
    orders = removal.orders_of_groups(table["true_rating"])
    groups = [group for group, order in orders.items() if order == published]
    names = ["".join(g) for g in groups]
    rest = "".join(sorted(set(table.index) - set("".join(names))))
    why = (
        f"Holds if {' '.join(names)} and {rest} never met and the solver starts at "
        f"zero; that is {len(groups)} of {len(orders)} splits, and another start "
        "prints another order."
    )
    return Finding(len(groups) > 0, why, len(groups) == len(orders), "assumption")


COMPUTED = {
    "silent.paper-205": silent,
    "silent.paper-inactive": inactive,
    "silent.paper-official-47": official,
    "silent.paper-open-weight": partial(open_percent, "open-weight"),
    "silent.paper-open-source": partial(open_percent, "open-source"),
    "silent.paper-proprietary": proprietary_percent,
    "silent.paper-official-proprietary": partial(official_percent, "proprietary"),
    "silent.paper-official-open-weight": partial(official_percent, "open-weight"),
    "silent.paper-open-share-v1": open_share,
    "silent.paper-open-share-v2": open_share,
    "silent.paper-open-more": open_more,
    "retired.lmarena-not-unequal": not_unequal,
    "retired.lmarena-not-opaque": not_opaque,
    "retired.lmarena-list": list_day,
    "transitivity.paper-flip": flip,
    "sparse.paper-dense": dense,
    "sparse.paper-disconnected": disconnected,
}
