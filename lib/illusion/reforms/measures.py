"""What an arena's rules do, on thirteen measures, and how sure that is."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import kendalltau

from illusion.concentration import gini
from illusion.reforms.scenario import (
    QUARTER,
    TEST_WEEKS,
    Cast,
    Rules,
    Season,
    variants_tested,
)

FRESH = 2_000  # battles until a score is no longer provisional: policy of 2025-05-27
MANY = 10  # variants beyond which a score is provisional at first: the same
_LATER = 3  # weeks
_PATIENCE = 12  # weeks for which a new model is followed
_NEAR = 5.0  # Elo points
_LEVEL = 0.95


class Measure(NamedTuple):
    """What is measured, its unit, whether more is better, and a short name."""

    what: str
    unit: str
    more_is_better: bool
    short: str


MEASURES = {
    "inflation": Measure(
        "First score of a chosen variant minus its skill",
        "points",
        False,
        "First score too high",
    ),
    "inflation_later": Measure(
        "The same three weeks later", "points", False, "Three weeks later"
    ),
    "gain": Measure(
        "Skill of a chosen variant above its family's mean",
        "points",
        True,
        "Skill gained",
    ),
    "tau": Measure(
        "Kendall's tau of the last board with the truth", "", True, "Order (tau)"
    ),
    "top_ten": Measure(
        "True top ten among the board's top ten", "share", True, "Top ten"
    ),
    "coverage": Measure(
        "Scores of models sampled to the end whose 95% interval holds the truth",
        "share",
        True,
        "Coverage",
    ),
    "gini": Measure("Concentration of battles (Gini)", "", False, "Votes concentrated"),
    "open_share": Measure(
        "Participations of open models", "share", True, "Open models' share"
    ),
    "width_open": Measure(
        "Half-width of open models' intervals", "points", False, "Width, open models"
    ),
    "width_top": Measure(
        "Half-width at the board's top ten", "points", False, "Width, top ten"
    ),
    "private": Measure(
        "Battles that chose and count for no score", "share", False, "Spent in private"
    ),
    "noise": Measure(
        "Changes at number one while the best model stays",
        "changes",
        False,
        "Noise at number one",
    ),
    "days": Measure(
        "Days until a new score stays within 5 points of the truth",
        "days",
        False,
        "Days to settle",
    ),
}
_OF_ONE = ["tau", "top_ten", "coverage"]  # what counts is how much is missing
_LEAST = 0.05  # of the baseline: a smaller change is none, however sure it is
_SURE = 3  # Monte-Carlo errors: two are passed by chance in a table of 200 cells

BASELINE = Rules()
# Three at a time, in tests of four weeks, for a listing every quarter.
AT_A_TIME = 3 * (QUARTER // TEST_WEEKS)
# Proposal of `data/reforms.csv` -> the rules it asks for, all else as it was.
PROPOSALS = {
    "no-retraction": replace(BASELINE, correction="shrunk"),
    "variant-cap": replace(BASELINE, cap=AT_A_TIME),
    "equal-removal": replace(BASELINE, retirement="bottom"),
    "fair-sampling": replace(BASELINE, sampling="variance"),
    "removal-notice": BASELINE,
    "provisional-score": replace(BASELINE, provisional=True),
    "fresh-votes-only": replace(BASELINE, keep_choosing=False),
    "inverse-frequency": replace(BASELINE, weighting="pairs"),
    "open-votes": BASELINE,
    "yrwr": replace(BASELINE, correction="ranked"),
}


def measure(season: Season, cast: Cast, rules: Rules) -> pd.DataFrame:
    """Measure every replicate of a season.

    Parameters
    ----------
    season, cast, rules : Season, Cast and Rules under which it was played

    Returns
    -------
    DataFrame
        A row per replicate, a column per entry of `MEASURES`; missing where there
        is nothing to measure, as inflation if nothing was tested.
    """
    error = season.score - season.truth
    shown = _shown(season, cast, rules)
    last, truth = season.score[:, -1], season.truth[:, -1]
    half = -ndtri((1 - _LEVEL) / 2) * season.standard_error
    gained = season.battles[:, -1] - np.where(cast.listed == 0, season.battles[:, 0], 0)
    first = _first_week(shown)
    # Of the record, so that all rules are measured on the same models.
    lasting = cast.silent >= error.shape[1]
    held = (np.abs(error[:, -1]) <= half)[:, lasting]
    rows = range(len(error))
    ten = [_best(last[r], shown[r, -1], 10) for r in rows]
    true_ten = [_best(truth[r], shown[r, -1], 10) for r in rows]
    return pd.DataFrame(
        {
            "inflation": _inflation(error, first, cast, 0),
            "inflation_later": _inflation(error, first, cast, _LATER),
            "gain": _gain(season, cast),
            "tau": [
                kendalltau(last[r, shown[r, -1]], truth[r, shown[r, -1]])[0]
                for r in rows
            ],
            "top_ten": [
                len(np.intersect1d(*pair)) / len(pair[0])
                for pair in zip(ten, true_ten, strict=True)
            ],
            "coverage": held.mean(axis=1),
            "gini": [gini(gained[r]) for r in rows],
            "open_share": gained[:, cast.open].sum(axis=1) / gained.sum(axis=1),
            "width_open": half[:, cast.open].mean(axis=1),
            "width_top": [half[r, ten[r]].mean() for r in rows],
            "private": season.private / (season.private + gained.sum(axis=1) / 2),
            "noise": [_noise(season.score[r], season.truth[r], shown[r]) for r in rows],
            "days": _days(error, shown, cast),
        }
    )


def summary(runs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Compare policies with the baseline, replicate by replicate.

    Parameters
    ----------
    runs : DataFrame
        Columns ``policy``, ``replicate`` and any of `MEASURES`.
    baseline : str
        The policy to compare with.

    Returns
    -------
    DataFrame
        A row per policy and measure: ``mean``, ``error`` (its Monte-Carlo standard
        error), ``change`` from the baseline, ``change_error`` (from differences of
        replicates that share their variants) and ``effect``: "better" or "worse" if
        the change is three errors or more and 5% or more of the baseline, or, of a
        share that should be 1, of what it lacks to that.
    """
    names = [name for name in MEASURES if name in runs]
    long = runs.melt(["policy", "replicate"], names, var_name="measure")
    value = long.set_index(["policy", "measure", "replicate"])["value"]
    same = pd.MultiIndex.from_frame(long[["measure", "replicate"]])
    before = value.loc[baseline].reindex(same)
    keys = ["policy", "measure"]
    here, change = (
        each.groupby(level=keys, sort=False).agg(["mean", "sem"])
        for each in (value, value - before.to_numpy())
    )
    table = here.set_axis(["mean", "error"], axis=1)
    table[["change", "change_error"]] = change
    measures = table.index.get_level_values("measure")
    start = table.loc[baseline]["mean"].reindex(measures).to_numpy()
    missing = np.where(measures.isin(_OF_ONE), 1 - start, np.abs(start))
    # Less is nearer to 0: an excess that is overdone is one too.
    shift = table["mean"].abs() - np.abs(start)
    clear = (shift.abs() >= _SURE * table["change_error"]) & (
        shift.abs() >= _LEAST * missing
    )
    good = (shift > 0) == [MEASURES[name].more_is_better for name in measures]
    clear &= shift != 0
    table["effect"] = np.where(clear, np.where(good, "better", "worse"), "none")
    return table


