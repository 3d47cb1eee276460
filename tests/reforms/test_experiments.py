"""What is kept of the simulated arena is what the code plays."""

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from illusion import data, record
from illusion.reforms import arena, experiments, measures, scenario
from illusion.reforms.experiments import LAB, POLICIES, WORLDS

# Rounded when kept, some of them as 32 bits; another seed or rule moves them by more.
CLOSE = {"rtol": 0, "atol": 1e-4}
EXACT = ["noise"]


@pytest.mark.parametrize(
    ("world", "policy"),
    [
        ("as assumed", "baseline"),
        ("as assumed", "paper"),
        ("as assumed", "adopted"),
        ("as assumed", "written-either"),
        ("drift 4", "fresh-votes-only"),
        ("belief 10", "yrwr"),
    ],
)
def test_kept_seasons_are_those_the_code_plays(world, policy):
    kept = data.load("arena_runs").query("world == @world and policy == @policy")
    kept = kept.set_index("replicate").sort_index().loc[:3]
    cast, block = experiments.recorded_cast(), 4
    played = experiments.play(cast, experiments.world(world), POLICIES[policy], block)
    assert len(kept) == block
    assert played.index.name == "replicate"
    names = [name for name in measures.MEASURES if name not in EXACT]
    np.testing.assert_allclose(played[names], kept[names], **CLOSE)
    np.testing.assert_array_equal(played[EXACT], kept[EXACT])
    # The comparison can fail: replicates differ by far more than the rounding.
    assert kept["inflation"].std() > 1000 * CLOSE["atol"]


def test_a_kept_arena_of_the_laboratory_is_the_one_the_code_plays():
    choice = {"variants": 10, "spread": 25, "sampling": "variance"}
    choice["retirement"] = "both"
    kept = data.load("arena_grid")
    for name, value in choice.items():
        kept = kept[kept[name] == value]
    played = experiments.cell(**choice)
    assert list(played) == list(kept)
    text = ["sampling", "retirement"]
    assert (played[text].to_numpy() == kept[text].to_numpy()).all()
    numbers = played.columns.difference(text)
    np.testing.assert_allclose(
        played[numbers].to_numpy(float), kept[numbers].to_numpy(float), **CLOSE
    )


def test_an_arena_of_the_laboratory_is_a_season(monkeypatch):
    monkeypatch.setattr(experiments, "GRID_REPLICATES", 4)
    found = experiments.cell(3, 25, "uniform", "none")
    wanted = pd.Series(3, index=list(experiments.BIG))
    cast = experiments.recorded_cast(wanted, variant_sd=25.0)
    assert set(cast.provider[cast.tested]) == set(experiments.BIG)
    assert set(cast.variants[cast.tested]) == {3}
    rules = scenario.Rules("uniform", "none")
    world = replace(experiments.world(), variant_sd=25.0)
    season = arena.simulate(
        cast, world, rules, experiments.GRID_REPLICATES, experiments.SEED
    )
    mean = measures.measure(season, cast, rules).mean()
    assert found["inflation"].tolist() == [mean["inflation"]] * 12
    assert found["rank"].tolist() == list(range(1, 13))
    last = season.score[0, -1]
    assert found["score"].tolist() == sorted(last)[:-13:-1]
    np.testing.assert_array_equal(found["score"], last[found["model"]])
    np.testing.assert_array_equal(found["truth"], season.truth[0, -1, found["model"]])
    half = 1.959964 * season.standard_error[0, found["model"]]
    np.testing.assert_allclose(found["half_width"], half, rtol=1e-6)


