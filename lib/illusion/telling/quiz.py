"""Questions after a chapter, with a reply to every option.

Each option opens and closes by itself (the browser's own ``details``), so that a
quiz works by keyboard, with a screen reader, without a script and in JupyterLab.
"""

import html
import tomllib
from dataclasses import dataclass
from pathlib import Path

from IPython.display import display

ROOT = Path(__file__).resolve().parents[3] / "chapters" / "quizzes"


@dataclass(frozen=True)
class Option:
    """An answer to choose, what a reader who does is told, and whether it is right."""

    text: str
    reply: str
    right: bool


@dataclass(frozen=True)
class Question:
    """A question and its options, one of which is right."""

    ask: str
    options: tuple[Option, ...]


def load(chapter: str) -> list[Question]:
    """Read the questions of a chapter.

    Parameters
    ----------
    chapter : str
        The notebook's name without its ending: ``chapters/quizzes/`` has a file
        for each, in TOML.

    Returns
    -------
    list of Question

    Raises
    ------
    ValueError
        A question that has not one right option, or an option without a reply.
    """
    with (ROOT / f"{chapter}.toml").open("rb") as file:
        asked = tomllib.load(file)["question"]
    return [_question(f"{chapter}, question {n}", q) for n, q in enumerate(asked, 1)]


def show(chapter: str) -> None:
    """Show the quiz of a chapter.

    Parameters
    ----------
    chapter : str
        As for :func:`load`.
    """
    questions = load(chapter)
    data = {"text/html": to_html(questions), "text/plain": to_text(questions)}
    display(data, raw=True)


def to_html(questions: list[Question]) -> str:
    """Write a quiz whose options open to show the reply.

    Parameters
    ----------
    questions : list of Question

    Returns
    -------
    str
        HTML: an ordered list, with a ``details`` for each option.
    """
    items = []
    for question in questions:
        options = "\n".join(
            f"<details{' data-right' if option.right else ''}>"
            f"<summary>{html.escape(option.text)}</summary>"
            f"<p><strong>{'Yes' if option.right else 'No'}.</strong> "
            f"{html.escape(option.reply)}</p></details>"
            for option in question.options
        )
        items.append(f"<li><p>{html.escape(question.ask)}</p>\n{options}\n</li>")
    return '<ol class="quiz">\n' + "\n".join(items) + "\n</ol>"


def to_text(questions: list[Question]) -> str:
    """Write the questions and options, without the replies.

    Parameters
    ----------
    questions : list of Question

    Returns
    -------
    str
        A Markdown list.
    """
    lines = []
    for number, question in enumerate(questions, 1):
        lines.append(f"{number}. {question.ask}")
        lines += [f"   - {option.text}" for option in question.options]
    return "\n".join(lines)


def _question(place: str, fields: dict) -> Question:
    options = tuple(
        Option(o["text"], o["reply"], o.get("right", False)) for o in fields["option"]
    )
    for option in options:
        if not (option.text.strip() and option.reply.strip()):
            raise ValueError(f"{place}: an option needs a text and a reply: {option}")
    if (right := sum(option.right for option in options)) != 1:
        raise ValueError(f"{place}: {right} options have `right = true`; mark one.")
    return Question(fields["ask"], options)
