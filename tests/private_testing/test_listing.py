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
