"""Chapters that run in their pages: every output, edits, errors, and what cannot be.

The default tests run the shortest chapter. All are run where the environment variable
``BOOK_LIVE`` is ``all``, as CI sets it. Without Pyodide's files, which
``python -m bookbuild live`` gets, there is nothing to test.
"""

import os
import re
from typing import Any

import nbformat
import pytest
import test_site
from conftest import CHAPTERS, ROOT

from bookbuild import bytecode, panels, tidying
from bookbuild import live as live_pages
from illusion.telling.charts import FIGURE_MIME, MIME

axe, contexts, watch = test_site.axe, test_site.contexts, test_site.watch

SHORT = "refresher"
EVERY = os.environ.get("BOOK_LIVE") == "all"
RUN = [p.stem for p in CHAPTERS if p.stem != "index" and (EVERY or p.stem == SHORT)]

# What is otherwise in the page than in the notebook, by chapter and cell, and why.
INDEX_ROW = "pandas 2 gives the name of an index a row of its own"
DRAWS = "numpy draws this distribution otherwise where a pointer has 32 bits"
KNOWN: dict[tuple[str, str], str] = {}

PRESS = "() => document.querySelector('.live-offer button').click()"
IDLE = """() => {
  const {ready, running, queued, waiting} = window.bookLive?.state() ?? {};
  return ready && !running && !queued && !waiting;
}"""
OUTPUTS = "() => bookLive.cells.map(({id, state, outputs}) => ({id, state, outputs}))"
PRINTED = """() => Object.fromEntries(
  [...document.querySelectorAll("figure.chart-figure")].map((figure) =>
    [figure.id, figure.querySelector(".chart-data").textContent]))"""


@pytest.fixture
def live(site, address, watch):
    """Return a function that opens a chapter and starts Python in it."""
    if not (site / "_static" / "python").exists():
        reason = "The site has no files of Pyodide: run python -m bookbuild live."
        pytest.fail(reason) if EVERY else pytest.skip(reason)

    def open_page(name: str, way: str = "light", *, press: bool = True) -> tuple:
        page, visit = watch(way)
        page.goto(f"{address}chapters/{name}.html", wait_until="load")
        if press:
            page.evaluate(PRESS)
            page.wait_for_function(IDLE)
        return page, visit

    return open_page


def stored(name: str, printed: dict[str, str]) -> dict[str, list[tuple[str, Any]]]:
    """Return what the cells of a notebook have stored, as a page shows it."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for cell in nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            shown = [as_shown(output, printed) for output in cell.outputs]
            found[cell.id] = [each for each in shown if each]
    return found


def as_shown(output: Any, printed: dict[str, str]) -> tuple[str, Any] | None:
    """Return the kind of a stored output and what a page shows of it."""
    if output.output_type == "stream":
        return "stream", output.text
    data = output.data
    if MIME in data:
        label = data[MIME]["usermeta"]["figure"]["label"]
        return "chart", panels.resized(data[MIME], printed[label])
    if FIGURE_MIME in data:
        return None
    if "text/html" in data:
        return "html", tidying.tidy(data["text/html"])
    return "text", data["text/plain"]


def shown(output: dict[str, Any]) -> tuple[str, Any]:
    """Return the kind of an output in the page and what it shows."""
    key = {"html": "html", "chart": "data"}.get(output["kind"], "text")
    return output["kind"], output[key]


@pytest.mark.parametrize("name", RUN)
def test_every_output_is_the_stored_one(live, axe, name):
    page, visit = live(name)
    printed = page.evaluate(PRINTED)
    page.evaluate("() => bookLive.runAll()")
    page.wait_for_function(IDLE)
    expected, wrong = stored(name, printed), []
    for cell in page.evaluate(OUTPUTS):
        got = [shown(output) for output in cell["outputs"] or []]
        if cell["state"] != "fresh":
            wrong.append(f"{cell['id']} has not run: {got[-1:]}")
        elif (name, cell["id"]) in KNOWN:
            if [kind for kind, _ in got] != [kind for kind, _ in expected[cell["id"]]]:
                wrong.append(f"{cell['id']} shows other kinds of output")
        elif got != expected[cell["id"]]:
            pairs = zip(got, expected[cell["id"]], strict=False)
            first = next((p for p in pairs if p[0] != p[1]), (got, "another number"))
            wrong.append(f"{cell['id']} shows {first[0]} and not {first[1]}"[:1500])
    assert len(expected) == len(page.evaluate(OUTPUTS))
    changed = page.locator("[data-mark].changed").all_inner_texts()
    wrong += [f"the text is said not to hold: {text}" for text in changed]
    wrong += axe(page, "html")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(test_site.PHONE["viewport"])
    wrong += [f"on a phone, in the dark: {fault}" for fault in axe(page, "html")]
    if page.evaluate(test_site.LOOK)["sideways"] > 0:
        wrong.append("the page scrolls sideways on a phone")
    wrong += [f"asks outside: {url}" for url in visit.outside]
    wrong += [f"fails: {url}" for url in visit.failed] + visit.errors
    assert not wrong, f"{name}:\n" + "\n".join(wrong)


FIRST = "#cell-21cc914e"
"""The refresher's first cell, whose last line shows a table."""


