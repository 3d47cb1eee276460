"""Battle logs and tables -> PairCounts: counted as they say, or refused."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from illusion.rating import battles
from illusion.rating.battles import InvalidBattlesError, NoRankingError, PairCounts

LABELS = ["model_a", "model_b", "tie", "tie (bothbad)"]
MAKERS = {
    "pandas": pd.DataFrame,
    "pandas object": lambda log: pd.DataFrame(log).astype(object),
    "pandas category": lambda log: pd.DataFrame(log).astype("category"),
    "polars": pl.DataFrame,
    "polars lazy": pl.LazyFrame,
    "polars categorical": lambda log: pl.DataFrame(log).cast(pl.Categorical),
    "pyarrow": pa.table,
    "pyarrow dictionary": lambda log: pa.table(
        {name: pa.array(column).dictionary_encode() for name, column in log.items()}
    ),
    "pyarrow chunks": lambda log: pa.concat_tables(
        pa.table({k: pa.array(v[part]).dictionary_encode() for k, v in log.items()})
        for part in (slice(0, 2), slice(2, None))
    ),
}


def as_dict(counts: PairCounts) -> dict:
    """(a, b) -> (wins of a, wins of b, ties), by name."""
    return {
        (counts.models[a], counts.models[b]): outcome
        for a, b, *outcome in zip(
            counts.a.tolist(),
            counts.b.tolist(),
            counts.wins_a.tolist(),
            counts.wins_b.tolist(),
            counts.ties.tolist(),
            strict=True,
        )
    }


def random_log(rng: np.random.Generator, rows: int = 500) -> dict[str, list]:
    names = np.array(["x", "y", "z", "w", "v"])
    a = rng.integers(5, size=rows)
    b = (a + rng.integers(1, 5, size=rows)) % 5
    winner = np.array(LABELS)[rng.integers(4, size=rows)]
    return {
        "model_a": names[a].tolist(),
        "model_b": names[b].tolist(),
        "winner": winner.tolist(),
    }


def by_hand(log: dict[str, list]) -> dict:
    counted: dict = {}
    for a, b, winner in zip(*log.values(), strict=True):
        pair = tuple(sorted((a, b)))
        place = 2 if winner.startswith("tie") else int((winner == "model_b") == (a < b))
        counted.setdefault(pair, [0, 0, 0])[place] += 1
    return counted


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_log_is_counted_the_same_from_every_kind_of_table(make):
    log = random_log(np.random.default_rng(1))
    assert as_dict(PairCounts.from_log(make(log))) == by_hand(log)


def test_log_in_parts_is_the_log():
    log = random_log(np.random.default_rng(2))
    parts = (
        {k: v[start : start + 77] for k, v in log.items()}
        for start in range(0, 500, 77)
    )
    counted = PairCounts.from_log(pa.table(part) for part in parts)
    assert as_dict(counted) == by_hand(log)


def test_order_of_rows_and_sides_does_not_matter():
    log = pd.DataFrame(random_log(np.random.default_rng(3)))
    swapped = log.rename(columns={"model_a": "model_b", "model_b": "model_a"})
    swapped["winner"] = swapped["winner"].replace(
        {"model_a": "model_b", "model_b": "model_a"}
    )
    shuffled = swapped.sample(frac=1, random_state=1)
    assert as_dict(PairCounts.from_log(shuffled)) == as_dict(PairCounts.from_log(log))


@pytest.mark.parametrize(
    ("label", "means"),
    [
        ("both_bad", "tie"),
        ("bothbad", "tie"),
        ("tie (bothbad)", "tie"),
        ("Tie (Both Bad)", "tie"),
        ("TIE", "tie"),
        ("Model_A", "model_a"),
        ("model a", "model_a"),
        (" model_b ", "model_b"),
    ],
)
def test_spellings_of_real_logs_are_understood(label, means):
    log = {"model_a": ["x", "x"], "model_b": ["y", "y"]}
    found = PairCounts.from_log(pd.DataFrame(log | {"winner": [label, "model_a"]}))
    expected = PairCounts.from_log(pd.DataFrame(log | {"winner": [means, "model_a"]}))
    assert as_dict(found) == as_dict(expected)


GOOD = {"model_a": ["x", "y", "x"], "model_b": ["y", "x", "y"], "winner": LABELS[:3]}


def with_cell(column: str, value: object) -> dict[str, list]:
    return GOOD | {column: [*GOOD[column][:1], value, *GOOD[column][2:]]}


BAD_LOGS = {
    "unknown label": (with_cell("winner", "draw"), "Row 1 has the winner 'draw'"),
    "near-label": (with_cell("winner", "tie?"), "Row 1 has the winner 'tie\\?'"),
    "missing label": (with_cell("winner", None), "Row 1 has no winner"),
    "empty label": (with_cell("winner", ""), "Row 1 has the winner ''"),
    "missing name": (with_cell("model_a", None), "Row 1 has no name in model_a"),
    "missing second name": (with_cell("model_b", None), "Row 1 has no name in model_b"),
    "empty name": (with_cell("model_b", ""), "Row 1 has the name ''"),
    "padded name": (with_cell("model_a", "y "), "Row 1 has the name 'y '"),
    "itself": (with_cell("model_b", "y"), "Row 1 sets 'y' against itself"),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(("log", "sentence"), BAD_LOGS.values(), ids=BAD_LOGS)
def test_bad_row_is_named(make, log, sentence):
    with pytest.raises(InvalidBattlesError, match=sentence):
        PairCounts.from_log(make(log))


def test_bad_row_is_named_in_a_later_part():
    parts = (pd.DataFrame(log) for log in (GOOD, with_cell("winner", "draw")))
    with pytest.raises(InvalidBattlesError, match="Row 4 has the winner 'draw'"):
        PairCounts.from_log(parts)


@pytest.mark.parametrize("column", GOOD)
def test_column_without_any_value_is_refused(column):
    log = pd.DataFrame(GOOD | {column: pd.Series([None] * 3, dtype="str")})
    with pytest.raises(InvalidBattlesError, match=r"Row 0 has no (name|winner)"):
        PairCounts.from_log(log)


def test_name_that_is_not_text_is_refused():
    log = pd.DataFrame(GOOD | {"model_a": ["x", 7, "x"]})
    with pytest.raises(InvalidBattlesError, match="Row 1 has 7 in model_a"):
        PairCounts.from_log(log)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_empty_log_is_refused(make):
    log = make({name: pa.array([], pa.string()).to_pylist() for name in GOOD})
    with pytest.raises(InvalidBattlesError, match="no battles"):
        PairCounts.from_log(log)


def test_wrong_columns_are_named():
    log = pd.DataFrame(GOOD).rename(columns={"winner": "result"})
    with pytest.raises(InvalidBattlesError, match="also needs 'winner'"):
        PairCounts.from_log(log)


def test_table_given_as_log_and_log_given_as_table():
    table = pd.DataFrame(TABLE)
    with pytest.raises(
        InvalidBattlesError, match=re.escape("use PairCounts.from_table")
    ):
        PairCounts.from_log(table)
    with pytest.raises(InvalidBattlesError, match=re.escape("use PairCounts.from_log")):
        PairCounts.from_table(pd.DataFrame(GOOD))


def test_category_that_no_row_uses_is_no_model():
    log = pd.DataFrame(GOOD)
    log["model_a"] = pd.Categorical(log["model_a"], categories=["ghost", "x", "y"])
    assert PairCounts.from_log(log).models == ("x", "y")


def test_many_models_take_little_memory():
    # 20,000 models: a dense table of all pairs and outcomes would need 29 GB.
    n = 20_000
    names = [f"m{k:05d}" for k in range(n)]
    log = {"model_a": names, "model_b": [*names[1:], names[0]], "winner": ["tie"] * n}
    counts = PairCounts.from_log(pd.DataFrame(log))
    assert (len(counts.models), counts.n_battles) == (n, n)


TABLE = {
    "model_a": ["x", "y", "x"],
    "model_b": ["y", "z", "z"],
    "wins_a": [3, 0, 2],
    "wins_b": [1, 4, 0],
    "ties": [2, 0, 1],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table])
def test_table_is_taken_as_it_stands(make):
    assert as_dict(PairCounts.from_table(make(TABLE))) == {
        ("x", "y"): [3, 1, 2],
        ("x", "z"): [2, 0, 1],
        ("y", "z"): [0, 4, 0],
    }


def test_ties_kept_apart_are_added():
    counts = PairCounts.from_table(pd.DataFrame(TABLE | {"ties_bothbad": [5, 0, 0]}))
    assert as_dict(counts)["x", "y"] == [3, 1, 7]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"wins_a": [3, -1, 2]}, "Row 1 has -1 in wins_a"),
        ({"ties": [2.0, 0.0, 0.5]}, "Row 2 has 0.5 in ties"),
        ({"wins_b": [1, None, 0]}, "Row 1 has nan in wins_b"),
        ({"wins_b": [1, np.inf, 0]}, "Row 1 has inf in wins_b"),
        ({"wins_a": ["3", "0", "2"]}, "wins_a holds .*, not counts"),
        ({"model_b": ["y", "y", "z"]}, "Row 1 sets 'y' against itself"),
        ({"model_a": ["x", None, "x"]}, "Row 1 has no name in model_a"),
        ({"model_a": ["x", "y", "y"]}, "Rows 1 and 2 both count 'y' against 'z'"),
        ({"model_a": ["x", "z", "x"], "model_b": ["y", "x", "z"]}, "Rows 1 and 2 both"),
        ({name: [0, 0, 0] for name in ("wins_a", "wins_b", "ties")}, "no battles"),
    ],
)
def test_bad_table_is_refused(change, sentence):
    with pytest.raises(InvalidBattlesError, match=sentence):
        PairCounts.from_table(pd.DataFrame(TABLE | change))


def test_fraction_free_floats_are_counts():
    floats = pd.DataFrame(TABLE).astype({"wins_a": float})
    assert as_dict(PairCounts.from_table(floats)) == as_dict(
        PairCounts.from_table(pd.DataFrame(TABLE))
    )


def test_repeated_pairs_are_summed_on_request():
    both_orders = TABLE | {"model_a": ["x", "z", "x"], "model_b": ["y", "x", "z"]}
    counts = PairCounts.from_table(pd.DataFrame(both_orders), repeated="sum")
    assert as_dict(counts)["x", "z"] == [2 + 4, 0 + 0, 1]
    with pytest.raises(ValueError, match="'refuse' or 'sum'"):
        PairCounts.from_table(pd.DataFrame(both_orders), repeated="add")


def test_one_model_alone_is_refused():
    with pytest.raises(InvalidBattlesError, match="only one model, 'x'"):
        PairCounts.from_wins({("x", "y"): 1}).only(["x"])


def test_model_without_battles_does_not_vanish():
    table = TABLE | {"wins_a": [3, 0, 0], "wins_b": [1, 0, 0], "ties": [2, 0, 0]}
    counts = PairCounts.from_table(pd.DataFrame(table))
    assert counts.models == ("x", "y", "z")
    with pytest.raises(NoRankingError, match="'z'"):
        battles.require_ranking(counts)


def test_totals():
    totals = PairCounts.from_table(pd.DataFrame(TABLE)).totals()
    assert totals.loc["x"].tolist() == [9, 5, 1, 3, 6.5 / 9]
    assert (totals["wins"] + totals["losses"] + totals["ties"]).equals(
        totals["battles"]
    )


def test_only_keeps_the_battles_between_the_named():
    counts = PairCounts.from_table(pd.DataFrame(TABLE))
    assert as_dict(counts.only(["z", "x"])) == {("x", "z"): [2, 0, 1]}
    with pytest.raises(InvalidBattlesError, match="'nobody'"):
        counts.only(["x", "nobody"])


def test_counts_cannot_be_changed():
    counts = PairCounts.from_table(pd.DataFrame(TABLE))
    with pytest.raises(ValueError, match="read-only"):
        counts.wins_a[0] = 100


def test_groups_that_never_met_are_named():
    counts = PairCounts.from_wins(
        {("a", "b"): 1, ("b", "a"): 1, ("c", "d"): 1, ("d", "c"): 1, ("d", "e"): 1}
        | {("e", "c"): 1}
    )
    assert battles.groups(counts) == [("c", "d", "e"), ("a", "b")]
    with pytest.raises(NoRankingError, match=r"2 groups .*'c', 'd', 'e'; 'a', 'b'"):
        battles.require_ranking(counts)


def test_ties_link_groups_unless_only_wins_count():
    wins = {("a", "b"): 1, ("b", "a"): 1, ("c", "d"): 1, ("d", "c"): 1}
    counts = PairCounts.from_wins(wins, ties={("a", "c"): 1})
    assert len(battles.groups(counts)) == 1
    assert len(battles.groups(counts, ties=False)) == 2
    battles.require_ranking(counts)


@pytest.mark.parametrize(
    ("wins", "sentence"),
    [
        ({("a", "b"): 1, ("b", "c"): 1, ("c", "b"): 1}, "'a' never lost or tied"),
        ({("b", "a"): 1, ("b", "c"): 1, ("c", "b"): 1}, "'a' never won or tied"),
        (
            {("a", "b"): 1, ("b", "a"): 1, ("c", "d"): 1, ("d", "c"): 1, ("a", "c"): 9},
            "'a', 'b' never lost or tied .*'c', 'd' never won or tied",
        ),
    ],
)
def test_unbounded_scores_are_named(wins, sentence):
    with pytest.raises(NoRankingError, match=sentence):
        battles.require_ranking(PairCounts.from_wins(wins))
