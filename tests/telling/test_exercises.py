"""Checks say whether an answer is right, and never what would be."""

import math

import numpy as np
import pandas as pd
import pytest

from illusion import data
from illusion.telling import exercises
from illusion.telling.exercises import check


@pytest.fixture
def keep(monkeypatch):
    """Return a function that keeps the digests of an answer, as a solution does."""
    tables = {}

    def load(name):
        assert name == "answers"
        rows = [
            {"exercise": label, "part": part, "digest": digest}
            for label, digests in tables.items()
            for part, digest in enumerate(digests, 1)
        ]
        return pd.DataFrame(rows, columns=["exercise", "part", "digest"])

    monkeypatch.setattr(data, "load", load)
    monkeypatch.setattr(exercises, "seen", {})

    def keep(label, answer, within=None):
        check(label, answer, within)
        tables[label] = exercises.seen[label]

    return keep


@pytest.fixture
def said(capsys):
    """Return a function that checks an answer and returns what is said."""

    def said(label, answer, within=None):
        capsys.readouterr()
        check(label, answer, within)
        return capsys.readouterr().out

    return said


@pytest.mark.parametrize("book", [0, 3, -17.3, 1e6 + 0.4, 0.0123])
@pytest.mark.parametrize("within", [0.001, 0.5, 10])
def test_a_number_is_right_if_it_is_near(keep, said, book, within):
    keep("ex-n", book, within)
    # The distance is kept to a sixteenth of what is allowed.
    for share in (0, 0.5, 0.93, -0.93):
        assert said("ex-n", book + share * within, within) == "ex-n: right.\n"
    for share in (1.07, -1.07, 2, -100):
        assert said("ex-n", book + share * within, within) == "ex-n: not yet.\n"


def test_texts_are_compared_without_case_and_space(keep, said):
    keep("ex-t", "The Paper")
    assert said("ex-t", "  the\n paper ") == "ex-t: right.\n"
    assert said("ex-t", "the papers") == "ex-t: not yet.\n"
    assert said("ex-t", 3, 1) == "ex-t: not yet.\n"


def test_parts_are_counted(keep, said):
    keep("ex-p", ["b", 2, 0.5], within=0.1)
    assert said("ex-p", ("B", 2.05, 0.45), within=0.1) == "ex-p: right.\n"
    assert said("ex-p", ["b", 3, 0.5], within=0.1) == (
        "ex-p: not yet; 2 of 3 parts are right.\n"
    )
    # The same values in other places are other answers.
    assert "1 of 3" in said("ex-p", ["b", 0.5, 2], within=0.1)
    # Nor do the digests tell that two parts are alike.
    keep("ex-q", [2, 2], within=0.1)
    assert len(set(exercises.seen["ex-q"])) == 2
    assert said("ex-p", ["b", 2], within=0.1) == (
        "ex-p: not yet; it has 2 parts instead of 3.\n"
    )


@pytest.mark.parametrize(
    "same",
    [np.float64(4.0), np.int64(4), np.array(4), np.array([4.0]), pd.Series([4]), [4]],
)
def test_numbers_of_all_kinds(keep, said, same):
    keep("ex-k", 4, 0.1)
    assert said("ex-k", same, 0.1) == "ex-k: right.\n"


@pytest.mark.parametrize("nothing", [..., None, [], {}, math.nan, math.inf, [1, None]])
def test_no_answer_is_said_to_be_none(keep, said, nothing):
    keep("ex-0", 4, 0.1)
    expected = "ex-0: no answer yet.\n"
    assert said("ex-0", nothing, 0.1) == expected


def test_labels_are_told_apart(keep, said):
    keep("ex-a", 4, 0.1)
    keep("ex-b", 5, 0.1)
    assert said("ex-b", 4, 0.1) == "ex-b: not yet.\n"
    assert said("ex-c", 4, 0.1) == "ex-c: the book keeps no answer to this exercise.\n"
    assert exercises.seen["ex-a"] != exercises.seen["ex-c"]


def test_a_number_needs_a_tolerance(keep):
    with pytest.raises(ValueError, match="ex-n: a number needs `within`"):
        check("ex-n", 3)
    with pytest.raises(ValueError, match="must be above 0"):
        check("ex-n", 3, within=0)


def test_nothing_that_is_said_shows_the_answer(keep, said):
    keep("ex-s", ["secret", 271828], within=1)
    for answer in (["x", 1], ["secret", 5], "y", ...):
        out = said("ex-s", answer, within=1)
        assert "secret" not in out
        assert "271" not in out
    assert not any("secret" in d or "271828" in d for d in exercises.seen["ex-s"])