def type_at_end(page, cell: str, text: str, keys: str = "Shift+Enter") -> None:
    """Type at the end of a cell's code and run it, as a reader does."""
    area = page.locator(f"{cell} textarea")
    area.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(text)
    page.keyboard.press(keys)


def test_a_change_is_answered_by_tables_charts_and_text(live, axe):
    page, visit = live(SHORT)
    status, table = page.locator(".live-status"), page.locator(f"{FIRST} table")
    figure = page.locator("#fig-refresher-hill")
    before = table.inner_text(), figure.inner_text()
    spec = page.evaluate(PRINTED)["fig-refresher-hill"]

    # Four times the battles, from the keyboard; then the rest of the chapter.
    type_at_end(page, FIRST, "\nmet *= 4\nmet")
    page.wait_for_function(IDLE)
    assert table.inner_text() != before[0]
    assert "4696" in table.inner_text()
    assert page.locator(FIRST).get_attribute("data-edited") is not None
    page.get_by_role("button", name="Run all").click()
    page.wait_for_function(IDLE)
    assert figure.inner_text() != before[1]
    assert "10,180 votes" in figure.inner_text()
    assert page.evaluate(PRINTED)["fig-refresher-hill"] != spec
    assert page.locator("#fig-refresher-hill .chart-live svg").count() == 1
    wrong = page.locator(".said.changed")
    assert wrong.count() >= 2
    assert "No longer true" in wrong.first.inner_text()
    numbers = page.locator(".computed.changed")
    assert "printed: 3.3" in " ".join(numbers.all_text_contents())
    told = page.locator(".live-holds")
    assert re.match(r"\d+ places in the text no longer hold", told.inner_text())
    told.click()
    assert page.evaluate("() => document.activeElement.dataset.mark !== undefined")
    assert page.evaluate("() => CSS.highlights.get('no-longer').size") == wrong.count()
    faults = [f"edited: {fault}" for fault in axe(page, "html")]

    # What is below a cell that runs again is out of date.
    page.locator(f"{FIRST} .live-run").click()
    page.wait_for_function(IDLE)
    assert page.locator("[data-live=stale]").count() > 5

    # An error has its line, and nothing runs after it.
    type_at_end(page, FIRST, "\nmet.nothing", "Control+Enter")
    page.wait_for_function(IDLE)
    error = page.locator(f"{FIRST} .live-error")
    assert "AttributeError: 'DataFrame' object has no attribute" in error.inner_text()
    assert re.search(r"Line 1\d: met\.nothing", error.inner_text())
    assert "stopped with an error, in its line 1" in status.inner_text()
    faults += [f"error: {fault}" for fault in axe(page, "html")]

    # Tab leaves a cell.
    page.locator(f"{FIRST} textarea").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.tagName") == "BUTTON"

    # Changes are kept for the visit.
    page.reload(wait_until="load")
    page.evaluate(PRESS)
    page.wait_for_function("() => window.bookLive?.cells.length")
    assert "met.nothing" in page.locator(f"{FIRST} textarea").input_value()

    # Stop while it loads leaves the page as it was; so does a reset.
    page.get_by_role("button", name="Stop").click()
    assert page.locator(".live-bar").count() == 0
    assert page.locator(f"{FIRST} .highlight-ipython3").is_visible()
    assert "Stopped" in page.locator(".live-offer").inner_text()
    page.locator(".live-offer button").click()
    page.wait_for_function(IDLE)
    page.get_by_role("button", name="Reset all").click()
    page.wait_for_function(IDLE)
    assert (table.inner_text(), figure.inner_text()) == before
    kept = page.evaluate("() => Object.keys(sessionStorage)")
    assert not [key for key in kept if key.startswith("book-live")]

    # What takes too long is stopped, and Python starts again.
    type_at_end(page, FIRST, "\nwhile True: pass")
    page.wait_for_function("() => bookLive.state().running === '21cc914e'")
    page.get_by_role("button", name="Stop").click()
    assert "counts as not run" in status.inner_text()
    page.wait_for_function(IDLE)
    assert page.locator("[data-live=fresh]").count() == 0
    assert not (visit.outside + visit.errors + faults)


