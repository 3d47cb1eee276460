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


def test_ends_of_a_gain_and_of_a_loss():
    kinds = ["nested", "independent", "opposed"]
    found = [transfer.win_rate_gain(0.665, 0.659, 14_042, kind) for kind in kinds]
    table = pd.DataFrame([vars(each) for each in found], kinds)
    ends = transfer.ends(table, "absolute")
    assert ends["low"] < ends["least_low"] < -0.6 < ends["least_high"] < 0
    assert ends["high"] > 0
    loss = transfer.ends(-table, "absolute")
    assert (loss["low"], loss["least_low"]) == (-ends["high"], -ends["least_high"])
    # 112% on 500 prompts: 66% to 159% at the widest, 84% to 140% at the narrowest.
    found = [transfer.win_rate_gain(0.235, 0.499, 500, kind) for kind in kinds]
    table = pd.DataFrame([vars(each) for each in found], kinds)
    ends = transfer.ends(table, "relative")
    assert [round(end) for end in ends.values()] == [66, 159, 84, 140]


def test_a_lead_as_a_win_rate():
    assert transfer.as_win_rate(0, 40) == pytest.approx(
        (0.5, 0.25 * 40 / 173.718), 1e-5
    )
    points = np.random.default_rng(11).normal(200, 20, 100_000)
    win, error = transfer.as_win_rate(200, 20)
    drawn = ratings.win_probability(points)
    assert win == pytest.approx(drawn.mean(), abs=0.003)
    # The curve bends: the delta method is right to a few percent.
    assert error == pytest.approx(drawn.std(), rel=0.05)


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


def test_a_redrawn_board_scatters_as_its_intervals_say(both):
    rng = np.random.default_rng(4)
    drawn = [transfer.redraw(both, rng) for _ in range(500)]
    for at, low, half in (("score", "lower", 3), ("points", "lower_points", 16)):
        moved = np.array([one[at] - both[at] for one in drawn])
        # 20,000 draws.
        assert moved.std() == pytest.approx(half / 1.96, rel=0.02)
        assert abs(moved.mean()) < half / 1.96 / 30
        widths = np.array([one[at] - one[low] for one in drawn])
        assert widths == pytest.approx(half)
    scores, points = (
        np.array([one[at] for one in drawn]).ravel() - np.tile(both[at], 500)
        for at in ("score", "points")
    )
    assert abs(np.corrcoef(scores, points)[0, 1]) < 0.03


def skilled(rng, *, shared, own, providers=60, models=8):
    """Models whose benchmark has skills of its own, in part their provider's."""
    provider = np.repeat(np.arange(providers), models)
    score = rng.normal(0, 60, provider.size)
    points = 2.5 * score + rng.normal(0, shared, providers)[provider]
    points += rng.normal(0, own, provider.size)
    seen = points + rng.normal(0, 8, provider.size)
    half = 8 * 1.96
    table = pd.DataFrame({"score": score, "points": seen})
    table["lower_points"], table["upper_points"] = seen - half, seen + half
    return table, pd.Series(provider, table.index).map("p{}".format)


def test_a_skill_shared_by_a_provider_is_not_within_it():
    table, provider = skilled(np.random.default_rng(7), shared=60, own=40)
    across = transfer.exchange(table, provider)
    within = transfer.exchange(table, provider, within=True)
    assert across.own == pytest.approx(np.hypot(60, 40), rel=0.1)
    assert within.own == pytest.approx(40, rel=0.1)
    assert within.beyond < across.beyond
    # The Arena has no error here: the line of the benchmark on it is the true one.
    for found in (across, within):
        assert found.slope < 1 / 2.5 == pytest.approx(found.steepest, rel=0.1)


def test_lines_are_those_of_an_independent_fit():
    table, provider = skilled(np.random.default_rng(8), shared=50, own=30)
    dummies = pd.get_dummies(provider).to_numpy(float)
    for within, rest in ((False, np.ones((len(table), 1))), (True, dummies)):
        found = transfer.exchange(table, provider, within=within)
        for at, by, slope in (
            ("score", "points", found.slope),
            ("points", "score", 1 / found.steepest),
        ):
            design = np.column_stack([table[by], rest])
            assert np.linalg.lstsq(design, table[at])[0][0] == pytest.approx(slope)


def test_a_slope_of_clusters_has_the_error_of_clusters():
    """With predictor and errors shared by a provider, the plain error is too small."""
    rng, slopes, errors = np.random.default_rng(9), [], []
    for _ in range(300):
        group = np.repeat(np.arange(30), 6)
        x = rng.normal(0, 1, 30)[group]
        y = 0.5 * x + rng.normal(0, 1, 30)[group]
        table = pd.DataFrame({"points": x, "score": y})
        table["lower_points"] = table["upper_points"] = x
        found = transfer.exchange(table, pd.Series(group, table.index))
        slopes.append(found.slope)
        errors.append(found.error)
    assert np.mean(errors) == pytest.approx(np.std(slopes), rel=0.15)


def test_what_carries_over_is_that_of_pairs_of_models():
    """Of two models of one provider, a fixed distance apart on the benchmark."""
    found = transfer.Exchange(slope=0.4, error=0.03, steepest=0.5, beyond=20, own=40)
    rng, n = np.random.default_rng(10), 200_000
    apart = rng.normal(100, 24, n)
    arena = rng.normal(0.4, 0.03, n) * apart + np.diff(rng.normal(0, 20, (n, 2))).T[0]
    mean, spread = found.carried(100, 24)
    assert mean == pytest.approx(arena.mean(), abs=0.4)
    assert spread == pytest.approx(arena.std(), rel=0.01)
    alike = np.diff(rng.normal(0, 40, (n, 2))).T[0] + rng.normal(0, 24, n)
    assert found.unlike(100, 24) == pytest.approx(100 / alike.std(), rel=0.01)


def test_models_that_cannot_be_compared_are_refused(both):
    provider = pd.Series("x", both.index)
    with pytest.raises(ValueError, match="m03 has no provider"):
        transfer.exchange(both, provider.drop("m03"))
    with pytest.raises(ValueError, match="40 models of 1 providers are too few"):
        transfer.exchange(both, provider)
    alone = pd.Series(both.index, both.index)
    with pytest.raises(ValueError, match="0 models of 0 providers"):
        transfer.exchange(both, alone, within=True)


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
