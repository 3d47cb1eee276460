"""Number, time and rate: what makes a gap in votes."""

import numpy as np
import pandas as pd
import pytest

from illusion import record
from illusion.data_asymmetry import rotation

MONTHS = pd.date_range("2024-07-31", periods=3, freq="ME")
DAYS = pd.Series([31, 28, 30], MONTHS)
DAILY = pd.DataFrame(
    [[10, 20, 0.5], [np.nan, 40, 40], [5, 1, np.nan], [np.nan, np.nan, 8]],
    ["a", "b", "c", "d"],
    MONTHS,
)
GROUP = pd.Series({"a": "closed", "b": "closed", "c": "open", "d": "open"})
PROVIDER = pd.Series({"a": "X", "b": "Y", "c": "X", "d": "Z"})


@pytest.fixture(scope="module")
def months():
    votes = record.votes_by_month(record.boards("2024-06-19", "2025-04-24"))
    return record.daily_gains(votes), votes.columns.to_series().diff().dt.days[1:]


@pytest.fixture(scope="module")
def models():
    table = record.models(record.boards("2024-06-19", "2025-04-24"), ())
    return table.set_index("model")


def test_activity_counts_models_and_their_votes():
    found = rotation.activity(DAILY, GROUP)
    closed, opened = (found.xs(name, level="group") for name in ("closed", "open"))
    assert closed["models"].tolist() == [1, 2, 1]
    assert opened["models"].tolist() == [1, 0, 1]
    assert closed["rate"].tolist() == [10, 30, 40]
    assert opened["rate"].dropna().tolist() == [5, 8]
    with pytest.raises(ValueError, match=r"\['d'\] and others have no group"):
        rotation.activity(DAILY, GROUP.drop("d"))


def test_factors_by_hand():
    found = rotation.factors(DAILY, DAYS, GROUP)
    # Closed: a for 31 + 28 days, b for 28 + 30; open: c for 31 days, d for 30.
    assert found["listed"].tolist() == [2, 2]
    assert found["kept"].tolist() == [1, 1]
    assert found["days"].tolist() == [(59 + 58) / 2, 61 / 2]
    closed = 31 * 10 + 28 * 20 + 28 * 40 + 30 * 40
    assert found["votes"].tolist() == [closed, 31 * 5 + 30 * 8]
    assert found["rate"].tolist() == pytest.approx([closed / 117, 395 / 61])


def test_factors_multiply_to_the_votes(months, models):
    found = rotation.factors(*months, models["licence_class"])
    product = found[["listed", "kept", "days", "rate"]].prod(axis="columns")
    assert product.tolist() == pytest.approx(found["votes"].tolist())


def test_split_leaves_no_remainder_and_bears_a_month_of_nobody():
    found = rotation.split(rotation.activity(DAILY, GROUP), DAYS, "closed", "open")
    assert found["models"] * found["rate"] == pytest.approx(found["votes"])
    votes = rotation.factors(DAILY, DAYS, GROUP)["votes"]
    assert found["votes"] == pytest.approx(votes["closed"] / votes["open"])


def test_split_gives_each_factor_its_own_ratio():
    # Three times as many models everywhere, at half the rate everywhere.
    names = [f"m{k}" for k in range(8)]
    group = pd.Series(["many"] * 6 + ["few"] * 2, names)
    daily = pd.DataFrame(10.0, names, MONTHS) * [1, 5, 2]
    daily.loc[group == "few"] *= 2
    found = rotation.split(rotation.activity(daily, group), DAYS, "many", "few")
    assert found.tolist() == pytest.approx([3, 0.5, 1.5])


def test_split_is_the_limit_of_small_values(months, models):
    # Ang and Liu's rule for zeros: a value that goes to zero gives the same.
    monthly = rotation.activity(months[0], models["licence_class"])
    pair = ("proprietary", "open-source")
    exact = rotation.split(monthly, months[1], *pair)
    empty = monthly["models"] == 0
    assert empty.any()
    tiny = monthly.assign(models=monthly["models"].where(~empty, 1e-12))
    assert rotation.split(tiny, months[1], *pair).tolist() == pytest.approx(
        exact.tolist(), rel=1e-9
    )


def test_rate_ratio_leaves_out_providers():
    log, error = rotation.rate_ratio(DAILY, DAYS, GROUP, PROVIDER, ("closed", "open"))
    rate = rotation.factors(DAILY, DAYS, GROUP)["rate"]
    assert log == pytest.approx(np.log(rate["closed"] / rate["open"]))
    left = []
    for name in "XYZ":
        keep = PROVIDER.index[PROVIDER != name]
        some = rotation.factors(DAILY.loc[keep], DAYS, GROUP)["rate"]
        left.append(np.log(some["closed"] / some["open"]))
    assert error == pytest.approx(
        np.sqrt(2 / 3 * np.square(left - np.mean(left)).sum())
    )


def test_the_rate_of_open_source_models_depends_on_the_period(months, models):
    # The last weeks alone turn the answer round, which the chapter once went by.
    kind = models["licence_class"]
    whole = rotation.factors(*months, kind)["rate"]
    assert whole["proprietary"] > 1.5 * whole["open-source"]
    daily = months[0].iloc[:, -2:]
    last = rotation.factors(daily.dropna(how="all"), months[1].iloc[-2:], kind)["rate"]
    assert last["proprietary"] < last["open-source"]
