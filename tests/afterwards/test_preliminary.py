"""The comparison of marked and unmarked models, on boards made up for it."""

import numpy as np
import pandas as pd
import pytest

from illusion import data, record
from illusion.afterwards import preliminary

PROVIDERS = [f"p{k}" for k in range(8)]
# What was on the board in 2024 too, so that it is years old.
OLD = sorted(record.boards("2024-06-19", "2024-06-19")["model"])[:8]
START = pd.Timestamp("2025-10-09")


def made(rng, fall=0.0, each=6, noise=0.0):
    """Make copies every five days; marked models lose `fall` within 15 days of listing.

    Each provider has an old model, which gains a point a month with all others.
    """
    about, rows = [], []
    for provider, old in zip(PROVIDERS, OLD, strict=True):
        about.append((old, provider))
        for k in range(each):
            about.append((f"{provider}-{k}", provider))
    listed = {}
    for name, _ in about:
        listed[name] = 0 if name in OLD else int(rng.integers(1, 40))
    busy = {name: int(rng.integers(200, 800)) for name, _ in about}
    mark = {name: bool(rng.random() < 0.4) and listed[name] > 0 for name, _ in about}
    level = {name: rng.normal(1300, 40) for name, _ in about}
    for place in range(64):
        day = START + pd.Timedelta(days=5 * place)
        for name, _ in about:
            age = place - listed[name]
            if age < 0:
                continue
            lost = fall * min(age, 3) / 3 if mark[name] else 0
            score = level[name] + place / 6 - lost + rng.normal(0, noise)
            votes = 3_000 + busy[name] * age + 20_000 * (listed[name] == 0)
            rows.append((day, name, score, votes, int(mark[name] and age < 4)))
    copies = pd.DataFrame(
        rows, columns=["board", "model", "score", "votes", "preliminary"]
    )
    half = 400 / np.sqrt(copies["votes"])
    copies["lower"], copies["upper"] = copies["score"] - half, copies["score"] + half
    table = pd.DataFrame(about, columns=["model", "organisation"])
    table = table.assign(
        period="from 2025-10",
        display_name=table["model"],
        licence="MIT",
        licence_class="open-source",
    )
    return copies, table, mark


@pytest.fixture
def board(monkeypatch):
    """Return a function that makes copies and has `data.load` describe them."""
    real = data.load

    def make(seed, **options):
        copies, about, mark = made(np.random.default_rng(seed), **options)
        tables = {"board_models": about}
        monkeypatch.setattr(
            data, "load", lambda name: tables[name] if name in tables else real(name)
        )
        return copies, mark

    return make


def test_a_model_is_marked_by_its_first_row(board):
    copies, mark = board(1)
    found = preliminary.marked(copies.sample(frac=1, random_state=2))
    assert found.to_dict() == mark
    with pytest.raises(ValueError, match="since September 2025"):
        preliminary.marked(copies.assign(preliminary=0))


def test_the_fall_of_the_marked_is_found_and_dated(board):
    copies, _ = board(2, fall=9, noise=0.001)
    after = preliminary.follow(copies)
    table = preliminary.primary(after, np.random.default_rng(0), times=99)
    assert table.index.tolist() == [14, 30, 60, 90]
    # A new model's rise of a point a month is that of the established too.
    assert table.loc[30, "unmarked"] == pytest.approx(0, abs=0.01)
    assert table.loc[60, "difference"] == pytest.approx(-9, abs=0.01)
    assert table.loc[30, "p_all"] == table.loc[30, "p_within"] == 0.01
    n = table.loc[30, ["n_marked", "n_unmarked"]].sum()
    assert n == (after["horizon_days"] == 30).sum()
    # All of it within 15 days: later nothing is left, and others never moved.
    placebo = preliminary.placebo(copies)
    assert placebo["difference"].tolist() == pytest.approx([0] * 4, abs=0.01)
    # Luck of which fresh votes take away their share would go on falling a little.
    assert (placebo["predicted"].iloc[:2] < 0).all()
    assert placebo["predicted"].iloc[2:].tolist() == [0, 0]
    few = copies["votes"].where(copies["board"] > START, 7_000)
    with pytest.raises(ValueError, match="has older models on the board"):
        preliminary.placebo(copies.assign(votes=few))


def test_no_fall_is_none(board):
    copies, _ = board(3, noise=3)
    after = preliminary.follow(copies, [30])
    found = preliminary.difference(after)
    assert found.low < 0 < found.high
    assert found.groups == len(PROVIDERS)


def test_every_variation_finds_the_fall(board):
    copies, _ = board(4, fall=9, noise=1)
    after = preliminary.follow(copies, [30])
    table = preliminary.variations(after, np.random.default_rng(5), times=199)
    assert table.index[0] == "primary"
    assert table.index.is_unique
    points = table[table["unit"] == "Elo points"].drop("all votes fresh")
    assert (points["difference"] + 9).abs().max() < 1.5
    assert (points["low"] < points["difference"]).all()
    assert (points["difference"] < points["high"]).all()
    assert table["models"].max() == len(after)
    ends = table[table.index.str.startswith("without")]["difference"]
    assert ends.iloc[0] <= table.loc["primary", "difference"] <= ends.iloc[1]
    # In standard errors: divided by each model's own.
    error = table.loc["standard errors", "difference"]
    assert error == pytest.approx(-9 / after["se0"].mean(), rel=0.2)


