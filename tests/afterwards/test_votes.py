"""Who gets the new votes, by hand on a small board."""

import pandas as pd
import pytest

from illusion import record
from illusion.afterwards import votes


def test_new_votes_of_a_month(small):
    table = votes.gains(small).set_index(["month", "model"])
    november = pd.Timestamp("2025-11-30")
    assert table.loc[november, "votes"].to_dict() == {
        "a": 5,
        "b": 600,
        "c": 900,
        "d": 0,
    }
    assert (table.loc[november, "days"] == 30).all()
    # A corrected count is no gain, and a first count is one.
    assert table.loc[(pd.Timestamp("2025-12-31"), "a"), "votes"] == 0
    assert table.loc[(pd.Timestamp("2025-10-31"), "c"), "votes"] == 800
    months = table.reset_index().groupby("month")["usable"].all()
    assert months.tolist() == [True, True, True, False]


def test_shares_by_hand(small):
    gained = votes.gains(small)
    table = votes.shares(gained)
    assert table.loc["2025-11-30"].to_dict() == pytest.approx(
        {"proprietary": 905 / 1505, "open-weight": 600 / 1505, "open-source": 0}
    )
    assert table.sum(axis="columns").tolist() == pytest.approx([1] * 4)
    assert table.columns[0] == "proprietary"
    whole = votes.overall(gained, "organisation")
    total = 2200 + 800 + 1505 + 310 + 1550 + 590 + 5
    assert whole["x"] == pytest.approx((2200 + 800 + 905 + 1550 + 5) / total)
    assert whole.sum() == pytest.approx(1)


def test_the_largest_providers(small):
    table = votes.largest(votes.gains(small), 1)
    assert table["providers"].tolist() == ["x", "x", "x", "y"]
    assert table["share"].iloc[1] == pytest.approx(905 / 1505)
    two = votes.largest(votes.gains(small), 2)
    assert two["share"].tolist() == pytest.approx([1, 1, 1, 1])


def test_models_in_rotation(small):
    table = votes.rotation(votes.gains(small), 10)
    everything = table[table["licence_class"] == "all"].set_index("month")
    assert everything["listed"].tolist() == [4, 4, 4, 4]
    # December: only c, with 1550 in 31 days, as b gained exactly ten a day.
    assert everything["models"].tolist() == [2, 2, 1, 1]
    assert everything["rate"].iloc[2] == pytest.approx(1550 / 31)
    assert everything["votes_per_day"].iloc[1] == pytest.approx(1500 / 30)
    own = table[table["licence_class"] == "open-source"]
    assert own["models"].sum() == 0
    assert own["rate"].isna().all()
    parts = table[table["licence_class"] != "all"].groupby("month")["models"].sum()
    assert parts.tolist() == everything["models"].tolist()


def test_names_and_order_of_rows_do_not_matter(small):
    once = votes.overall(votes.gains(small))
    again = votes.overall(votes.gains(small.sample(frac=1, random_state=1)))
    assert once.to_dict() == pytest.approx(again.to_dict())


def test_bad_input_is_refused(small):
    with pytest.raises(ValueError, match="All copies are of one day"):
        votes.gains(small[small["board"] == "2025-10-09"])
    gained = votes.gains(small)
    with pytest.raises(ValueError, match="No model gained votes in"):
        votes.shares(gained.assign(votes=0))
    with pytest.raises(ValueError, match="per_day=-1"):
        votes.rotation(gained, -1)


@pytest.mark.parametrize("window", [record.BEFORE, record.AFTER])
def test_the_record_of_both_periods(window):
    gained = votes.gains(record.boards(*window))
    assert votes.shares(gained).sum(axis="columns").tolist() == pytest.approx([1] * 11)
    assert gained["usable"].all() == (window == record.BEFORE)
