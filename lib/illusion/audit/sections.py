"""An audit: what votes allow one to say, in eight sections.

Each section asks one question of the votes, answers it in plain sentences with a table,
and says which findings a pipeline may want to fail on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import chdtrc, expit, ndtr

from illusion.audit.counting import count
from illusion.audit.sparse import DENSE, Scores, scores_of
from illusion.audit.votes import PERIODS, Votes
from illusion.concentration import gini
from illusion.private_testing import selection
from illusion.rating import intake, misfit, ranks, winners
from illusion.rating.battles import NoRankingError, PairCounts, groups
from illusion.rating.intake import InvalidBattlesError
from illusion.rating.likelihood import ELO, NotConvergedError
from illusion.rebuttal import influence

FINDINGS = {
    "refused": "rows that could not be counted",
    "no-single-ranking": "models that no common ranking holds",
    "weak-bridge": "fewer than 50 battles carry the connection of several models",
    "first-place-open": "the votes do not settle who is first",
    "misfit": "one number per model does not fit (p < 0.01)",
    "intransitive": "a circle of models beyond chance (p < 0.05, all circles together)",
    "position": "the side on which a model is shown matters (p < 0.01)",
    "drift": "models changed between the halves of the period (p < 0.01)",
    "concentration": "a tenth of the models has more than half of the battles",
    "silence": "models without a vote in the last 30 days",
    "fragile": "fewer than one battle in a thousand decides the first place",
    "repeats": "rows that repeat another one",
    "heavy-voter": "one voter with more than a twentieth of the votes",
}
"""Findings by name, and when each is made."""
_FEW = 50
_TESTED = 400  # models up to which all pairs and circles are looked at
_QUIET = 30  # days


@dataclass(frozen=True, eq=False)
class Section:
    """One question and its answer.

    Attributes
    ----------
    key, title : str
    chapter : str
        Chapter of the book that explains it.
    sentences : tuple of str
    findings : tuple of str
        Keys of :data:`FINDINGS`.
    numbers : dict of str to int, float, str or None
        What the sentences say, by name.
    table : DataFrame
    """

    key: str
    title: str
    chapter: str
    sentences: tuple[str, ...]
    findings: tuple[str, ...]
    numbers: dict[str, Any]
    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes
    ----------
    votes : Votes
        As they were counted.
    counts : PairCounts
        Of the largest set of models that one ranking holds.
    scores : Scores or None
        None where no ranking exists.
    sections : tuple of Section
    """

    votes: Votes
    counts: PairCounts
    scores: Scores | None
    sections: tuple[Section, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Keys of all findings, in the order of the sections."""
        return tuple(each for s in self.sections for each in s.findings)

    def __getitem__(self, key: str) -> Section:
        """Return the section of that key."""
        return {section.key: section for section in self.sections}[key]

    def __str__(self) -> str:
        """Say what was found, a paragraph per section."""
        lines = []
        for number, section in enumerate(self.sections, 1):
            lines += [f"{number}. {section.title}", *section.sentences, ""]
        return "\n".join([*lines, f"Findings: {', '.join(self.findings) or 'none'}."])

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        sections = [
            {
                "key": section.key,
                "title": section.title,
                "sentences": [*section.sentences],
                "findings": [*section.findings],
                "numbers": {k: _plain(v) for k, v in section.numbers.items()},
                "table": [
                    {str(k): _plain(v) for k, v in row.items()}
                    for row in section.table.to_dict("records")
                ],
            }
            for section in self.sections
        ]
        return {"findings": [*self.findings], "sections": sections}


def run(
    table: Any,
    *,
    since: str | None = None,
    every: str | None = None,
    scheme: str | None = None,
    rng: np.random.Generator | None = None,
    note: Callable[[str], None] = lambda step: None,
    **columns: str | None,
) -> Audit:
    """Audit the votes of a table.

    Parameters
    ----------
    table : table
        One row per vote, or a table of counts; anything narwhals reads. See
        :func:`illusion.audit.counting.count`.
    since : str, optional
        Day as YYYY-MM-DD; earlier votes are left out.
    every : {"month", "quarter", "year"}, optional
        Show the board of each such period too.
    scheme : str, optional
        How the outcome is written.
    rng : numpy.random.Generator, optional
        For the simultaneous rank sets; one of a fixed seed unless given.
    note : callable
        Told what is being done.
    **columns : str
        Column of a role, as for :func:`illusion.audit.counting.count`.

    Returns
    -------
    Audit

    Raises
    ------
    InvalidBattlesError
        A table that cannot be read, or in two ways; or no vote that can be counted.
    """
    rng = np.random.default_rng(1) if rng is None else rng
    if every is not None and every not in PERIODS:
        raise InvalidBattlesError(
            f"every={every!r} is not known: use {intake.listed(PERIODS)}."
        )
    note("counting")
    votes = count(table, since=since, scheme=scheme, repeats=True, **columns)
    if every is not None and votes.first is None:
        raise InvalidBattlesError(
            "every= needs a column of times: say which, as --time COLUMN."
        )
    note("rating")
    parts = _parts(votes.counts)
    core = np.isin(votes.models, [*parts[0]])
    cells = core[votes.a] & core[votes.b]
    counts, scores, refusal = votes.counts, None, None
    try:
        if not cells.any():
            raise NoRankingError("No two models have both beaten, or tied, each other.")
        counts = votes.within(cells) if len(parts) > 1 else counts
        scores = scores_of(counts, rng)
    except (NoRankingError, NotConvergedError) as error:
        refusal = str(error)
    sections = [_read(votes)]
    note("ranking")
    if scores is None:
        why = f"There is nothing to say here, as no ranking exists. {refusal}"
        nothing = {
            key: Section(key, title, chapter, (why,), (), {}, pd.DataFrame())
            for key, title, chapter in _RATED
        }
        first = Section(*_RATED[0], (str(refusal),), (), {}, pd.DataFrame())
        sections += [first, _existence(votes, parts)]
        sections += [nothing["fit"], _shares(votes)]
        sections += [nothing["fragility"], nothing["selection"], _repeated(votes, None)]
        return Audit(votes, counts, None, tuple(sections))
    sections += [_ranking(votes, counts, scores, every, rng), _existence(votes, parts)]
    note("testing the fit")
    sections += [_fit(votes, counts, scores), _shares(votes)]
    note("looking for the fewest battles that decide")
    sections += [_fragility(counts, scores), _selection(scores)]
    sections += [_repeated(votes, scores)]
    return Audit(votes, counts, scores, tuple(sections))


_RATED = (
    ("ranking", "The ranking, and what it can show", "ranking"),
    ("fit", "Does one number per model fit?", "ranking"),
    ("fragility", "How fragile is the first place?", "rebuttal"),
    (
        "selection",
        "What would choosing the best of several be worth?",
        "private-testing",
    ),
)


def _plain(value: Any) -> Any:
    """A value as JSON has it; what is no number is null."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _parts(counts: PairCounts) -> list[tuple[str, ...]]:
    """Split the models into sets within which all scores exist (Ford 1957)."""
    tied = counts.ties > 0
    lost, won = (counts.wins_b > 0) | tied, (counts.wins_a > 0) | tied
    start = np.concatenate([counts.a[lost], counts.b[won]])
    end = np.concatenate([counts.b[lost], counts.a[won]])
    n = len(counts.models)
    graph = coo_array((np.ones(len(start), dtype=bool), (start, end)), shape=(n, n))
    number, label = connected_components(graph.tocsr(), connection="strong")
    order, names = np.argsort(label, kind="stable"), np.array(counts.models, object)
    split = np.split(names[order], np.cumsum(np.bincount(label, minlength=number))[:-1])
    return sorted(map(tuple, split), key=lambda part: (-len(part), part))


def _read(votes: Votes) -> Section:
    total, ties = int(votes.votes.sum()), int(votes.votes[votes.outcome == 2].sum())
    refused = sum(each.rows for each in votes.refused)
    says = [
        f"{_some(total, 'battle')} between {len(votes.models):,} models were counted, "
        f"{ties / total:.1%} of them ties."
    ]
    if votes.first is not None:
        says.append(f"The first is of {votes.first}, the last of {votes.last}.")
    says.append(
        f"{_some(refused, 'row')} of {votes.rows:,} could not be counted and "
        f"{'was' if refused == 1 else 'were'} set aside."
        if refused
        else "Every row was counted."
    )
    used = ", ".join(f"{role} = {name!r}" for role, name in votes.columns.of.items())
    says.append(f"Columns: {used}; outcome: {votes.scheme}.")
    table = pd.DataFrame(
        [(r.reason, r.rows, r.first, r.example) for r in votes.refused],
        columns=["reason", "rows", "first row", "example"],
    )
    numbers = {
        "battles": total,
        "models": len(votes.models),
        "ties": ties,
        "tie_share": ties / total,
        "rows": votes.rows,
        "refused": refused,
        "first": votes.first,
        "last": votes.last,
    }
    found = ("refused",) * bool(refused)
    return Section(
        "read", "What was read", "ranking", tuple(says), found, numbers, table
    )


def _ranking(
    votes: Votes,
    counts: PairCounts,
    scores: Scores,
    every: str | None,
    rng: np.random.Generator,
) -> Section:
    n, order = len(scores.models), np.argsort(-scores.score, kind="stable")
    above = 1 + n - np.searchsorted(np.sort(scores.lower), scores.upper, side="right")
    columns: dict[str, Any] = {
        "model": np.array(scores.models, object),
        "score": scores.score,
        "lower": scores.lower,
        "upper": scores.upper,
        "battles": scores.battles,
        "rank by interval": above,
    }
    leader, open_first = scores.models[order[0]], above[order] == 1
    says = [
        f"{leader} is first of {n:,} models. By the rule that LMArena used, a model's "
        "rank is one more than the number of models whose interval lies wholly above "
        "its own; by that rule "
        + (
            "it is alone at the top."
            if open_first.sum() == 1
            else f"{open_first.sum():,} models share the first place."
        )
    ]
    numbers: dict[str, Any] = {
        "models": n,
        "leader": leader,
        "score": scores.score[order[0]],
        "first_by_interval": int(open_first.sum()),
        "median_error": float(np.median(scores.error)),
    }
    found = ()
    if scores.full is not None and n > 2:
        sets = ranks.confidence_sets(scores.full, rng)
        columns |= {"best rank": sets.best, "worst rank": sets.worst}
        may_be = int((sets.best == 1).sum())
        fixed = int((sets.best == sets.worst).sum())
        p = winners.p_not_first(scores.full.score, scores.full.covariance)
        numbers |= {"may_be_first": may_be, "fixed_ranks": fixed, "p_not_first": p}
        says.append(
            "Asked of all ranks at once, with 95% confidence, "
            f"{_some(may_be, 'model')} may be the best, and {_some(fixed, 'rank')} "
            f"of {n:,} can be shown to be exactly what the table says."
        )
        says.append(
            f"That {leader} is the best is "
            + ("settled by" if p < 0.05 else "not settled by")
            + f" these votes (p = {p:.2g})."
        )
        found = ("first-place-open",) * (p >= 0.05)
    elif n > 2:
        says.append(
            f"Rank sets for all models at once are computed for up to {DENSE:,} models."
        )
    table = pd.DataFrame(columns).iloc[order].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, n + 1))
    if every is not None:
        boards = _windows(votes, every)
        numbers["periods"] = len(boards)
        leaders = [board["leader"] for board in boards if board["leader"]]
        says.append(
            f"By {every}, {_some(len(set(leaders)), 'model')} came first at some time: "
            + "; ".join(
                f"{board['period']}: "
                + (board["leader"] or "no ranking")
                + f" ({board['battles']:,} battles)"
                for board in boards
            )
            + "."
        )
        for board in boards:
            numbers |= {
                f"{board['period']}: {key}": board[key] for key in ("leader", "battles")
            }
    return Section(*_RATED[0], tuple(says), found, numbers, table)


