"""How a season of the simulated arena is played, week by week."""

import numpy as np
from scipy.special import expit

from illusion.rating import batch
from illusion.rating.likelihood import ELO, NotConvergedError
from illusion.rating.ratings import tie_probability
from illusion.reforms import corrections
from illusion.reforms.scenario import (
    POWERS,
    Cast,
    Rules,
    Season,
    World,
    variants_tested,
)

CONVERGED = 3_000  # battles: policy of 2024-12-15


def votes_saved(score: np.ndarray) -> tuple[float, float]:
    """More votes that pairs at random need than the variance rule, in the long run.

    Parameters
    ----------
    score : ndarray, shape (models,)
        True scores, Elo points.

    Returns
    -------
    tuple of float
        For one mean standard error of win rates, and of scores: shares. Followed for
        long, the rule gives a pair battles in proportion to the power 1/5 of a
        battle's variance: see :func:`expected_battles`.
    """
    n = len(score)
    a, b = np.triu_indices(n, 1)
    p = expit((score[a] - score[b]) / ELO)
    variance = p * (1 - p)
    rule = variance ** (0.5 / (POWERS["variance"] + 1))
    errors = []
    for share in (np.ones(len(a)), rule * len(a) / rule.sum()):
        met = np.zeros((1, n, n))
        met[0, a, b] = met[0, b, a] = share
        of_scores = batch.standard_errors(
            met, score[None], weighting="battles", tie_rate=0
        )
        errors.append([np.sqrt(variance / share).mean(), of_scores.mean()])
    win, scored = (np.divide(*errors) ** 2 - 1).tolist()
    return win, scored


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
        ``rate / (met + 1/2) ** power``. With 3/2 that is in proportion, to 3% once a
        pair has met twice, to ``met ** -0.5 - (met + 1) ** -0.5``.
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
            # Exactly none for a pair that is not sampled: a rounding error, which
            # differs from processor to processor, would cost a random number.
            return np.where(rate > 0, after - before, 0.0)
        clock += missing / (rate / after**power).sum(axis=-1, keepdims=True)
    raise NotConvergedError(f"No allocation of {total} battles was found.")