def test_all_that_is_planned_is_kept_once():
    planned = list(experiments.planned())
    assert len({plan[:2] for plan in planned}) == len(planned)
    assert {p for w, p, _ in planned if w == "as assumed"} == set(POLICIES)
    assert {world for world, _, _ in planned} == set(WORLDS)
    changing = {
        name for name, rules in measures.PROPOSALS.items() if rules != measures.BASELINE
    }
    for world in set(WORLDS) - {"as assumed"}:
        assert {p for w, p, _ in planned if w == world} == {
            "baseline",
            "cap-three",
            "paper",
            *changing,
        }
    kept = data.load("arena_runs")
    rows = Counter(zip(kept["world"], kept["policy"], strict=True))
    assert rows == {(w, p): n for w, p, n in planned}
    for (_, _), part in kept.groupby(["world", "policy"]):
        assert sorted(part["replicate"]) == list(range(len(part)))
    assert list(kept) == ["world", "policy", "replicate", *measures.MEASURES]
    assert kept[["tau", "coverage", "open_share"]].notna().all(axis=None)


def test_the_whole_laboratory_is_kept():
    kept = data.load("arena_grid")
    cells = Counter(kept[list(LAB)].itertuples(index=False, name=None))
    assert cells == dict.fromkeys(product(*LAB.values()), 12)
    first = kept.groupby(list(LAB))
    assert (first["rank"].agg(list).map(tuple) == tuple(range(1, 13))).all()
    assert (first["score"].diff().dropna() <= 0).all()
    assert (first["model"].nunique() == 12).all()


def test_policies_and_worlds():
    changing = {k: v for k, v in measures.PROPOSALS.items() if v != measures.BASELINE}
    assert POLICIES.items() >= changing.items()
    assert POLICIES["baseline"] == measures.BASELINE == scenario.Rules()
    assert len(set(POLICIES.values())) == len(POLICIES)
    # The paper's four changes at once; LMArena's two.
    rules = [measures.PROPOSALS[x] for x in ("no-retraction", "variant-cap")]
    rules += [measures.PROPOSALS[x] for x in ("equal-removal", "fair-sampling")]
    assert POLICIES["paper"] == scenario.Rules(
        sampling=rules[3].sampling,
        retirement=rules[2].retirement,
        cap=rules[1].cap,
        correction=rules[0].correction,
    )
    assert POLICIES["adopted"] == scenario.Rules(provisional=True, weighting="pairs")
    base = experiments.world()
    assert base == experiments.world("as assumed")
    for name, changes in WORLDS.items():
        assert experiments.world(name) == replace(base, **changes)
        what, _, size = name.rpartition(" ")
        field = {"spread": "variant_sd", "drift": "drift_sd", "belief": "belief_sd"}
        if what in field:
            assert changes == {field[what]: float(size)}


def test_the_weeks_have_the_votes_of_the_record():
    world, cast = experiments.world(), experiments.recorded_cast()
    assert world.weeks == cast.listed.max() + 1
    boards = record.boards("2024-06-19", "2025-04-24")
    total = record.votes_by_month(boards).sum() / 2
    private = (cast.variants[cast.tested] - 1).sum() * world.test_battles
    # The record ends on the second day of the last week, of 21 days in a pace.
    last = world.battles[-1]
    gained = total.iloc[-1] - total.iloc[0]
    public = sum(world.battles) / (1 + private / (sum(world.battles) - private))
    assert public - last < gained < public
    for month in range(1, len(total)):
        begin, end = (
            (total.index[k] - total.index[0]).days / 7 for k in (month - 1, month)
        )
        inside = [w for w in range(world.weeks) if begin <= w and w + 1 <= end]
        pace = (total.iloc[month] - total.iloc[month - 1]) / (end - begin)
        scale = sum(world.battles) / public
        for week in inside:
            assert world.battles[week] == pytest.approx(scale * pace, rel=1e-3)


def test_variants_of_the_record():
    counted = record.private_variants()["main_arena"]
    cast = experiments.recorded_cast()
    for place in cast.tested:
        assert cast.variants[place] == counted[cast.provider[place]]
    quarter = pd.Series(cast.listed[cast.tested] // 13)
    assert not pd.DataFrame([cast.provider[cast.tested], quarter]).T.duplicated().any()
    first = record.boards("2024-06-19", "2024-06-19")
    assert cast.battles.sum() <= first["votes"].sum()
    assert cast.battles[cast.listed == 0].min() > 0
