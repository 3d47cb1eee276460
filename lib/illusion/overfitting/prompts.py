"""How many prompts have been seen before: one stream, counted in several ways.

The stream is a model. A prompt has an *intent*, what it asks. The k-th most common
intent is asked ``top * k**-exponent`` of the time, a Zipf-like popularity as Breslau
et al. (1999) found it in requests for web pages; what the shared intents leave over
is asked once and never again. An intent has a usual wording, at distance 0; any
other wording is a paraphrase, at a random distance. A user may send the same text
again within the day.

Two prompts of one text have similarity 1; two of one intent, at distances d and e
from its usual wording, ``(1 - d) * (1 - e)``; two of different intents 0. That stands
in for the cosine of two embeddings. In reality the sides used different embeddings,
in which one cosine means different things; the model has only one.

A share of repeated prompts depends on the *unit* that must lie between two prompts,
on the *threshold* of similarity, and on the *direction*: seen before, or again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

DAYS = {"day": 1, "week": 7, "month": 30}


@dataclass(frozen=True)
class StreamModel:
    """Where the prompts come from; the defaults give both sides' shares between months.

    Attributes
    ----------
    per_day : int
        Prompts a day; LMArena's 355,575 of eight months make 1,480.
    top : float
        Share of the prompts with the most common intent; LMArena's of "hi".
    exponent : float
        How fast popularity falls with rank.
    intents : int
        Intents that are shared. Past the default, one comes less than once in
        eight months and might as well be asked once and never again.
    repeat : float
        Probability that a prompt is its user's last one, sent again.
    usual : float
        Probability that a prompt is in the usual wording of its intent.
    farthest : float
        Largest distance of a paraphrase; distances are uniform from 0 to this.

    Raises
    ------
    ValueError
        A count below 1, a share outside [0, 1], or shares of the shared intents
        that add up to more than 1.
    """

    per_day: int = 1480
    top: float = 0.021
    exponent: float = 0.9
    intents: int = 100_000
    repeat: float = 0.151
    usual: float = 0.33
    farthest: float = 0.53

    def __post_init__(self) -> None:
        """Refuse what is no count, no share or no popularity."""
        for name in ("per_day", "intents"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be 1 or more.")
        for name in ("top", "repeat", "usual", "farthest"):
            _require_shares(name, getattr(self, name))
        if (total := self.popularity().sum()) > 1 + 1e-9:
            raise ValueError(
                f"The shares of the {self.intents} shared intents add up to "
                f"{total:.3f}: lower top or intents, or raise exponent."
            )

    def popularity(self) -> np.ndarray:
        """Share of prompts that have each shared intent, shape (intents,)."""
        return self.top * np.arange(1, self.intents + 1) ** -float(self.exponent)


@dataclass(frozen=True, eq=False)
class Stream:
    """Prompts in order of time; each array has shape (prompts,).

    Attributes
    ----------
    day : ndarray of int
        Day of each prompt, from 0.
    intent : ndarray of int
        What it asks; of the shared intents, smaller numbers are more common.
    text : ndarray of int
        The same for prompts of the same text. A paraphrase's text returns within
        its day only.
    distance : ndarray of float
        From the usual wording of the intent, 0 or more and below 1.
    repeat : ndarray of bool
        Whether its user had sent this text earlier in the day.
    """

    day: np.ndarray
    intent: np.ndarray
    text: np.ndarray
    distance: np.ndarray
    repeat: np.ndarray

    def only(self, keep: np.ndarray) -> Stream:
        """Keep the prompts for which a mask, shape (prompts,), is true."""
        return Stream(*(column[keep] for column in vars(self).values()))

    def months(self, first: int, count: int = 1) -> Stream:
        """Keep months of 30 days, numbered from 0; one without prompts is refused."""
        month = self.day // DAYS["month"]
        wanted = np.arange(first, first + count)
        if missing := [*np.setdiff1d(wanted, month)]:
            raise ValueError(f"Month {missing[0]} is none of the stream's, from 0.")
        return self.only(np.isin(month, wanted))

    def without_repeats(self) -> Stream:
        """Keep what each user sent for the first time that day."""
        return self.only(~self.repeat)


def simulate_stream(
    months: int, rng: np.random.Generator, model: StreamModel | None = None
) -> Stream:
    """Draw the prompts of some months.

    Users come one after another, so that a repeat follows what it repeats.

    Parameters
    ----------
    months : int
        Months of 30 days.
    rng : numpy.random.Generator
    model : StreamModel, optional
        The default model unless given.

    Returns
    -------
    Stream

    Raises
    ------
    ValueError
        Less than one month.
    """
    if months < 1:
        raise ValueError(f"months={months} must be 1 or more.")
    model = model or StreamModel()
    n = months * DAYS["month"] * model.per_day
    prompt = np.arange(n)
    place = model.popularity().cumsum().searchsorted(rng.random(n), side="right")
    intent = np.where(place < model.intents, place, model.intents + prompt)
    paraphrased = rng.random(n) >= model.usual
    distance = np.where(paraphrased, rng.uniform(0, model.farthest, n), 0.0)
    text = np.where(paraphrased, model.intents + n + prompt, intent)
    repeat = rng.random(n) < model.repeat
    repeat[:: model.per_day] = False  # nothing was sent earlier that day
    source = np.maximum.accumulate(np.where(repeat, 0, prompt))
    return Stream(
        prompt // model.per_day, intent[source], text[source], distance[source], repeat
    )


def provider_log(
    per_day: float,
    share: float,
    rng: np.random.Generator,
    *,
    months: int = 2,
    model: StreamModel | None = None,
) -> Stream:
    """Draw what one provider logs of a stream of which it sees a share.

    Each prompt, sent again or not, goes to models that are drawn anew. It reaches the
    provider with the probability that one of its models is among them.

    Parameters
    ----------
    per_day : float
        Prompts a day in the log.
    share : float
        Probability with which a prompt reaches the provider, above 0.
    rng : numpy.random.Generator
    months : int
        Months of 30 days.
    model : StreamModel, optional
        Of the whole stream, but for its size; the default model unless given.

    Returns
    -------
    Stream
        Of the log. ``repeat`` says that its user had sent the text earlier in the
        day, which the provider may not have seen.

    Raises
    ------
    ValueError
        A share that is 0 or outside [0, 1], or as for :func:`simulate_stream`.
    """
    _require_shares("share", share)
    if share == 0:
        raise ValueError("share=0: nothing reaches this provider.")
    whole = replace(model or StreamModel(), per_day=round(per_day / share))
    stream = simulate_stream(months, rng, whole)
    return stream.only(rng.random(len(stream.day)) < share)


def nearest(stream: Stream, unit: str = "prompt", *, later: bool = False) -> np.ndarray:
    """Similarity of each prompt to the most similar one of another time.

    Parameters
    ----------
    stream : Stream
    unit : {"prompt", "day", "week", "month"}
        Compare with any earlier prompt, or only with those of an earlier day,
        week (7 days) or month (30).
    later : bool
        Compare with later ones instead.

    Returns
    -------
    ndarray, shape (prompts,)
        From 0, where none has the same intent, to 1, where one is the same text.

    Raises
    ------
    ValueError
        An unknown unit.
    """
    if unit == "prompt":
        when = np.arange(len(stream.day))
    elif unit in DAYS:
        when = stream.day // DAYS[unit]
    else:
        raise ValueError(f"unit={unit!r} must be 'prompt' or one of {list(DAYS)}.")
    if later:
        when = -when
    order = np.lexsort((when, stream.intent))
    intent, moment = stream.intent[order], when[order]
    starts = np.diff(intent, prepend=-1).astype(bool)
    starts |= np.diff(moment, prepend=moment[0]).astype(bool)
    # Per intent and moment its least distance, then the least of earlier moments.
    least = pd.Series(np.minimum.reduceat(stream.distance[order], starts.nonzero()[0]))
    least = least.groupby(intent[starts]).cummin()
    before = least.groupby(intent[starts]).shift(fill_value=1.0).to_numpy()
    similarity = np.empty(len(order))
    similarity[order] = 1 - before[starts.cumsum() - 1]
    similarity *= 1 - stream.distance
    same_text = pd.Series(when).groupby(stream.text).transform("min") < when
    return np.where(same_text, 1.0, similarity)


def lost(stream: Stream, month: int, threshold: float = 1.0) -> float:
    """Share of a month's prompts that de-duplication within the month removes.

    Parameters
    ----------
    stream : Stream
    month : int
        From 0.
    threshold : float
        Similarity from which two prompts are alike; 1 for the same text.

    Returns
    -------
    float
        Share with an earlier prompt of the month that is alike; repeats count.

    Raises
    ------
    ValueError
        A month without prompts, or a threshold outside (0, 1].
    """
    _require_threshold(threshold)
    return float((nearest(stream.months(month)) >= threshold).mean())


def returning(stream: Stream, month: int, threshold: float = 1.0) -> float:
    """Share of a month's prompts that occur again in the next month.

    Parameters
    ----------
    stream, month, threshold
        As for :func:`lost`, whose errors this raises too.

    Returns
    -------
    float
    """
    _require_threshold(threshold)
    both = stream.months(month, 2)
    again = nearest(both, "month", later=True) >= threshold
    return float(again[both.day // DAYS["month"] == month].mean())


def fresh(stream: Stream, threshold: float = 0.7, unit: str = "day") -> pd.Series:
    """Share of each day's prompts that are like none of an earlier day.

    The share falls as the past grows, so that a mean depends on the days it is taken
    over.

    Parameters
    ----------
    stream : Stream
    threshold : float
        As for :func:`lost`, whose errors this raises too.
    unit : {"prompt", "day", "week", "month"}
        As for :func:`nearest`.

    Returns
    -------
    Series
        Indexed by day.
    """
    _require_threshold(threshold)
    new = pd.Series(nearest(stream, unit) < threshold, name="fresh")
    return new.groupby(pd.Series(stream.day, name="day")).mean()


def seen_share(
    stream: Stream, month: int, share: float | np.ndarray, threshold: float = 1.0
) -> float | np.ndarray:
    """Expected share of the next month's prompts of which a provider saw the like.

    Parameters
    ----------
    stream : Stream
    month : int
        In which the provider sees prompts, from 0.
    share : float or ndarray
        Probability f with which it sees each of them, independently.
    threshold : float
        As for :func:`lost`.

    Returns
    -------
    float or ndarray
        Mean over the next month's prompts of ``1 - (1 - f)**c``, with c the prompts
        of this month that are like each. Exact, given the stream.

    Raises
    ------
    ValueError
        A share outside [0, 1], or as for :func:`lost`.
    """
    _require_threshold(threshold)
    _require_shares("share", share)
    past, future = stream.months(month), stream.months(month + 1)
    # Sorted by intent, then distance: those alike are one stretch, maybe empty.
    key = np.sort(past.intent + past.distance)
    reach = future.intent + 1 - threshold / (1 - future.distance)
    alike = key.searchsorted(reach, side="right") - key.searchsorted(future.intent)
    count, prompts = np.unique(np.maximum(alike, 0), return_counts=True)
    missed = (1 - np.asarray(share, dtype=float)[..., None]) ** count
    return ((1 - missed) @ prompts / prompts.sum())[()]


def _require_shares(name: str, value: float | np.ndarray) -> None:
    """Refuse what lies outside [0, 1]."""
    if not ((np.asarray(value) >= 0) & (np.asarray(value) <= 1)).all():
        raise ValueError(f"{name}={value} must lie between 0 and 1.")


def _require_threshold(threshold: float) -> None:
    """Refuse a threshold that different intents would pass, or no prompts."""
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold={threshold} must be above 0, and 1 at most.")
