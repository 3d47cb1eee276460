"""The public record: what the tables compiled before the boards were at hand held.

The book once had tables that others had computed from the boards. What
:mod:`illusion.record` computes is held against digests of them, made from the files of
commit 2a1adc9, row by row the same but for the rows named here.
"""

import hashlib

import numpy as np
import pandas as pd
import pytest

from illusion import data, record

TO_APRIL = ("2024-06-19", "2025-04-24")
TO_MAY = ("2024-06-19", "2025-05-13")
SECOND = ("2025-10-09", "2026-08-22")


def digest(table):
    """Digest a table's rows; numbers to three decimals, as the compiled ones had."""
    numbers = table.select_dtypes("number").columns
    table = table.astype(dict.fromkeys(numbers, "float64"))
    table[numbers] = table[numbers].round(3) + 0.0  # nothing is minus nought
    text = table.to_csv(
        index=False, float_format="%.3f", date_format="%Y-%m-%d", lineterminator="\n"
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def models():
    # The compiled table had Ai2/AllenAI for Ai2, as board_models has it throughout, and
    # no licence for llama-4-maverick-03-26-experimental, whose copies print Llama
    # first, then none.
    table = record.models(record.boards(*TO_APRIL))
    hidden = table["last_seen"] < table["last_seen"].max()
    table.insert(6, "hidden_from_board", hidden)
    other = (table["organisation"] == "Ai2") | (
        table["model"] == "llama-4-maverick-03-26-experimental"
    )
    assert other.sum() == 5
    return table[~other].drop(columns=["score_first"])


def votes_by_month():
    # It had a row for June too, though no copy of June follows the first.
    votes = record.votes_by_month(record.boards(*TO_APRIL)).T.rename_axis("snapshot")
    votes = votes.reset_index().melt("snapshot", value_name="votes_cumulative").dropna()
    return votes.sort_values(["snapshot", "model"])


def number_one():
    # It began in May 2023, with an earlier series on other scales, which the book does
    # not use; its last reign ended on 2025-08-04, where the copies here end before.
    table = record.number_one(record.boards("2024-06-19", "2025-07-18"))
    table["days"] = (table["last_day"] - table["first_day"]).dt.days
    columns = ["first_day", "last_day", "days", "model", "organisation"]
    return table[[*columns, "score_first", "score_last", "lead"]][:-1]


def after_listing():
    # The names of Ai2 as above; and for two models se0 was one thousandth more, as it
    # was computed with a rounded constant.
    table = record.after_listing(record.boards(*TO_MAY), listed_by="2025-04-24")
    other = ["internlm2_5-20b-chat", "llama-3.1-nemotron-70b-instruct"]
    return table[~table["model"].isin(other) & (table["organisation"] != "Ai2")]


def width_constants():
    # Left out: the exponent of a log-log fit and the row of first listings (127 rows,
    # of which the copies have 126), which nothing in the book used.
    return record.width_constants(record.boards(*TO_MAY))


def siblings():
    table = data.load("sibling_families").merge(
        record.models(record.boards(*TO_MAY)), how="left"
    )
    columns = ["family", "model", "first_seen", "score_first", "score", "votes"]
    return table[columns]


def sonnet():
    table = record.ranks(record.boards(*TO_APRIL)).drop(columns="preliminary")
    table = table[table["model"].str.startswith("claude-3-5-sonnet")]
    return table.sort_values(["board", "model"])


def variants():
    # It had a row for academic labs, of which Table 2 names none.
    return record.private_variants().reset_index()


def rates():
    # Counts and models were known for five providers; Table 5 has all.
    return record.largest_rates()["max_daily_rate_pct"].reset_index()


COMPILED = {
    models: "1b226a404a716e6d",
    votes_by_month: "eca56f07db7f63fd",
    number_one: "76cd697dd5be95a5",
    after_listing: "43f384a8f7475aa1",
    width_constants: "55a4f94f2ff2b934",
    siblings: "c303c8f249cd3350",
    sonnet: "69e6065a5531ac35",
    variants: "9d0982f7bdc06fd0",
    rates: "0085e6b7d6abfd55",
}


@pytest.mark.parametrize("table", COMPILED, ids=lambda table: table.__name__)
def test_what_was_compiled_is_computed(table):
    assert digest(table()) == COMPILED[table]


def test_the_figure_of_the_aya_pair_is_lmarenas_board():
    # Figure 9 has whole points, the board one decimal: half a point and a twentieth.
    figure = [1072, 1069, 1067, 1066, 1061, 1054, 1048, 1045]
    board = data.load("vision_board_aya").set_index(["commit_date", "model"])
    score = board.loc["2025-05-06", "rating"].sort_values(ascending=False)
    score = score[~score.index.str.startswith("c4ai") & score.between(1045, 1072.2)]
    np.testing.assert_allclose(score, figure, rtol=0, atol=0.55)


def test_the_boards_are_what_their_description_says():
    copies = data.load("boards")
    by_period = copies.groupby(copies["board"] >= record.SECOND_PERIOD)
    assert by_period["board"].nunique().tolist() == [88, 106]
    assert by_period["model"].nunique().tolist() == [262, 396]
    assert copies["board"].is_monotonic_increasing
    points = ["score", "lower", "upper"]
    assert (copies[points] % 1 == 0).all(axis=None)
    assert (copies["lower"] <= copies["score"]).all()
    assert (copies["score"] <= copies["upper"]).all()
    assert by_period["preliminary"].sum().tolist()[0] == 0
    # Every model of a period is described once, and no other.
    about = data.load("board_models").groupby("period")["model"]
    for second, period in ((False, "to 2025-07"), (True, "from 2025-10")):
        assert set(about.get_group(period)) == set(by_period.get_group(second)["model"])


# The periods.


def test_a_window_has_its_days_and_no_others():
    copies = record.boards("2024-07-01", "2024-07-10")
    assert sorted(copies["board"].dt.strftime("%m-%d").unique()) == ["07-07", "07-10"]
    copies["score"] = 0
    assert (record.boards("2024-07-01", "2024-07-10")["score"] > 0).all()
    with pytest.raises(ValueError, match="no copy of the board from 2025-08-01 to"):
        record.boards("2025-08-01", "2025-09-30")


def test_no_window_spans_the_periods():
    with pytest.raises(ValueError, match="two periods"):
        record.boards("2025-07-01", "2025-11-01")


@pytest.mark.parametrize(
    "compute",
    [
        record.models,
        record.votes_by_month,
        record.number_one,
        record.width_constants,
        record.after_listing,
        record.ranks,
    ],
)
def test_nothing_is_computed_over_both_periods(compute):
    both = [record.boards("2025-07-18", "2025-07-18")]
    both.append(record.boards("2025-10-09", "2025-10-09"))
    with pytest.raises(ValueError, match="two periods"):
        compute(pd.concat(both))
    for part in (record.boards("2025-06-01", "2025-07-18"), record.boards(*SECOND)):
        assert len(compute(part)) > 0


# What is computed, by hand.

DAYS = ["2024-07-01", "2024-07-20", "2024-07-30", "2024-08-15"]
ROWS = [
    # day, model, score, half-width, votes
    (0, "old", 1200, 4, 10_000),
    (0, "base", 1100, 0, 9_000),
    (1, "old", 1204, 4, 12_000),
    (1, "base", 1100, 0, 9_500),
    (1, "new", 1210, 10, 3_000),
    (2, "new", 1206, 8, 4_000),
    (2, "old", 1206, 4, 11_990),
    (2, "base", 1100, 0, 9_500),
    (3, "old", 1210, 3, 14_000),
    (3, "base", 1102, 0, 9_600),
]


@pytest.fixture
def copies(monkeypatch):
    """Return four copies of a small board, with what is said of its models."""
    names = ["old", "base", "new"]
    about = pd.DataFrame(
        {
            "period": "to 2025-07",
            "model": names,
            "display_name": ["Old-1", "Base", "New"],
            "organisation": ["x", "y", "z"],
            "licence": "Proprietary",
            "licence_class": "proprietary",
        }
    )
    day = pd.Timestamp("2025-04-12")
    named = pd.DataFrame({"name": ["old-1", "base"], "fastchat_first": [day, pd.NaT]})
    named["retired_page_first"] = [pd.NaT, day]
    tables = {"board_models": about, "official_deprecated_names": named}
    monkeypatch.setattr(data, "load", tables.__getitem__)
    table = pd.DataFrame(ROWS, columns=["day", "model", "score", "half", "votes"])
    table["board"] = pd.to_datetime(table["day"].map(DAYS.__getitem__))
    table["lower"] = table["score"] - table["half"]
    table["upper"] = table["score"] + table["half"]
    return table.drop(columns=["day", "half"])


def days(column):
    return column.dt.strftime("%m-%d").tolist()


def test_models_as_last_seen(copies):
    table = record.models(copies, [16, 26]).set_index("model")
    assert list(table.index) == ["base", "new", "old"]
    assert table["score"].tolist() == [1102, 1206, 1210]
    assert table["score_first"].tolist() == [1100, 1210, 1200]
    assert table["last_seen"].dt.strftime("%m-%d").tolist() == [
        "08-15",
        "07-30",
        "08-15",
    ]
    # 16 days before the last copy is a copy; 26 days before is nearest to 20 July.
    assert table["votes_last_16d"].tolist() == [100, 0, 2010]
    assert table["votes_last_26d"].tolist() == [100, 1000, 2000]
    assert not table["new_within_26d"].any()
    whole = record.models(copies, [45])
    assert whole["new_within_45d"].tolist() == [False, True, False]
    assert whole["votes_last_45d"].tolist() == [600, 4000, 4000]
    assert table["on_official_list"].tolist() == [False, False, True]
    assert table["on_retired_page"].tolist() == [True, False, False]


def test_votes_at_the_ends_of_months(copies):
    votes = record.votes_by_month(copies)
    assert votes.columns.strftime("%m-%d").tolist() == ["07-01", "07-30", "08-15"]
    assert votes.loc["new"].tolist()[1:] == [4000, 4000]
    assert np.isnan(votes.loc["new"].iloc[0])
    gained = record.gained(votes)
    assert gained.loc["old"].tolist() == [1990, 2010]
    assert gained.loc["new"].tolist() == [4000, 0]
    later = record.gained(votes.iloc[:, :2].assign(x=[np.nan] * 3))
    assert later.shape == (3, 2)


def test_reigns(copies):
    table = record.number_one(copies)
    assert table["model"].tolist() == ["old", "new", "old"]
    assert table["first_day"].dt.strftime("%m-%d").tolist() == [
        "07-01",
        "07-20",
        "08-15",
    ]
    assert table["last_day"].dt.strftime("%m-%d").tolist() == [
        "07-20",
        "08-15",
        "08-15",
    ]
    assert table["lead"].tolist() == [100, 6, 108]
    assert table["score_last"].tolist() == [1200, 1206, 1210]
    assert table["runner_up"].tolist() == ["base", "old", "base"]
    assert table["half_width"].tolist() == [4, 10, 3]
    assert table["runner_up_half_width"].tolist() == [0, 4, 0]
    assert table["organisation"].tolist() == ["x", "z", "x"]


def test_widths_times_the_root_of_the_votes(copies):
    table = record.width_constants(copies, [0, 5_000, np.inf])
    new = np.array([10, 8]) * np.sqrt([3_000, 4_000])
    old = np.array([4, 4, 4, 3]) * np.sqrt([10_000, 12_000, 11_990, 14_000])
    assert table["n"].tolist() == [6, 2, 4]  # base has no interval
    expected = [np.median(x) for x in (np.append(new, old), new, old)]
    np.testing.assert_allclose(table["median"], expected)
    assert table["geometric_mean"].iloc[1] == pytest.approx(np.sqrt(new.prod()))


def test_new_models_beside_established_ones(copies):
    table = record.after_listing(copies, [10, 26, 40])
    assert table["model"].tolist() == ["new"]  # gone 6 days after: no other horizon
    row = table.iloc[0]
    assert (row["score0"], row["score1"], row["votes1"]) == (1210, 1206, 4000)
    # old gained 2 and base none; new itself is not established.
    assert row["ref_mean"] == 1
    assert row["adj"] == -5
    assert row["frac_new"] == 0.25
    constant = record.width_constants(copies)["median"].iloc[0]
    assert row["se0"] == pytest.approx(constant / 1.96 / np.sqrt(3000))
    near = record.after_listing(copies, [10, 26], off=16)
    assert near["horizon_days"].tolist() == [10, 26]
    many = record.after_listing(copies, [10], votes=11_000)
    assert many["ref_mean"].tolist() == [2]
    assert record.after_listing(copies, [10], listed_by="2024-07-19").empty


def test_ranks_of_every_copy(copies):
    table = record.ranks(copies.sample(frac=1, random_state=3))
    table = table.set_index(["board", "model"])
    day = pd.Timestamp(DAYS[1])
    assert table.loc[(day, "new"), "rank_by_score"] == 1
    assert table.loc[(day, "old"), "rank_by_score"] == 2
    # 1210 - 10 is not above 1204 + 4; base lies wholly below both.
    assert table.loc[(day, "old"), "rank_by_interval"] == 1
    assert table.loc[(day, "base"), "rank_by_interval"] == 3
    assert table["models_on_board"].tolist() == [2, 2, 3, 3, 3, 3, 3, 3, 2, 2]


HISTORY = pd.DataFrame(
    {"2024-06-19": [50, np.nan, 100], "2024-06-29": [350, 200, 101],
     "2024-07-29": [360, 200, 95]}, index=["busy", "new", "old"],
)  # fmt: skip
HISTORY.columns = pd.to_datetime(HISTORY.columns)


def test_daily_gains():
    gains = record.daily_gains(HISTORY)
    assert gains.loc["old"].tolist() == pytest.approx([0.1, -0.2])
    assert gains.loc["busy"].tolist() == pytest.approx([30, 1 / 3])
    assert gains.loc["new"].tolist() == pytest.approx([20, 0])
    assert gains.columns.tolist() == HISTORY.columns[1:].tolist()


def test_last_active():
    last = record.last_active(HISTORY, 10)
    assert last.isna().tolist() == [False, False, True]  # busy, new, old
    assert last["busy"] == last["new"] == pd.Timestamp("2024-06-29")
    assert record.last_active(HISTORY, 0.2)["busy"] == pd.Timestamp("2024-07-29")
    assert record.last_active(HISTORY, 50).isna().all()


# The paper's tables.


def test_private_variants_are_those_of_the_text():
    # Section 3.1 and Figure 6 of the first version.
    variants = record.private_variants()
    main = variants["main_arena"]
    assert main[["Meta", "Google", "Amazon"]].tolist() == [27, 10, 7]
    assert variants.sum().tolist() == [55, 20, 75]
    assert (variants["main_arena"] + variants["vision_only"] == variants["total"]).all()
    assert len(variants) == 10


def test_rates_are_those_of_the_counts():
    table = data.load("sampling_rates_paper_table5")
    rate = 100 * table["battles_with_model"] / table["battles_that_day"]
    # Printed to one or two decimals, and cut off in places instead of rounded.
    assert (rate - table["rate_pct_printed"]).abs().max() < 0.1
    largest = record.largest_rates()
    top = largest["max_daily_rate_pct"]
    assert top.is_monotonic_decreasing
    assert (
        top.to_dict()
        == table.groupby("provider")["rate_pct_printed"].max().round(1).to_dict()
    )
    assert largest["private"].sum() == 7
