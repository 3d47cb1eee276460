"""Training on Arena data: arithmetic of a gain, agreement, a learner of two tasks."""

import numpy as np
import pandas as pd
import pytest

from illusion.overfitting import transfer
from illusion.rating import ratings

SHARES = [(0.235, 0.499), (0.427, 0.499), (0.665, 0.644), (0.9, 0.95)]
shares = pytest.mark.parametrize(("before", "after"), SHARES)


def drawn(before, after, both, n_items, rng, times=20_000):
    """Shares of items before and after, drawn with a given overlap."""
    cells = [both, before - both, after - both, 1 - before - after + both]
    won = rng.multinomial(n_items, np.maximum(cells, 0), times) / n_items
    return won[:, 0] + won[:, 1], won[:, 0] + won[:, 2]


@shares
@pytest.mark.parametrize("overlap", ["independent", "nested", "opposed"])
def test_errors_are_those_of_drawn_items(before, after, overlap):
    both = {
        "independent": before * after,
        "nested": min(before, after),
        "opposed": max(0, before + after - 1),
    }[overlap]
    first, last = drawn(before, after, both, 2000, np.random.default_rng(1))
    found = transfer.win_rate_gain(before, after, 2000, overlap)
    points = ratings.elo_difference(last) - ratings.elo_difference(first)
    # 20,000 draws know a standard deviation to half a percent.
    assert found.absolute_error == pytest.approx((last - first).std(), rel=0.02)
    assert found.relative_error == pytest.approx((last / first).std(), rel=0.02)
    assert found.elo_error == pytest.approx(points.std(), rel=0.03)
    assert found.absolute == pytest.approx((last - first).mean(), abs=0.001)


def test_gain_is_said_in_three_units():
    found = transfer.win_rate_gain(0.25, 0.5, 500)
    assert found.absolute == 0.25
    assert found.relative == 1
    # Odds of 1 to 3, and even odds.
    assert found.elo == pytest.approx(400 * np.log10(3))


@shares
def test_what_overlaps_most_is_known_best(before, after):
    nested, independent, opposed = (
        transfer.win_rate_gain(before, after, 500, overlap).absolute_error
        for overlap in ("nested", "independent", "opposed")
    )
    assert nested < independent < opposed


def test_four_times_the_items_halve_the_error():
    few, many = (transfer.win_rate_gain(0.3, 0.4, n) for n in (500, 2000))
    assert few.elo_error == pytest.approx(2 * many.elo_error)