def _shown(season: Season, cast: Cast, rules: Rules) -> np.ndarray:
    """Whether a score is on the board, and not provisional."""
    shown = ~np.isnan(season.score)
    if rules.provisional:
        fresh = season.battles - season.chosen_by[:, None]
        shown &= (variants_tested(cast, rules) <= MANY) | (fresh >= FRESH)
    return shown


def _first_week(shown: np.ndarray) -> np.ndarray:
    """First week that a model is shown, or the number of weeks."""
    return np.where(shown.any(axis=1), shown.argmax(axis=1), shown.shape[1])


def _inflation(
    error: np.ndarray, first: np.ndarray, cast: Cast, later: int
) -> np.ndarray:
    """Mean error of the models chosen from variants, some weeks after the first."""
    week = first[:, cast.tested] + later
    row = np.arange(len(error))[:, None]
    inside = week < error.shape[1]
    value = error[row, np.where(inside, week, 0), cast.tested]
    value = np.where(inside, value, 0)
    return value.sum(axis=1) / np.where(inside.any(axis=1), inside.sum(axis=1), np.nan)


def _gain(season: Season, cast: Cast) -> np.ndarray:
    """Mean skill of the models chosen from variants above their families' means."""
    skill = season.skill[:, cast.tested] - cast.skill[cast.tested]
    return skill.mean(axis=1) if skill.size else np.full(len(skill), np.nan)


def _best(score: np.ndarray, shown: np.ndarray, n: int) -> np.ndarray:
    return np.argsort(np.where(shown, -score, np.inf), kind="stable")[:n]


def _noise(score: np.ndarray, truth: np.ndarray, shown: np.ndarray) -> int:
    """Weeks in which number one changed and the best model shown did not."""
    first = np.where(shown, score, -np.inf).argmax(axis=1)
    best = np.where(shown, truth, -np.inf).argmax(axis=1)
    return int(((np.diff(first) != 0) & (np.diff(best) == 0)).sum())


def _days(error: np.ndarray, shown: np.ndarray, cast: Cast) -> np.ndarray:
    """Days until all scores of the first 12 weeks that follow are near the truth."""
    weeks = error.shape[1]
    new = np.flatnonzero((cast.listed > 0) & (cast.listed <= weeks - _PATIENCE))
    near = shown & (np.abs(error) <= _NEAR)
    waited = np.empty((len(error), len(new)))
    for column, model in enumerate(new):
        since = near[:, cast.listed[model] :, model][:, :_PATIENCE]
        waited[:, column] = (~since * np.arange(1, _PATIENCE + 1)).max(axis=1)
    return 7 * waited.mean(axis=1)