class Block:
    """Replicates that are played together; arrays are (replicates, models).

    Parameters
    ----------
    cast, world, rules
        As for :func:`~illusion.reforms.arena.simulate`.
    size : int
        Replicates.
    seed : list of int
    """

    def __init__(
        self, cast: Cast, world: World, rules: Rules, size: int, seed: list[int]
    ) -> None:
        self.cast, self.world, self.rules = cast, world, rules
        self.variants = variants_tested(cast, rules)
        n, weeks = len(cast.skill), world.weeks
        # What nature draws depends neither on the rules nor on what comes of them.
        nature, self.rng = (np.random.default_rng([*seed, part]) for part in (0, 1))
        self.last_skill = np.tile(cast.skill, (size, 1))
        path = nature.standard_normal((weeks, size, n)).cumsum(axis=0)
        self.walk = world.drift_sd * (path - path[-1])
        self.skill = self.last_skill + self.walk[0]
        error = nature.standard_normal((size, n))
        self.belief = cast.skill + world.belief_sd * error
        self.family = {
            f: nature.standard_normal((2, size, n_tested))
            for f, n_tested in enumerate(cast.variants)
            if n_tested > 1
        }
        self.battles, self.points = np.zeros((2, size, n, n))
        self.score, self.chosen_by, self.excess = np.zeros((3, size, n))
        self.retired = np.zeros((size, n), dtype=bool)
        self.spread, self.freedom = np.zeros(size), 0

    def play(self, served: np.ndarray, private: int) -> Season:
        """Play all weeks.

        Parameters
        ----------
        served : ndarray, shape (weeks,)
            Battles between public models.
        private : int
            Battles that chose variants and count for no score.

        Returns
        -------
        Season
        """
        cast, (size, n), weeks = self.cast, self.skill.shape, self.world.weeks
        score, truth, battles = np.full((3, size, weeks, n), np.nan, dtype=np.float32)
        old = cast.battles[cast.listed == 0]
        power = POWERS.get(self.rules.sampling, 0.0)
        past = np.tile(np.outer(old, old), (size, 1, 1))
        self.meet(past, old.sum() / 2, 0.0)
        for week in range(weeks):
            self.skill = self.last_skill + self.walk[week]
            m = int((cast.listed <= week).sum())
            active = ~self.retired[:, :m]
            if self.rules.retirement == "silent":
                active &= cast.silent[:m] > week
            known = int((cast.listed < week).sum()) if week else m
            for f in range(known, m):
                if self.variants[f] > 1:
                    self.choose(f, active[:, :known], week)
                    # Its first score rests on the tests alone, if they count.
                    active[:, f] = not self.rules.keep_choosing
            self.meet(self.rates(active), served[week], power)
            self.fit(m)
            total = self.battles[:, :m, :m].sum(axis=-1)
            score[:, week, :m] = self.published(total)
            skill = self.skill[:, :m]
            truth[:, week, :m] = skill - skill.mean(axis=1, keepdims=True)
            battles[:, week, :m] = total
            self.retire(total)
        error = batch.standard_errors(
            self.battles,
            self.score,
            weighting=self.rules.weighting,
            tie_rate=self.world.tie_rate,
        )
        return Season(
            score=score,
            truth=truth,
            battles=battles,
            skill=self.last_skill,
            chosen_by=self.chosen_by,
            standard_error=error,
            active=active,
            private=private,
        )

    def draw(self, p: np.ndarray, met: np.ndarray) -> np.ndarray:
        """Points of the first in `met` battles; a tie is half a point."""
        points, some = np.zeros(met.shape), met > 0
        p = p[some]
        tie = tie_probability(p, self.world.tie_rate)
        outcomes = np.stack([p - tie / 2, 1 - p - tie / 2, tie], axis=-1)
        won, _, tied = self.rng.multinomial(met[some], outcomes).T
        points[some] = won + tied / 2
        return points

    def meet(self, rate: np.ndarray, total: float, power: float) -> None:
        """Let pairs meet, at rates of shape (replicates, models, models)."""
        # Of pairs that are not sampled there are many.
        a, b = np.nonzero(np.triu((rate > 0).any(axis=0), 1))
        expected = expected_battles(rate[:, a, b], self.battles[:, a, b], power, total)
        met = self.rng.poisson(expected)
        gap = self.skill[:, a] - self.skill[:, b]
        points = self.draw(expit(gap / ELO), met)
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

    def choose(self, f: int, active: np.ndarray, week: int) -> None:
        """Test the variants of a family against active models, and list one."""
        cast, world, rules = self.cast, self.world, self.rules
        size, known = active.shape
        n = self.variants[f]
        drawn, doubt = self.family[f][..., :n]
        skill = cast.skill[f] + world.variant_sd * drawn
        belief = skill + world.belief_sd * doubt
        weight = 1.0 * active
        if rules.sampling == "lmarena":
            weight = self.weights(active)
        weight /= weight.sum(axis=1, keepdims=True)
        met = self.rng.multinomial(world.test_battles, weight[:, None], (size, n))
        now = skill + self.walk[week][:, f, None]
        gap = now[..., None] - self.skill[:, None, :known]
        points = self.draw(expit(gap / ELO), met)
        estimate, variance = _placed(points, met, self.score[:, None, :known])
        row = np.arange(size)
        by = belief if rules.correction == "ranked" else estimate
        chosen = by.argmax(axis=1)
        self.last_skill[:, f] = skill[row, chosen]
        self.skill[:, f] = now[row, chosen]
        self.belief[:, f] = belief[row, chosen]
        self.score[:, f] = best = estimate[row, chosen]
        if not rules.keep_choosing:
            return
        self.chosen_by[:, f] = world.test_battles
        met, points = met[row, chosen], points[row, chosen]
        self.battles[:, f, :known] += met
        self.battles[:, :known, f] += met
        self.points[:, f, :known] += points
        self.points[:, :known, f] += met - points
        if rules.correction == "shrunk":
            mean = estimate.mean(axis=1)
            self.spread += ((estimate - mean[:, None]) ** 2).sum(axis=1)
            self.freedom += n - 1
            noise = variance.mean(axis=1) * (1 - world.tie_rate)
            self.excess[:, f] = best - corrections.shrink(
                best, mean, noise, self.spread, self.freedom
            )
        if rules.correction == "ranked":
            maker, weight = np.zeros(n), np.ones(n)
            for r in range(size):
                moved = corrections.as_ranked(estimate[r], weight, belief[r], maker)
                self.excess[r, f] = best[r] - moved[chosen[r]]

    def fit(self, m: int) -> None:
        """Fit the board of the models listed."""
        battles, points = self.battles[:, :m, :m], self.points[:, :m, :m]
        if self.rules.weighting != "battles":
            weight = batch.weights(battles, self.rules.weighting)
            battles, points = weight * battles, weight * points
        self.score[:, :m] = batch.climb(battles, points, self.score[:, :m])

    def published(self, total: np.ndarray) -> np.ndarray:
        """Scores as the board shows them, or as a reader would correct them."""
        m = total.shape[1]
        score = self.score[:, :m] - self.excess[:, :m] * self.chosen_by[:, :m] / total
        if self.rules.correction != "ranked":
            return score
        maker = self.cast.provider[:m]
        return np.stack(
            [
                corrections.as_ranked(score[r], total[r], self.belief[r, :m], maker)
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
            ahead = score[r, order[first]]
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