@pytest.mark.parametrize("share", [0, 1, 42.7, -0.1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="as shares, not percent"):
        transfer.win_rate_gain(0.3, share, 500)


def test_an_unknown_overlap_is_refused():
    with pytest.raises(ValueError, match=r"'some' is not known; choose from \['indep"):
        transfer.win_rate_gain(0.3, 0.4, 500, "some")


def boards(low, high, other_low, other_high):
    """Intervals of the same models on two boards."""
    columns = ["lower", "upper", "lower_points", "upper_points"]
    return pd.DataFrame(
        dict(zip(columns, (low, high, other_low, other_high), strict=True))
    )


def test_agreement_counts_pairs_by_hand():
    low = np.array([0.0, 2.0, 4.0, 4.5])
    # The second board swaps the first two models and blurs the last two.
    other = np.array([2.0, 0, 4, 4])
    found = transfer.agreement(boards(low, low + 1, other, other + 1))
    # Of six pairs: one disagrees, one is blurred on both.
    assert (found.pairs, found.separated, found.agreeing) == (6, 5, 4)
    assert found.of_separated == pytest.approx(3 / 5)
    assert found.of_all == pytest.approx(3 / 6)


def test_touching_intervals_are_not_separated():
    low, high = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    assert transfer.agreement(boards(low, high, low, high)).separated == 0


def test_a_board_agrees_with_itself_and_not_with_its_reverse():
    low = np.random.default_rng(2).normal(0, 100, 30)
    same = transfer.agreement(boards(low, low + 5, low, low + 5))
    assert same.of_separated == 1
    turned = transfer.agreement(boards(low, low + 5, -low - 5, -low))
    assert turned.of_separated == -1
    assert turned.separated == same.separated


@pytest.fixture
def both():
    """Forty models whose benchmark points are twice their Arena scores."""
    score = np.linspace(-150, 150, 40)
    table = boards(score - 3, score + 3, 2 * score - 16, 2 * score + 16)
    table.index = [f"m{i:02}" for i in range(40)]
    return table.assign(score=score, points=2 * score)


def test_a_skill_of_its_own_costs_a_benchmark_its_agreement(both):
    def mean(specific):
        rng = np.random.default_rng(3)
        values = []
        for _ in range(50):
            drawn = transfer.proxy_board(both, (2, 0), specific, rng)
            values.append(transfer.agreement(drawn).of_separated)
        return np.mean(values)

    values = [mean(specific) for specific in (0, 50, 150)]
    assert values[0] > 0.99
    assert values[0] > values[1] > values[2] > 0


def test_proxy_board_has_the_slope_and_the_spread_it_is_asked_for(both):
    rng = np.random.default_rng(4)
    drawn = [transfer.proxy_board(both, (2, 50), 30, rng) for _ in range(500)]
    points = np.array([one["points"] for one in drawn]) - 50
    # 20,000 draws; an interval of 16 either side is a standard error of 8.2.
    assert (points - both["points"].to_numpy()).std() == pytest.approx(
        np.hypot(30, 16 / 1.96), rel=0.01
    )
    assert points.mean(axis=0) == pytest.approx(both["points"].to_numpy(), abs=6)
    width = drawn[0]["upper_points"] - drawn[0]["lower_points"]
    assert width.to_numpy() == pytest.approx(32)


@pytest.mark.parametrize("carried", [0, 0.5, 1])
def test_a_tuned_model_stands_where_it_is_put(both, carried):
    opponent = both.loc["m10"]
    added = transfer.with_tuned(both, (0.5, 7), opponent, (-100, 60), carried)
    assert len(added) == len(both) + 1
    row = added.loc["tuned"]
    assert row["points"] == opponent["points"] + 60
    assert row["score"] == 7 + 0.5 * (opponent["points"] - 100 + carried * 160)
    for low, at, high in (
        ("lower", "score", "upper"),
        ("lower_points", "points", "upper_points"),
    ):
        assert row[at] - row[low] == pytest.approx(opponent[at] - opponent[low])
        assert row[high] - row[at] == pytest.approx(opponent[high] - opponent[at])


def test_what_carries_over_keeps_the_agreement(both):
    def agreement(carried):
        added = transfer.with_tuned(both, (0.5, 0), both.loc["m10"], (0, 200), carried)
        return transfer.agreement(added).of_separated

    assert agreement(1) == 1
    assert agreement(0) < agreement(0.5) < 1


def test_boards_are_joined_in_points():
    benchmark = pd.DataFrame(
        {
            "arena_name": ["a", None, "gone"],
            "win_pct": [75, 50, 50],
            "lower_pct": [70, 50, 50],
            "upper_pct": [80, 50, 50],
        }
    )
    board = pd.DataFrame({"score": [3.0, 4.0]}, index=["a", "b"])
    found = transfer.on_both(benchmark, board)
    assert list(found.index) == ["a"]
    row = found.loc["a"]
    assert row["points"] == pytest.approx(400 * np.log10(3))
    assert row["lower_points"] == pytest.approx(400 * np.log10(7 / 3))
    assert row["upper_points"] == pytest.approx(400 * np.log10(4))
    assert row["score"] == 3


@pytest.mark.parametrize(
    ("share", "distance", "n_examples", "n_features", "noise"),
    [(0, 0.5, 400, 20, 1), (0.3, 0.5, 400, 20, 0.5), (0.7, 2, 800, 40, 1)],
)
def test_closed_form_is_the_mean_of_simulated_learners(
    share, distance, n_examples, n_features, noise
):
    rng = np.random.default_rng(5)
    size = {"n_features": n_features, "noise": noise}
    learners = [
        transfer.simulate_mixture(share, distance, n_examples, rng, **size)
        for _ in range(500)
    ]
    expected = transfer.mixture(share, distance, n_examples, **size)
    for task in ("arena", "general"):
        values = np.array([getattr(learner, task) for learner in learners])
        error = values.std() / np.sqrt(len(values))
        # The second term of the variance is right to first order in 1/n.
        assert values.mean() == pytest.approx(
            getattr(expected, task), abs=4 * error + 0.003
        )


def test_a_learner_of_one_task_has_the_exact_error():
    found = transfer.mixture(0, 0, 100, n_features=19, noise=2)
    assert found.general == pytest.approx(1 - 19 * 4 / 80)
    assert found.arena == pytest.approx(found.general)


def test_with_data_without_end_a_mixture_is_the_mean_of_its_teachers():
    share = np.linspace(0, 1, 5)
    found = transfer.mixture(share, 2, 10**9)
    assert found.arena == pytest.approx(1 - 2 * (1 - share) ** 2, abs=1e-6)
    assert found.general == pytest.approx(1 - 2 * share**2, abs=1e-6)


def test_tasks_are_alike_but_for_their_names():
    share = np.linspace(0, 1, 5)
    one = transfer.mixture(share, 0.7, 300)
    other = transfer.mixture(1 - share, 0.7, 300)
    assert one.arena == pytest.approx(other.general)


def test_a_learner_that_is_told_the_task_gives_up_nothing():
    rng = np.random.default_rng(6)
    learner = transfer.simulate_mixture(0.5, 2, 20_000, rng, told=True)
    assert learner.arena > 0.98
    assert learner.general > 0.98
    blind = transfer.simulate_mixture(0.5, 2, 20_000, rng)
    assert blind.arena < 0.6


def test_too_few_examples_are_refused():
    with pytest.raises(ValueError, match="finite from 52 on"):
        transfer.mixture(0.5, 1, 51)
    assert transfer.mixture(0.5, 1, 52).arena < 0
