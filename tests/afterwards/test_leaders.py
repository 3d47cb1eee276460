"""Who was first, by hand on a small board."""

import numpy as np
import pytest

from illusion import record
from illusion.afterwards import leaders


def test_reigns_by_hand(small):
    table = leaders.reigns(small)
    # a until October, c until November, a again in December, c when a had left.
    assert table["model"].tolist() == ["a", "c", "a", "c"]
    assert table["days"].tolist() == [22, 61, 31, 0]
    # 1400 - 4 is above 1390 + 5; 1408 - 9 not above 1400 + 4.
    assert table["overlap"].tolist() == [False, True, True, True]
    assert table["z"].iloc[0] == pytest.approx(10 / (np.hypot(4, 5) / 1.959964))


def test_summary_by_hand(small):
    found = leaders.summary(small)
    assert found["days"] == 114
    assert found[["reigns", "models", "providers", "changes"]].tolist() == [4, 2, 1, 3]
    assert found["changes_of_provider"] == 0
    assert found["days_per_change"] == 38
    assert found["longest_days"] == 61
    assert found["overlapping"] == 0.75
    assert found["copies_overlapping"] == 0.8


def test_one_leader_has_no_change(small):
    found = leaders.summary(small[small["board"] < "2025-10-20"])
    assert found["changes"] == 0
    assert np.isnan(found["days_per_change"])


def test_periods_are_not_joined():
    assert leaders.summary(record.boards(*record.AFTER))["changes"] > 0
    with pytest.raises(ValueError, match="two periods"):
        record.boards("2025-07-01", "2025-11-01")
