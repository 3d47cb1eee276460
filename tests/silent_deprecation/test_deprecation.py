"""Silent deprecation: against brute force, closed forms and real fits."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from illusion import data, record
from illusion.silent_deprecation import deprecation

COLUMNS = ["official_pct", "silent_pct", "inactive_total_pct_as_printed"]


def percentages(rows: dict) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS, dtype=float)


# The search.


@pytest.mark.parametrize(
    ("size", "percent", "expected"),
    [
        (41, 87.8, [36]),
        (41, 89, []),
        (41, 0, [0]),
        (120, 30, [36]),
        (200, 30, [59, 60, 61]),
        (3, np.nan, [0, 1, 2, 3]),
        (1000, 2.4, [24]),
        (2000, 2.4, [47, 48, 49]),
    ],
)
def test_counts_that_are_printed_so(size, percent, expected):
    assert deprecation.matching_counts(size, percent) == expected


def test_search_finds_what_brute_force_finds():
    printed = percentages({"x": [20, 40, 60], "y": [50, np.nan, 100], "z": [0, 50, 50]})
    found = deprecation.class_splits(printed, 34, {"z": 4})
    brute = set()
    for x in range(1, 30):
        classes = []
        for size, row in ((x, "x"), (30 - x, "y"), (4, "z")):
            good, wanted = [], printed.loc[row].to_numpy()
            for listed, silent in product(range(size + 1), repeat=2):
                shares = np.array([listed, silent, listed + silent]) * 100 / size
                off = np.abs(shares - wanted)
                if not (off > 0.5 + 1e-9).any():  # NaN is no objection
                    good.append((size, listed, silent, listed + silent))
            classes.append(good)
        brute |= set(product(*classes))
    ours = [tuple(map(tuple, split.to_numpy())) for split in found]
    assert len(ours) > 1
    assert len(ours) == len(set(ours))
    assert set(ours) == brute


def test_a_split_is_found_again_from_its_own_percentages():
    true = pd.DataFrame({"m": [120, 82, 41], "o": [36, 2, 0], "s": [60, 71, 36]})
    share = 100 * true[["o", "s"]].div(true["m"], axis=0)
    share["all"] = share.sum(axis=1)
    printed = percentages(dict(zip("abc", share.round(1).to_numpy(), strict=True)))
    found = deprecation.class_splits(printed, 243, {"c": 41})
    assert any((split[["models", "listed", "silent"]] == true.to_numpy()).all(axis=None)
               for split in found)  # fmt: skip


def test_order_of_the_classes_is_free():
    printed = data.load("deprecation_percentages").set_index("licence_class")
    printed = printed.drop(index="all")
    assert not deprecation.class_splits(printed, 243, {"open-source": 41})
    text = COLUMNS[-1]
    printed[text] = [80, 89, 87.8]
    (split,) = deprecation.class_splits(printed, 243, {"open-source": 41})
    (turned,) = deprecation.class_splits(printed[::-1], 243, {"open-source": 41})
    pd.testing.assert_frame_equal(turned, split[::-1])


def test_search_needs_two_unknown_classes():
    printed = percentages({"x": [20, 40, 60], "y": [25, 50, 75]})
    with pytest.raises(ValueError, match=r"\['y'\] are unknown"):
        deprecation.class_splits(printed, 31, {"x": 4})


# Activity.


def test_fewest_that_turn_a_comparison():
    size = pd.Series({"proprietary": 10, "open-weight": 6, "open-source": 4})
    turn = deprecation.fewest_to_turn
    gone = pd.Series({"proprietary": 5, "open-weight": 5, "open-source": 2})
    # 7 of 10 against 5 of 10. One open and four proprietary: 7 of 11, 9 of 14.
    assert turn(gone, size, 5) == 1
    # None of three does: all open make it 7 of 13, none 8 of 13.
    assert turn(gone, size, 3) == 4
    assert turn(gone, size, 0) == 1
    assert turn(gone - [0, 2, 2], size, 3) == 0


# The regression.


def test_one_yes_or_no_term_is_the_two_by_two_table():
    x = pd.DataFrame({"open": [1] * 50 + [0] * 70})
    y = pd.Series([True] * 30 + [False] * 20 + [True] * 14 + [False] * 56)
    row = deprecation.logistic(x, y).loc["open"]
    error = (1 / 30 + 1 / 20 + 1 / 14 + 1 / 56) ** 0.5
    assert row["estimate"] == pytest.approx(np.log(30 / 20 / (14 / 56)))
    assert row["upper"] - row["estimate"] == pytest.approx(1.959964 * error, rel=1e-6)
    assert row["estimate"] - row["lower"] == pytest.approx(1.959964 * error, rel=1e-6)


def drawn(rng, rows=400):
    x = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    truth = np.array([1.0, -0.5, 0.0])
    return x, pd.Series(rng.random(rows) < expit(0.3 + x.to_numpy() @ truth))


def test_several_terms_against_a_general_optimiser():
    x, y = drawn(np.random.default_rng(1))
    design = np.column_stack([np.ones(len(x)), x])

    def loss(beta):
        return np.logaddexp(0, np.where(y, -1, 1) * (design @ beta)).sum()

    found = deprecation.logistic(x, y)["estimate"]
    other = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8}).x
    np.testing.assert_allclose(found, other, atol=1e-5)


def test_intervals_cover():
    rng = np.random.default_rng(3)
    hits = np.zeros(3)
    for _ in range(400):
        rows = deprecation.logistic(*drawn(rng)).iloc[1:]
        truth = np.array([1.0, -0.5, 0.0])
        hits += (rows["lower"] < truth) & (truth < rows["upper"])
    assert ((hits > 400 * 0.91) & (hits < 400 * 0.99)).all()


def test_units_of_the_terms_are_free():
    x, y = drawn(np.random.default_rng(1))
    plain = deprecation.logistic(x, y)
    scaled = deprecation.logistic(x * [1000, 1, 0.1] + 5, y)
    for name, unit in (("a", 1000), ("b", 1), ("c", 0.1)):
        np.testing.assert_allclose(scaled.loc[name] * unit, plain.loc[name], rtol=1e-6)
    models = x.assign(open=x["c"] > 0, gone=y, organisation=np.arange(len(x)) // 3)
    first = deprecation.odds_of_open(models, "gone", "a", "b")
    models["a"] = 7 - 40 * models["a"]
    second = deprecation.odds_of_open(models, "gone", "b", "a")
    np.testing.assert_allclose(first, second, rtol=1e-8)


@pytest.mark.parametrize(("unit", "origin"), [(1e9, 0), (1e-9, 0), (1, 1e7)])
def test_badly_scaled_terms_are_no_separation(unit, origin):
    x, y = drawn(np.random.default_rng(1))
    plain = deprecation.logistic(x, y)
    scaled = deprecation.logistic(x * [unit, 1, 1] + [origin, 0, 0], y)
    np.testing.assert_allclose(scaled.loc["a"] * unit, plain.loc["a"], rtol=1e-6)
    np.testing.assert_allclose(scaled.loc["b":], plain.loc["b":], rtol=1e-6)


def test_what_has_no_estimate_is_refused():
    x = pd.DataFrame({"open": [0.0, 0, 1, 1], "age": [1.0, 2, 3, 5]})
    mixed = pd.Series([True, False, True, False])
    fit = deprecation.logistic
    with pytest.raises(ValueError, match="No finite estimate"):
        fit(x[["age"]], pd.Series([False, False, True, True]))
    with pytest.raises(ValueError, match="No finite estimate"):
        fit(x[["open"]], pd.Series([True, False, True, True]))
    with pytest.raises(ValueError, match="yes in some rows"):
        fit(x, pd.Series([True] * 4))
    with pytest.raises(ValueError, match="yes in some rows"):
        fit(x, pd.Series([1, 2, 1, 2]))
    with pytest.raises(ValueError, match="determine one another"):
        fit(x.assign(half=x["age"] / 2), mixed)
    with pytest.raises(ValueError, match="one is constant"):
        fit(x.assign(one=1.0), mixed)
    with pytest.raises(ValueError, match="missing in some row"):
        fit(x.assign(age=[1, 2, np.nan, 3]), mixed)


# Models of one provider are not independent.


def test_errors_by_group_are_those_of_a_formula():
    # One term of yes and no: the sandwich has a closed form in the sums by group.
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(20), 6)
    opened = (group % 2).astype(float)
    level = rng.normal(0, 1.5, 20)[group]
    y = rng.random(120) < expit(level + opened)
    row = deprecation.logistic(
        pd.DataFrame({"open": opened}), pd.Series(y), pd.Series(group)
    ).loc["open"]
    variance = 0
    for side in (0, 1):
        p = y[opened == side].mean()
        sums = [(y[group == g] - p).sum() for g in range(20) if g % 2 == side]
        variance += np.square(sums).sum() / (60 * p * (1 - p)) ** 2
    half = 2.093024 * np.sqrt(variance * 20 / 19)  # Student's t, 19 degrees of freedom
    assert row["upper"] - row["estimate"] == pytest.approx(half, rel=1e-5)
    assert row["estimate"] - row["lower"] == pytest.approx(half, rel=1e-5)


def test_a_copy_of_every_model_tells_nothing_new():
    x, y = drawn(np.random.default_rng(1))
    group = pd.Series(np.arange(len(x)) // 4)
    once = deprecation.logistic(x, y, group)
    twice = [pd.concat([part, part], ignore_index=True) for part in (x, y, group)]
    pd.testing.assert_frame_equal(deprecation.logistic(*twice), once, rtol=1e-6)
    with pytest.raises(ValueError, match="two groups"):
        deprecation.logistic(x, y, group * 0)


def test_intervals_by_group_cover_where_plain_ones_do_not():
    rng, hits = np.random.default_rng(8), np.zeros(2)
    for _ in range(200):
        group = np.repeat(np.arange(40), 5)
        opened = pd.DataFrame({"open": (group % 2).astype(float)})
        # Providers that decide alike for all their models.
        y = pd.Series(rng.random(40)[group] < 0.5)
        for k, groups in enumerate((None, pd.Series(group))):
            row = deprecation.logistic(opened, y, groups).loc["open"]
            hits[k] += row["lower"] < 0 < row["upper"]
    assert hits[0] < 160
    assert hits[1] > 180


def blocks():
    """Return six providers of one or two models, three of them open."""
    makers = pd.Series(list("aabbcdeef"), name="organisation")
    opened = makers.isin(list("ade"))
    gone = pd.Series([1, 1, 0, 1, 0, 1, 1, 1, 0], dtype=bool)
    return pd.DataFrame({"organisation": makers, "open": opened, "gone": gone})


def test_permutation_is_that_of_all_ways_to_deal_the_labels():
    models = blocks()
    found = deprecation.permuted(models, "gone", rng=np.random.default_rng(1))
    gaps = {}
    for chosen in combinations("abcdef", 3):
        side = models["organisation"].isin(chosen)
        gaps[chosen] = models["gone"][side].mean() - models["gone"][~side].mean()
    real = gaps["a", "d", "e"]
    exact = np.mean([abs(gap) >= abs(real) - 1e-12 for gap in gaps.values()])
    assert found["difference"] == pytest.approx(real)
    assert found["blocks"] == 6
    assert found["p_value"] == pytest.approx(exact, abs=0.02)


def test_strata_take_away_what_goes_with_the_terms():
    rng = np.random.default_rng(3)
    age = rng.normal(size=400)
    models = pd.DataFrame(
        {
            "organisation": np.arange(400) // 2,
            "open": age + rng.normal(size=400) > 0,
            "gone": age + rng.normal(size=400) > 0,
            "age": age,
        }
    )
    plain = deprecation.permuted(models, "gone", rng=rng, times=999)
    alike = deprecation.permuted(models, "gone", "age", rng=rng, strata=10, times=999)
    assert plain["p_value"] == 0.001
    assert plain["difference"] > 0.2
    assert abs(alike["difference"]) < plain["difference"] / 2


# Month by month.


def test_months_at_risk_are_those_of_a_loop():
    copies = record.boards("2024-06-19", "2024-12-31")
    table = deprecation.months_at_risk(copies)
    votes = {
        day: dict(zip(one["model"], one["votes"], strict=True))
        for day, one in copies.groupby("board")
    }
    ends: dict = {}
    for day in votes:
        ends[f"{day:%Y-%m}"] = day
    days = sorted({min(votes), *ends.values()})
    held, counts = {}, []
    for day in votes:
        held |= votes[day]
        if day in days:
            counts.append(dict(held))
    expected = set()
    for k in range(2, len(days)):
        for model in counts[k - 1]:
            gains = [
                counts[j].get(model, 0) - counts[j - 1].get(model, 0)
                for j in (k - 1, k)
            ]
            spans = [(days[j] - days[j - 1]).days for j in (k - 1, k)]
            if gains[0] > 10 * spans[0]:
                gone = gains[1] <= 10 * spans[1]
                expected.add((model, f"{days[k]:%Y-%m}", gone))
    found = set(zip(table["model"], table["month"], table["gone"], strict=True))
    assert found == expected
    assert len(table) == len(expected)
    assert (table["age"] >= 0).all()
    day = ends["2024-10"]
    one = table[table["month"] == "2024-11"].set_index("model")
    score = copies[copies["board"] == day].set_index("model")["score"]
    both = one.index.intersection(score.index)
    assert (one["score"][both] == score[both]).all()
