"""The numbers that people quote: what is shown of them, and what is refused."""

import re

import pytest

from illusion import headlines, ledger
from illusion.headlines import Headline
from illusion.telling import charts

GAIN, LUCK = "best-of-n.paper-final-n20", "best-of-n.lmarena-n50"
COUNT = "silent.paper-inactive"


@pytest.fixture
def shown(monkeypatch):
    """Return a function that shows headlines, and what was displayed."""
    bundles = []
    monkeypatch.setattr(
        headlines, "display", lambda bundle, raw: bundles.append(bundle)
    )

    def show(*lines: Headline) -> dict[str, str]:
        headlines.show(lines)
        return bundles.pop()

    return show


def line(**changes) -> Headline:
    texts = {"question": "How much?", "answer": "Both & none.<!--?x > 1--> So."}
    said = {"paper": {GAIN: "in all"}, "lmarena": {LUCK: "luck"}, "ours": {GAIN: ""}}
    return Headline(**{**texts, "unit": "points", "end": 100.0, **said, **changes})


def test_both_sides_ours_and_the_answer_are_shown(shown):
    judged = ledger.evaluate()
    bundle = shown(line())
    assert bundle["text/plain"].splitlines() == [
        "How much?",
        f"  paper: {judged.loc[GAIN, 'value']:g} in all",
        f"  LMArena: {judged.loc[LUCK, 'value']:g} luck",
        f"  this book: {judged.loc[GAIN, 'ours']:.3g}",
        "  Both &amp; none. So.",
    ]
    html = bundle["text/html"]
    for party in ("paper", "LMArena", "this book"):
        assert f'style="--party:{charts.PARTY_COLOURS[party]}"' in html
    chapter = judged.loc[GAIN, "chapter"]
    assert f'href="{chapter}.ipynb#{ledger.anchor(GAIN)}"' in html
    assert "<!--" not in html


def test_a_mark_stands_where_its_number_is(shown):
    judged = ledger.evaluate()
    html = shown(line(end=200.0))["text/html"]
    for value in (judged.loc[GAIN, "value"], judged.loc[LUCK, "value"]):
        assert f"left:{value / 2:.1f}%;width:0.0%" in html


def test_what_may_be_anything_between_two_is_a_bar(shown):
    low, high = sorted(ledger.evaluate().loc[COUNT, ["ours", "other"]])
    bundle = shown(line(ours={COUNT: "models"}, end=1000.0))
    assert f"this book: {low:.0f} to {high:.0f} models" in bundle["text/plain"]
    assert f"left:{low / 10:.1f}%;width:{(high - low) / 10:.1f}%" in bundle["text/html"]


def test_ours_comes_with_its_interval_as_far_as_the_line_goes(shown):
    name = "aya.paper-8b-gap"
    claim = ledger.evaluate().loc[name]
    reach = 1.96 * claim["error"]
    assert claim["ours"] < reach
    bundle = shown(line(ours={name: ""}, paper={name: ""}))
    assert f"this book: {claim['ours']:.3g} ± {reach:.2g}" in bundle["text/plain"]
    (bar,) = re.findall(r'<u style="left:(.+?)%;width:(.+?)%">', bundle["text/html"])
    assert bar == ("0.0", f"{claim['ours'] + reach:.1f}")


def test_who_has_no_number_says_something_else(shown):
    bundle = shown(line(lmarena={}, instead={"LMArena": "no <vote> shows it"}))
    assert "LMArena: no &lt;vote&gt; shows it" in bundle["text/plain"]


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"lmarena": {}}, ValueError, "How much. What does LMArena say"),
        ({"end": 20.0}, ValueError, "is not on a line from 0 to 20"),
        ({"paper": {"no.such": ""}}, KeyError, "no.such"),
    ],
)
def test_what_cannot_be_shown_is_refused(shown, changes, error, says):
    with pytest.raises(error, match=says):
        shown(line(**changes))
