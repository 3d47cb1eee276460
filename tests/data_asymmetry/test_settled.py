"""What the chapter settles, computed here in another way."""

from collections import defaultdict

import pytest
from conftest import raw

from illusion import ledger

JUDGED = ledger.evaluate("data-asymmetry")


@pytest.fixture(scope="module")
def about():
    table = raw("board_models")
    return {r["model"]: r for r in table if r["period"] == "to 2025-07"}


@pytest.fixture(scope="module")
def percent(about):
    """Shares of all votes on a day's board; a hidden model keeps its last count."""
    boards = raw("boards")

    def on(day: str, column: str) -> dict[str, float]:
        votes = {r["model"]: int(r["votes"]) for r in boards if r["board"] <= day}
        found: dict[str, float] = defaultdict(float)
        for model, count in votes.items():
            found[about[model][column]] += 100 * count / sum(votes.values())
        return found

    return on


def test_both_parties_are_judged_on_one_board(percent):
    ours = percent("2025-04-24", "organisation")
    for party, names in (
        ("paper", ["OpenAI", "Google", "Anthropic", "Meta"]),
        ("lmarena", ["OpenAI", "Google", "Anthropic", "Meta", "Cohere", "DeepSeek"]),
    ):
        for name in names:
            claim = JUDGED.loc[f"shares.{party}-{name.lower()}"]
            assert claim["ours"] == pytest.approx(ours[name], rel=1e-5)
            assert claim["tolerance"] == pytest.approx(0.05)
    classes = percent("2025-04-24", "licence_class")
    for name in ("proprietary", "open-weight", "open-source"):
        found = JUDGED.loc[f"shares.paper-{name}", "ours"]
        assert found == pytest.approx(classes[name], rel=1e-5)
    both = classes["open-weight"] + classes["open-source"]
    assert JUDGED.loc["shares.lmarena-open", "ours"] == pytest.approx(both, rel=1e-5)


def test_no_board_of_spring_gives_the_whole_pie(percent):
    pie = {
        r["group"]: float(r["share_pct"])
        for r in raw("provider_shares")
        if r["source"].startswith("LMArena")
        and r["group"] not in ("proprietary", "open")
    }
    days = {r["board"] for r in raw("boards") if "2025-03-01" < r["board"] < "2025-06"}
    best = 0
    for day in days:
        ours = percent(day, "organisation")
        best = max(best, sum(abs(ours[k] - v) <= 0.05 for k, v in pie.items()))
        assert abs(ours["OpenAI"] - pie["OpenAI"]) > 0.05
    assert 0 < best < len(pie)


def test_slice_of_deepseek_is_that_of_one_label(percent, about):
    claim = JUDGED.loc["shares.lmarena-deepseek"]
    assert claim["verdict"] == "definition"
    assert abs(claim["other"] - claim["value"]) <= 0.05 < claim["ours"] - claim["value"]
    label = [m for m in about if about[m]["organisation"] == "DeepSeek"]
    assert {"deepseek-coder-v2", "deepseek-llm-67b-chat", "deepseek-v2-api-0628"} < {
        *label
    }


def test_a_maximum_over_a_part_is_not_hidden_by_a_tolerance():
    claim = JUDGED.loc["shares.paper-highest"]
    assert claim["other"] < claim["value"] < claim["ours"]
    assert claim["verdict"] == "differs"
    assert not claim["between"]


def test_68_times_is_judged_by_what_is_above_it():
    claim = JUDGED.loc["shares.paper-68-times"]
    assert claim["verdict"] == "differs"
    assert "68 times come out" in claim["reason"]


def test_rates_are_those_of_table_5():
    table = raw("sampling_rates_paper_table5")
    largest: dict[str, dict] = {}
    for row in table:
        rate = int(row["battles_with_model"]) / int(row["battles_that_day"])
        if rate > largest.get(row["provider"], {"rate": 0})["rate"]:
            largest[row["provider"]] = row | {"rate": rate}
    assert sum(row["private"] == "1" for row in largest.values()) == 7
    for name in ("Google", "OpenAI", "xAI", "Meta", "Allen AI", "Reka"):
        claim = JUDGED.loc[f"sampling.paper-{name.lower().replace(' ', '-')}-rate"]
        assert claim["ours"] == pytest.approx(100 * largest[name]["rate"], rel=1e-5)
        assert claim["verdict"] == "adds up"
        # Its own sampling error does not widen what was printed.
        assert claim["error"] != claim["error"]
        assert f"battles on {largest[name]['date']}" in claim["reason"]


def test_an_interval_that_holds_one_cannot_tell():
    assert (
        JUDGED.loc["sampling.paper-more-than-open-weight", "verdict"] == "cannot tell"
    )
    claim = JUDGED.loc["sampling.paper-more-than-open-source"]
    assert claim["verdict"] == "recomputed"


def test_public_but_unread_is_not_called_private():
    assert JUDGED.loc["shares.paper-lowest", "verdict"] == "not checked here"


def test_the_press_is_held_against_what_the_paper_says():
    claim = JUDGED.loc["votes.others-battles"]
    assert (claim["ours"], claim["verdict"]) == (2, "differs")