def _windows(votes: Votes, every: str) -> list[dict[str, Any]]:
    """Fit every period's board, from counts by month that are there already."""
    period = votes.month // PERIODS[every]
    boards = []
    for one in np.unique(period):
        month = one * PERIODS[every]
        name = f"{month // 12:04d}" + (
            f"-{month % 12 + 1:02d}" if every != "year" else ""
        )
        counts, leader = votes.within(period == one), None
        part = _parts(counts)[0]
        if 1 < len(part) <= DENSE:
            try:
                board = counts.only(part) if len(part) < len(counts.models) else counts
                fitted = scores_of(board, np.random.default_rng(1))
                leader = fitted.models[int(np.argmax(fitted.score))]
            except (NoRankingError, NotConvergedError):
                pass
        boards.append({"period": name, "battles": counts.n_battles, "leader": leader})
    return boards


def _existence(votes: Votes, parts: list[tuple[str, ...]]) -> Section:
    counts, title = votes.counts, "Is there one ranking?"
    met = groups(counts)
    kept, n = len(parts[0]), len(votes.models)
    numbers: dict[str, Any] = {"groups": len(met), "kept": kept, "models": n}
    says, found = [], []
    if kept == n:
        says.append("Yes: every two models are linked by wins and losses both ways.")
    else:
        found.append("no-single-ranking")
        if len(met) > 1:
            says.append(f"No: the models fall into {len(met):,} groups that never met.")
        says.append(
            f"One ranking holds {kept:,} of the {n:,} models. "
            f"The other {n - kept:,} never met them, or never won, or never lost, "
            "against them, so that their scores would be infinite; they are left out "
            "of the sections on scores and stand in the table."
        )
    weak = _weakest(counts) if len(met) == 1 and n <= _TESTED else None
    if weak is not None:
        battles, side = weak
        numbers |= {"bridge": battles, "side": len(side)}
        if len(side) == 1:
            says.append(
                f"The thinnest link is that of a single model: {side[0]} hangs by "
                f"{_some(battles, 'battle')}."
            )
        else:
            says.append(
                f"The thinnest link: {_some(battles, 'battle')} tie {len(side):,} "
                f"models ({intake.listed(side)}) to all others."
            )
            found += ["weak-bridge"] * (battles < _FEW)
    elif len(met) == 1:
        says.append(f"The thinnest link is looked for among up to {_TESTED} models.")
    totals = counts.totals()
    undefeated = totals.index[totals["losses"] + totals["ties"] == 0]
    winless = totals.index[totals["wins"] + totals["ties"] == 0]
    numbers |= {"undefeated": len(undefeated), "winless": len(winless)}
    if len(undefeated) or len(winless):
        says.append(
            f"{_some(len(undefeated), 'model')} never lost or tied, and "
            f"{_some(len(winless), 'model')} never won or tied."
        )
    out = totals.loc[sorted(name for part in parts[1:] for name in part)]
    table = out.reset_index()[["model", "battles", "wins", "losses", "ties"]]
    return Section(
        "existence", title, "ranking", tuple(says), tuple(found), numbers, table
    )


