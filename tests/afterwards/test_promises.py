"""What became of the recommendations and promises."""

import pandas as pd

from illusion import data
from illusion.afterwards import promises


def test_every_row_is_counted_once():
    table, tally = data.load("promises"), promises.tally()
    assert tally.to_numpy().sum() == len(table)
    assert tally.loc["paper"].sum() == 5  # its recommendations
    for party, status in zip(table["party"], table["status"], strict=True):
        assert tally.loc[party, status] > 0


def test_a_status_without_a_row_counts_none(monkeypatch):
    table = pd.DataFrame({"party": ["LMArena"], "status": ["done"]})
    monkeypatch.setattr(data, "load", lambda name: table)
    tally = promises.tally()
    assert list(tally) == list(promises.STATUSES)
    assert tally.loc["LMArena"].tolist() == [1, 0, 0, 0]
    assert tally.loc["paper"].tolist() == [0, 0, 0, 0]


def test_what_became_of_it_came_later():
    table = data.load("promises")
    assert (table["since_date"] >= table["date"]).all()
    # Quoted words are few.
    quoted = table.loc[table["wording"] == "quoted", "words"]
    assert quoted.str.split().str.len().max() <= 14
