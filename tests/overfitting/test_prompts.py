"""How many prompts have been seen before, by unit, threshold and direction."""

from itertools import pairwise

import numpy as np
import pytest

from illusion.overfitting import prompts
from illusion.overfitting.prompts import Stream, StreamModel

MONTH = prompts.DAYS["month"]
# Small enough to compare every two prompts, crowded enough that many are alike.
CROWDED = StreamModel(
    per_day=8, top=0.12, exponent=0.8, intents=25, repeat=0.3, usual=0.4, farthest=0.6
)


def draw(months: int = 2, seed: int = 1, model: StreamModel = CROWDED) -> Stream:
    return prompts.simulate_stream(months, np.random.default_rng(seed), model)


def similarities(stream: Stream) -> np.ndarray:
    """Compare every two prompts."""
    closeness = np.outer(1 - stream.distance, 1 - stream.distance)
    same_intent = stream.intent[:, None] == stream.intent
    same_text = stream.text[:, None] == stream.text
    return np.where(same_text, 1, np.where(same_intent, closeness, 0))


def seen(model: StreamModel, among: float, threshold: float) -> float:
    """Chance that one of `among` independent prompts is like a new one."""
    share, nodes = model.popularity(), 400
    distances = (np.arange(nodes) + 0.5) / nodes * model.farthest
    chance = 0.0
    for d in (0, *distances):
        weight = model.usual if d == 0 else (1 - model.usual) / nodes
        reach = 1 - threshold / (1 - d)
        if reach < 0:
            continue
        alike = model.usual + (1 - model.usual) * min(reach / model.farthest, 1)
        chance += weight * (share * (1 - (1 - share * alike) ** among)).sum()
    return float(chance)


def test_a_month_by_hand():
    stream = Stream(
        day=np.array([0, 0, 0, 1, 30, 30]),
        intent=np.array([0, 0, 0, 1, 0, 1]),
        text=np.array([10, 10, 0, 11, 12, 13]),
        distance=np.array([0.1, 0.1, 0, 0.2, 0.04, 0.5]),
        repeat=np.array([False, True, False, False, False, False]),
    )
    assert prompts.nearest(stream) == pytest.approx([0, 1, 0.9, 0, 0.96, 0.4])
    assert prompts.nearest(stream, "day") == pytest.approx([0, 0, 0, 0, 0.96, 0.4])
    later = prompts.nearest(stream, "month", later=True)
    assert later == pytest.approx([0.864, 0.864, 0.96, 0.4, 0, 0])
    assert prompts.lost(stream, 0) == 1 / 4
    assert prompts.lost(stream, 0, 0.9) == 2 / 4
    assert prompts.returning(stream, 0, 0.86) == 3 / 4
    assert prompts.fresh(stream, 0.7).to_dict() == {0: 1, 1: 1, 30: 0.5}
    # 0.95: only the usual wording is like the fifth; 0.8: all three of its intent.
    some = np.array([0, 0.5, 1])
    assert prompts.seen_share(stream, 0, some, 0.95) == pytest.approx([0, 0.25, 0.5])
    assert prompts.seen_share(stream, 0, some, 0.8) == pytest.approx([0, 7 / 16, 0.5])
    assert prompts.seen_share(stream, 0, 0.5, 0.95) == pytest.approx(0.25)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("unit", ["prompt", "day", "week", "month"])
def test_nearest_is_the_nearest_of_all_pairs(unit, later):
    days = {"day": 1, "week": 7, "month": 30}
    for seed in range(3):
        for stream in (draw(seed=seed), draw(seed=seed).without_repeats()):
            n = len(stream.day)
            when = np.arange(n) if unit == "prompt" else stream.day // days[unit]
            other = when > when[:, None] if later else when < when[:, None]
            expected = np.where(other, similarities(stream), 0).max(axis=1)
            found = prompts.nearest(stream, unit, later=later)
            np.testing.assert_allclose(found, expected, atol=1e-12)