def _weakest(counts: PairCounts) -> tuple[int, list[str]]:
    """Find the fewest battles that link two sides (Stoer and Wagner 1997)."""
    n = len(counts.models)
    weight = np.zeros((n, n), dtype=np.int64)
    weight[counts.a, counts.b] = weight[counts.b, counts.a] = counts.battles
    sides, alive = [[k] for k in range(n)], np.arange(n)
    best, side = np.iinfo(np.int64).max, [0]
    while len(alive) > 1:
        reach, left = weight[alive[0]].copy(), np.isin(np.arange(n), alive[1:])
        last = before = int(alive[0])
        while left.any():
            before, last = last, int(np.argmax(np.where(left, reach, -1)))
            cut = int(reach[last])
            left[last] = False
            reach += weight[last]
        if cut < best:
            best, side = cut, [*sides[last]]
        sides[before] += sides[last]
        weight[before] += weight[last]
        weight[:, before] += weight[:, last]
        weight[before, before] = 0
        weight[last] = weight[:, last] = 0
        alive = alive[alive != last]
    if len(side) > n // 2:
        side = [k for k in range(n) if k not in side]
    return best, sorted(counts.models[k] for k in side)


def _fit(votes: Votes, counts: PairCounts, scores: Scores) -> Section:
    says, found, numbers, table = [], [], {}, pd.DataFrame()
    full, n = scores.full, len(scores.models)
    if full is None or n > _TESTED:
        says.append(f"The fit is tested on boards of up to {_TESTED} models.")
        return Section(*_RATED[1], tuple(says), (), numbers, table)
    if len(counts.a) >= n:
        try:
            ties = misfit.tie_share(counts)
        except NoRankingError:  # no tie parameter: the variance of a coin is larger
            ties = np.zeros(len(counts.a))
        off = misfit.measure(counts, full, ties=ties)
        numbers |= {
            "statistic": off.statistic,
            "freedom": off.freedom,
            "misfit_p": off.p_value,
            "misfit_points": off.tau,
        }
        bad = off.p_value < 0.01
        says.append(
            "The results of the pairs differ from what the scores imply by "
            + (
                f"more than chance: a pair is typically off by {off.tau:.0f} points."
                if bad
                else "no more than chance would make them."
            )
            + f" (X² = {off.statistic:,.0f} with {off.freedom:,} degrees of freedom, "
            f"p = {off.p_value:.2g})"
        )
        found += ["misfit"] * bool(bad)
        table = off.pairs.reindex(off.pairs["z"].abs().sort_values().index[::-1])
        table = table.head(20).reset_index(drop=True)
        circles = misfit.circles(counts, 10)
        triples = int(circles.attrs["triples"])
        z = float(circles["z"].max()) if len(circles) else float("nan")
        # A triple can turn either way round.
        p = min(1.0, 2 * triples * float(ndtr(-z))) if len(circles) else 1.0
        numbers |= {"triples": triples, "circles": len(circles), "circle_p": p}
        if triples:
            says.append(
                f"Of {_some(triples, 'triple')} of models that met at least ten times "
                f"each, {len(circles):,} go round in a circle, as rock, paper and "
                "scissors do; "
                + ("the surest of them is" if p < 0.05 else "none is")
                + f" beyond chance (p = {p:.2g}, for all of them together)."
            )
            found += ["intransitive"] * (p < 0.05)
    else:
        says.append("The pairs make no circle, so that any scores fit them.")
    side = _position(votes, counts, full.score) if votes.ordered else None
    if side is not None:
        points, error = side
        p = 2 * float(ndtr(-abs(points / error)))
        numbers |= {"position": points, "position_error": error, "position_p": p}
        says.append(
            f"Being shown first is worth {points:.1f} ± {1.96 * error:.1f} points"
            + (", so the side matters." if p < 0.01 else ", which may be chance.")
        )
        found += ["position"] * (p < 0.01)
    drift = _drift(votes, counts, full.score) if votes.first is not None else None
    if drift is not None:
        statistic, freedom, p, change = drift
        largest = int(np.argmax(np.abs(change)))
        numbers |= {"drift": statistic, "drift_freedom": freedom, "drift_p": p}
        numbers |= {"moved_most": counts.models[largest], "moved": change[largest]}
        says.append(
            "Between the first and the second half of the votes, the models "
            + (
                f"changed by more than chance, {counts.models[largest]} most, by about "
                f"{change[largest]:+.0f} points"
                if p < 0.01
                else "changed by no more than chance would make them"
            )
            + f" (p = {p:.2g})."
        )
        found += ["drift"] * (p < 0.01)
    return Section(*_RATED[1], tuple(says), tuple(found), numbers, table)


