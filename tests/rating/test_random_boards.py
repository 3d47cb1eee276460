"""Random boards, lopsided and tied: rated as by another solver, or refused by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize, root

from illusion.rating import ratings
from illusion.rating.battles import NoRankingError, PairCounts
from illusion.rating.likelihood import ELO, TIE_MODELS

WINS, TIES = (0, 0, 0, 1, 1, 2, 9, 150), (0, 0, 0, 1, 3, 40)


@st.composite
def boards(draw) -> tuple[PairCounts, str]:
    """Up to five models; most pairs met, many in one direction only."""
    a, b = np.triu_indices(draw(st.integers(2, 5)), 1)
    cells = [
        draw(st.lists(st.sampled_from(of), min_size=len(a), max_size=len(a)))
        for of in (WINS, WINS, TIES)
    ]
    cells = np.array(cells)
    if draw(st.booleans()):  # every pair goes one way, so that chains decide
        cells[0, cells[0] < cells[1]] = cells[1, cells[0] >= cells[1]] = 0
    if not cells.any():
        cells[0, 0] = 1
    met = cells.any(axis=0)
    names = tuple("abcde"[: b.max() + 1])
    counts = PairCounts(names, a[met], b[met], *cells[:, met])
    return counts, draw(st.sampled_from(list(TIE_MODELS)))


def has_maximum(counts: PairCounts, tie_model: str) -> bool:
    """Whether no direction leaves the likelihood as large, by linear programming.

    Davidson's: a direction (d, s) leaves an outcome as likely if none of the other
    two gains on it; half wins are a win of either side. Rao and Kupper's log of
    ``theta**2 - 1`` needs s >= 0 or no tie besides.
    """
    rows, n = [], len(counts.models)
    step = np.eye(n + 1)[n]
    for a, b, wins_a, wins_b, ties in zip(
        counts.a, counts.b, counts.wins_a, counts.wins_b, counts.ties, strict=True
    ):
        gap = np.eye(n + 1)[a] - np.eye(n + 1)[b]
        if tie_model == "half":
            rows += [gap] * bool(wins_a or ties) + [-gap] * bool(wins_b or ties)
            continue
        for won, sign in ((wins_a, 1), (wins_b, -1)):
            rows += [sign * gap, sign * gap - step] if won else []
        rows += [step - gap, step + gap] if ties else []
    rows = np.array(rows)[:, : n if tie_model == "half" else n + 1]
    if np.linalg.matrix_rank(rows) < rows.shape[1] - 1:
        return False  # not even unique
    best = linprog(-rows.sum(axis=0), -rows, np.zeros(len(rows)), bounds=(-1, 1))
    return best.fun > -1e-9


def log_likelihood(counts: PairCounts, tie_model: str, x: np.ndarray) -> complex:
    """As Davidson (1970) and Rao and Kupper (1967) write it, without our code."""
    n = len(counts.models)
    d = (x[:n][counts.a] - x[:n][counts.b]) / 2
    if tie_model == "rao-kupper":
        theta = np.exp(x[n])
        a = -np.log(1 + theta * np.exp(-2 * d))
        b = -np.log(1 + theta * np.exp(2 * d))
        tie = np.log(theta**2 - 1) + a + b
    else:
        nu = np.exp(x[n]) if tie_model == "davidson" else 0
        total = np.log(np.exp(d) + np.exp(-d) + nu)
        a, b = d - total, -d - total
        tie = x[n] - total if tie_model == "davidson" else (a + b) / 2
    return (counts.wins_a * a + counts.wins_b * b + counts.ties * tie).sum()


def independent_scores(counts: PairCounts, tie_model: str) -> np.ndarray:
    """Elo points: BFGS, then MINPACK's root of the gradient by complex steps."""
    n = len(counts.models)
    start = np.append(np.zeros(n - 1), [] if tie_model == "half" else [0.5])

    def slope(free: np.ndarray) -> np.ndarray:
        x = np.insert(free, 0, 0.0).astype(complex)
        steps = x + 1e-30j * np.eye(len(x))[1:]
        return (
            np.array([log_likelihood(counts, tie_model, s).imag for s in steps]) * 1e30
        )

    def loss(free: np.ndarray) -> float:
        with np.errstate(invalid="ignore"):
            value = -log_likelihood(counts, tie_model, np.insert(free, 0, 0.0))
        return value if np.isfinite(value) else np.inf

    near = minimize(loss, start, jac=lambda x: -slope(x), method="BFGS").x
    scale = np.maximum(counts.battles.sum(), 1)
    exact = root(lambda x: slope(x) / scale, near, tol=1e-14).x
    assert np.abs(slope(exact)).max() < 1e-9
    score = np.insert(exact[: n - 1], 0, 0.0) * ELO
    return score - score.mean()


LOPSIDED = [
    {"ab": (1000, 0), "ac": (2, 1), "bd": (10, 0), "cd": (5, 150)},
    {"ab": (2, 1), "bc": (1, 1000), "bd": (1, 0), "cd": (1000, 150)},
]


@pytest.mark.parametrize("board", LOPSIDED)
def test_lopsided_boards_that_full_newton_steps_overshoot(board):
    wins = {(a, b): n for (a, b), (n, _) in board.items()}
    wins |= {(b, a): n for (a, b), (_, n) in board.items()}
    counts = PairCounts.from_wins(wins)
    expected = independent_scores(counts, "half")
    np.testing.assert_allclose(ratings.fit(counts).score, expected, atol=1e-6)


def test_lopsided_boards_of_a_fuzz():
    """A fixed part of it: what has a maximum settles, at the maximum."""
    rng, sizes = np.random.default_rng(7), np.array([0, 0, 1, 1, 5, 150, 10**5])
    rated = 0
    while rated < 150:
        a, b = np.triu_indices(int(rng.integers(3, 7)), 1)
        cells = sizes[rng.integers(len(sizes), size=(3, len(a)))]
        cells[2] *= rng.random(len(a)) < 0.3
        met = cells.any(axis=0)
        names = tuple("abcdef"[: b.max() + 1])
        counts = PairCounts(names, a[met], b[met], *cells[:, met])
        try:
            fitted = ratings.fit(counts, interval="hessian")
        except NoRankingError:
            continue
        rated += 1
        # The score equations of Bradley and Terry, as they are in the books.
        p = 1 / (1 + 10 ** ((fitted.score[counts.b] - fitted.score[counts.a]) / 400))
        over = counts.wins_a + counts.ties / 2 - counts.battles * p
        assert np.abs(counts.per_model(over, -over)).max() < 1e-6


@settings(derandomize=True, deadline=None, max_examples=150, database=None)
@given(boards())
def test_every_board_is_rated_or_refused_by_name(board):
    counts, tie_model = board
    if not has_maximum(counts, tie_model):
        with pytest.raises(NoRankingError) as refused:
            ratings.fit(counts, tie_model=tie_model, interval="hessian")
        named = [name for name in counts.models if repr(name) in str(refused.value)]
        assert named or "There is no" in str(refused.value)
        return
    fitted = ratings.fit(counts, tie_model=tie_model, interval="hessian")
    expected = independent_scores(counts, tie_model)
    np.testing.assert_allclose(fitted.score, expected, atol=1e-6)
    assert (fitted.lower < fitted.score).all()
    assert (fitted.score < fitted.upper).all()
