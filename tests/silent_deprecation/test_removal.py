"""What a model's leaving does: shifting tasks, groups apart, deleted votes."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import binom

from illusion import data
from illusion.rating import battles, ratings
from illusion.silent_deprecation import removal

PURE = np.array([[1, 0], [0, 1]])


def tables() -> removal.WinTables:
    return removal.WinTables.from_table(data.load("transitivity"))


def log(counts: int, spread: float = 100) -> battles.PairCounts:
    """Draw battles between every two of eight models."""
    rng = np.random.default_rng(2)
    a, b = np.triu_indices(8, 1)
    score = rng.normal(0, spread, 8)
    each = np.full(len(a), counts)
    return ratings.simulate(tuple("abcdefgh"), score, (a, b, each), rng, tie_rate=0.2)


# Every pair compared.


def test_true_order_comes_out_as_often_as_it_should():
    rng = np.random.default_rng(5)
    far = pd.Series({"a": 0.0, "b": 400.0, "c": 800.0})
    assert removal.share_in_order(far, 600, 50, rng) == 1
    # Of two models, the order is that of the wins; half the battles each is none.
    two = pd.Series({"a": 0.0, "b": 30.0})
    expected = binom.sf(50, 100, ratings.win_probability(30.0))
    found = removal.share_in_order(two, 100, 1000, rng)
    assert found == pytest.approx(expected, abs=4 * (expected / 4000) ** 0.5)


# Shifting tasks.


def test_the_published_ranks_and_only_in_this_orientation():
    found = tables()
    assert found.order(PURE) == ("A", "B", "D", "C")
    assert found.order(PURE, gone="D") == ("B", "A", "C", "D")
    row, column = found.models.index("B"), found.models.index("D")
    assert found.win[:, row, column].tolist() == [0.9, 0.2]
    turned = removal.WinTables(found.models, found.win.transpose(0, 2, 1))
    assert turned.order(PURE) == found.order(PURE)[::-1]


def test_expected_battles_are_shared_equally():
    counts = tables().expected(PURE, gone="D")
    each = dict(zip(counts.models, counts.per_model(counts.battles, counts.battles),
                    strict=True))  # fmt: skip
    for name, phases in {"A": 2, "B": 2, "C": 2, "D": 1}.items():
        assert each[name] == pytest.approx(phases * 1e6, abs=5)
    pair = (counts.a == 0) & (counts.b == 1)
    # A third of the battles in phase 1 (A wins 0.4), half in phase 2 (0.5).
    expected = 1e6 * (0.4 / 3 + 0.5 / 2)
    assert counts.wins_a[pair][0] == pytest.approx(expected, abs=2)


def test_no_shift_and_a_model_that_fits_move_nothing():
    score = np.array([120.0, 40.0, -30.0, -130.0])
    win = ratings.win_probability(score[:, None] - score)
    np.fill_diagonal(win, 0)
    fits = removal.WinTables(tuple("ABCD"), np.stack([win, win]))
    for gone in (None, *"ABCD"):
        fitted = ratings.fit(fits.expected(PURE, gone))
        np.testing.assert_allclose(fitted.score, score, atol=0.01)


def test_map_of_mixes():
    mixes = tables().map("D", ("A B D C", "B A C D"), steps=3)
    assert len(mixes) == 9
    corner = mixes[(mixes["first"] == 1) & (mixes["second"] == 0)].iloc[0]
    assert (corner["stays"], corner["leaves"]) == ("A B D C", "B A C D")
    assert corner["effect"] == "as published"
    for row in mixes.itertuples():
        mix = [[row.first, 1 - row.first], [row.second, 1 - row.second]]
        assert row.stays == " ".join(tables().order(np.array(mix)))
        assert (row.effect == "no change") == (row.stays == row.leaves)


def test_bad_tables_and_mixes_are_refused():
    table = data.load("transitivity")
    with pytest.raises(ValueError, match="lacks a probability"):
        removal.WinTables.from_table(table.iloc[1:])
    too_much = table.assign(p_column_beats_row=0.6)
    with pytest.raises(ValueError, match="more than 1"):
        removal.WinTables.from_table(too_much)
    with pytest.raises(ValueError, match="adding up to 1"):
        tables().order(np.array([[1, 0], [0.5, 0.4]]))
    with pytest.raises(ValueError, match="each of the 2 tasks"):
        tables().order(np.array([[1.0], [1.0]]))
    with pytest.raises(ValueError, match="'E' is none of the models"):
        tables().order(PURE, gone="E")


# Groups that never met.


def test_printed_orders_are_those_of_a_solver_started_at_zero():
    true = data.load("sparse_graph").set_index("model")["true_rating"]
    orders = removal.orders_of_groups(true)
    assert len(orders) == 2**6 - 1 - 7  # all cuts but those that leave one alone
    rng = np.random.default_rng(5)
    for group in rng.permutation(np.array(list(orders), dtype=object))[:5]:
        part = true.index.isin(group)
        wins = {
            (a, b): ratings.win_probability(true[a] - true[b])
            for side in (true.index[part], true.index[~part])
            for a in side
            for b in side
            if a != b
        }
        place = {name: k for k, name in enumerate(true.index)}
        winner, loser = (np.array([place[pair[k]] for pair in wins]) for k in (0, 1))
        p = np.array(list(wins.values()))
        found = minimize(
            lambda x, w=winner, o=loser, p=p: p @ np.logaddexp(0, x[o] - x[w]),
            np.zeros(len(true)),
        ).x
        assert " ".join(true.index[np.argsort(-found)]) == orders[tuple(group)]


def test_optimiser_prints_what_it_is_started_at():
    true = pd.Series({"A": 300.0, "B": 100.0, "C": 200.0, "D": 0.0})
    wins = {
        pair: round(1e4 * ratings.win_probability(true[pair[0]] - true[pair[1]]))
        for group in ("AB", "CD")
        for pair in (tuple(group), tuple(group[::-1]))
    }
    counts = battles.PairCounts.from_wins(wins)
    groups = removal.orders_of_groups(true)[("A", "B")]
    assert sorted(removal.order_from(counts, np.zeros(4))) == list("ABCD")
    assert {*groups.split()[:2]} == {*removal.order_from(counts, np.zeros(4))[:2]}
    assert removal.order_from(counts, np.array([9, 9, 0, 0])) == tuple("ABCD")
    assert removal.order_from(counts, np.array([0, 0, 9, 9])) == tuple("CDAB")


def test_orders_do_not_depend_on_zero_or_unit():
    true = pd.Series({"A": 300.0, "B": 250, "C": 100, "D": 20, "E": 0})
    orders = removal.orders_of_groups(true)
    assert orders == removal.orders_of_groups(2 * true + 1000)


# Removing models from real votes.


def test_removal_is_two_fits():
    counts = log(200)
    moved = removal.without(counts, ["b", "f"])
    assert list(moved.index) == list("acdegh")
    full, rest = ratings.fit(counts), ratings.fit(counts.only(list("acdegh")))
    stay = [full.place(name) for name in moved.index]
    change = rest.score - (full.score[stay] - full.score[stay].mean())
    np.testing.assert_allclose(moved["change"], change)
    assert moved[["before", "after", "change"]].mean().abs().max() < 1e-8
    pair = full.difference_errors()[stay[0], stay[1]]
    assert (moved["half_width"] > 0).all()
    assert moved["half_width"].iloc[:2].max() / 1.96 < pair


def test_change_is_as_large_as_chance_makes_it():
    rng, z = np.random.default_rng(6), []
    a, b = np.triu_indices(8, 1)
    score, each = np.linspace(-150, 150, 8), np.full(len(a), 300)
    for _ in range(150):
        drawn = ratings.simulate(tuple("abcdefgh"), score, (a, b, each), rng)
        moved = removal.without(drawn, ["c", "f"])
        z.append(moved["change"] / moved["by_chance"])
    assert np.std(z) == pytest.approx(1, abs=0.12)


def test_joint_statistic_is_chi_squared_if_the_model_holds():
    # Ties make the outcomes vary less than a coin's, which the test must know.
    rng, found = np.random.default_rng(6), []
    a, b = np.triu_indices(8, 1)
    score, each = np.linspace(-150, 150, 8), np.full(len(a), 300)
    for _ in range(150):
        drawn = ratings.simulate(
            tuple("abcdefgh"), score, (a, b, each), rng, tie_rate=0.4
        )
        found.append(removal.hausman(drawn, ["c", "f"]))
    test = pd.DataFrame(found)
    assert (test["freedom"] == 5).all()
    # Mean 5 and variance 10; error of the mean of 150.
    assert test["statistic"].mean() == pytest.approx(5, abs=4 * (10 / 150) ** 0.5)
    assert (test["p_value"] < 0.05).mean() < 0.12
    assert (test["moved_jointly"] > 0).mean() < 0.12
    assert (test["moved_jointly"] <= test["moved"]).all()


def test_joint_statistic_is_that_of_the_difference_of_two_covariances():
    counts, gone = log(3000), ["b", "f"]
    test, moved = removal.hausman(counts, gone), removal.without(counts, gone)
    full, rest = ratings.fit(counts), ratings.fit(counts.only(list("acdegh")))
    stay = [full.place(name) for name in moved.index]
    centre = np.eye(6) - 1 / 6
    before = centre @ full.covariance[np.ix_(stay, stay)] @ centre
    spread = np.linalg.pinv(rest.covariance - before, rcond=1e-9)
    classical = moved["change"] @ spread @ moved["change"]
    assert test["statistic"] == pytest.approx(classical, rel=0.1)


def test_scores_that_no_model_gives_are_found_out():
    # A circle: a beats b, b beats c, c beats a, and d is equal to all.
    wins = {}
    for first, second in ("ab", "bc", "ca"):
        wins[first, second], wins[second, first] = 700, 300
    wins |= {pair: 500 for x in "abc" for pair in ((x, "d"), ("d", x))}
    test = removal.hausman(battles.PairCounts.from_wins(wins), ["c"])
    assert test["p_value"] < 1e-6
    assert test["moved_jointly"] >= 2
    with pytest.raises(battles.InvalidBattlesError, match="cannot be removed"):
        removal.hausman(battles.PairCounts.from_wins(wins), ["z"])


def test_unknown_or_needed_models_cannot_be_removed():
    chain = battles.PairCounts.from_wins(
        {("a", "b"): 3, ("b", "a"): 2, ("b", "c"): 3, ("c", "b"): 2}
    )
    with pytest.raises(battles.InvalidBattlesError, match="cannot be removed"):
        removal.without(chain, ["z"])
    longer = battles.PairCounts.from_wins(
        {("a", "b"): 3, ("b", "a"): 2, ("b", "c"): 3, ("c", "b"): 2,
         ("c", "d"): 2, ("d", "c"): 1, ("d", "e"): 2, ("e", "d"): 1}
    )  # fmt: skip
    with pytest.raises(battles.NoRankingError, match="never met"):
        removal.without(longer, ["c"])