def _cells(votes: Votes, counts: PairCounts) -> tuple[np.ndarray, ...]:
    """Cells of the rated models: places, points of the first, votes and month."""
    number = {name: k for k, name in enumerate(counts.models)}
    place = np.array([number.get(name, -1) for name in votes.models])
    a, b = place[votes.a], place[votes.b]
    some = (a >= 0) & (b >= 0)
    points = np.array([1.0, 0.0, 0.5])[votes.outcome]
    parts = (a, b, points, votes.votes.astype(float), votes.month)
    return tuple(part[some] for part in parts)


def _laplacian(a: np.ndarray, b: np.ndarray, weight: np.ndarray, n: int) -> np.ndarray:
    form = np.zeros((n, n))
    for i, j, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
        np.add.at(form, (i, j), sign * weight)
    return form


def _position(
    votes: Votes, counts: PairCounts, score: np.ndarray
) -> tuple[float, float] | None:
    """Estimate what the first place on the screen is worth, and its error.

    None where the side cannot be told from the models, as each always has the same.

    A Bradley-Terry model with a term for the side (Davidson and Beaver 1977), by
    Newton's method, the error from the sandwich (White 1982).
    """
    a, b, points, number, _ = _cells(votes, counts)
    n, side = len(counts.models), 0.0
    theta = score / ELO
    for _ in range(50):
        p = expit(theta[a] - theta[b] + side)
        weight = number * p * (1 - p)
        form = np.zeros((n + 1, n + 1))
        form[:n, :n] = _laplacian(a, b, weight, n)
        form[:n, :n] += weight.sum() / n**2
        form[n, :n] = np.bincount(a, weight, n) - np.bincount(b, weight, n)
        form[:n, n], form[n, n] = form[n, :n], weight.sum()
        if np.linalg.matrix_rank(form, hermitian=True) <= n:
            return None
        rest = number * (points - p)
        slope = np.bincount(a, rest, n) - np.bincount(b, rest, n)
        step = np.linalg.solve(form, np.append(slope, rest.sum()))
        step *= min(1, 1.5 / max(2 * np.abs(step).max(), 1e-300))
        theta, side = theta + step[:n], side + step[n]
        if np.abs(step).max() < 1e-9:
            break
    unit = np.zeros(n + 1)
    unit[n] = 1
    along = np.linalg.solve(form, unit)
    pull = along[a] - along[b] + along[n]
    return side * ELO, float(
        np.sqrt((number * (points - p) ** 2 * pull**2).sum()) * ELO
    )


