"""The ledger: complete, consistent, shown where it says, and right in samples."""

import json
import re
import statistics
from collections import Counter
from datetime import date, timedelta
from html.parser import HTMLParser
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, raw
from scipy.integrate import quad
from scipy.stats import norm

from illusion import data, ledger, record
from illusion.rating import ratings
from illusion.rating.battles import PairCounts

CLAIMS = data.load("claims").set_index("id")
OPEN = CLAIMS.index[CLAIMS["kind"].isin(["unavailable", "unread"])]
CHAPTERS = list(CLAIMS["chapter"].unique())


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed, in a run that has settled nothing yet."""
    bundles = []
    monkeypatch.setattr(ledger, "display", lambda bundle, raw: bundles.append(bundle))
    monkeypatch.setattr(ledger, "_here", {})
    return bundles


class Rows(HTMLParser):
    """The rows of all tables' bodies: attributes, links, tags and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[dict] = []
        self.feed("".join(re.findall(r"<tbody>(.*?)</tbody>", html, re.DOTALL)))

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "tr":
            row = {"attrs": dict(attrs), "links": [], "tags": [], "text": ""}
            self.rows.append(row)
        self.rows[-1]["tags"].append(tag)
        if tag == "a":
            self.rows[-1]["links"].append(dict(attrs)["href"])

    def handle_data(self, text: str) -> None:
        if text.strip():
            self.rows[-1]["text"] += text


def outputs(chapter: str) -> list[tuple[str, dict]]:
    """Return the code and the MIME bundle of each output of a stored chapter."""
    path = ROOT / "chapters" / f"{chapter}.ipynb"
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [
        ("".join(cell["source"]), output["data"])
        for cell in cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]


def settled(chapter: str) -> list[dict]:
    """Return what the cells of a chapter have settled."""
    return [out[ledger.MIME] for _, out in outputs(chapter) if ledger.MIME in out]


def stored(chapter: str) -> list[dict]:
    """Return the rows of all ledgers that a stored chapter shows."""
    pages = ["".join(out.get("text/html", "")) for _, out in outputs(chapter)]
    return [row for html in pages if 'class="ledger' in html for row in Rows(html).rows]


# The verdict of two numbers.


def claim(kind: str = "data", depends: str | None = None) -> pd.Series:
    return pd.Series(
        {"value": 100.0, "tolerance": 5.0, "kind": kind, "depends": depends}
    )


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [
        (100, None, "agrees"),
        (105, None, "agrees"),
        (95, None, "agrees"),
        (105.001, None, "differs"),
        (94.999, None, "differs"),
        (104, 96, "agrees"),
        (104, 106, "depends"),
        (95, 94, "depends"),
        (106, 94, "differs"),
        (106, 100, "depends"),
        (104, 0, "depends"),
        (None, None, "cannot tell"),
    ],
)
@pytest.mark.parametrize("depends", ["assumption", "definition"])
@pytest.mark.parametrize(
    ("kind", "agrees"),
    [
        ("data", "recomputed"),
        ("simulation", "recomputed"),
        ("arithmetic", "adds up"),
        ("document", "documented"),
    ],
)
def test_verdict(ours, other, expected, depends, kind, agrees):
    names = {"agrees": agrees, "depends": depends}
    judged = ledger.judge(claim(kind, depends), ours, other)
    assert judged == names.get(expected, expected)


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [
        (80, 120, "assumption"),
        (120, 80, "assumption"),
        (98, 120, "assumption"),
        (98, 103, "recomputed"),
        (70, 90, "differs"),
        (110, 130, "differs"),
    ],
)
def test_verdict_on_a_range(ours, other, expected):
    found = ledger.judge(claim(depends="assumption"), ours, other, between=True)
    assert found == expected


def test_verdict_forgives_rounding_and_no_more():
    assert abs(1.1 - 1) > 0.1  # in floating point
    exact = pd.Series({"value": 43.0, "tolerance": 0.0, "kind": "data"})
    assert ledger.judge(exact, 43) == "recomputed"
    assert ledger.judge(exact, 42.9999) == "differs"
    near = pd.Series({"value": 1.0, "tolerance": 0.1, "kind": "data"})
    assert ledger.judge(near, 1.1) == "recomputed"


@pytest.mark.parametrize(
    ("printed", "unit", "expected"),
    [("20.4", "percent", 0.05), ("34.0", "percent", 0.05), ("27", "variants", 0.5),
     ("100", "points", 0.5), ("yes", "yes or no", 0), ("2024-03-01", "date", 0)],
)  # fmt: skip
def test_tolerance_is_half_a_printed_unit(monkeypatch, printed, unit, expected):
    table = (
        data.load("claims").set_index("id", drop=False).loc[["variants.paper-google"]]
    )
    table = table.assign(value=printed, unit=unit)
    monkeypatch.setattr(ledger.data, "load", lambda name: table)
    assert ledger._said.__wrapped__()["tolerance"].tolist() == [pytest.approx(expected)]


