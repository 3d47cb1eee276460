"""Battle logs and tables -> PairCounts: counted as they say, or refused."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

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


@pytest.mark.parametrize("codes", [pa.uint8(), pa.uint32(), pa.int8()])
def test_dictionaries_of_every_code_are_read(codes):
    log = random_log(np.random.default_rng(4))
    kind = pa.dictionary(codes, pa.string())
    coded = {k: pa.array(v).dictionary_encode().cast(kind) for k, v in log.items()}
    assert as_dict(PairCounts.from_log(pa.table(coded))) == by_hand(log)
    missing = pa.table(coded | {"winner": pa.array([None] * 500).cast(kind)})
    with pytest.raises(InvalidBattlesError, match="Row 0 has no winner"):
        PairCounts.from_log(missing)


def test_categories_that_polars_exports_are_read():
    log = random_log(np.random.default_rng(5))
    exported = pl.DataFrame(log).cast(pl.Categorical).to_arrow()
    assert as_dict(PairCounts.from_log(exported)) == by_hand(log)


def test_batches_and_readers_are_tables():
    log = random_log(np.random.default_rng(6))
    table = pa.table(log)
    batches = table.to_batches(max_chunksize=77)
    for given in (table.to_reader(max_chunksize=77), batches, pa.record_batch(log)):
        assert as_dict(PairCounts.from_log(given)) == by_hand(log)
    counted = PairCounts.from_table(pa.record_batch(TABLE))
    assert as_dict(counted) == as_dict(PairCounts.from_table(pd.DataFrame(TABLE)))


NOT_TEXT = {
    "integers": [1, 2, 3],
    "truths": [True, False, True],
    "dates": [date(2024, 8, 14)] * 3,
    "lists": [["x"], ["y"], ["x"]],
    "structs": [{"a": 1}] * 3,
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("values", NOT_TEXT.values(), ids=NOT_TEXT)
def test_columns_that_are_not_text_are_refused_in_a_sentence(make, values):
    with pytest.raises(InvalidBattlesError, match=r"Row 0 has .* in model_b, .* text"):
        PairCounts.from_log(make(GOOD | {"model_b": values}))
    with pytest.raises(InvalidBattlesError, match="Row 0 has the winner"):
        PairCounts.from_log(make(GOOD | {"winner": values}))


def test_one_list_among_names_is_found():
    with pytest.raises(InvalidBattlesError, match=r"Row 1 has \['x'\] in model_a"):
        PairCounts.from_log(pd.DataFrame(with_cell("model_a", ["x"])))


@pytest.mark.parametrize(
    "given",
    [
        None,
        "log.csv",
        Path("log.csv"),
        GOOD,
        [GOOD],
        pd.Series(["x"]),
        pl.Series(["x"]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_table_is_refused_by_its_type(given):
    kind = "dict" if isinstance(given, list) else type(given).__name__
    with pytest.raises(InvalidBattlesError, match=f"this is of the type {kind}"):
        PairCounts.from_log(given)
    with pytest.raises(InvalidBattlesError, match="this is of the type"):
        PairCounts.from_table(given)


LOOK_ALIKE = {
    "composed and decomposed": ("caf\u00e9", "cafe\u0301"),
    "zero-width space": ("gpt-4", "gpt\u200b-4"),
    "byte-order mark": ("gpt-4", "\ufeffgpt-4"),
    "Cyrillic letter": ("gpt-4", "g\u0440t-4"),
    "Greek letter": ("gpt-o", "gpt-\u03bf"),
    "two spaces": ("gpt 4", "gpt  4"),
    "hyphen": ("gpt-4", "gpt\u20114"),
    "case": ("gpt-4", "GPT-4"),
}


@pytest.mark.parametrize("names", LOOK_ALIKE.values(), ids=LOOK_ALIKE)
def test_names_that_look_alike_are_refused_with_both(names):
    log = pd.DataFrame(GOOD | {"model_a": [names[0], "y", names[1]]})
    log["model_b"] = ["y", names[0], "y"]
    with pytest.raises(InvalidBattlesError, match="look alike") as refused:
        PairCounts.from_log(log)
    assert all(ascii(name) in str(refused.value) for name in names)


def test_names_that_differ_by_what_is_seen_are_two():
    names = ["gpt-4", "gpt-4o", "gpt-4.0", "gpt_4", "gpt4", "\u5143-4", "\u4e00-4"]
    table = {(name, "other"): 1 for name in names}
    assert len(PairCounts.from_wins(table).models) == len(names) + 1


@pytest.mark.parametrize("key", ["ab", ("a", "b", "c"), ("a",), 7])
def test_key_that_is_no_pair_is_refused(key):
    with pytest.raises(InvalidBattlesError, match=re.escape(f"The key {key!r} is no")):
        PairCounts.from_wins({("a", "b"): 1, key: 1})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"models": ("x", "x", "z")}, "'x' and 'x' look alike"),
        ({"models": ("x", 7, "z")}, "Place 1 has 7 in models"),
        ({"models": ("x", "y ", "z")}, "Place 1 has the name 'y '"),
        ({"a": np.array([1, 0])}, "Row 0 has a=1 and b=1"),
        ({"b": np.array([1, 3])}, "Row 1 has a=0 and b=3"),
        ({"b": np.array([1, 1])}, "Row 1 has a=0 and b=1"),
        ({"a": np.array([0, -1])}, "Row 1 has -1 in a"),
        ({"ties": np.array([0, -2])}, "Row 1 has -2 in ties"),
        ({"wins_a": np.array([0.5, 2])}, "Row 0 has 0.5 in wins_a"),
        ({"wins_a": np.array([1, 2, 3])}, r"wins_a has the shape \(3,\) and a \(2,\)"),
    ],
)
def test_counts_made_by_hand_are_checked(change, sentence):
    ones = np.ones(2, dtype=int)
    sound = {"models": ("x", "y", "z"), "a": 0 * ones, "b": np.array([1, 2])}
    sound |= {"wins_a": ones, "wins_b": ones, "ties": ones}
    assert PairCounts(**sound).n_battles == 6
    with pytest.raises(InvalidBattlesError, match=sentence):
        PairCounts(**sound | change)


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
        ({"wins_a": ["3", "0", "2"]}, "Row 0 has '3' in wins_a"),
        ({"wins_a": [True, False, True]}, "Row 0 has True in wins_a"),
        ({"ties": [1, 2**63, 0]}, f"Row 1 has {2**63} in ties"),
        ({"ties": [1, 10**30, 0]}, f"Row 1 has {10**30} in ties"),
        ({"ties": [1, 2**53, 0]}, r"more than 2\*\*53 battles"),
        ({"wins_b": [1, Decimal("0.5"), 0]}, "Row 1 has Decimal.'0.5'. in wins_b"),
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


WHOLE = [3, 0, 2]
KINDS_OF_COUNTS = {
    "objects": pd.Series(WHOLE, dtype=object),
    "unsigned": np.array(WHOLE, dtype=np.uint8),
    "nullable": pd.array(WHOLE, dtype="UInt64"),
    "decimals": [Decimal(n) for n in WHOLE],
}


@pytest.mark.parametrize("column", KINDS_OF_COUNTS.values(), ids=KINDS_OF_COUNTS)
def test_whole_numbers_of_every_kind_are_counts(column):
    expected = as_dict(PairCounts.from_table(pd.DataFrame(TABLE)))
    counts = PairCounts.from_table(pd.DataFrame(TABLE | {"wins_a": column}))
    assert as_dict(counts) == expected
    assert counts.wins_a.dtype == np.int64  # a difference of unsigned ones wraps


@pytest.mark.parametrize("wide", [pl.Int128, pl.Decimal(38, 0)])
def test_wide_integers_of_an_engine_are_counts(wide):
    table = pl.DataFrame(TABLE).with_columns(pl.col("wins_a").cast(wide))
    expected = as_dict(PairCounts.from_table(pd.DataFrame(TABLE)))
    assert as_dict(PairCounts.from_table(table)) == expected


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
    with pytest.raises(InvalidBattlesError, match="'xz' is one text"):
        counts.only("xz")


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
            "'a', 'b' never lost or tied .*'c', 'd' never won or tied"
            r".*keep 2: `counts.only\(\['a', 'b'\]\)`",
        ),
        (
            {("a", "b"): 1, ("b", "a"): 1, ("a", "c"): 1, ("c", "d"): 1},
            "'d' never won or tied a battle outside this group. .*"
            r"keep 2: `counts.only\(\['a', 'b'\]\)`",
        ),
        ({("a", "b"): 1}, "'a' never lost .*; 'b' never won .*Collect more battles.$"),
    ],
)
def test_unbounded_scores_are_named(wins, sentence):
    with pytest.raises(NoRankingError, match=sentence):
        battles.require_ranking(PairCounts.from_wins(wins))


def test_the_small_side_is_named_and_the_rest_can_be_kept():
    ring = [f"m{k:03d}" for k in range(100)]
    wins = dict.fromkeys(zip(ring, [*ring[1:], ring[0]], strict=True), 1)
    counts = PairCounts.from_wins(wins | {("top", "m000"): 3})
    with pytest.raises(NoRankingError) as refused:
        battles.require_ranking(counts)
    sentence = str(refused.value)
    assert "'top' never lost or tied a battle outside this group" in sentence
    assert "m000" not in sentence
    advice = re.search(r"keep 100: `counts\.(.*)`", sentence)
    kept = eval(advice[1], {"only": counts.only, "counts": counts})
    battles.require_ranking(kept)
    assert kept.models == tuple(ring)


def test_many_small_chunks_are_counted_as_one():
    rng = np.random.default_rng(0)
    names = np.array([f"m{k:02d}" for k in range(40)])
    a = rng.integers(40, size=3_000)
    b = (a + rng.integers(1, 40, size=3_000)) % 40
    winner = np.array(["model_a", "model_b", "tie"])[rng.integers(3, size=3_000)]
    log = pd.DataFrame({"model_a": names[a], "model_b": names[b], "winner": winner})
    whole = PairCounts.from_log(log)
    parted = PairCounts.from_log(log.iloc[k : k + 7] for k in range(0, 3_000, 7))
    for part in ("models", "a", "b", "wins_a", "wins_b", "ties"):
        assert np.array_equal(getattr(whole, part), getattr(parted, part))