def _drift(
    votes: Votes, counts: PairCounts, score: np.ndarray
) -> tuple[float, int, float, np.ndarray] | None:
    """Test whether the models' scores changed between two halves of the period.

    Rao's score test (1948) of scores of their own in the second half, with the
    variance that the votes show. The changes are its first step.
    """
    a, b, points, number, month = _cells(votes, counts)
    months = np.unique(month)
    before = np.cumsum([number[month == one].sum() for one in months])
    if len(months) < 2:
        return None
    middle = months[1 + np.argmin(np.abs(before[:-1] / before[-1] - 0.5))]
    late, n = month >= middle, len(counts.models)
    p = expit((score[a] - score[b]) / ELO)
    weight, rest = number * p * (1 - p), number * (points - p)
    slope = np.bincount(a[late], rest[late], n) - np.bincount(b[late], rest[late], n)
    whole = _laplacian(a, b, weight, n)
    part = _laplacian(a[late], b[late], weight[late], n)
    information = part - part @ np.linalg.pinv(whole, rcond=1e-9, hermitian=True) @ part
    inverse = np.linalg.pinv(information, rcond=1e-9, hermitian=True)
    freedom = int(np.linalg.matrix_rank(information, tol=1e-9 * np.abs(part).max()))
    dispersion = (number * (points - p) ** 2).sum() / weight.sum()
    statistic = float(slope @ inverse @ slope) / dispersion
    p_value = float(chdtrc(max(freedom, 1), statistic))
    return statistic, freedom, p_value, inverse @ slope * ELO


