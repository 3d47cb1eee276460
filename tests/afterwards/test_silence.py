"""Listed models without new votes, by hand on a small board."""

import pytest

from illusion import record
from illusion.afterwards import silence


def test_silent_models_of_a_month(small):
    table = silence.silent(small, [30, 60], few=10)
    table = table.set_index(["month", "window_days", "licence_class"])
    november = table.loc[("2025-11-30", 30)]
    # a gained 5 and d nothing; c came on 31 October and counts from then on.
    assert november.loc["all", ["listed", "silent"]].tolist() == [4, 2]
    assert november.loc["all", "share"] == 0.5
    assert november.loc["proprietary", ["listed", "silent"]].tolist() == [2, 1]
    assert november.loc["all", "days"] == 30
    # Sixty days before 30 November are 8 days before the first copy.
    longer = table.loc[("2025-11-30", 60)]
    assert longer.loc["all", ["listed", "silent", "days"]].tolist() == [3, 1, 52]
    assert ("2025-10-31", 60) not in table.index
    # A model that left is not listed any more.
    assert table.loc[("2026-01-31", 30, "all"), ["listed", "silent"]].tolist() == [3, 2]


def test_a_window_that_reaches_into_a_recount_is_not_usable(small):
    table = silence.silent(small, [30])
    usable = table[table["licence_class"] == "all"].set_index("month")["usable"]
    assert usable.tolist() == [True, True, True, False]


def test_a_larger_threshold_silences_no_fewer():
    copies = record.boards("2026-02-01", "2026-06-01")
    counts = [silence.silent(copies, [30], few)["silent"].sum() for few in (0, 10, 300)]
    assert counts == sorted(counts)
    whole = silence.silent(copies)
    parts = whole[whole["licence_class"] != "all"]
    total = whole[whole["licence_class"] == "all"]
    for column in ("listed", "silent"):
        by = ["month", "window_days"]
        assert parts.groupby(by)[column].sum().tolist() == total[column].tolist()


def test_models_that_left(small):
    table = silence.left(small)
    assert table.to_dict("list") == {
        "month": ["2025-12"],
        "licence_class": ["proprietary"],
        "left": [1],
    }


def test_bad_input_is_refused(small):
    with pytest.raises(ValueError, match="few=-1"):
        silence.silent(small, few=-1)
    with pytest.raises(ValueError, match=r"windows=\[0\]"):
        silence.silent(small, [0])
    with pytest.raises(ValueError, match="fits between the copies"):
        silence.silent(small[small["board"] < "2025-10-20"])