def test_exact_shares_are_those_of_sets_of_texts():
    stream = draw(3)
    by_month = [stream.text[stream.day // MONTH == m] for m in range(3)]
    for m, texts in enumerate(by_month):
        distinct = len(set(texts)) / len(texts)
        assert prompts.lost(stream, m) == pytest.approx(1 - distinct)
    for m in (0, 1):
        again = np.isin(by_month[m], by_month[m + 1]).mean()
        assert prompts.returning(stream, m) == pytest.approx(again)
        assert again != np.isin(by_month[m + 1], by_month[m]).mean()


def test_expected_share_counts_every_pair():
    f = np.array([[0, 0.1], [0.6, 1]])
    for threshold in (0.5, 0.7, 0.95, 1):
        stream = draw(3)
        month = stream.day // MONTH
        alike = similarities(stream)[np.ix_(month == 2, month == 1)] >= threshold
        expected = 1 - (1 - f[..., None]) ** alike.sum(axis=1)
        found = prompts.seen_share(stream, 1, f, threshold)
        np.testing.assert_allclose(found, expected.mean(axis=-1), atol=1e-12)
        backwards = prompts.nearest(stream.months(1, 2), "month") >= threshold
        whole = backwards[stream.months(1, 2).day // MONTH == 2].mean()
        assert found[1, 1] == pytest.approx(whole)


def test_expected_share_is_the_mean_of_providers():
    stream, rng = draw(), np.random.default_rng(3)
    past, future = stream.months(0), stream.months(1)
    alike = similarities(stream)[len(past.day) :, : len(past.day)] >= 0.7
    saw = rng.random((4000, len(past.day))) < 0.05
    found = ((saw @ alike.T) > 0).mean(axis=1)
    assert len(future.day) == alike.shape[0]
    error = found.std() / 4000**0.5
    expected = prompts.seen_share(stream, 0, 0.05, 0.7)
    assert abs(found.mean() - expected) < 4 * error


def test_repeats_are_of_the_day_and_of_one_text():
    model = StreamModel(per_day=50, repeat=0.3, usual=0.1)
    stream = draw(10, model=model)
    assert (np.bincount(stream.day) == 50).all()
    first = np.diff(stream.day, prepend=-1) > 0
    assert not stream.repeat[first].any()
    again = stream.repeat[~first].mean()
    assert again == pytest.approx(0.3, abs=4 * (0.21 / len(stream.day)) ** 0.5)
    back = np.flatnonzero(stream.repeat)
    for column in (stream.text, stream.intent, stream.distance, stream.day):
        assert (column[back] == column[back - 1]).all()
    once = stream.without_repeats()
    assert len(once.day) == len(stream.day) - len(back)
    paraphrases = once.text[once.distance > 0]
    assert len(set(paraphrases)) == len(paraphrases)
    # A day does not see its own repeats: only the days' weights change.
    assert prompts.fresh(once, unit="day").mean() == pytest.approx(
        prompts.fresh(stream, unit="day").mean(), abs=0.01
    )
    all_seen, once_seen = (prompts.fresh(s, unit="prompt") for s in (stream, once))
    assert all_seen.mean() < once_seen.mean() - 0.2


def test_intents_have_the_popularity_and_the_rest_come_once():
    model = StreamModel(top=0.05, exponent=0.7, intents=60, repeat=0, usual=0.3)
    stream = draw(2, model=model)
    n = len(stream.day)
    expected = 0.05 / np.arange(1, 61) ** 0.7
    np.testing.assert_allclose(model.popularity(), expected)
    found = np.bincount(stream.intent[stream.intent < 60], minlength=60) / n
    z = (found - expected) / (expected * (1 - expected) / n) ** 0.5
    assert abs(z).max() < 4.5
    assert z.std() == pytest.approx(1, abs=0.35)
    once = stream.intent[stream.intent >= 60]
    assert len(set(once)) == len(once)
    away = stream.distance[stream.distance > 0]
    assert len(away) / n == pytest.approx(0.7, abs=4 * (0.21 / n) ** 0.5)
    assert np.quantile(away, [0.25, 0.5, 1]) == pytest.approx(
        [0.1325, 0.265, 0.53], abs=0.01
    )


def test_measures_agree_with_their_expectation():
    model = StreamModel(per_day=400, top=0.03, exponent=0.9, intents=3000)
    kept = (1 - model.repeat) * MONTH * 400
    streams = [draw(3, seed, model) for seed in range(12)]
    for threshold in (1, 0.95, 0.7):
        again = [prompts.returning(s, m, threshold) for s in streams for m in (0, 1)]
        expected = seen(model, kept, threshold)
        assert np.mean(again) == pytest.approx(expected, rel=0.03)
        gone = [prompts.lost(s, m, threshold) for s in streams for m in (0, 1, 2)]
        parts = (np.arange(20) + 0.5) / 20
        mean = np.mean([seen(model, part * kept, threshold) for part in parts])
        expected = model.repeat + (1 - model.repeat) * mean
        assert np.mean(gone) == pytest.approx(expected, rel=0.02)
        new = np.mean([prompts.fresh(s, threshold)[[45, 75]] for s in streams], axis=0)
        for day, share in zip((45, 75), new, strict=True):
            expected = 1 - seen(model, kept / MONTH * day, threshold)
            assert share == pytest.approx(expected, abs=0.02)


def test_one_stream_gives_what_both_sides_published_between_months():
    stream = draw(8, model=StreamModel())
    assert prompts.fresh(stream)[-60:].mean() == pytest.approx(0.75, abs=0.005)
    rng, size = np.random.default_rng(2), 197_217 / 150
    logs = [prompts.provider_log(size, 0.194, rng, months=6) for _ in range(2)]
    for threshold, share in ((1, 0.073), (0.95, 0.09)):
        again = [prompts.returning(s, m, threshold) for s in logs for m in range(5)]
        assert np.mean(again) == pytest.approx(share, abs=0.003)
    # What a user sends again goes to other models, so the fourth does not come out.
    gone = np.mean([prompts.lost(s, m) for s in logs for m in range(6)])
    assert gone < 0.11
    whole = prompts.provider_log(size, 1, rng, months=6)
    unthinned = np.mean([prompts.lost(whole, m) for m in range(6)])
    assert unthinned == pytest.approx(0.2014, abs=0.005)


def test_a_log_keeps_the_intents_and_loses_the_repeats():
    model = StreamModel(top=0.05, exponent=0.7, intents=60, repeat=0.4, usual=0.3)
    rng, share = np.random.default_rng(3), 0.1
    log = prompts.provider_log(300, share, rng, months=20, model=model)
    n = len(log.day)
    assert n == pytest.approx(300 * 600, rel=0.01)
    found = np.bincount(log.intent[log.intent < 60], minlength=60) / n
    np.testing.assert_allclose(found, model.popularity(), rtol=0.2)
    # Of a repeat the text before it is in the log with that share, or the one before.
    same = np.diff(log.text) == 0
    paraphrase = log.distance[1:] > 0
    seen_before = (same & paraphrase & log.repeat[1:]).sum() / log.repeat.sum() / 0.7
    reach = np.arange(1, 40)
    chance = (0.6 * 0.4 ** (reach - 1) * (1 - (1 - share) ** reach)).sum()
    assert seen_before == pytest.approx(chance, rel=0.06)
    assert chance < 2 * share


@pytest.mark.parametrize("share", [0, -0.1, 1.2])
def test_a_log_of_no_share_is_refused(share):
    with pytest.raises(ValueError, match="share="):
        prompts.provider_log(100, share, np.random.default_rng(1))


def test_orders_among_the_measures():
    stream = draw(3)
    for one, other in ((0.7, 0.95), (0.95, 1)):
        assert prompts.lost(stream, 1, one) > prompts.lost(stream, 1, other)
        assert prompts.returning(stream, 1, one) > prompts.returning(stream, 1, other)
        assert (prompts.fresh(stream, one) <= prompts.fresh(stream, other)).all()
    units = [prompts.fresh(stream, 0.7, u) for u in ("prompt", "day", "week", "month")]
    for one, other in pairwise(units):
        assert (one <= other).all()
    assert (units[3][:30] == 1).all()
    assert (units[2][:7] == 1).all()
    assert units[2][7:14].mean() < 1
    assert units[3][30:].mean() < 1


def test_the_same_seed_gives_the_same_stream():
    one, other, third = draw(seed=4), draw(seed=4), draw(seed=5)
    assert (one.text == other.text).all()
    assert not (one.text == third.text).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"per_day": 0}, "per_day=0 must be 1 or more"),
        ({"intents": 0}, "intents=0 must be 1 or more"),
        ({"top": -0.1}, "top=-0.1 must lie between 0 and 1"),
        ({"repeat": 1.1}, "repeat=1.1 must lie"),
        ({"usual": float("nan")}, "usual=nan must lie"),
        ({"farthest": 1.5}, "farthest=1.5 must lie"),
        ({"top": 0.1}, "100000 shared intents add up to 2.2"),
    ],
)
def test_a_model_of_no_stream_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        StreamModel(**change)


def test_bad_questions_are_refused():
    stream = draw()
    with pytest.raises(ValueError, match="months=0 must be 1 or more"):
        prompts.simulate_stream(0, np.random.default_rng(1))
    with pytest.raises(ValueError, match="unit='year' must be 'prompt' or one of"):
        prompts.nearest(stream, "year")
    for ask in (prompts.lost, prompts.returning):
        for threshold in (0, 1.2):
            with pytest.raises(ValueError, match="must be above 0, and 1 at most"):
                ask(stream, 0, threshold)
    with pytest.raises(ValueError, match="must be above 0"):
        prompts.fresh(stream, 0)
    with pytest.raises(ValueError, match="must be above 0"):
        prompts.seen_share(stream, 0, 0.5, 0)
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        prompts.seen_share(stream, 0, 1.5)
    for ask in (prompts.returning, lambda s, m: prompts.seen_share(s, m, 0.5)):
        with pytest.raises(ValueError, match="Month 2 is none of"):
            ask(stream, 1)
    with pytest.raises(ValueError, match="Month 2 is none of"):
        prompts.lost(stream, 2)