def test_another_tolerance_has_its_reason():
    given = CLAIMS["tolerance"].notna()
    assert given.equals(CLAIMS["tolerance_reason"].notna())
    about = CLAIMS[CLAIMS["tolerance_reason"] == "about: a tenth"]
    values = about["value"].astype(float)
    assert (about["tolerance"] - values / 10).abs().max() < 1e-9
    assert (
        about["claim"]
        .str.contains(r"\b(?:about|around|nearly|times)\b", case=False)
        .all()
    )


def test_our_own_error_is_part_of_the_tolerance():
    assert ledger.judge(claim(), 108, error=2) == "recomputed"
    assert ledger.judge(claim(), 109, error=2) == "differs"


@pytest.mark.parametrize(
    ("difference", "error", "says"),
    [(3, 1, True), (-3, 1, False), (1.9, 1, None), (-1.9, 1, None), (0, 0, None)],
)
def test_an_interval_that_contains_zero_says_nothing(difference, error, says):
    assert ledger.above(difference, error) is says


# Settling a claim.


GAIN = "best-of-n.lmarena-n50"


@pytest.fixture
def said(monkeypatch):
    """Let a test settle two claims: one that depends on nothing, and one that does."""
    table = ledger._said().loc[[GAIN, "ranking.lmarena-board", OPEN[0]]].copy()
    table["reason"] = [
        "From {ours:.1f} to {other:.0f}, {word}.",
        "Plain.",
        "They have.",
    ]
    table["depends"] = ["assumption", np.nan, np.nan]
    monkeypatch.setattr(ledger, "_said", lambda: table)
    return table


def test_a_claim_is_settled_shown_and_stored(said, shown):
    ledger.settle(GAIN, 11.4729, other=60, error=0.25, word="so")
    (bundle,) = shown
    assert bundle[ledger.MIME] == {
        "id": GAIN,
        "ours": 11.4729,
        "error": 0.25,
        "other": 60.0,
        "between": False,
        "verdict": "assumption",
        "reason": "From 11.5 to 60, so.",
    }
    (row,) = Rows(bundle["text/html"]).rows
    assert row["attrs"]["id"] == ledger.anchor(GAIN)
    for part in (
        "11 points± 1.1: about: a tenth",
        "11.5 points, or 60 points (standard error 0.2",
        "From 11.5 to 60, so.",
    ):
        assert part in row["text"]
    assert ledger.verdict(GAIN) == "assumption"
    assert ledger.value(GAIN) == 11.4729
    json.dumps(bundle[ledger.MIME], allow_nan=False)


def test_what_a_run_has_settled_is_shown_in_the_order_of_the_file(said, shown):
    ledger.settle("ranking.lmarena-board", 128)
    ledger.open(OPEN[0])
    ledger.settle(GAIN, 11, other=60, word="so")
    ledger.settle(GAIN, 12, other=60, word="again")
    ledger.show_settled()
    rows = Rows(shown[-1]["text/html"]).rows
    assert [row["links"][0] for row in rows] == [
        f"#{ledger.anchor(name)}" for name in said.index
    ]
    assert "again" in rows[0]["text"]
    assert ledger.verdict(OPEN[0]) == "not checkable"
    assert np.isnan(ledger.value(OPEN[0]))
    assert ledger.MIME not in shown[-1]


def test_what_is_not_contested_takes_a_line_and_its_reason_waits_for_the_end(
    said, shown
):
    name = "ranking.lmarena-board"
    ledger.settle(name, said.loc[name, "value"])
    ledger.open(OPEN[0])
    for bundle, verdict in zip(shown, ("Recomputed", "Not checkable"), strict=True):
        html, claim = bundle["text/html"], bundle[ledger.MIME]["id"]
        assert "<table" not in html
        assert f'id="{ledger.anchor(claim)}"' in html
        who = said.loc[claim, "party"].capitalize().replace("Lmarena", "LMArena")
        assert f"<b>{verdict}.</b> {who}: {said.loc[claim, 'claim']}." in html
        assert ("Published: " in html) == (claim == name)
    ledger.settle(name, -1)
    assert "<table" in shown[2]["text/html"]
    ledger.show_settled()
    folded = shown[3]["text/html"]
    assert folded.startswith('<details class="settled"><summary>All claims of this')
    assert "1 differs, 1 not checkable</summary>" in folded
    assert all(reason in folded for reason in ("Plain.", "They have."))


def test_a_day_and_a_yes_are_numbers(said, shown):
    said.loc[GAIN, ["value", "unit"]] = [date(2024, 3, 1).toordinal(), "date"]
    ledger.settle(GAIN, date(2024, 3, 1), other=date(2024, 4, 1), word="so")
    assert "1 March 2024" in shown[0]["text/html"], "contested, as April differs"
    assert ledger.value(GAIN) == date(2024, 3, 1).toordinal()
    ledger.settle("ranking.lmarena-board", np.True_)
    assert ledger.value("ranking.lmarena-board") == 1