def test_a_fall_that_ends_is_seen_in_the_second_half(board):
    copies, _ = board(4, fall=9, noise=1)
    after = preliminary.follow(copies, [30])
    assert abs(preliminary.turn(after).value) < 1.5
    later = after["first_date"] > after["first_date"].median()
    ended = after.assign(adj=after["adj"] + 9 * (later & after["marked"]))
    halves = preliminary.variations(ended, np.random.default_rng(5), times=9)
    first, last = halves.loc[["listed first", "listed last"], "difference"]
    assert (first, last) == (pytest.approx(-9, abs=1.5), pytest.approx(0, abs=1.5))
    found = preliminary.turn(ended)
    assert found.value == pytest.approx(last - first)
    assert found.low > 0


def test_names_and_order_do_not_matter(board):
    copies, _ = board(5, fall=4, noise=2)
    after = preliminary.follow(copies, [30])
    one = preliminary.difference(after)
    shuffled = after.sample(frac=1, random_state=6)
    names = shuffled["organisation"].map(lambda name: name[::-1])
    other = preliminary.difference(shuffled.assign(organisation=names))
    assert other.value == pytest.approx(one.value)
    assert other.standard_error == pytest.approx(one.standard_error)
    moved = preliminary.follow(copies.assign(score=copies["score"] + 50), [30])
    assert preliminary.difference(moved).value == pytest.approx(one.value)


def test_the_older_models_of_a_provider_are_followed_over_the_same_days(board):
    copies, _ = board(6, noise=0)
    # The old model of p0 gains eight points on day 100, but for the month's one.
    turn = START + pd.Timedelta(days=100)
    copies.loc[(copies["model"] == OLD[0]) & (copies["board"] >= turn), "score"] += 8
    after = preliminary.follow(copies, [30])
    change = preliminary._of_peers(copies, after, {OLD[0]})
    assert change[after["organisation"] != "p0"].isna().all()
    own = after["organisation"] == "p0"
    began = after["first_date"]
    across = own & (began < turn) & (began + pd.Timedelta(days=30) >= turn)
    assert across.any()
    assert (change[across] > 6).all()
    assert change[own & ~across].abs().max() < 1e-9


def test_marks_are_counted_by_provider(board):
    copies, mark = board(7)
    table = preliminary.marks(copies)
    assert table["marked"].sum() == sum(mark.values())
    assert table["listed"].sum() == len(mark) - len(PROVIDERS)
    assert table["marked"].is_monotonic_decreasing
    own = [name for name in mark if mark[name] and name.startswith("p3-")]
    assert table.loc["p3", "marked"] == len(own)
    assert table.loc["p3", "share"] == len(own) / table.loc["p3", "listed"]


def test_marks_are_lifted(board):
    copies, mark = board(7)
    table = preliminary.lifted(copies).set_index("model")
    assert set(table.index) == {name for name in mark if mark[name]}
    # Four copies with the mark, five days apart.
    known = table.dropna(subset="lifted")
    assert known["days"].unique().tolist() == [20]
    votes = copies.set_index(["model", "board"])["votes"]
    for name, row in known.iterrows():
        gained = votes[name, row["lifted"]] - votes[name, row["first_date"]]
        assert row["fresh_votes"] == gained > 0
    still = copies["preliminary"].where(copies["model"] != known.index[0], 1)
    again = preliminary.lifted(copies.assign(preliminary=still)).set_index("model")
    assert again.loc[known.index[0], ["lifted", "days", "votes1"]].isna().all()


def test_what_is_no_comparison_is_refused(board):
    copies, _ = board(8)
    after = preliminary.follow(copies)
    with pytest.raises(ValueError, match="one of them at a time"):
        preliminary.difference(after)
    month = after[after["horizon_days"] == 30]
    with pytest.raises(ValueError, match="All models at 30 days are marked"):
        preliminary.variations(month[month["marked"]], np.random.default_rng(9))


def test_later_days_begin_later(board):
    copies, _ = board(10, fall=9)
    now = preliminary.follow(copies, [30]).set_index("model")
    later = preliminary.follow(copies, [30], since=20).set_index("model")
    both = later.index
    assert (later["first_date"] == now.loc[both, "first_date"]).all()
    gain = later["votes0"] - now.loc[both, "votes0"]
    assert gain.between(4 * 200, 4 * 800).all()
    last = copies["board"].max()
    assert (later["first_date"] + pd.Timedelta(days=50 - 8) <= last).all()


def test_the_record_has_the_mark_in_its_second_period_only():
    second = record.boards("2025-10-09", "2026-08-22")
    assert preliminary.marked(second).any()
    with pytest.raises(ValueError, match="since September 2025"):
        preliminary.marked(record.boards("2025-06-01", "2025-07-18"))
