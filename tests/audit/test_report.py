"""The report: it fetches nothing, reads well, and says what the JSON says."""

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from test_audit import votes

from illusion import audit
from illusion.audit.__main__ import main
from illusion.audit.report import html
from illusion.audit.section import TITLES

# What the page says of itself: sections are numbered, an interval is of 95%, 400 points
# are odds of ten to one.
OWN = {*range(1, len(TITLES) + 1), 95, 400}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """Write the report of a log that makes most findings."""
    folder = tmp_path_factory.mktemp("report")
    log = votes(3_000, side=60, late=150)
    log["owner_a"], log["owner_b"] = log["model_a"].str[0], log["model_b"].str[0]
    log.loc[7, "winner"] = None
    log.loc[log["voter"].isin(["v1", "v2", "v3", "v4", "v5"]), "voter"] = "<b>v1</b>"
    log.to_parquet(folder / "votes.parquet")
    page = folder / "votes.html"
    book = ["--book", "https://book.example"]
    assert main([str(folder / "votes.parquet"), "--output", str(page), *book]) == 0
    return page


def numbers(text):
    found = re.findall(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])", text)
    return [each.rstrip(",").replace(",", "") for each in found]


def within(value):
    """All numbers in a JSON value, those in its text too."""
    if isinstance(value, dict):
        return [n for part in value.items() for p in part for n in within(p)]
    if isinstance(value, list):
        return [n for part in value for n in within(part)]
    if isinstance(value, str):
        return [float(n) for n in numbers(value)]
    return [] if value is None or isinstance(value, bool) else [float(value)]


def strange(page, values):
    """Numbers of a page's text that are not those of the JSON, however rounded."""
    text = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    text = re.sub(r'aria-label="([^"]*)"', r">\1<", text)
    shown = numbers(unescape(re.sub(r"<[^>]*>", " ", text)))
    known = np.array([*OWN, *within(values)])
    out = []
    for number in shown:
        mantissa, _, power = number.partition("e")
        digits = len(mantissa.partition(".")[2]) - int(power or 0)
        if not (np.abs(known - float(number)) <= 0.5001 * 10.0**-digits).any():
            out.append(number)
    return out


def test_every_number_is_one_of_the_json(written):
    page, values = (
        written.read_text(),
        json.loads(written.with_suffix(".json").read_text()),
    )
    assert not strange(page, values)
    assert strange(page.replace("</h1>", " 123456.7</h1>"), values) == ["123456.7"]


def test_every_section_has_a_finding_a_picture_and_a_link(written):
    sections = re.findall(r"<section.*?</section>", written.read_text(), flags=re.S)
    assert len(sections) == len(TITLES)
    for section in sections:
        assert section.count('class="finding"') == 1
        assert "<svg" in section or "<table" in section
        assert len(re.findall(r'href="https://book.example/chapters/', section)) == 1


def test_sections_without_a_table_show_their_numbers():
    log = votes(300)[["model_a", "model_b", "winner"]]
    page = html(audit.run(log), "plain")
    sections = re.findall(r"<section.*?</section>", page, flags=re.S)
    bare = [s for s in sections if "<svg" not in s and "<table" not in s]
    assert all('id="repeats"' in section for section in bare)
    assert not strange(page, audit.run(log).to_dict())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_report_reads_well_and_fetches_nothing(browser, written, scheme, width):
    base = pytest.importorskip("axe_playwright_python.base")
    script = (Path(base.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    try:
        page.goto(written.as_uri())
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(script)
        found = page.evaluate("axe.run()")
        assert [each["id"] for each in found["violations"]] == []
        assert asked == [written.as_uri()]
        assert said == []
        assert page.locator("main b").count() == 0
    finally:
        page.close()