# A press of this changes one cell, runs on to the chart that changes, and goes there.
TRY = """() => {
  const button = document.createElement("button");
  Object.assign(button, {className: "try", hidden: true});
  Object.assign(button.dataset,
    {cell: "21cc914e", old: "(gemini, llama)]]", new: "(gemini, llama)]] * 2"});
  document.querySelector("#how-wide-is-the-hill p").append(button);
}"""
IN_SIGHT = """(element) => {
  const {top, bottom} = element.getBoundingClientRect();
  return top < innerHeight && bottom > 0;
}"""


def test_answers_are_checked_and_a_change_is_tried(live, axe):
    page, visit = live(SHORT, "phone-dark", press=False)
    page.evaluate(TRY)
    page.evaluate(PRESS)
    page.wait_for_function(IDLE)
    work = page.locator("#cell-ex-two-errors")
    assert "answer = ..." in work.locator("textarea").input_value()
    work.locator(".live-run").click()
    page.wait_for_function(IDLE)
    assert "no answer yet" in work.locator(".cell_output").inner_text()
    area = work.locator("textarea")
    area.fill(area.input_value().replace("...", "n * (2 * error / top) ** 2"))
    area.press("Shift+Enter")
    page.wait_for_function(IDLE)
    assert "right" in work.locator(".cell_output").inner_text()
    # Nothing of a package is compiled in the page if it could be beforehand.
    if bytecode.compiled(bytecode.archive(live_pages.packages())).exists():
        area.fill("import altair, pandas\naltair.__file__, pandas.__file__")
        area.press("Shift+Enter")
        page.wait_for_function(IDLE)
        assert work.locator(".cell_output").inner_text().count(".pyc'") == 2
    # Neither solution has run for it.
    assert not page.evaluate("() => bookLive.cells.some((c) => c.solution && c.state)")

    page.get_by_role("button", name="Change (gemini, llama)]] to").click()
    page.wait_for_function(IDLE)
    assert "2348" in page.locator(f"{FIRST} table").inner_text()
    assert page.locator(FIRST).evaluate(IN_SIGHT)
    assert page.evaluate(test_site.LOOK)["sideways"] <= 0
    assert not axe(page, "html")
    assert not (visit.outside + visit.errors)


def test_without_a_connection_the_page_says_so(live, address, browser):
    # With a browser that was never here; one that was needs no connection.
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}chapters/{SHORT}.html", wait_until="load")
    context.set_offline(True)
    page.locator(".live-offer button").click()
    page.wait_for_selector(".live-offer [role=status]")
    assert "connection" in page.locator(".live-offer").inner_text()
    assert page.locator("textarea").count() == 0
    context.close()


def test_a_file_that_was_changed_is_refused(live):
    page, _ = live(SHORT, press=False)
    page.evaluate("() => caches.delete('book-python')")
    page.context.route("**/book.zip*", lambda route: route.fulfill(body=b"other"))
    try:
        page.locator(".live-offer button").click()
        page.wait_for_selector(".live-offer [role=status]")
        said = page.locator(".live-offer").inner_text()
        assert "book.zip is not the file that the book was built with" in said
        assert page.locator("textarea").count() == 0
        assert page.locator(f"{FIRST} .highlight-ipython3").is_visible()
    finally:
        page.context.unroute("**/book.zip*")


def test_a_page_from_a_file_says_how_to_serve_it(live, site, watch):
    page, _ = live(SHORT, press=False)
    page.goto((site / "chapters" / f"{SHORT}.html").as_uri())
    page.locator(".live-offer button").click()
    page.wait_for_selector(".live-offer [role=status]")
    assert "http.server" in page.locator(".live-offer").inner_text()
    assert page.locator("textarea").count() == 0


def test_nothing_of_it_is_loaded_before_it_is_asked_for(live):
    page, visit = live(SHORT, press=False)
    page.wait_for_timeout(500)
    loaded = page.evaluate("() => performance.getEntries().map((e) => e.name)")
    assert not [name for name in loaded if "python/" in name]
    assert visit.requests <= test_site.MAX_REQUESTS