@pytest.mark.parametrize(
    ("name", "value", "more", "error", "says"),
    [
        ("no.such", 1, {}, KeyError, "no claim 'no.such'"),
        (OPEN[0], 1, {}, ValueError, "cannot be checked: ledger.open"),
        (GAIN, 11, {"word": "x"}, ValueError, "other=None and depends=assumption"),
        ("ranking.lmarena-board", 1, {"other": 2}, ValueError, "depends=nan"),
        (GAIN, 11, {"other": 2}, KeyError, "has a place for 'word'"),
        ("ranking.lmarena-board", float("nan"), {}, ValueError, "finite"),
        (GAIN, 1, {"other": float("inf"), "word": "x"}, ValueError, "finite"),
    ],
)
def test_what_settles_nothing_is_refused(said, shown, name, value, more, error, says):
    with pytest.raises(error, match=re.escape(says)):
        ledger.settle(name, value, **more)
    assert not shown
    assert not ledger._here


def test_a_claim_that_can_be_checked_is_not_open(said, shown):
    with pytest.raises(ValueError, match="can be checked: settle it"):
        ledger.open(GAIN)


# The claims, and where they are settled.


def test_ids_say_who_says_it():
    assert CLAIMS.index.is_unique
    for name, party in CLAIMS["party"].items():
        form = r"[a-z0-9]+(-[a-z0-9]+)*\.(paper|lmarena|others)(-[a-z0-9]+)+"
        match = re.fullmatch(form, name)
        assert match, name
        assert match[2] == party.lower(), name
    anchors = [ledger.anchor(name) for name in CLAIMS.index]
    assert len(set(anchors)) == len(anchors)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", anchor) for anchor in anchors)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_claim_is_settled_once_in_its_chapter(chapter):
    own = CLAIMS.index[CLAIMS["chapter"] == chapter]
    found = Counter(each["id"] for each in settled(chapter))
    assert found == Counter(own)
    # And stands on the page once, to be linked.
    shown = "".join("".join(out.get("text/html", "")) for _, out in outputs(chapter))
    anchors = re.findall(r'<(?:tr|p class="settled") id="([^"]+)"', shown)
    assert Counter(anchors) == Counter(map(ledger.anchor, own))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_stored_verdict_follows_from_the_stored_values(chapter):
    for each in settled(chapter):
        said = ledger._said().loc[each["id"]]
        if each["id"] in OPEN:
            expected = ledger._OPEN[said["kind"]]
            assert each["ours"] is each["other"] is each["error"] is None
        else:
            values = [each[key] for key in ("ours", "other", "error")]
            expected = ledger.judge(said, *values, between=each["between"])
            assert (each["other"] is None) == pd.isna(said["depends"]), each["id"]
        assert each["verdict"] == expected, each["id"]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_this_settles_is_what_the_cells_have_settled(chapter):
    own = [name for name in CLAIMS.index if CLAIMS["chapter"][name] == chapter]
    tables = [
        Rows("".join(out["text/html"])).rows
        for source, out in outputs(chapter)
        if "ledger.show_settled()" in source and "text/html" in out
    ]
    links = [[row["links"][0] for row in rows] for rows in tables]
    assert links == [[f"#{ledger.anchor(name)}" for name in own]]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_chapter_settles_or_knows_the_claims_of_another(chapter):
    for source, out in outputs(chapter):
        names = set(re.findall(r"ledger\.(?:settle|open)\(\s*\"([^\"]+)\"", source))
        if ledger.MIME in out:
            names.add(out[ledger.MIME]["id"])
        foreign = {
            n for n in names & set(CLAIMS.index) if CLAIMS["chapter"][n] != chapter
        }
        assert not foreign


def test_the_ledger_is_complete_and_has_something_to_compare_with():
    judged = ledger.evaluate()
    assert list(judged.index) == list(CLAIMS.index)
    assert [*judged][: CLAIMS.shape[1] - 1] == [*CLAIMS.drop(columns="reason")]
    computed = judged.drop(OPEN)
    assert np.isfinite(computed["value"]).all()
    told = computed["verdict"] != "cannot tell"
    assert np.isfinite(computed.loc[told, "ours"]).all()
    assert computed["unit"].notna().all()
    assert (computed["error"].isna() | (computed["error"] > 0)).all()
    assert judged.loc[OPEN, ["ours", "error", "other"]].isna().all(axis=None)
    assert (judged["value"].isna() == judged["unit"].isna()).all()
    assert set(judged["verdict"]) <= set(ledger.VERDICTS)


