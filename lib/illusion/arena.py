"""A simulated arena: who meets whom, private tests, removals, a board a week.

Votes are drawn per pair and week, not one by one, for several replicates at a
time. What the arena may decide is in `Rules`; what it may not, in `World`.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit
from tqdm import tqdm

from illusion import boards
from illusion.likelihood import ELO, NotConvergedError, one_thread
from illusion.ratings import tie_probability

# The power of its battles by which a pair's chance of one more falls.
POWERS = {"uniform": 0.0, "inverse": 1.0, "variance": 1.5}
_OPTIONS = {
    "sampling": ("lmarena", *POWERS),
    "retirement": ("none", "silent", "both", "either", "bottom"),
    "correction": ("none", "shrunk", "ranked"),
    "weighting": boards.WEIGHTING,
}

CONVERGED = 3_000  # battles: policy of 2024-12-15
_TEST_WEEKS = 4  # over which variants get their battles
_AT_ONCE = 4  # replicates of a block, which has seeds of its own


@dataclass(frozen=True, eq=False)
class Cast:
    """The models of an arena, in the order in which they are listed.

    Attributes
    ----------
    provider : ndarray, shape (models,)
        Who made each.
    licence_class : ndarray of str, shape (models,)
        "proprietary", "open-weight" or "open-source".
    skill : ndarray, shape (models,)
        True score, Elo points; of variants, the mean of the family.
    listed : ndarray of int, shape (models,)
        Week from which each is on the board; 0 if it was before.
    silent : ndarray of int, shape (models,)
        Week from which each has no battles if removal is "silent".
    battles : ndarray, shape (models,)
        Battles of each before the first week.
    variants : ndarray of int, shape (models,)
        Variants tested privately before the listing; 1 if nothing was chosen.
    """

    provider: np.ndarray
    licence_class: np.ndarray
    skill: np.ndarray
    listed: np.ndarray
    silent: np.ndarray
    battles: np.ndarray
    variants: np.ndarray

    def __post_init__(self) -> None:
        """Refuse a cast that no arena can play."""
        if (np.diff(self.listed) < 0).any():
            raise ValueError("The models must be in the order of `listed`.")
        old = self.listed == 0
        if old.sum() < 2 or (self.battles[old] <= 0).any():
            raise ValueError(
                "Two models or more must be listed from week 0, each "
                "with battles before."
            )
        if (self.variants < 1).any():
            raise ValueError("A model has 1 variant or more.")

    @property
    def open(self) -> np.ndarray:
        """Whether the weights of each model are public."""
        return self.licence_class != "proprietary"

    @property
    def tested(self) -> np.ndarray:
        """Places of the models that are chosen from variants."""
        return np.flatnonzero((self.variants > 1) & (self.listed > 0))


@dataclass(frozen=True)
class World:
    """What no rule decides.

    Attributes
    ----------
    weeks : int
    battles : int
        Battles of a week, those of private variants included.
    tie_rate : float
        Probability of a tie between equals; see
        :func:`illusion.ratings.tie_probability`.
    variant_sd : float
        Spread of true skill among the variants of a family, Elo points.
    test_battles : int
        Battles of each private variant.
    drift_sd : float
        Spread over models of skill at a second task minus skill at the first, Elo
        points.
    mix : (float, float)
        Share of the second task in the first and in the last week.
    belief_sd : float
        Error with which providers know the skill of their models, Elo points.
    """

    weeks: int
    battles: int
    tie_rate: float = 0.35
    variant_sd: float = 25.0
    test_battles: int = 2_000
    drift_sd: float = 0.0
    mix: tuple[float, float] = (0.0, 0.0)
    belief_sd: float = 0.0


@dataclass(frozen=True)
class Rules:
    """What an arena may decide.

    Attributes
    ----------
    sampling : {"lmarena", "uniform", "inverse", "variance"}
        Who meets whom: LMArena's weights of December 2024; all pairs alike; each
        pair in inverse proportion to its battles so far; or where a battle takes
        most off a pair's standard error (Chiang et al. 2024, equation 9).
    retirement : {"none", "silent", "both", "either", "bottom"}
        Who is sampled no more, but stays on the board: nobody; whoever the cast
        says; whoever meets both conditions of LMArena's rule of December 2024, or
        either of them; or the worst 30% of each licence class.
    cap : int or None
        Most variants that may be tested for a listing.
    keep_choosing : bool
        Whether the battles that chose a variant count for its score.
    provisional : bool
        Whether a score is set apart until it has 2,000 fresh battles, if more than
        10 variants were tested (policy of 2025-05-27).
    correction : {"none", "shrunk", "ranked"}
        "shrunk": the scores of all variants are public, and readers shrink the best
        to the mean of its family. "ranked": providers rank their models, list the
        variant that they rank first, and no score may contradict them (after
        You-Rank-We-Rank, Hays et al. 2026).
    weighting : {"battles", "pairs"}
        See :func:`illusion.boards.weights`.
    """

    sampling: str = "lmarena"
    retirement: str = "silent"
    cap: int | None = None
    keep_choosing: bool = True
    provisional: bool = False
    correction: str = "none"
    weighting: str = "battles"

    def __post_init__(self) -> None:
        """Refuse an option that is not known."""
        for name, known in _OPTIONS.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is not known; choose from "
                    f"{list(known)}."
                )
        if self.cap is not None and self.cap < 1:
            raise ValueError(f"cap={self.cap} must be 1 or more, or None.")


@dataclass(frozen=True, eq=False)
class Season:
    """What happened, by replicate and week.

    Attributes
    ----------
    score : ndarray, shape (replicates, weeks, models)
        As published, Elo points; NaN before the listing.
    truth : ndarray, shape (replicates, weeks, models)
        The score of endless battles between all models listed, on the tasks of the
        week; Elo points with mean 0; NaN before the listing.
    battles : ndarray, shape (replicates, weeks, models)
        Battles of each model that its score rests on.
    skill : ndarray, shape (replicates, models)
        Of the variant that was listed, Elo points on the scale of the cast.
    chosen_by : ndarray, shape (replicates, models)
        Of these, battles that chose the variant.
    standard_error : ndarray, shape (replicates, models)
        Of the last board, Elo points.
    active : ndarray of bool, shape (replicates, models)
        Who is still sampled after the last week.
    private : int
        Battles of variants that were not listed.
    """

    score: np.ndarray
    truth: np.ndarray
    battles: np.ndarray
    skill: np.ndarray
    chosen_by: np.ndarray
    standard_error: np.ndarray
    active: np.ndarray
    private: int


def cast_from_record(
    models: pd.DataFrame,
    votes_before: pd.Series,
    last_active: pd.Series,
    variants: pd.Series,
    quarter: int = 13,
) -> Cast:
    """Take models, dates and votes from the public record.

    Parameters
    ----------
    models : DataFrame
        The table ``models_2025-04-24``.
    votes_before : Series of int
        By model: votes at the first copy of the board, from which weeks count.
    last_active : Series of datetime
        By model: end of the last month with votes; missing if there was none.
    variants : Series of int
        By organisation: variants tested before its first listing of each quarter.
    quarter : int
        Weeks.

    Returns
    -------
    Cast
        The last published score serves as true skill: the cast has the spread of the
        record, but says nothing about any one of its models.
    """
    table = models.sort_values(["first_seen", "model"], ignore_index=True)
    start = table["first_seen"].min()
    listed = (table["first_seen"] - start).dt.days // 7
    last = (pd.to_datetime(table["model"].map(last_active)) - start).dt.days // 7
    silent = (last + 1).fillna(0).astype(int)
    new = table.assign(quarter=listed // quarter)[listed > 0]
    first = new.drop_duplicates(["organisation", "quarter"]).index
    tested = table["organisation"].map(variants).where(table.index.isin(first), 1)
    return Cast(
        provider=table["organisation"].to_numpy(),
        licence_class=table["licence_class"].to_numpy(),
        skill=table["score"].to_numpy(float),
        listed=listed.to_numpy(),
        silent=silent.where(listed == 0, np.maximum(silent, listed + 1)).to_numpy(),
        battles=table["model"].map(votes_before).fillna(0).to_numpy(float),
        variants=tested.fillna(1).clip(lower=1).to_numpy(int),
    )


def simulate(
    cast: Cast,
    world: World,
    rules: Rules,
    n_replicates: int,
    seed: int,
    *,
    processes: int = 1,
    progress: bool = False,
) -> Season:
    """Play the same season many times.

    Parameters
    ----------
    cast : Cast
    world : World
    rules : Rules
    n_replicates : int
    seed : int
        With one seed, a replicate has the same variants and tasks under all rules,
        so that rules can be compared replicate by replicate.
    processes : int
        Processes that share the work; the result does not depend on it.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Season

    Raises
    ------
    NoRankingError
        A model on a board that has won or lost all its battles.
    ValueError
        Private tests that need more battles than there are.
    """
    sizes = [min(_AT_ONCE, n_replicates - i) for i in range(0, n_replicates, _AT_ONCE)]
    served, private = _served(cast, world, rules)
    play = partial(_play, cast, world, rules, served, seed)
    bar = partial(tqdm, total=len(sizes), disable=not progress, unit=" blocks")
    if processes == 1:
        blocks = list(bar(map(play, range(len(sizes)), sizes)))
    else:
        with ProcessPoolExecutor(processes) as pool:
            blocks = list(bar(pool.map(play, range(len(sizes)), sizes)))
    arrays = (np.concatenate(each) for each in zip(*blocks, strict=True))
    return Season(*arrays, private)


def expected_battles(
    rate: np.ndarray, met: np.ndarray, power: float, total: float
) -> np.ndarray:
    """Battles that pairs gain under a rule that follows their counts vote by vote.

    Parameters
    ----------
    rate : ndarray, shape (..., pairs)
        Of each pair, apart from its count; 0 for one that is not sampled.
    met : ndarray, shape (..., pairs)
        Battles so far.
    power : float
        The next battle is the pair's with a probability in proportion to
        ``rate / (met + 1/2) ** power``. With 3/2 that is, to 4% from the second
        battle on, the fall from ``met ** -0.5`` to ``(met + 1) ** -0.5``.
    total : float
        Battles to share out.

    Returns
    -------
    ndarray, shape (..., pairs)
        Solution of the differential equation that the rule is on average.

    Raises
    ------
    NotConvergedError
        Newton's method did not settle.
    """
    if power == 0:
        return total * rate / rate.sum(axis=-1, keepdims=True)
    before, up = met + 0.5, power + 1
    start, slope = before**up, up * rate
    clock = np.zeros((*rate.shape[:-1], 1))
    # The total is concave in the clock, so Newton's steps from 0 only rise.
    for _ in range(100):
        after = (start + slope * clock) ** (1 / up)
        missing = total - (after - before).sum(axis=-1, keepdims=True)
        if (missing < 1e-6 * total).all():
            return after - before
        clock += missing / (rate / after**power).sum(axis=-1, keepdims=True)
    raise NotConvergedError(f"No allocation of {total} battles was found.")


def _variants(cast: Cast, rules: Rules, f: int) -> int:
    """Variants that are tested for a listing."""
    n = int(cast.variants[f]) if cast.listed[f] > 0 else 1
    return n if rules.cap is None else min(n, rules.cap)


def _served(cast: Cast, world: World, rules: Rules) -> tuple[np.ndarray, int]:
    """Battles of public models in each week, and those that private ones cost."""
    served, private = np.full(world.weeks, float(world.battles)), 0
    for f, week in enumerate(cast.listed):
        n = _variants(cast, rules, f)
        if n > 1:
            before = slice(max(0, week - _TEST_WEEKS), week)
            served[before] -= n * world.test_battles / len(served[before])
            private += (n - 1) * world.test_battles
    if served.min() <= 0:
        raise ValueError(
            f"Private tests need all {world.battles} battles of week "
            f"{served.argmin()}: test fewer variants, or with fewer battles each."
        )
    return served, private


@one_thread
def _play(
    cast: Cast,
    world: World,
    rules: Rules,
    served: np.ndarray,
    seed: int,
    block: int,
    size: int,
) -> tuple[np.ndarray, ...]:
    """Play a block of replicates; return the arrays of `Season` in their order."""
    return _Block(cast, world, rules, size, [seed, block]).play(served)


class _Block:
    """Replicates that are played together; arrays are (replicates, models)."""

    def __init__(
        self, cast: Cast, world: World, rules: Rules, size: int, seed: list[int]
    ) -> None:
        self.cast, self.world, self.rules = cast, world, rules
        n = len(cast.skill)
        # What nature draws depends neither on the rules nor on what comes of them.
        nature, self.rng = (np.random.default_rng([*seed, part]) for part in (0, 1))
        self.skill = np.tile(cast.skill, (size, 1))
        self.lean = world.drift_sd * nature.standard_normal((size, n))
        error = nature.standard_normal((size, n))
        self.belief = cast.skill + world.belief_sd * error
        self.family = {
            f: nature.standard_normal((2, size, cast.variants[f]))
            for f in np.flatnonzero(cast.variants > 1)
        }
        self.battles, self.points = np.zeros((2, size, n, n))
        self.score, self.chosen_by, self.excess, self.goal = np.zeros((4, size, n))
        self.retired = np.zeros((size, n), dtype=bool)
        self.spread, self.freedom = np.zeros(size), 0

    def play(self, served: np.ndarray) -> tuple[np.ndarray, ...]:
        """Play all weeks."""
        cast, (size, n), weeks = self.cast, self.skill.shape, self.world.weeks
        score, truth, battles = np.full((3, size, weeks, n), np.nan, dtype=np.float32)
        mix = np.linspace(*self.world.mix, weeks)
        old = cast.battles[cast.listed == 0]
        self.meet(np.tile(np.outer(old, old), (size, 1, 1)), old.sum() / 2, mix[0])
        for week, share in enumerate(mix):
            m = int((cast.listed <= week).sum())
            active = ~self.retired[:, :m]
            if self.rules.retirement == "silent":
                active &= cast.silent[:m] > week
            known = int((cast.listed < week).sum()) if week else m
            for f in range(known, m):
                if _variants(cast, self.rules, f) > 1:
                    self.choose(f, active[:, :known], share)
                    # Its first score rests on the tests alone, if they count.
                    active[:, f] = not self.rules.keep_choosing
            self.meet(self.rates(active), served[week], share)
            self.fit(m, share)
            total = self.battles[:, :m, :m].sum(axis=-1)
            score[:, week, :m] = self.published(total)
            truth[:, week, :m] = self.goal[:, :m]
            battles[:, week, :m] = total
            self.retire(total)
        error = boards.standard_errors(
            self.battles,
            self.score,
            weighting=self.rules.weighting,
            tie_rate=self.world.tie_rate,
        )
        return score, truth, battles, self.skill, self.chosen_by, error, active

    def chance(self, gap: np.ndarray, lean: np.ndarray, share: float) -> np.ndarray:
        """Win probability when the second task has `share` of the battles."""
        if not self.world.drift_sd:
            return expit(gap / ELO)
        first, second = expit((gap - lean / 2) / ELO), expit((gap + lean / 2) / ELO)
        return (1 - share) * first + share * second

    def draw(self, p: np.ndarray, met: np.ndarray) -> np.ndarray:
        """Points of the first in `met` battles; a tie is half a point."""
        points, some = np.zeros(met.shape), met > 0
        p = p[some]
        tie = tie_probability(p, self.world.tie_rate)
        outcomes = np.stack([p - tie / 2, 1 - p - tie / 2, tie], axis=-1)
        won, _, tied = self.rng.multinomial(met[some], outcomes).T
        points[some] = won + tied / 2
        return points

    def meet(self, rate: np.ndarray, total: float, share: float) -> None:
        """Let pairs meet, at rates of shape (replicates, models, models)."""
        a, b = np.triu_indices(rate.shape[-1], 1)
        power = POWERS.get(self.rules.sampling, 0.0) if self.score.any() else 0.0
        expected = expected_battles(rate[:, a, b], self.battles[:, a, b], power, total)
        met = self.rng.poisson(expected)
        gap = self.skill[:, a] - self.skill[:, b]
        p = self.chance(gap, self.lean[:, a] - self.lean[:, b], share)
        points = self.draw(p, met)
        for row, column, won in ((a, b, points), (b, a, met - points)):
            self.battles[:, row, column] += met
            self.points[:, row, column] += won

    def rates(self, active: np.ndarray) -> np.ndarray:
        """Rate of each pair, apart from its count."""
        m = active.shape[1]
        if self.rules.sampling == "lmarena":
            weight = self.weights(active)
            return weight[:, :, None] * weight[:, None, :]
        both = 1.0 * (active[:, :, None] & active[:, None, :])
        if self.rules.sampling == "variance":
            score = self.score[:, :m]
            p = expit((score[:, :, None] - score[:, None, :]) / ELO)
            both *= np.sqrt(p * (1 - p))
        return both

    def weights(self, active: np.ndarray) -> np.ndarray:
        """LMArena's weights of models: new ones 5, the best ten 3, others 1."""
        m = active.shape[1]
        score = np.where(active, self.score[:, :m], -np.inf)
        tenth = np.sort(score, axis=1)[:, -min(10, m), None]
        weight = np.where(score >= tenth, 3.0, 1.0)
        weight[self.battles[:, :m].sum(axis=-1) < CONVERGED] = 5.0
        return weight * active

    def choose(self, f: int, active: np.ndarray, share: float) -> None:
        """Test the variants of a family against active models, and list one."""
        cast, world, rules = self.cast, self.world, self.rules
        size, known = active.shape
        n = _variants(cast, rules, f)
        drawn, doubt = self.family[f][..., :n]
        skill = cast.skill[f] + world.variant_sd * drawn
        belief = skill + world.belief_sd * doubt
        weight = 1.0 * active
        if rules.sampling == "lmarena":
            weight = self.weights(active)
        weight /= weight.sum(axis=1, keepdims=True)
        met = self.rng.multinomial(world.test_battles, weight[:, None], (size, n))
        gap = skill[..., None] - self.skill[:, None, :known]
        lean = self.lean[:, None, f, None] - self.lean[:, None, :known]
        points = self.draw(self.chance(gap, lean, share), met)
        estimate, variance = _placed(points, met, self.score[:, None, :known])
        row = np.arange(size)
        by = belief if rules.correction == "ranked" else estimate
        chosen = by.argmax(axis=1)
        self.skill[:, f], self.belief[:, f] = skill[row, chosen], belief[row, chosen]
        self.score[:, f] = best = estimate[row, chosen]
        if not rules.keep_choosing:
            return
        self.chosen_by[:, f] = world.test_battles
        for i, j, table in (
            (f, slice(known), met[row, chosen]),
            (slice(known), f, met[row, chosen]),
        ):
            self.battles[:, i, j] += table
        self.points[:, f, :known] += points[row, chosen]
        self.points[:, :known, f] += (met - points)[row, chosen]
        if rules.correction == "shrunk":
            mean = estimate.mean(axis=1)
            self.spread += ((estimate - mean[:, None]) ** 2).sum(axis=1)
            self.freedom += n - 1
            noise = variance.mean(axis=1) * (1 - world.tie_rate)
            self.excess[:, f] = best - boards.shrink(
                best, mean, noise, self.spread, self.freedom
            )
        if rules.correction == "ranked":
            alike = np.zeros(n), np.ones(n)
            for r in range(size):
                moved = boards.as_ranked(estimate[r], alike[1], belief[r], alike[0])
                self.excess[r, f] = best[r] - moved[chosen[r]]

    def fit(self, m: int, share: float) -> None:
        """Fit the board of the models listed, and what it would be without end."""
        battles, points = self.battles[:, :m, :m], self.points[:, :m, :m]
        weight = boards.weights(battles, self.rules.weighting)
        self.score[:, :m] = boards.climb(
            weight * battles, weight * points, self.score[:, :m]
        )
        skill, lean = self.skill[:, :m], self.lean[:, :m]
        goal = skill - skill.mean(axis=1, keepdims=True)
        if self.world.drift_sd:
            gap, apart = (x[:, :, None] - x[:, None, :] for x in (skill, lean))
            once = np.broadcast_to(1.0 - np.eye(m), gap.shape)
            goal = boards.climb(once, once * self.chance(gap, apart, share), goal)
        self.goal[:, :m] = goal

    def published(self, total: np.ndarray) -> np.ndarray:
        """Scores as the board shows them, or as a reader would correct them."""
        m = total.shape[1]
        score = self.score[:, :m] - self.excess[:, :m] * self.chosen_by[:, :m] / total
        if self.rules.correction != "ranked":
            return score
        maker = self.cast.provider[:m]
        return np.stack(
            [
                boards.as_ranked(score[r], total[r], self.belief[r, :m], maker)
                for r in range(len(score))
            ]
        )

    def retire(self, total: np.ndarray) -> None:
        """Take models out of the battles, from the next week on."""
        rule, m = self.rules.retirement, total.shape[1]
        if rule in ("none", "silent"):
            return
        score, done = self.score[:, :m], total >= CONVERGED
        if rule == "bottom":
            for name in np.unique(self.cast.licence_class[:m]):
                own = self.cast.licence_class[:m] == name
                line = np.quantile(score[:, own], 0.3, axis=1, keepdims=True)
                self.retired[:, :m] |= own & done & (score < line)
            return
        maker, listed = self.cast.provider[:m], self.cast.listed[:m]
        same = maker[:, None] == maker
        newer = (same & (listed > listed[:, None])).sum(axis=1) >= 2
        for r in range(len(score)):
            order = np.argsort(-score[r])
            _, first = np.unique(maker[order], return_index=True)
            ahead = np.sort(score[r, order[np.sort(first)]])[::-1]
            # Providers whose best model is better, which a model's own may be.
            better = (ahead[:, None] > score[r]).sum(axis=0)
            better -= (same & (score[r] > score[r][:, None])).any(axis=1)
            beaten = better > 3
            out = newer & beaten if rule == "both" else newer | beaten
            out[order[np.sort(first)[:10]]] = False
            self.retired[r, :m] |= out & done[r]


def _placed(
    points: np.ndarray, met: np.ndarray, opponents: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of models, and their variance, against opponents of known score."""
    scored, theta = points.sum(axis=-1), np.zeros(points.shape[:-1])
    for _ in range(30):
        p = expit(theta[..., None] - opponents / ELO)
        information = (met * p * (1 - p)).sum(axis=-1)
        step = (scored - (met * p).sum(axis=-1)) / information
        theta = theta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-4:
            return theta * ELO, ELO**2 / information
    raise NotConvergedError("A variant has won or lost all its battles.")
