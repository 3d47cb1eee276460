"""Estimates over observations in groups: worked examples, invariances, coverage."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from illusion.clustered import coefficient, holm, permuted, ratio


def two_kinds(rng, effect, groups=30, each=6, shared=1.0):
    """Draw groups with a shift of their own, and two kinds within most of them."""
    group = pd.Series(np.repeat(np.arange(groups), each))
    label = pd.Series(rng.random(len(group)) < 0.4)
    own = np.repeat(rng.normal(0, shared, groups), each)
    outcome = pd.Series(effect * label + own + rng.normal(size=len(group)))
    return outcome, label, group


def test_groups_of_one_give_the_error_of_white():
    # HC1, by its formula: the meat is the sum of squared scores.
    outcome, label, _ = two_kinds(np.random.default_rng(1), 2)
    alone = pd.Series(np.arange(len(label)))
    found = coefficient(outcome, label.to_frame().astype(float), alone)
    X = np.column_stack([label, np.ones(len(label))]).astype(float)
    beta = np.linalg.solve(X.T @ X, X.T @ outcome)
    scores = X * (outcome.to_numpy() - X @ beta)[:, None]
    inverse = np.linalg.inv(X.T @ X)
    n = len(label)
    covariance = inverse @ (scores.T @ scores) @ inverse * n / (n - 2)
    assert found.value == pytest.approx(beta[0])
    assert found.standard_error == pytest.approx(covariance[0, 0] ** 0.5)
    assert found.groups == n
    means = outcome.groupby(label).mean()
    assert found.value == pytest.approx(means[True] - means[False])


def test_a_worked_example_of_clusters():
    # Four groups of two alike: the error is that of the four means, by hand.
    outcome = pd.Series([1.0, 1, 3, 3, 6, 6, 10, 10])
    group = pd.Series(list("aabbccdd"))
    label = pd.Series([1.0] * 4 + [0.0] * 4)
    found = coefficient(outcome, label.to_frame(), group)
    assert found.value == pytest.approx(2 - 8)
    # Sums of residuals over the kind's size: 2/4 twice for one, 4/4 twice.
    square = (2 * 0.5**2 + 2 * 1**2) * 4 / 3 * 7 / 6
    assert found.standard_error == pytest.approx(square**0.5)
    t = stats.t(3)
    assert found.high - found.low == pytest.approx(2 * t.ppf(0.975) * square**0.5)
    assert found.p_value == pytest.approx(2 * t.sf(6 / square**0.5))


def test_the_jackknife_leaves_out_one_group_at_a_time():
    outcome, label, group = two_kinds(np.random.default_rng(2), 1, groups=8)
    terms = label.to_frame().astype(float)
    found = coefficient(outcome, terms, group, jackknife=True)
    left = np.array(
        [
            coefficient(outcome[group != g], terms[group != g], group[group != g]).value
            for g in range(8)
        ]
    )
    assert found.standard_error == pytest.approx(
        (7 / 8 * ((left - found.value) ** 2).sum()) ** 0.5
    )


def test_within_groups_is_a_constant_for_each():
    rng = np.random.default_rng(3)
    outcome, label, group = two_kinds(rng, 1, groups=7, shared=5)
    label[group == 3] = True  # says nothing
    other = pd.Series(rng.normal(size=len(label)))
    terms = pd.DataFrame({"label": label.astype(float), "other": other})
    found = coefficient(outcome, terms, group, within=True)
    rest = group != 3
    own = pd.get_dummies(group[rest]).astype(float)
    dummies = pd.concat([terms[rest], own], axis=1)
    plain = coefficient(outcome[rest], dummies, group[rest], constant=False)
    assert found.value == pytest.approx(plain.value)
    assert found.groups == 6
    shifted = coefficient(outcome + 10 * group, terms, group, within=True)
    assert shifted.value == pytest.approx(found.value)
    assert shifted.standard_error == pytest.approx(found.standard_error)


@pytest.mark.parametrize("options", [{}, {"jackknife": True}, {"within": True}])
def test_intervals_hold_the_truth(options):
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(300):
        outcome, label, group = two_kinds(rng, 1.5)
        found = coefficient(outcome, label.to_frame().astype(float), group, **options)
        hits += found.low < 1.5 < found.high
    assert 0.9 < hits / 300 < 0.99


def test_without_a_constant_it_is_a_ratio():
    rng = np.random.default_rng(5)
    outcome, _, group = two_kinds(rng, 0)
    ones = pd.Series(1.0, outcome.index)
    found = coefficient(outcome, ones.to_frame("one"), group, constant=False)
    other = ratio(outcome, ones, group)
    assert found.value == pytest.approx(other.value)
    # (n - 1) / (n - k) is 1 for one term.
    assert found.standard_error == pytest.approx(other.standard_error)
    assert found.p_value == pytest.approx(other.p_value)


def test_what_cannot_be_estimated_is_refused():
    outcome, label, group = two_kinds(np.random.default_rng(6), 0)
    terms = label.to_frame("label").astype(float)
    with pytest.raises(ValueError, match="missing: drop that row"):
        coefficient(outcome.where(outcome.index > 0), terms, group)
    with pytest.raises(ValueError, match="two groups at least, not 1"):
        coefficient(outcome, terms, group * 0)
    with pytest.raises(ValueError, match="determine one another"):
        coefficient(outcome, terms.assign(again=terms["label"]), group)
    with pytest.raises(ValueError, match="determine one another"):
        coefficient(outcome, terms * 0 + 1, group)


def test_holm_on_a_worked_example():
    p = pd.Series([0.01, 0.04, 0.03, 0.005], list("abcd"))
    assert holm(p).to_dict() == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )


# Permutations.


def test_a_difference_that_is_as_large_as_can_be():
    # Three of six: of the 20 ways to label, two are as extreme.
    outcome = pd.Series([5.0, 6, 7, 0, 1, 2])
    label = pd.Series([True] * 3 + [False] * 3)
    rng = np.random.default_rng(7)
    p = permuted(outcome, label, pd.Series(range(6)), rng, times=4_999)
    assert p == pytest.approx(2 / 20, abs=4 * (0.1 * 0.9 / 5_000) ** 0.5)


def test_within_groups_the_groups_do_not_matter():
    outcome, label, group = two_kinds(np.random.default_rng(8), 1, shared=0)
    p = [
        permuted(outcome + shift, label, group, np.random.default_rng(9), "within", 999)
        for shift in (0, 100)
    ]
    assert p[0] == p[1] < 0.01
    # Groups of one kind only cannot be exchanged.
    with pytest.raises(ValueError, match="No group has both"):
        permuted(outcome, group > 3, group, np.random.default_rng(9), "within")


@pytest.mark.parametrize("exchange", ["all", "within", "blocks"])
def test_permutations_hold_their_level_where_they_should(exchange):
    rng = np.random.default_rng(10)
    shared = {"all": 0, "within": 3, "blocks": 0}[exchange]
    found = [
        permuted(*two_kinds(rng, 0, 12, 5, shared), rng, exchange, 199) < 0.05
        for _ in range(400)
    ]
    assert np.mean(found) < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_blocks_allow_for_what_a_group_shares():
    # Whole groups are of one kind, and share a shift: no more than 12 things are known.
    rng = np.random.default_rng(11)
    wrong = {"all": 0, "blocks": 0}
    for _ in range(200):
        outcome, _, group = two_kinds(rng, 0, 12, 8, 3)
        for exchange in wrong:
            p = permuted(outcome, group % 2 == 0, group, rng, exchange, 199)
            wrong[exchange] += p < 0.05
    assert wrong["all"] / 200 > 0.2
    assert wrong["blocks"] / 200 < 0.1


def test_one_kind_is_no_comparison():
    outcome, label, group = two_kinds(np.random.default_rng(12), 0)
    with pytest.raises(ValueError, match="of one kind"):
        permuted(outcome, label | True, group, np.random.default_rng(12))