def test_the_ledger_is_read_and_not_computed(monkeypatch):
    def no(*args, **kwargs):
        raise AssertionError("a table beside the claims was loaded")

    claims = data.load("claims")
    ledger._said.cache_clear()
    ledger._stored.cache_clear()
    monkeypatch.setattr(data, "load", lambda name: claims if name == "claims" else no())
    assert len(ledger.evaluate()) == len(CLAIMS)


def test_a_claim_that_its_chapter_has_not_settled_is_named(monkeypatch):
    monkeypatch.setattr(ledger, "_stored", lambda chapter: {})
    with pytest.raises(ValueError, match=r"has not settled 'ranking\.lmarena-board'"):
        ledger.evaluate("ranking")


def test_reasons_are_sentences():
    for name, why in ledger.evaluate()["reason"].items():
        assert 0 < len(why) <= 220, f"{name}: {len(why)} characters"
        assert why.endswith("."), name
        odd = re.search(r"\bnan\b|\binf\b|None|  |\d\.\d{3}|[{}]", why)
        assert not odd, f"{name}: {why}"


def test_a_reason_claims_no_other_verdict():
    # Reasons are partly prose: one that says "Holds if" must not outlive that.
    judged = ledger.evaluate()
    holds = judged[judged["reason"].str.startswith("Holds")]
    assert len(holds)
    assert set(holds["verdict"]) <= {"assumption", "definition"}


def test_a_copy_of_the_ledger_can_be_changed():
    before = ledger.evaluate()
    changed = ledger.evaluate()
    changed["verdict"] = "recomputed"
    changed.loc["aya.lmarena-copy", "ours"] = 1054.0
    del changed["reason"]
    pd.testing.assert_frame_equal(ledger.evaluate(), before)


def test_a_chapter_has_its_part_of_the_ledger():
    whole = ledger.evaluate()
    for chapter in CHAPTERS:
        part = ledger.evaluate(chapter)
        pd.testing.assert_frame_equal(part, whole[whole["chapter"] == chapter])
    with pytest.raises(KeyError, match="no claims of a chapter 'rankings'"):
        ledger.evaluate("rankings")


# Where they are shown.


@pytest.mark.parametrize("chapter", [*CHAPTERS, "ledger"])
def test_a_claim_of_another_chapter_is_linked_to_its_cell(chapter):
    judged = ledger.evaluate()
    home = {
        f"{there}.ipynb#{ledger.anchor(name)}": name
        for name, there in judged["chapter"].items()
    }
    for row in stored(chapter):
        if "id" in row["attrs"] or row["links"][0].startswith("#"):
            continue
        name = home[row["links"][0]]
        assert judged.loc[name, "chapter"] != chapter, f"{name} has two rows here"
        assert judged.loc[name, "reason"] in row["text"], f"{name}: run {chapter} again"


def test_rebuttal_shows_what_decides_each_point():
    points = data.load("rebuttal_points").set_index("id")
    wanted = [name.split() for name in points["claims"]]
    assert all(len(set(names)) == len(names) > 0 for names in wanted)
    assert {name for names in wanted for name in names} <= set(CLAIMS.index)
    links = [row["links"][0] for row in stored("rebuttal") if "id" not in row["attrs"]]
    shown = [link.split("#")[1] for link in links if link.partition("#")[0]]
    assert shown == [ledger.anchor(name) for names in wanted for name in names]


def test_the_ledger_has_each_claim_once_the_contested_first():
    judged = ledger.evaluate()
    rows = stored("ledger")
    contested = judged["verdict"].isin(ledger._CONTESTED)
    listed = pd.concat([judged[contested], judged[~contested]])
    assert [row["links"][0] for row in rows] == [
        f"{chapter}.ipynb#{ledger.anchor(name)}"
        for name, chapter in listed["chapter"].items()
    ]
    for row, (name, claim) in zip(rows, listed.iterrows(), strict=True):
        assert row["links"][1:] == [claim["url"]], name
        keys = ("party", "chapter", "verdict", "kind")
        assert row["attrs"] == {f"data-{key}": claim[key] for key in keys}, name
        assert claim["reason"] in row["text"], f"{name}: run the notebook again"
        second_hand = "read second-hand" in row["text"]
        assert second_hand == (claim["evidence"] == "secondary"), name


def test_the_ledger_says_what_each_verdict_means():
    path = ROOT / "chapters" / "ledger.ipynb"
    cells = json.loads(path.read_text("utf-8"))["cells"]
    prose = "\n".join(
        "".join(c["source"]) for c in cells if c["cell_type"] == "markdown"
    )
    listed = re.findall(r"^- \*\*([^*]+)\*\*: ", prose, re.MULTILINE)
    assert listed == list(ledger.VERDICTS)


