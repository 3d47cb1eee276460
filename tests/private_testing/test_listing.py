"""What public history says of new models: how their scores change."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from illusion import record
from illusion.private_testing import listing


def test_intervals_are_those_of_a_t_test():
    month = record.after_listing(record.boards("2024-06-19", "2025-05-13"), [30])
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


def listed(rng, luck, providers=40, each=5, beyond=0.0):
    """Draw new models, each published with some luck, and what fresh votes do."""
    size = providers * each
    se0, fresh = rng.uniform(3, 8, size), rng.uniform(0.1, 0.9, size)
    adj = -luck * se0 * fresh + rng.normal(0, se0 * fresh**0.5)
    adj += np.repeat(rng.normal(0, beyond, providers), each)
    organisation = np.repeat(np.arange(providers), each)
    return pd.DataFrame(
        {"adj": adj, "se0": se0, "frac_new": fresh, "organisation": organisation}
    )


@pytest.mark.parametrize("true", [0, 0.56, 1.54])
def test_luck_is_found_whatever_providers_share(true):
    rng = np.random.default_rng(21)
    found = [listing.luck(listed(rng, true, beyond=2)) for _ in range(300)]
    value = np.array([each.value for each in found])
    assert abs(value.mean() - true) < 4 * value.std() / 300**0.5
    covered = np.mean([each.low < true < each.high for each in found])
    assert 0.9 < covered < 0.99
    assert found[0].groups == 40


def test_luck_is_the_weighted_slope_through_the_origin():
    after = listed(np.random.default_rng(22), 1)
    x, y = after["frac_new"], after["adj"] / after["se0"]
    slope, *_ = np.linalg.lstsq((x / x**0.5).to_numpy()[:, None], y / x**0.5)
    assert listing.luck(after).value == pytest.approx(-slope[0])


def test_groups_of_one_give_the_t_interval():
    change = pd.Series(np.random.default_rng(23).normal(size=30))
    one = listing.ratio(change, pd.Series(1.0, change.index), pd.Series(change.index))
    interval = ttest_1samp(change, 0).confidence_interval()
    assert (one.low, one.high) == pytest.approx(tuple(interval))


def test_spread_that_votes_do_not_give_is_found():
    rng = np.random.default_rng(24)
    after = listed(rng, 0, providers=400, each=1, beyond=3)
    found = listing.unexplained(after)
    assert found.low < 3 < found.high
    assert found.value == pytest.approx(3, abs=0.6)
    assert listing.unexplained(listed(rng, 0, providers=400)).low == 0


def test_models_of_one_provider_are_not_independent():
    # The same changes, five times each: no more is known, and the interval is as wide.
    after = listed(np.random.default_rng(25), 0, each=1)
    again = pd.concat([after] * 5)
    assert listing.luck(again).standard_error == pytest.approx(
        listing.luck(after).standard_error
    )