def _shares(votes: Votes) -> Section:
    counts, n = votes.counts, len(votes.models)
    battles = counts.per_model(counts.battles, counts.battles)
    order = np.argsort(-battles, kind="stable")
    tenth = max(1, n // 10)
    held = float(battles[order[:tenth]].sum() / battles.sum())
    uneven = gini(battles)
    numbers: dict[str, Any] = {"gini": uneven, "top_models": tenth, "top_share": held}
    says = [
        f"The tenth of the models that is shown most ({tenth:,} of {n:,}) has "
        f"{held:.0%} of all places in battles; the Gini coefficient is {uneven:.2f}."
    ]
    found = ["concentration"] * (held > 0.5 and n >= 10)
    table = pd.DataFrame(
        {
            "model": np.array(votes.models, object)[order],
            "battles": battles[order].astype(int),
            "share": battles[order] / battles.sum(),
        }
    )
    if votes.owner:
        owner = pd.Series([votes.owner.get(name, "unknown") for name in votes.models])
        by = pd.Series(battles).groupby(owner.to_numpy()).sum() / battles.sum()
        top = str(by.idxmax())
        numbers |= {"owners": len(by), "top_owner": top, "owner_share": by.max()}
        numbers |= {f"share of {name}": share for name, share in by.items()}
        says.append(
            f"Of {len(by):,} owners, {top} has the largest share, {by.max():.0%}."
        )
        table.insert(1, "owner", owner.to_numpy()[order])
    if votes.first is not None:
        at = pd.to_datetime(pd.Series(votes.last_of), utc=True, format="ISO8601")
        quiet = (at.max() - at).dt.days.to_numpy() > _QUIET
        some = votes.votes > 0
        month = np.tile(votes.month[some], 2)
        of = np.append(votes.a[some], votes.b[some])
        active = pd.Series(of).groupby(month).nunique()
        numbers |= {"silent": int(quiet.sum()), "per_month": float(active.median())}
        says.append(
            f"In a typical month {active.median():.0f} models got votes. "
            f"{_some(int(quiet.sum()), 'model')} had none in the last {_QUIET} days."
        )
        found += ["silence"] * bool(quiet.any())
        table["last vote"] = np.array(votes.last_of, object)[order]
        table["silent"] = quiet[order]
    return Section(
        "shares",
        "Who gets the battles?",
        "data-asymmetry",
        tuple(says),
        tuple(found),
        numbers,
        table,
    )


def _fragility(counts: PairCounts, scores: Scores) -> Section:
    if len(scores.models) > _TESTED:
        says = f"The fewest battles are looked for among up to {_TESTED} models."
        return Section(*_RATED[2], (says,), (), {}, pd.DataFrame())
    try:
        removal = influence.fewest_to_topple(counts)
    except NoRankingError as error:
        return Section(*_RATED[2], (str(error),), (), {}, pd.DataFrame())
    share = removal.removed / counts.n_battles
    table = influence.left_out(counts, removal)
    table = table.sort_values("left_out", ascending=False, kind="stable")
    upset = int(table.loc[(table["expected"] < 0.5) & ~table["tied"], "left_out"].sum())
    says = (
        f"Leave out {_some(removal.removed, 'battle')} of {counts.n_battles:,}, chosen "
        f"for it, and {removal.challenger} is first instead of {removal.leader}, whose "
        f"lead is {removal.lead:.1f} points.",
        f"That is {share:.2%} of the battles. Among them are {upset:,} in which the "
        "model with the lower score won.",
    )
    numbers = {
        "removed": removal.removed,
        "share": share,
        "leader": removal.leader,
        "challenger": removal.challenger,
        "lead": removal.lead,
        "upsets": upset,
    }
    found = ("fragile",) * (share < 0.001)
    return Section(
        *_RATED[2], says, found, numbers, table.head(20).reset_index(drop=True)
    )


def _selection(scores: Scores) -> Section:
    error = float(np.median(scores.error))
    if not error > 0:
        return Section(*_RATED[3], ("There is no error.",), (), {}, pd.DataFrame())
    n = np.array([2, 3, 5, 10, 20, 50])
    gain = np.asarray(selection.best_of(n, 0.0, error).curse)
    ordered = np.sort(scores.score)[::-1]
    middle = float(np.median(ordered))
    passed = [int(((ordered > middle) & (ordered < middle + g)).sum()) for g in gain]
    table = pd.DataFrame({"variants": n, "points": gain, "places": passed})
    says = (
        f"The median standard error here is {error:.1f} points. A provider that tests "
        f"ten equal variants and publishes the best gains {gain[3]:.0f} points by luck "
        f"alone, which in the middle of this board is {_some(passed[3], 'place')}.",
    )
    numbers = {"error": error, "gain_of_ten": gain[3], "places_of_ten": passed[3]}
    return Section(*_RATED[3], says, (), numbers, table)


def _repeated(votes: Votes, scores: Scores | None) -> Section:
    says, found, numbers, table = [], [], {}, pd.DataFrame()
    if votes.repeats is None:
        says.append(
            "Without a time for each vote nobody can tell a repeated row from another "
            "vote with the same result."
        )
    else:
        numbers["repeats"] = votes.repeats
        says.append(
            f"{_some(votes.repeats, 'row')} "
            f"{'repeats' if votes.repeats == 1 else 'repeat'} another one in models, "
            "outcome, time and voter. They were counted; drop them if they are copies."
            if votes.repeats
            else "No row repeats another one in models, outcome, time and voter."
        )
        found += ["repeats"] * bool(votes.repeats)
    voters = votes.voters
    if voters is None:
        says.append("There is no column of voters, so heavy voters cannot be seen.")
    elif voters.number:
        total = sum(votes.votes)
        most = voters.heaviest[0][1] / votes.rows
        numbers |= {"voters": voters.number, "heaviest_share": most}
        says.append(
            f"{voters.number:,} voters cast {total / voters.number:.1f} votes each on "
            f"average; the heaviest cast {most:.1%} of all."
        )
        found += ["heavy-voter"] * (most > 0.05)
        table = pd.DataFrame(voters.heaviest, columns=["voter", "votes"])
        if voters.cells is not None and scores is not None and scores.full is not None:
            wider = float(np.median(_by_voter(votes, scores) / scores.error))
            numbers["wider_by_voter"] = wider
            says.append(
                "Allowing for the votes of one voter to depend on one another changes "
                f"the standard errors by a factor of {wider:.2f}, in the median."
            )
    return Section(
        "repeats",
        "Repeated votes",
        "rebuttal",
        tuple(says),
        tuple(found),
        numbers,
        table,
    )


def _by_voter(votes: Votes, scores: Scores) -> np.ndarray:
    """Standard errors by the voters' sums of scores (Liang and Zeger 1986)."""
    assert votes.voters is not None
    assert votes.voters.cells is not None
    number = {name: k for k, name in enumerate(scores.models)}
    place = np.array([number.get(name, -1) for name in votes.models])
    voter, a, b, outcome, times = votes.voters.cells
    a, b = place[a], place[b]
    some = (a >= 0) & (b >= 0)
    voter, a, b, outcome, times = (v[some] for v in (voter, a, b, outcome, times))
    n, score = len(scores.models), scores.score / ELO
    p = expit(score[a] - score[b])
    rest = times * (np.array([1.0, 0.0, 0.5])[outcome] - p)
    at = (np.tile(voter, 2), np.append(a, b))
    sums = coo_array((np.append(rest, -rest), at), (int(voter.max()) + 1, n)).tocsr()
    form = _laplacian(a, b, times * p * (1 - p), n)
    inverse = np.linalg.pinv(form, rcond=1e-9, hermitian=True)
    clusters = votes.voters.number
    meat = (sums.T @ sums).toarray() * clusters / max(clusters - 1, 1)
    return ELO * np.sqrt(np.einsum("ij,jk,ki->i", inverse, meat, inverse))