def test_show_has_the_asked_rows_in_their_order(shown):
    names = ["best-of-n.others-n5", "aya.paper-8b-gap", "variants.paper-google"]
    ledger.show_ledger(*names)
    rows = Rows(shown[0]["text/html"]).rows
    assert [row["links"][0].split("#")[1] for row in rows] == [
        *map(ledger.anchor, names)
    ]
    second_hand, gap, unavailable = (row["text"] for row in rows)
    assert "Others: press summary" in second_hand
    assert "read second-hand" in second_hand
    assert "read second-hand" not in gap
    for part in ("Paper: v1 s3.3, Fig. 9", "17 points", "(standard error 15.3 points)"):
        assert part in gap
    assert "10 variants–not checkable. The paper" in unavailable


def test_show_of_a_topic_has_all_of_its_claims(shown):
    ledger.show_ledger("number-one", "aya.lmarena-copy", "best-of-n")
    topics = CLAIMS.index.str.partition(".").get_level_values(0)
    names = [
        *CLAIMS.index[topics == "number-one"],
        "aya.lmarena-copy",
        *CLAIMS.index[topics == "best-of-n"],
    ]
    rows = Rows(shown[0]["text/html"]).rows
    assert [row["links"][0].split("#")[1] for row in rows] == [
        *map(ledger.anchor, names)
    ]


@pytest.mark.parametrize("known", [[], ["aya.paper-8b-gap"]])
def test_show_of_an_unknown_claim_is_refused(known, shown):
    with pytest.raises(KeyError, match=r"aya\.paper-9b-gap"):
        ledger.show_ledger(*known, "aya.paper-9b-gap")
    assert not shown


def test_what_the_table_says_is_text(shown, monkeypatch):
    evil = '<img src="x" onerror="a()"> & \'co\''
    judged = ledger.evaluate().loc[["aya.paper-8b-gap"]]
    columns = ["claim", "locator", "url", "reason", "unit"]
    judged[columns] = [[f"{evil} {column}" for column in columns]]
    monkeypatch.setattr(ledger, "_judged", lambda said: judged)
    ledger.show_ledger()
    row = Rows(shown[0]["text/html"]).rows[0]
    assert set(row["tags"]) == {"tr", "th", "td", "a", "br", "small", "b"}
    assert row["links"][-1] == f"{evil} url"
    for column in ("claim", "locator", "reason", "unit"):
        assert f"{evil} {column}" in row["text"]


@pytest.mark.parametrize(
    ("number", "unit", "words"),
    [
        (float("nan"), "points", "–"),
        (float("nan"), float("nan"), "–"),
        (float(date(2024, 3, 1).toordinal()), "date", "1 March 2024"),
        (float(date(2025, 12, 31).toordinal()), "date", "31 December 2025"),
        (1.0, "yes or no", "yes"),
        (0.0, "yes or no", "no"),
        (0.572, "share", "57%"),
        (1.0, "share", "100%"),
        (1.0, "models", "1 model"),
        (0.98, "months", "1 month"),
        (0.0, "points", "0 points"),
        (11.0, "points", "11 points"),
        (1054.0, "points", "1054 points"),
        (43, "variants", "43 variants"),
        (2.5, "times", "2.5 times"),
        (10.545, "times", "10.5 times"),
        (1.1, "months", "1.1 months"),
        (11.97, "points", "12 points"),
        (-2.0, "points", "-2 points"),
    ],
)
def test_in_words(number, unit, words):
    assert ledger._in_words(number, unit) == words


# Samples of the values, computed here in another way.


def value(name: str, column: str = "ours") -> float:
    return ledger.evaluate().loc[name, column]


def maximum(n: int) -> float:
    """Expected largest of n standard normal values, by adaptive quadrature."""
    density = quad(lambda z: z * n * norm.pdf(z) * norm.cdf(z) ** (n - 1), -10, 10)
    return density[0]


@pytest.fixture(scope="module")
def tie_rate():
    columns = ("wins_a", "wins_b", "ties", "ties_bothbad")
    totals = [sum(int(r[c]) for r in raw("battles_2024-08-14")) for c in columns]
    return sum(totals[2:]) / sum(totals)


def error_of(tie_rate):
    """Standard error after 3,000 votes against equals, Elo points."""
    return 800 / np.log(10) * ((1 - tie_rate) / 3000) ** 0.5


@pytest.mark.parametrize(("n", "final"), [(5, None), (20, "n20"), (50, "n50")])
def test_gains_of_the_final_version(n, final, tie_rate):
    error = error_of(tie_rate)
    expected = pytest.approx(maximum(n) * np.hypot(25, error), rel=1e-5)
    assert value(f"best-of-n.others-n{n}") == expected
    if final:
        name = f"best-of-n.paper-final-{final}"
        assert value(name) == expected
        assert value(name, "other") == pytest.approx(maximum(n) * error, rel=1e-5)
    if n == 50:
        assert value("best-of-n.paper-v1-figure-n50", "other") == expected


