"""What public history says of new models: leads, and changes after listing."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from illusion import data
from illusion.private_testing import listing


def test_leads_are_the_changes_of_the_leader():
    table = listing.leads("2024-08-01")
    first = data.load("number_one").set_index("first_day")["model"]
    assert list(table["model"]) == list(first["2024-08-01":"2025-04-24"])
    assert (table["model"] != table["model"].shift()).all()
    assert table["day"].is_monotonic_increasing
    assert (table[["lead", "half_width", "runner_up_half_width"]] > 0).all(axis=None)


def test_a_half_width_follows_the_last_known_votes():
    table = listing.leads("2024-08-01").set_index("model")
    drift = data.load("post_listing_drift").set_index("model")
    law = data.load("ci_vs_votes").set_index("subset")["c_median"]
    # Listed on the day it came first: nothing else is known of it.
    votes = drift["votes0"]["gemini-exp-1121"].iloc[0]
    assert 2_000 < votes < 5_000
    expected = law["votes 2000-5000"] / np.sqrt(votes)
    assert table["half_width"]["gemini-exp-1121"] == pytest.approx(expected)
    # A leader that returns has more votes than when it was listed.
    back = table["half_width"]["chatgpt-4o-latest-20240903"]
    assert back.iloc[1] < back.iloc[0]
    # And so has a leader that was overtaken two weeks after it was listed.
    later = drift.loc["chatgpt-4o-latest-20241120"]
    later = later["votes1"][later["horizon_days"] == 14].iloc[0]
    expected = law["votes 10000-30000"] / np.sqrt(later)
    overtaken = table["runner_up_half_width"]["gemini-exp-1206"]
    assert overtaken == pytest.approx(expected)


def test_runner_up_may_be_as_new_as_the_leader():
    table = listing.leads("2024-08-01").set_index("model")
    march = table.loc["grok-3-preview-02-24"]
    assert march["runner_up"] == "gpt-4.5-preview-2025-02-27"
    assert table["runner_up"]["gemini-exp-1121"] == "chatgpt-4o-latest-20241120"


def test_half_widths_are_near_the_published_ones():
    board = data.load("board_2024-08").set_index("model").dropna(subset="score")
    top = board.nlargest(1, "score")
    published = (top["ci_hi"] - top["ci_lo"]).iloc[0] / 2
    table = listing.leads("2024-08-14")
    assert table["half_width"].iloc[0] == pytest.approx(published, abs=1)


def test_votes_of_earlier_days_are_not_public():
    with pytest.raises(ValueError, match="votes per model begin on 2024-06-19"):
        listing.leads("2023-05-01")


def test_intervals_are_those_of_a_t_test():
    month = data.load("post_listing_drift").query("horizon_days == 30")
    table = listing.mean_changes(month["adj"], month["organisation"])
    for name in ("OpenAI", "Google"):
        test = ttest_1samp(month["adj"][month["organisation"] == name], 0)
        row = table.loc[name]
        assert row["p"] == pytest.approx(test.pvalue)
        interval = test.confidence_interval()
        assert (row["low"], row["high"]) == pytest.approx(tuple(interval))
    assert table["size"].min() == 4
    assert table["p"].is_monotonic_increasing


def groups(p_values, size=8):
    """Make a group of changes for each p-value, by moving a fixed pattern."""
    pattern = np.linspace(-1, 1, size)

    def p(shift):
        return ttest_1samp(pattern + shift, 0).pvalue

    changes, names = [], []
    for place, target in enumerate(p_values):
        low, high = 0.0, 10.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if p(middle) > target else (low, middle)
        changes += list(pattern + low)
        names += [f"g{place}"] * size
    return pd.Series(changes), pd.Series(names)


def test_holm_on_a_worked_example():
    # Smallest times four, next times three, ...; never below the one before.
    table = listing.mean_changes(*groups([0.01, 0.04, 0.03, 0.005]))
    expected = {"g3": 0.02, "g0": 0.03, "g2": 0.06, "g1": 0.06}
    assert table["holm"].to_dict() == pytest.approx(expected, abs=1e-6)


def test_holm_is_at_most_one():
    assert listing.mean_changes(*groups([0.9, 0.6]))["holm"].max() == 1


def test_holm_holds_its_level_over_all_groups():
    rng = np.random.default_rng(12)
    group = pd.Series(np.repeat(np.arange(12), 6))
    found = plain = 0
    for _ in range(400):
        table = listing.mean_changes(pd.Series(rng.normal(size=72)), group)
        found += table["holm"].min() < 0.05
        plain += table["p"].min() < 0.05
    assert found / 400 < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5
    assert plain / 400 > 0.3
