"""Best-of-N: against closed forms, quadrature, simulation and real fits."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr
from scipy.stats import ks_2samp

from illusion.private_testing import selection

PI = np.pi
# Jones (1948) for n = 2 to 5; Harter (1961), table 1, for the others.
KNOWN = {
    1: 0,
    2: 1 / PI**0.5,
    3: 1.5 / PI**0.5,
    4: 6 / PI**1.5 * np.arctan(2**0.5),
    5: 5 / (4 * PI**0.5) + 15 / (2 * PI**1.5) * np.arcsin(1 / 3),
}
TABLED = {10: 1.53875, 50: 2.24907, 100: 2.50759}


def test_expected_maximum_of_few_has_a_closed_form():
    few = np.array(list(KNOWN))
    np.testing.assert_allclose(
        selection.expected_maximum(few), list(KNOWN.values()), atol=1e-13
    )


@pytest.mark.parametrize("n", TABLED)
def test_expected_maximum_is_the_tabled_one(n):
    assert selection.expected_maximum(n) == pytest.approx(TABLED[n], abs=6e-6)


@pytest.mark.parametrize("n", [7, 1000, 10**6])
def test_expected_maximum_against_adaptive_quadrature(n):
    above, _ = quad(lambda z: -np.expm1(n * log_ndtr(z)), 0, 12, limit=200)
    below, _ = quad(lambda z: ndtr(z) ** n, -12, 0)
    assert selection.expected_maximum(n) == pytest.approx(above - below, rel=1e-8)


def test_spread_of_the_maximum():
    # Of two, the variance is 1 - 1 / pi.
    found = selection.maximum_sd(np.array([1, 2, 10]))
    np.testing.assert_allclose(found, [1, (1 - 1 / PI) ** 0.5, 0.58681], atol=5e-4)


def mixture(rng, replicates=200_000):
    """Draw the best of ten, each of a poor kind or, one time in five, a good one."""
    good = rng.random((replicates, 10)) < 0.2
    skill = np.where(
        good, rng.normal(50, 20, good.shape), rng.normal(0, 10, good.shape)
    )
    estimate = skill + rng.standard_normal(good.shape) * np.where(good, 6, 5)
    return skill, estimate


def test_a_mixture_against_simulation():
    skill, estimate = mixture(np.random.default_rng(3))
    chosen = estimate.argmax(axis=1)
    row = np.arange(len(chosen))
    theory = selection.best_of_kinds(
        10,
        np.array([0, 50]),
        np.array([10, 20]),
        np.array([5, 6]),
        np.array([0.8, 0.2]),
    )
    for drawn, expected in (
        (estimate[row, chosen], theory.published),
        (skill[row, chosen], theory.skill),
    ):
        error = drawn.std() / len(drawn) ** 0.5
        assert abs(drawn.mean() - expected) < 4 * error


def test_fixed_kinds_against_simulation():
    rng = np.random.default_rng(4)
    count, mean = np.array([2, 6]), np.array([30.0, 0.0])
    skill_sd, error = np.array([5.0, 25.0]), np.array([12.0, 4.0])
    kind = np.repeat([0, 1], count)
    skill = rng.normal(mean[kind], skill_sd[kind], (200_000, 8))
    estimate = rng.normal(skill, error[kind])
    chosen = estimate.argmax(axis=1)
    row = np.arange(len(chosen))
    theory = selection.best_of_kinds(count, mean, skill_sd, error)
    for drawn, expected in (
        (estimate[row, chosen], theory.published),
        (skill[row, chosen], theory.skill),
    ):
        assert abs(drawn.mean() - expected) < 4 * drawn.std() / len(drawn) ** 0.5


@pytest.mark.parametrize(
    ("skill_sd", "error"), [(0, 5.1), (25, 5.1), (25, 0), (1, 300)]
)
def test_one_kind_is_the_closed_form(skill_sd, error):
    closed = selection.best_of(27, skill_sd, error)
    ways = [
        selection.best_of_kinds(27, 0, skill_sd, error),
        selection.best_of_kinds(np.array([20, 7]), 0, skill_sd, error),
        selection.best_of_kinds(27, np.zeros(2), skill_sd, error, np.array([0.3, 0.7])),
    ]
    for way in ways:
        assert way.published == pytest.approx(closed.published, abs=1e-9)
        assert way.skill == pytest.approx(closed.skill, abs=1e-9)


def test_the_zero_and_the_unit_are_free():
    arguments = np.array([3, 5]), np.array([0.0, 20.0]), np.array([10.0, 0.0])
    count, mean, skill_sd = arguments
    base = selection.best_of_kinds(count, mean, skill_sd, 8.0)
    moved = selection.best_of_kinds(count, mean + 1200, skill_sd, 8.0)
    scaled = selection.best_of_kinds(count, 3 * mean, 3 * skill_sd, 24.0)
    turned = selection.best_of_kinds(count[::-1], mean[::-1], skill_sd[::-1], 8.0)
    assert moved.skill - 1200 == pytest.approx(base.skill)
    assert moved.curse == pytest.approx(base.curse)
    assert scaled.curse == pytest.approx(3 * base.curse)
    assert turned.published == pytest.approx(base.published)


def test_all_is_luck_or_all_is_skill():
    identical = selection.best_of(np.arange(1, 51), 0, 5)
    assert (identical.skill == 0).all()
    assert (np.diff(identical.curse) > 0).all()
    certain = selection.best_of(np.arange(1, 51), 25, 0)
    assert (certain.curse == 0).all()
    # A variant that is far ahead is chosen whatever the votes say.
    sure = selection.best_of_kinds(np.array([1, 9]), np.array([500, 0]), 0, 5)
    assert sure.published == pytest.approx(500, abs=1e-6)
    assert sure.curse == pytest.approx(0, abs=1e-6)


def test_fading_against_simulation():
    rng = np.random.default_rng(5)
    skill = rng.normal(0, 8, (200_000, 10))
    estimate = rng.normal(skill, 5)
    chosen = estimate.argmax(axis=1)
    row = np.arange(len(chosen))
    fresh = rng.normal(skill[row, chosen], 5 / 2**0.5)
    for keep, score in (
        (True, (estimate[row, chosen] + 2 * fresh) / 3),
        (False, fresh),
    ):
        theory = selection.fading(10, 8, 5, 2, keep=keep)
        off = score - skill[row, chosen]
        assert abs(off.mean() - theory.bias) < 4 * off.std() / len(off) ** 0.5
        squared = off**2
        error = squared.std() / len(off) ** 0.5
        assert abs(squared.mean() - theory.rms**2) < 4 * error


def test_fading_starts_at_the_curse():
    curse = selection.best_of(10, 8, 5).curse
    kept = selection.fading(10, 8, 5, np.array([0, 1, 9]))
    np.testing.assert_allclose(kept.bias, curse / np.array([1, 2, 10]))
    dropped = selection.fading(10, 8, 5, np.array([0, 1, 4]), keep=False)
    assert (dropped.bias == 0).all()
    np.testing.assert_allclose(dropped.rms, [np.inf, 5, 2.5])


def test_families():
    ahead = selection.chance_ahead
    assert ahead(10, 1, 0, 25) == pytest.approx(10 / 11)
    assert ahead(10, 3, 17, 25) + ahead(3, 10, -17, 25) == pytest.approx(1)
    assert ahead(10, 3, 34, 50) == pytest.approx(ahead(10, 3, 17, 25))
    gap = selection.even_gap(10, 1, 25)
    assert ahead(10, 1, gap, 25) == pytest.approx(0.5)
    assert selection.even_gap(4, 4, 25) == pytest.approx(0, abs=1e-9)
    rng = np.random.default_rng(6)
    first = rng.normal(-17, 25, (100_000, 10)).max(axis=1)
    won = (first > rng.normal(0, 25, (100_000, 3)).max(axis=1)).mean()
    assert abs(won - ahead(10, 3, 17, 25)) < 4 * (won * (1 - won) / 100_000) ** 0.5


@pytest.mark.parametrize("tie_rate", [0, 0.35])
@pytest.mark.parametrize("skill_sd", [0, 25])
def test_drawn_votes_agree_with_theory(skill_sd, tie_rate):
    drawn = selection.simulate_votes(
        27, 3000, 40_000, np.random.default_rng(7), skill_sd=skill_sd, tie_rate=tie_rate
    )
    error = selection.standard_error(3000, tie_rate)
    theory = selection.best_of(27, skill_sd, error)
    pairs = [(drawn.published, theory.published), (drawn.skill, theory.skill)]
    for values, expected in pairs:
        # A hundredth of a point for totals that are whole numbers of half votes,
        # and for the curve between total and score.
        allowed = 4 * values.std() / len(values) ** 0.5 + 0.05
        assert abs(values.mean() - expected) < allowed


@pytest.mark.parametrize("skill_sd", [0, 25])
def test_drawn_votes_agree_with_fitted_boards(skill_sd):
    kwargs = {"skill_sd": skill_sd, "tie_rate": 0.35}
    rng = np.random.default_rng(8)
    fast = selection.simulate_votes(9, 3000, 20_000, rng, **kwargs)
    exact = selection.simulate_boards(9, 3000, 600, rng, **kwargs)
    assert ks_2samp(fast.published, exact.published).pvalue > 0.001
    if skill_sd:
        assert ks_2samp(fast.skill, exact.skill).pvalue > 0.001
    else:
        assert not exact.skill.any()


def test_a_mixed_pool_gives_nearly_the_same():
    rng = np.random.default_rng(9)
    mixed = selection.simulate_boards(
        9, 3000, 600, rng, tie_rate=0.35, pool=np.linspace(-150, 150, 10)
    )
    theory = selection.best_of(9, 0, selection.standard_error(3000, 0.35))
    error = mixed.published.std() / 600**0.5
    assert abs(mixed.published.mean() - theory.published) < 4 * error + 0.5


def test_draws_are_blind_to_the_block_size():
    # 300,000 variants are more than one block; each row must be filled.
    rng = np.random.default_rng(1)
    drawn = selection.simulate_votes(3, 100, 100_000, rng, skill_sd=5)
    assert np.isfinite(drawn.published).all()
    assert np.corrcoef(drawn.skill[-1000:], drawn.published[-1000:])[0, 1] > 0.05


def test_what_makes_no_sense_is_refused():
    best, kinds = selection.best_of, selection.best_of_kinds
    with pytest.raises(ValueError, match="at least 1"):
        best(0, 25, 5)
    with pytest.raises(ValueError, match="cannot be negative"):
        best(3, -1, 5)
    with pytest.raises(ValueError, match="nothing to choose by"):
        best(3, 0, 0)
    with pytest.raises(ValueError, match="1 or more variants"):
        kinds(np.array([3, 0]), 0, 1, 1)
    with pytest.raises(ValueError, match="add up to 1"):
        kinds(3, 0, 1, 1, np.array([0.5, 0.6]))
    with pytest.raises(ValueError, match="at least 1"):
        selection.chance_ahead(0, 3, 1, 5)
    with pytest.raises(ValueError, match="must be positive"):
        selection.chance_ahead(3, 3, 1, 0)
    with pytest.raises(ValueError, match="multiple of 10"):
        selection.simulate_boards(3, 1001, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="No finite difference"):
        selection.simulate_votes(50, 2, 100, np.random.default_rng(0))


@pytest.mark.parametrize("skewness", [-2, -1, 1, 2])
def test_skewed_variants_against_simulation(skewness):
    rng = np.random.default_rng(10)
    shape, size = 4 / skewness**2, (100_000, 20)
    skill = np.sign(skewness) * 25 * (rng.gamma(shape, size=size) - shape) / shape**0.5
    estimate = rng.normal(skill, 5)
    row, chosen = np.arange(size[0]), estimate.argmax(axis=1)
    theory = selection.best_of_skewed(20, 25, 5, skewness)
    for drawn, expected in (
        (estimate[row, chosen], theory.published),
        (skill[row, chosen], theory.skill),
    ):
        assert abs(drawn.mean() - expected) < 4 * drawn.std() / size[0] ** 0.5 + 0.1


def test_hardly_skewed_is_normal():
    one, other = (selection.best_of_skewed(20, 25, 5, s) for s in (0.05, -0.05))
    normal = selection.best_of(20, 25, 5)
    # What a little skewness adds, its opposite takes away.
    published, curse = one.published + other.published, one.curse + other.curse
    assert published / 2 == pytest.approx(normal.published, abs=0.1)
    assert curse / 2 == pytest.approx(normal.curse, abs=0.02)
    with pytest.raises(ValueError, match="not 0; best_of has"):
        selection.best_of_skewed(20, 25, 5, 0)


def test_correlated_variants_are_less_spread_ones():
    # What all variants share lifts the best and the mean alike.
    rng = np.random.default_rng(11)
    size, rho = (100_000, 20), 0.5
    shared = rng.normal(0, 25 * rho**0.5, (size[0], 1))
    skill = shared + rng.normal(0, 25 * (1 - rho) ** 0.5, size)
    estimate = rng.normal(skill, 5)
    row, chosen = np.arange(size[0]), estimate.argmax(axis=1)
    theory = selection.best_of(20, 25 * (1 - rho) ** 0.5, 5)
    lead = estimate[row, chosen] - shared[:, 0]
    assert abs(lead.mean() - theory.published) < 4 * lead.std() / size[0] ** 0.5
    curse = estimate[row, chosen] - skill[row, chosen]
    assert abs(curse.mean() - theory.curse) < 4 * curse.std() / size[0] ** 0.5


def test_luck_is_largest_where_variants_are_alike():
    # LMArena's 11 is luck at its worst, and no spread makes more of it.
    error = selection.standard_error(3000, 0.345)
    luck = selection.best_of(50, np.linspace(0, 60, 121), error).curse
    assert luck.argmax() == 0
    assert luck[0] == pytest.approx(11.5, abs=0.05)
    # From 2,000 votes on, the worst is the root of 3/2 as large.
    early = selection.best_of(50, 0, selection.standard_error(2000, 0.345)).curse
    assert early / luck[0] == pytest.approx(1.5**0.5)