def test_selection_bias_is_held_against_luck_and_not_against_the_whole_gain(tie_rate):
    error = error_of(tie_rate)
    alike = maximum(50) * error
    assert value("best-of-n.lmarena-n50") == pytest.approx(alike, rel=1e-5)
    # Under the paper's spread luck is less, and not the whole gain more.
    luck = maximum(50) * error**2 / np.hypot(25, error)
    assert value("best-of-n.lmarena-n50", "other") == pytest.approx(luck, rel=1e-5)
    # From 2,000 votes on, the worst case is larger.
    early = alike * 1.5**0.5
    said = value("policy.lmarena-2000-votes", "reason")
    assert f"at its worst is {early:.0f} points" in said
    assert f"not {alike:.0f}." in said


def test_share_that_is_skill(tie_rate):
    stays = 25**2 / (25**2 + error_of(tie_rate) ** 2)
    assert value("best-of-n.lmarena-nba") == 1
    assert value("best-of-n.lmarena-nba", "other") == 0
    assert f"{stays:.0%} of their lead" in value("best-of-n.lmarena-nba", "reason")


def test_gains_of_the_first_version():
    figure = [r for r in raw("best_of_n_published") if r["source"].endswith("figure 7")]
    gain = {int(r["n_variants"]): float(r["gain_points"]) for r in figure}
    # The library weights the points; unweighted, the spread is much the same.
    z = np.array([maximum(n) for n in gain])
    spread = z @ list(gain.values()) / (z @ z)
    ours = value("best-of-n.paper-v1-figure-n50") / maximum(50)
    assert ours == pytest.approx(spread, abs=1)
    for name in ("text", "figure"):
        expected = pytest.approx(ours * maximum(10), rel=1e-5)
        assert value(f"best-of-n.paper-v1-{name}-n10") == expected
    assert value("best-of-n.lmarena-ten-times") == pytest.approx(
        gain[50] / 11, rel=1e-5
    )
    assert f"{70 / 11:.0f} times" in value("best-of-n.lmarena-ten-times", "reason")


def test_one_spread_gives_the_three_numbers_of_the_press():
    z = np.array([maximum(n) for n in (5, 20, 50)])
    gains = np.array([20, 40, 50])
    (spread,), *_ = np.linalg.lstsq(z[:, None], gains)
    for n in (5, 20, 50):
        reason = value(f"best-of-n.others-n{n}", "reason")
        assert f"a spread of {spread:.0f} would give all three" in reason
    assert (abs(spread * z - gains) < 5).all()


def test_share_of_votes_from_before_the_listing():
    # Models first seen on 7 July 2024, after a gap in the copies, may be older.
    counts: dict[str, dict[date, int]] = {}
    for row in raw("boards"):
        if row["board"] <= "2025-05-13":
            day = date.fromisoformat(row["board"])
            counts.setdefault(row["model"], {})[day] = int(row["votes"])
    left = []
    for votes in counts.values():
        first = min(votes)
        if date(2024, 7, 7) < first <= date(2025, 4, 24):
            target = first + timedelta(days=14)
            then = min(votes, key=lambda day: (abs(day - target), day))
            if abs(then - target) <= timedelta(days=8):
                left.append(votes[first] / votes[then])
    name = "best-of-n.lmarena-within-days"
    assert value(name) == pytest.approx(statistics.median(left), abs=1e-5)
    assert f"median of {len(left)} new models" in value(name, "reason")


def test_distances_of_the_aya_pairs():
    # Scores and intervals as the paper prints them: 1069 +19 -23, 1052 +21 -22;
    # 1097 +29 -25, 1059 +18 -23.
    for pair, gap, widths in (("8b", 17, (42, 43)), ("32b", 38, (54, 41))):
        name, error = f"aya.paper-{pair}-gap", np.hypot(*widths) / 2 / 1.96
        assert value(name) == gap
        assert value(name, "error") == pytest.approx(error, rel=1e-5)
    assert "does not contain zero" in value("aya.paper-32b-gap", "reason")
    assert "They share 27 and 30 points" in value("aya.lmarena-overlap", "reason")


def vision_board(day):
    """Return score and interval of each model on LMArena's vision board."""
    rows = [r for r in raw("vision_board_aya") if r["commit_date"] == day]
    keys = ("rating", "minus", "plus")
    return {r["model"]: tuple(float(r[k]) for k in keys) for r in rows}


def test_models_between_the_aya_variants():
    board = {name: row[0] for name, row in vision_board("2025-04-24").items()}
    others = [score for name, score in board.items() if "aya" not in name]
    inside = sorted(round(s) for s in others if 1052 < s < 1069)
    assert inside == [1054, 1061, 1065, 1067]
    assert value("aya.paper-four-between") == 4
    assert value("aya.paper-four-between", "other") == 5  # Cohere's own 32B
    assert 1052 < board["c4ai-aya-vision-32b"] < 1069
    between = [s for s in board.values() if board["c4ai-aya-vision-32b"] < s < 1097]
    assert value("aya.paper-nine-between") == len(between) == 9
    # Two draws around the mean of the two scores, and the eight models shown.
    shown = [s for s in others if 1045 <= s <= 1072.2]
    rng = np.random.default_rng(12)
    errors = np.array([42, 43]) / 2 / 1.96
    low, high = np.sort(rng.normal(1060.5, errors, (400_000, 2))).T
    mean = sum(((low < s) & (s < high)).mean() for s in shown)
    said = re.search(r"have ([\d.]+) of", value("aya.paper-four-between", "reason"))
    assert float(said[1]) == pytest.approx(mean, abs=0.06)


