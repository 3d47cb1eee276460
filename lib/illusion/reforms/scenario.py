"""What a simulated arena is given, what it may decide, and what comes out."""

from dataclasses import dataclass, field

import numpy as np

from illusion.rating import batch

QUARTER = 13  # weeks
TEST_WEEKS = 4  # over which variants get their battles

# Sampling -> the power of its battles by which a pair's chance of one more falls.
POWERS = {"uniform": 0.0, "inverse": 1.0, "variance": 1.5}
_OPTIONS = {
    "sampling": ("lmarena", *POWERS),
    "retirement": ("none", "silent", "both", "either", "bottom"),
    "correction": ("none", "shrunk", "ranked"),
    "weighting": batch.WEIGHTING,
}


@dataclass(frozen=True, eq=False)
class Cast:
    """The models of an arena, in the order in which they are listed.

    Attributes
    ----------
    provider, licence_class : ndarray of str, shape (models,)
        Who made each, and "proprietary", "open-weight" or "open-source".
    skill : ndarray, shape (models,)
        True score in the last week, Elo points; of variants, the mean of the family.
    listed, silent : ndarray of int, shape (models,)
        Week from which each is on the board, 0 if it was before, and week from which
        it has no battles if removal is "silent".
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
    battles : tuple of float
        Battles of every week, those of private variants included.
    tie_rate : float
        Probability of a tie between equals; see
        :func:`~illusion.rating.ratings.tie_probability`.
    variant_sd : float
        Spread of true skill among the variants of a family, Elo points.
    test_battles : int
        Battles of each private variant.
    drift_sd : float
        Spread of the step that the skill of each model takes from week to week, Elo
        points: a random walk that ends, in the last week, at the cast's skill.
    belief_sd : float
        Error with which providers know the skill of their models, Elo points.
    """

    battles: tuple[float, ...] = field(repr=False)
    tie_rate: float = 0.35
    variant_sd: float = 25.0
    test_battles: int = 2_000
    drift_sd: float = 0.0
    belief_sd: float = 0.0

    @property
    def weeks(self) -> int:
        """Number of weeks."""
        return len(self.battles)


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
        Which models are sampled no more, but stay on the board: none; those that the
        cast names; those that meet both conditions of LMArena's rule of December
        2024, or either of them; or the worst 30% of each licence class. The record
        has neither model series nor prices, so that the conditions here are two newer
        models of the same provider, and better models of more than three others.
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
        See :func:`~illusion.rating.batch.weights`.
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
        The score of endless battles between all models listed, in that week; Elo
        points with mean 0; NaN before the listing.
    battles : ndarray, shape (replicates, weeks, models)
        Battles of each model that its score rests on.
    skill : ndarray, shape (replicates, models)
        Of the variant that was listed, in the last week; Elo points on the scale of
        the cast.
    chosen_by : ndarray, shape (replicates, models)
        Of these, battles that chose the variant.
    standard_error : ndarray, shape (replicates, models)
        Of the last board, Elo points.
    active : ndarray of bool, shape (replicates, models)
        Who is still sampled after the last week.
    private : int
        Battles that chose variants and count for no score.
    """

    score: np.ndarray
    truth: np.ndarray
    battles: np.ndarray
    skill: np.ndarray
    chosen_by: np.ndarray
    standard_error: np.ndarray
    active: np.ndarray
    private: int


def variants_tested(cast: Cast, rules: Rules) -> np.ndarray:
    """Variants that are tested for each listing.

    Parameters
    ----------
    cast : Cast
    rules : Rules

    Returns
    -------
    ndarray of int, shape (models,)
        1 if nothing is chosen, as for models that were there before.
    """
    wanted = np.where(cast.listed > 0, cast.variants, 1)
    return wanted if rules.cap is None else np.minimum(wanted, rules.cap)
