"""The simulated arena beside the record: by hand, and against other ways."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from illusion import record
from illusion.reforms import arena, calibration, experiments
from illusion.reforms.measures import BASELINE


@cache
def real() -> pd.DataFrame:
    return record.boards("2024-06-19", "2025-04-24")


@cache
def simulated() -> tuple[arena.Season, list[pd.DataFrame]]:
    world = experiments.world()
    season = arena.simulate(experiments.recorded_cast(), world, BASELINE, 4, 7)
    models = record.models(real())
    return season, [calibration.copies(season, r, models) for r in range(4)]


def test_copies_say_what_the_season_was():
    season, copies = simulated()
    cast = experiments.recorded_cast()
    order = record.models(real()).sort_values(["first_seen", "model"])["model"]
    models = record.models(copies[1]).set_index("model").loc[order]
    assert models["organisation"].tolist() == cast.provider.tolist()
    assert models["score"].tolist() == season.score[1, -1].round().tolist()
    half = (models["upper"] - models["lower"]) / 2
    np.testing.assert_allclose(half, 1.959964 * season.standard_error[1], rtol=1e-5)
    np.testing.assert_allclose(models["votes"], season.battles[1, -1])
    days = (models["first_seen"] - models["first_seen"].min()).dt.days
    assert days.tolist() == (7 * cast.listed).tolist()


def test_the_simulated_top_is_as_crowded_as_the_real_one():
    # The record counts 59 points from first to tenth. With the score of a chosen
    # model as its family's mean, to which choosing adds again, it was 95.
    recorded = calibration.portrait(real())
    played = pd.DataFrame(map(calibration.portrait, simulated()[1])).mean()
    for name, within in (
        ("points, first to tenth", 18),
        ("models within 40 of first", 3),
    ):
        assert played[name] == pytest.approx(recorded[name], abs=within), name
    for name in (
        "spread of scores (SD)",
        "half-width, top ten",
        "votes of open models",
    ):
        assert played[name] == pytest.approx(recorded[name], rel=0.1), name


def test_a_portrait_by_other_means():
    found = calibration.portrait(real())
    score = np.sort(record.models(real())["score"])[::-1]
    assert found["points, first to tenth"] == score[0] - score[9] == 59
    assert found["models within 40 of first"] == 6
    assert found["spread of scores (SD)"] == pytest.approx(score.std())
    assert 0.3 < found["votes of open models"] < 0.4


def test_changes_of_new_models_are_those_of_the_record():
    found = calibration.changes(real()).query("who == 'new'")
    plain = record.after_listing(real(), calibration.AFTER_LISTING)
    both = found.merge(
        plain, left_on=["model", "days"], right_on=["model", "horizon_days"]
    )
    # The other takes the nearest copy that has the model, and this one the nearest.
    assert len(both) == len(found) >= 0.97 * len(plain)
    assert (both["change"] - both["adj"]).abs().median() < 1e-9
    spread = plain.groupby("horizon_days")["adj"].std()
    here = calibration.spread(found)["new"]
    np.testing.assert_allclose(here, spread, atol=0.1)


def test_changes_of_established_models_by_hand():
    day = pd.Timestamp("2024-06-19")
    names = record.models(real())["model"].iloc[:4].to_numpy()
    rows = []
    for k, days in enumerate((0, 50, 90, 180, 190)):
        for i, name in enumerate(names):
            # The third gets no votes after the first copy; the last had few.
            votes = 9_000 * (1 + (k if i != 2 else 0)) / (10 if i == 3 else 1)
            rows.append(
                (day + pd.Timedelta(days=days), name, 10 * i + i * k, 0, 9, votes)
            )
    columns = ["board", "model", "score", "lower", "upper", "votes"]
    found = calibration.changes(pd.DataFrame(rows, columns=columns))
    assert set(found["who"]) == {"established"}
    assert found["days"].tolist() == [90] * 4
    # By 0 and 2 from the first to the third copy, by 0 and 1 to the fourth.
    assert found["change"].tolist() == [-1, 1, -0.5, 0.5]
    assert found["model"].tolist() == [*names[:2]] * 2


def test_the_interval_is_a_bootstrap_of_makers():
    rng = np.random.default_rng(3)
    makers = np.repeat(list("abcdefghij"), 8)
    change = rng.normal(0, 1, 10).repeat(8) * 4 + rng.normal(0, 1, 80)
    moved = pd.DataFrame(
        {"who": "new", "days": 30, "organisation": makers, "change": change}
    )
    found = calibration.spread_interval(moved, np.random.default_rng(1)).iloc[0]
    parts = [part["change"].to_numpy() for _, part in moved.groupby("organisation")]
    drawn = [
        np.concatenate([parts[i] for i in rng.integers(0, 10, 10)]).std(ddof=1)
        for _ in range(4000)
    ]
    np.testing.assert_allclose(found, np.quantile(drawn, [0.025, 0.975]), rtol=0.05)
    alone = moved.assign(organisation=np.arange(80).astype(str))
    narrow = calibration.spread_interval(alone, np.random.default_rng(1)).iloc[0]
    assert narrow["high"] - narrow["low"] < (found["high"] - found["low"]) / 1.5


def test_drift_matches_variances():
    still, walking = pd.Series([3.0, 1]), pd.Series([5.0, 2])
    for step in (0.0, 2, 3.5):
        spread = np.sqrt(still**2 + (step / 2) ** 2 * (walking**2 - still**2))
        found = calibration.drift(spread, still, walking, 2)
        np.testing.assert_allclose(found, step, atol=1e-7)
    assert calibration.drift(still / 2, still, walking, 2).tolist() == [0, 0]
    table = pd.DataFrame({"low": still / 2, "high": walking})
    np.testing.assert_allclose(
        calibration.drift(table, still, walking, 2), [[0, 2], [0, 2]]
    )


def test_drift_that_is_played_is_found_again():
    world, cast = experiments.world("drift 4"), experiments.recorded_cast()
    models = record.models(real())
    spreads = {}
    for step in (0.0, 4.0):
        played = arena.simulate(
            cast, experiments.world(f"drift {step:.0f}"), BASELINE, 4, 8
        )
        each = [calibration.copies(played, r, models) for r in range(4)]
        each = pd.DataFrame([calibration.spread(calibration.changes(x)) for x in each])
        spreads[step] = np.sqrt((each**2).mean())
    assert world.drift_sd == 4
    # Steps of four points show in every row but the first, where votes say more.
    assert (spreads[4.0] > spreads[0.0]).iloc[1:].all()
    assert spreads[4.0].iloc[3] > 1.2 * spreads[0.0].iloc[3]
    assert spreads[4.0].iloc[-1] > 1.5 * spreads[0.0].iloc[-1]