def test_ranks_of_the_identical_pair_by_the_rule_of_the_board():
    found = {}
    for day in ("2025-04-24", "2025-05-06"):
        lower = [score - minus for score, minus, _ in vision_board(day).values()]
        for name, top in (
            ("one", 1069 + 19), ("copy", 1052 + 21), ("one by LMArena", 1069 + 27),
            ("copy by LMArena", 1054 + 18), ("32B", 1097 + 29),
        ):  # fmt: skip
            found[name, day] = 1 + sum(low > top for low in lower)
    pairs = [rank for (name, _), rank in found.items() if name != "32B"]
    assert set(pairs) == {39, 41}
    assert len(set(pairs[:4])) == len(set(pairs[4:])) == 1
    assert value("aya.lmarena-ranks") == 0
    assert found["32B", "2025-04-24"] == 39 - 8
    assert "8 ranks apart" in value("aya.lmarena-ranks", "reason")


def test_aliases_that_stood_in_public_files():
    names = {r["model"] for r in raw("vision_board_aya")}
    gone = {"keee7xus-04-v1", "keee7xus-04-v2", "shadebrook"}
    assert gone <= names
    assert not {n for n in names if "keee" in n} & set(vision_board("2025-04-04"))
    # By the policy's words, yes; by what stood in the files, no.
    released = "policy.lmarena-released"
    assert (value(released), value(released, "other")) == (1, 0)
    assert all(name in value(released, "reason") for name in gone)


def test_first_place_by_intervals_and_what_became_of_the_leads():
    board = {r["model"]: r for r in raw("boards") if r["board"] == "2025-03-04"}
    lower = [float(r["lower"]) for r in board.values()]
    first = [m for m, r in board.items() if max(lower) <= float(r["upper"])]
    assert {"gpt-4.5-preview-2025-02-27", "grok-3-preview-02-24"} <= set(first)
    assert value("number-one.paper-march-2025") == 1
    assert f"{len(first)} models were first" in value(
        "number-one.paper-march-2025", "reason"
    )
    # The boards hold both answers on the reasons of the changes.
    for name in ("not-progress", "several-variants"):
        assert ledger.verdict(f"number-one.paper-{name}") == "cannot tell"


def test_fresh_votes_keep_coming_for_the_top_only():
    copies = record.boards("2024-06-19", "2025-05-13")
    after = record.after_listing(copies, [60, 90], listed_by="2025-04-24")
    after = after[after["first_date"] > "2024-07-07"]
    votes = after.pivot_table("votes1", "model", "horizon_days")
    more = (votes[90] - votes[60]).dropna() > 20
    said = value("best-of-n.lmarena-to-zero", "reason")
    assert f"of all new models, {more.sum()} of {len(more)}." in said
    assert value("best-of-n.lmarena-to-zero") == 1
    assert value("best-of-n.lmarena-to-zero", "other") == 0


def test_counts_and_days():
    table = [r for r in raw("private_models_paper_table2") if r["provider"][0] != "L"]
    table = [r for r in table if r["provider"] != "unidentified"]
    makers = Counter(r["provider"] for r in table)
    assert value("variants.paper-meta-total") == makers["Meta"]
    assert value("variants.paper-providers") == len(makers)
    main = sum(r["board"] == "overall" for r in table)
    assert value("variants.paper-identified") == main == 55
    assert f"{len(table)} with vision" in value("variants.paper-identified", "reason")
    assert ledger.verdict("variants.paper-identified") == "differs"
    assert value("policy.lmarena-march-2024") == date(2024, 3, 1).toordinal()
    assert value("policy.lmarena-march-2024", "other") == date(2024, 4, 29).toordinal()
    # The first row of a copy is its leader.
    leaders = {}
    for row in raw("boards"):
        leaders.setdefault(row["board"], row["model"])
    firsts = [day for (_, old), (day, new) in pairwise(leaders.items()) if old != new]
    week = [day for day in firsts if "2024-11-14" <= day <= "2024-11-22"]
    assert value("number-one.paper-november-2024") == len(week)


def test_board_claim_is_about_all_of_the_board():
    scores = [r["score"] for r in raw("board_2024-08") if r["score"]]
    assert CLAIMS.loc["ranking.lmarena-board", "value"] == str(len(scores))


# Overfitting, and the rebuttal.


