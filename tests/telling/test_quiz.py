"""Every chapter has a quiz, with a reply to every option."""

import re

import nbformat
import pytest
from conftest import FINDINGS, ROOT

from illusion.telling import quiz

GOOD = """
[[question]]
ask = "Is 2 < 3 & so on?"
[[question.option]]
text = "yes"
reply = "Count <on>."
right = true
[[question.option]]
text = "no"
reply = "Count again."
"""


@pytest.fixture
def one(tmp_path, monkeypatch):
    """Return a function that writes and loads the quiz of a chapter `one`."""
    monkeypatch.setattr(quiz, "ROOT", tmp_path)

    def one(text):
        (tmp_path / "one.toml").write_text(text, encoding="utf-8")
        return quiz.load("one")

    return one


def test_a_quiz_is_shown_folded(one):
    questions = one(GOOD)
    shown = quiz.to_html(questions)
    assert shown.count("<details") == 2
    assert "open" not in re.findall(r"<details[^>]*>", shown)[0]
    assert "<summary>yes</summary><p><strong>Yes.</strong> Count &lt;on&gt;." in shown
    assert "<summary>no</summary><p><strong>No.</strong> Count again." in shown
    assert "Is 2 &lt; 3 &amp; so on?" in shown
    assert quiz.to_text(questions) == "1. Is 2 < 3 & so on?\n   - yes\n   - no"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("right = true", "", "one, question 1: 0 options have"),
        ("again.", 'again."\nright = true\nmore = "', "2 options have"),
        ("Count again.", " ", "an option needs a text and a reply"),
    ],
)
def test_a_quiz_that_misleads_is_refused(one, old, new, message):
    with pytest.raises(ValueError, match=message):
        one(GOOD.replace(old, new))


def test_every_chapter_has_a_quiz():
    files = {path.stem for path in (ROOT / "chapters" / "quizzes").iterdir()}
    assert files == {path.stem for path in FINDINGS}


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_the_quiz_of_a_chapter(path):
    questions = quiz.load(path.stem)
    assert len(questions) in (4, 5)
    places = set()
    for question in questions:
        assert question.ask.endswith(("?", ":"))
        assert len(question.options) in (3, 4)
        texts = [option.text for option in question.options]
        replies = [option.reply for option in question.options]
        assert len(set(texts)) == len(texts)
        assert len(set(replies)) == len(replies)
        # The answer cannot be told by its length.
        lengths = sorted(map(len, texts))
        right = next(option for option in question.options if option.right)
        assert len(right.text) < 2 * lengths[-2], question.ask
        assert all(len(reply) > 20 for reply in replies)
        places.add(texts.index(right.text))
    assert len(places) > 1, "the answer always stands in the same place"
    cells = nbformat.read(path, as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    assert sum(f'quiz.show("{path.stem}")' in source for source in sources) == 1
