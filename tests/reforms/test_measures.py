"""The measures of a season, by hand, and the comparison of policies."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from illusion import data
from illusion.concentration import gini
from illusion.reforms import measures
from illusion.reforms.measures import BASELINE, MEASURES, PROPOSALS
from illusion.reforms.scenario import Cast, Rules, Season

WEEKS, N, TESTED = 20, 14, (12, 13)  # two models are listed later, from variants
SKILL = np.linspace(130, -130, N)


def cast(**changes) -> Cast:
    fields = {
        "provider": np.array(list("abcdefg") * 2),
        "licence_class": np.array(["proprietary", "open-weight"] * 7),
        "skill": SKILL,
        "listed": np.array([0] * 12 + [5, 7]),
        "silent": np.full(N, 99),
        "battles": np.full(N, 100.0),
        "variants": np.array([1] * 12 + [10, 11]),
    }
    return Cast(**fields | changes)


def season(models: Cast | None = None, replicates: int = 2, **changes) -> Season:
    """A board that is right to the point, on which all have alike battles."""
    models = models or cast()
    there = np.arange(WEEKS)[:, None] >= models.listed
    shape = (replicates, WEEKS, N)
    week = np.arange(WEEKS)[:, None] - models.listed + 1.0
    fields = {
        "score": np.tile(np.where(there, models.skill, np.nan), (replicates, 1, 1)),
        "truth": np.tile(np.where(there, models.skill, np.nan), (replicates, 1, 1)),
        "battles": np.broadcast_to(np.where(there, 500 * week, np.nan), shape).copy(),
        "skill": np.tile(models.skill, (replicates, 1)),
        "chosen_by": np.zeros((replicates, N)),
        "standard_error": np.full((replicates, N), 3.0),
        "active": np.ones((replicates, N), dtype=bool),
        "private": 0,
    }
    return Season(**fields | changes)


def measured(played: Season, rules: Rules = BASELINE, models=None) -> pd.DataFrame:
    return measures.measure(played, models or cast(), rules)


def test_a_perfect_board():
    found = measured(season())
    assert set(found) == set(MEASURES)
    assert len(found) == 2
    for name in ("tau", "top_ten", "coverage"):
        assert found[name].tolist() == pytest.approx([1, 1]), name
    for name in ("inflation", "inflation_later", "gain", "noise", "private", "days"):
        assert (found[name] == 0).all(), name
    half = 1.959964 * 3
    np.testing.assert_allclose(found[["width_open", "width_top"]], half, rtol=1e-6)


def test_inflation_then_and_three_weeks_later():
    played = season()
    played.score[0, 5:, 12] += 8  # listed in week 5, until the end
    played.score[0, 7, 13] += 2  # listed in week 7, that week only
    played.score[1, 10, 13] -= 6  # three weeks after
    played.score[:, :, 0] += 50  # was never tested
    found = measured(played)
    assert found["inflation"].tolist() == [5, 0]
    assert found["inflation_later"].tolist() == [4, -3]


def test_weeks_that_are_not_over_are_left_out():
    models = cast(listed=np.array([0] * 12 + [5, 17]))
    played = season(models)
    played.score[:, :, 12] += 6
    played.score[:, :, 13] += 2
    found = measured(played, models=models)
    assert found["inflation"].tolist() == [4, 4]
    assert found["inflation_later"].tolist() == [6, 6]
    late = cast(listed=np.array([0] * 11 + [5, 17, 18]))
    assert measured(season(late), models=late)["inflation_later"].isna().all()
    edge = cast(listed=np.array([0] * 11 + [5, 16, 17]))
    assert measured(season(edge), models=edge)["inflation_later"].notna().all()


def test_nothing_tested_is_nothing_measured():
    models = cast(variants=np.ones(N, int))
    found = measured(season(models), models=models)
    names = ["inflation", "inflation_later", "gain"]
    assert found[names].isna().all(axis=None)
    assert found.drop(columns=names).notna().all(axis=None)


def test_gain_is_the_skill_of_the_chosen():
    played = season()
    played.skill[0, 12] += 30
    played.skill[0, 13] += 10
    assert measured(played)["gain"].tolist() == [20, 0]


def test_order_and_top_ten():
    played = season()
    last = played.score[0, -1]
    last[[0, 1]] = last[[1, 0]]  # one pair of 91 in the wrong order
    found = measured(played)
    pairs = N * (N - 1) / 2
    assert found["tau"].tolist() == pytest.approx([1 - 2 / pairs, 1])
    assert found["top_ten"].tolist() == [1, 1]
    last[[0, 11]] = last[[11, 0]]
    assert measured(played)["top_ten"].tolist() == [0.9, 1]
    earlier = season()
    earlier.score[0, :-1] *= -1  # only the last board counts
    assert measured(earlier)["tau"].tolist() == pytest.approx([1, 1])


def test_coverage_counts_the_intervals_that_hold():
    played = season()
    half = 1.959964 * 3
    played.score[0, -1, :4] += (
        np.array([1, -1, 1, -1]) * half * [0.99, 0.99, 1.01, 1.01]
    )
    assert measured(played)["coverage"].tolist() == pytest.approx([12 / 14, 1])
    # A model that was sampled no more on the record does not count.
    silent = np.where(np.isin(np.arange(N), [3, 4]), WEEKS - 1, WEEKS)
    found = measured(played, models=cast(silent=silent))
    assert found["coverage"].tolist() == pytest.approx([11 / 12, 1])


def test_widths_of_open_models_and_of_the_top_ten():
    played = season()
    played.standard_error[:] = np.arange(1.0, N + 1)
    found = measured(played).iloc[0]
    assert found["width_open"] == pytest.approx(1.959964 * np.mean(np.arange(2, 15, 2)))
    assert found["width_top"] == pytest.approx(1.959964 * 5.5)
    turned = played.score[:, -1]
    turned[:] = -turned
    assert measured(played)["width_top"].iloc[0] == pytest.approx(1.959964 * 9.5)


def test_battles_and_who_has_them():
    played = season()
    # Only what came after week 0 counts, and all of it for a later model.
    gained = np.array([500.0 * 19] * 12 + [500 * 15, 500 * 13])
    played.battles[1, 1:, 1] += 700
    more = gained + 700 * (np.arange(N) == 1)
    expected = [gained, more]
    found = measured(played)
    assert found["gini"].tolist() == pytest.approx([gini(x) for x in expected])
    share = [x[1::2].sum() / x.sum() for x in expected]
    assert found["open_share"].tolist() == pytest.approx(share)
    private = measured(season(private=9_000))["private"]
    assert private.tolist() == pytest.approx([9_000 / (9_000 + gained.sum() / 2)] * 2)
    one = np.zeros((1, WEEKS, N))
    one[:, :, 3] = np.arange(WEEKS)
    alone = measured(season(battles=one, replicates=1)).iloc[0]
    assert alone["gini"] == pytest.approx(1 - 1 / N)
    assert alone["open_share"] == 1


def test_noise_at_number_one():
    played = season()
    played.score[0, 8, 1] = 500  # up and down again, while model 0 stays best
    played.score[1, 8:, 1] = 500  # up to stay
    assert measured(played)["noise"].tolist() == [2, 1]
    # The same when the best model changes in that week, too.
    played.truth[1, 8:, 1] = 500
    assert measured(played)["noise"].tolist() == [2, 0]
    # A new best model that the board misses is no change at number one.
    missed = season()
    missed.truth[:, 8:, 1] = 500
    assert measured(missed)["noise"].tolist() == [0, 0]


@pytest.mark.parametrize(("off", "weeks"), [(0, 0), (1, 1), (11, 11), (12, 12)])
def test_days_until_a_score_is_near(off, weeks):
    played = season()
    played.score[0, 5 : 5 + off, 12] += 5.01
    played.score[0, 7:, 13] -= 4.99
    found = measured(played)["days"].tolist()
    assert found == [7 * weeks / 2, 0]


def test_a_score_that_leaves_the_band_again_has_not_settled():
    played = season()
    played.score[0, 5 + 8, 12] += 6  # near for eight weeks, and off in the ninth
    played.score[1, 5 + 12, 12] += 6  # after those that are followed
    assert measured(played)["days"].tolist() == [7 * 9 / 2, 0]


def test_who_came_too_late_is_not_followed():
    models = cast(listed=np.array([0] * 12 + [8, 9]))
    played = season(models)
    played.score[:, :, 13] += 99
    assert (measured(played, models=models)["days"] == 0).all()
    played.score[:, :, 12] += 99
    assert (measured(played, models=models)["days"] == 7 * 12).all()


def test_provisional_scores_are_hidden_until_fresh_votes():
    rules = replace(BASELINE, provisional=True)
    played = season(chosen_by=np.tile(np.where(np.arange(N) >= 12, 600.0, 0), (2, 1)))
    shown = measures._shown(played, cast(), rules)
    np.testing.assert_array_equal(
        shown[:, :, :13], measures._shown(played, cast(), BASELINE)[:, :, :13]
    )
    # 500 battles a week from week 7 on, of which 600 chose the variant.
    assert measures._first_week(shown)[0, 13] == 7 + 5
    played.score[:, 7, 13] += 40
    played.score[:, 12, 13] += 6
    played.score[:, 15, 13] += 4
    assert (measured(played)["inflation"] == 20).all()
    found = measured(played, rules)
    assert (found["inflation"] == 3).all()
    assert (found["inflation_later"] == 2).all()
    assert (found["days"] == 7 * 6 / 2).all()  # it is near from the 6th week only
    # A cap of ten is not more than ten, and 2,000 are enough.
    capped = measures._shown(played, cast(), replace(rules, cap=10))
    assert capped[:, 7, 13].all()
    exact = season()
    assert measures._first_week(measures._shown(exact, cast(), rules))[0, 13] == 7 + 3
    old = cast(variants=np.array([30] + [1] * 13))
    assert measures._shown(season(), old, rules)[:, 0, 0].all()


def test_a_hidden_model_is_no_number_one():
    models = cast(skill=np.append(SKILL[:13], 300.0))
    found = measured(season(models), replace(BASELINE, provisional=True), models)
    assert (found["noise"] == 0).all()
    hidden = season(models, battles=np.full((2, WEEKS, N), 1999.0))
    hidden.score[:, -1, 13] = -900  # would be the last, but is not there
    found = measured(hidden, replace(BASELINE, provisional=True), models)
    assert found[["tau", "top_ten"]].to_numpy() == pytest.approx(1)
    assert (measured(hidden, models=models)["tau"] < 1).all()
    assert found["inflation"].notna().all()  # of the other, which is shown
    none = cast(variants=np.array([1] * 13 + [11]))
    assert (
        measured(hidden, replace(BASELINE, provisional=True), none)["inflation"]
        .isna()
        .all()
    )


# Policies against the baseline.


def table() -> pd.DataFrame:
    runs = pd.DataFrame(
        {
            "policy": ["base"] * 3 + ["other"] * 3,
            "replicate": [0, 1, 2] * 2,
            "inflation": [4.0, 6, 8, 1, 2, 6],
            "tau": [0.90, 0.92, 0.94, 0.91, 0.95, 0.93],
        }
    )
    return runs.sample(frac=1, random_state=3)


def test_summary_by_hand():
    found = measures.summary(table(), "base")
    assert set(found.index) == {
        (p, m) for p in ("base", "other") for m in ("inflation", "tau")
    }
    base, other = found.loc[("base", "inflation")], found.loc[("other", "inflation")]
    assert (base["mean"], other["mean"]) == (6, 3)
    assert base["error"] == pytest.approx(2 / 3**0.5)
    assert other["error"] == pytest.approx(7**0.5 / 3**0.5)
    # By replicate: -3, -4, -2.
    assert other["change"] == pytest.approx(-3)
    assert other["change_error"] == pytest.approx(1 / 3**0.5)
    for name in ("inflation", "tau"):
        one = found.loc[("base", name)]
        assert (one["change"], one["change_error"], one["effect"]) == (0, 0, "none")
    assert found.loc[("other", "tau"), "change"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("name", "start", "change", "error", "effect"),
    [
        ("inflation", 10, -1.2, 0.39, "better"),
        ("inflation", 10, -0.49, 0.1, "none"),  # less than a twentieth
        ("inflation", 10, -0.51, 0.1, "better"),
        ("inflation", 10, -1.2, 0.41, "none"),  # less than three errors
        ("inflation", 10, 3.0, 0.1, "worse"),
        ("inflation", 2, -3.0, 0.1, "better"),  # -1 is nearer to 0
        ("inflation", 2, -5.0, 0.1, "worse"),  # overdone
        ("gain", 10, 3.0, 0.1, "better"),
        ("gain", 10, -3.0, 0.1, "worse"),
        ("coverage", 0.9, 0.0051, 0.001, "better"),  # a twentieth of what lacks
        ("coverage", 0.9, 0.0049, 0.001, "none"),
        ("tau", 0.95, -0.006, 0.001, "worse"),
        ("top_ten", 0.8, 0.03, 0.001, "better"),
        ("open_share", 0.4, 0.019, 0.001, "none"),
        ("open_share", 0.4, 0.021, 0.001, "better"),
        ("noise", 1.0, 0.5, 0.0, "worse"),
    ],
)
def test_effects(name, start, change, error, effect):
    # Two replicates around the change have just this standard error.
    runs = pd.DataFrame(
        {
            "policy": ["base", "base", "other", "other"],
            "replicate": [0, 1, 0, 1],
            name: [start, start, start + change - error, start + change + error],
        }
    )
    found = measures.summary(runs, "base").loc[("other", name)]
    assert found["change_error"] == pytest.approx(error, abs=1e-12)
    assert found["effect"] == effect


# The proposals.


def test_proposals_are_those_of_the_table_and_do_what_it_says():
    asked = data.load("reforms").set_index("id")
    assert list(PROPOSALS) == list(asked.index)
    for name, changed in {
        "no-retraction": {"correction": "shrunk"},
        "variant-cap": {"cap": 9},  # three rounds of four weeks in 13, of three
        "equal-removal": {"retirement": "bottom"},
        "fair-sampling": {"sampling": "variance"},
        "removal-notice": {},
        "provisional-score": {"provisional": True},
        "fresh-votes-only": {"keep_choosing": False},
        "inverse-frequency": {"weighting": "pairs"},
        "open-votes": {},
        "yrwr": {"correction": "ranked"},
    }.items():
        assert PROPOSALS[name] == replace(Rules(), **changed), name
    assert "3" in asked.loc["variant-cap", "proposal"]
    for number in (f"{measures.FRESH:,}", str(measures.MANY)):
        assert number in asked.loc["provisional-score", "proposal"]