@pytest.mark.parametrize(("percent", "win"), [(30, 0.427), (70, 0.499)])
def test_gains_are_those_of_the_win_rates(percent, win):
    # What a chapter stores has six digits.
    gain = pytest.approx(100 * (win / 0.235 - 1), rel=1e-5)
    assert value(f"gain.paper-{percent}") == gain
    odds = win / (1 - win) / (0.235 / 0.765)
    direct = value(f"gain.paper-direct-{percent}")
    assert direct == pytest.approx(100 * odds / (1 + odds), rel=1e-5)
    # The smallest error: what the weaker model wins, the stronger wins as well.
    odds_error = np.sqrt(
        sum(1 / (500 * p * (1 - p)) for p in (win, 0.235))
        - 2 * (0.235 - win * 0.235) / (500 * win * (1 - win) * 0.235 * 0.765)
    )
    error = value(f"gain.paper-direct-{percent}", "error")
    expected = direct * (100 - direct) / 100 * odds_error
    assert error == pytest.approx(expected, rel=1e-5)
    # The arithmetic has no error: a claim is not saved by the prompts' scatter.
    for name in (f"gain.paper-{percent}", f"mmlu.paper-{percent}"):
        assert pd.isna(value(name, "error"))
        assert CLAIMS.loc[name, "kind"] == "arithmetic"


def test_fall_of_mmlu_is_told_by_its_widest_error():
    for percent, share in ((30, 0.644), (70, 0.659)):
        # As few questions as possible that both models answer rightly.
        both = 0.665 + share - 1
        variance = sum(p * (1 - p) for p in (0.665, share))
        variance -= 2 * (both - 0.665 * share)
        error = 100 * np.sqrt(variance / 14_042)
        fall = value(f"mmlu.paper-{percent}")
        reason = value(f"mmlu.paper-{percent}", "reason")
        assert f"{fall - 1.96 * error:.1f} to {fall + 1.96 * error:.1f}" in reason
        assert (fall > 1.96 * error) == ("no fall" not in reason)


def test_what_is_unsupported_is_judged_by_what_is_public():
    claim = CLAIMS.loc["gain.lmarena-unsupported"]
    assert (claim["kind"], value(claim.name)) == ("document", 0)
    assert ledger.verdict(str(claim.name)) == "documented"


def test_agreement_of_arenahard_is_that_of_a_loop():
    board = ratings.fit(PairCounts.from_table(data.load("battles_2024-08-14"))).table()
    hard = data.load("arenahard_2024-07").query("in_published_agreement")
    hard = hard.set_index("arena_name")
    total = separated = 0
    for one, other in combinations(hard.index, 2):
        signs = []
        for table, low, high in (
            (hard, "lower_pct", "upper_pct"),
            (board, "lower", "upper"),
        ):
            a, b = table.loc[one], table.loc[other]
            signs.append(int(a[low] > b[high]) - int(b[low] > a[high]))
        total += signs[0] * signs[1]
        separated += signs[0] * signs[1] != 0
    assert len(hard) == 20
    agreement = pytest.approx(100 * total / separated, rel=1e-5)
    assert value("arenahard.paper-agreement") == agreement
    # The paper's word is correlation: of ranks, from their squared differences.
    ranks = board.loc[hard.index, "score"].rank() - hard["win_pct"].rank()
    spearman = 1 - 6 * (ranks**2).sum() / (20 * (20**2 - 1))
    found = value("arenahard.paper-agreement", "other")
    assert found == pytest.approx(100 * spearman, rel=1e-5)


def test_the_table_of_the_points_has_what_the_ledger_says():
    points = data.load("rebuttal_points")
    (html,) = (
        "".join(out["text/html"])
        for source, out in outputs("rebuttal")
        if "Who could close it" in source and "text/html" in out
    )
    judged = ledger.evaluate()
    rows = html.split("<tr>")[-len(points) :]
    for point, row in zip(points.itertuples(), rows, strict=True):
        told = judged.loc[point.claims.split()]
        for party, verdict in zip(told["party"], told["verdict"], strict=True):
            assert party in row
            assert verdict in row
        assert "{" not in row


def test_claude_fell_in_rank_and_not_in_score():
    table = record.ranks(record.boards("2024-06-19", "2025-04-24"))
    both = table[table["model"].str.startswith("claude-3-5-sonnet")]
    part = both["rank_by_score"] / both["models_on_board"]
    low = both.loc[part.idxmax()]
    reason = value("sonnet.others-low", "reason")
    assert f"{low['rank_by_score']} of {low['models_on_board']}." in reason
    assert f"{(both['rank_by_score'] > 10).mean():.0%} of the boards" in reason
    assert value("sonnet.others-low") == (both["rank_by_score"].max() > 10)
    assert value("sonnet.others-low", "other") == (part.max() > 0.5)
    assert both.groupby("model")["score"].agg(np.ptp).max() <= 5
    # The ranks by interval are those of the rule, never worse than by score.
    assert (table["rank_by_interval"] <= table["rank_by_score"]).all()
