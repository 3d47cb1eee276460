"""The slides of every chapter, in a browser without a network."""

import re
from collections.abc import Iterator
from pathlib import Path

import altair as alt
import nbformat
import pandas as pd
import pytest
from conftest import FINDINGS

from bookbuild import slides, tree
from illusion.telling import charts

RAW = re.compile(r"\{[a-z][\w:-]*\}`|:::|```|\$|\{[a-z-]+\}")
SMALLEST, SMALLEST_IN_CHARTS = 18, 14

# Walks through a deck, opens what opens later, and measures each slide.
MEASURE = """() => [...document.querySelectorAll(".slides section > section")].map(
  (slide) => {
    const {h, v} = Reveal.getIndices(slide);
    Reveal.slide(h, v, 99);
    const seen = (node) => node.checkVisibility({opacityProperty: true});
    const box = slide.getBoundingClientRect();
    const inner = getComputedStyle(slide);
    const right = box.right - parseFloat(inner.paddingRight);
    const bottom = box.bottom - parseFloat(inner.paddingBottom);
    const texts = [], beyond = [];
    const walker = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, parent = node.parentElement;
      if (!node.data.trim() || parent.closest("aside, annotation")) continue;
      // Vega hides a label for which there is no room.
      if (parent.closest("svg") && !seen(parent)) continue;
      // What is raised or lowered in a formula is as large as the formula says.
      const element = parent.closest("math")?.parentElement ?? parent;
      const drawn = parent.closest("svg");
      const matrix = drawn ? parent.getScreenCTM() : {b: 0, d: 1};
      const range = document.createRange();
      range.selectNodeContents(node);
      const at = range.getBoundingClientRect();
      const size = parseFloat(getComputedStyle(element).fontSize);
      texts.push({
        text: node.data, chart: !!drawn, size: size * Math.hypot(matrix.b, matrix.d),
        seen: seen(element) && at.width > 0,
      });
      // A drawing's text may reach into the margin, where its font is wider.
      const margin = drawn ? 40 : 1;
      if (at.left < box.left || at.right > right + margin || at.top < box.top
          || at.bottom > bottom + (drawn ? 4 : 1)) beyond.push(node.data);
    }
    return {
      id: h + 1, texts, beyond,
      overflow: [slide.scrollWidth, slide.scrollHeight],
      headings: slide.querySelectorAll(":is(h1, h2):not(aside *)").length,
      charts: [...slide.querySelectorAll(".chart")].map((chart) => {
        const {width, height} = chart.querySelector("svg g").getBoundingClientRect();
        return {width, height, name: chart.ariaLabel, role: chart.role};
      }),
    };
  })"""


@pytest.fixture
def room(browser) -> Iterator:
    """Open a page as large as a slide; whatever it asks for elsewhere fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on(
        "console",
        lambda message: (
            page.faults.append(message.text)
            if message.type in ("error", "warning")
            else None
        ),
    )

    def guard(route) -> None:
        if route.request.url.startswith(("file:", "data:", "blob:", "about:")):
            route.continue_()
        else:
            page.faults.append(route.request.url)
            route.abort()

    context.route("**", guard)
    yield page
    context.close()
    assert page.faults == []


def open_deck(page, path: Path) -> None:
    page.goto(path.as_uri())
    page.wait_for_function("window.Reveal?.isReady() && document.fonts.ready")


@pytest.mark.parametrize("name", [path.stem for path in FINDINGS])
def test_chapter_has_slides_that_fit_and_can_be_read(name, tmp_path, room):
    path, _ = slides.make(tmp_path, [name])
    page = path.read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    open_deck(room, path)
    measured = room.evaluate(MEASURE)
    assert 8 <= len(measured) <= 24
    assert any(slide["charts"] for slide in measured)
    faults = []
    for slide in measured:
        told = f"slide {slide['id']}"
        if slide["headings"] != 1:
            faults.append(f"{told} has {slide['headings']} headings")
        if max(slide["overflow"][0] - 1280, slide["overflow"][1] - 720) > 0:
            faults.append(f"{told} overflows: {slide['overflow']}")
        faults += [f"{told}: {text!r} stands outside" for text in slide["beyond"]]
        for text in slide["texts"]:
            least = SMALLEST_IN_CHARTS if text["chart"] else SMALLEST
            if not text["seen"]:
                faults.append(f"{told}: {text['text']!r} is not to be seen")
            elif text["size"] < least:
                faults.append(f"{told}: {text['text']!r} has {text['size']:.1f} px")
            if not text["chart"] and RAW.search(text["text"]):
                faults.append(f"{told}: {text['text']!r} is raw")
        for chart in slide["charts"]:
            if chart["width"] < 500 or chart["height"] < 150:
                faults.append(f"{told}: a chart is small or not drawn: {chart}")
            if not chart["name"] or chart["role"] != "img":
                faults.append(f"{told}: a chart has no name")
    assert not faults, "\n".join(faults)


# A small book, for what no chapter needs to have.


def cell(kind, source, slide_type=None, outputs=(), **metadata):
    if slide_type:
        metadata["slideshow"] = {"slide_type": slide_type}
    if kind == "markdown":
        return nbformat.v4.new_markdown_cell(source, metadata=metadata)
    return nbformat.v4.new_code_cell(source, metadata=metadata, outputs=list(outputs))


def result(**data):
    return nbformat.v4.new_output(
        "execute_result", {name.replace("_", "/"): text for name, text in data.items()}
    )


def figure(chart: alt.TopLevelMixin) -> nbformat.NotebookNode:
    spec = chart.properties(description="Two & one").to_dict()
    spec["usermeta"] = {"figure": {"caption": "One wins. Dots: all.", "label": "fig-a"}}
    return nbformat.v4.new_output("display_data", charts.render(spec))


TABLE = pd.DataFrame({"x": range(12)}, pd.Index(range(100, 112), name="model"))
ROWS = pd.DataFrame({"model": [f"model-{k}" for k in range(25)], "score": range(25)})
LINE = alt.Chart(ROWS).mark_line().encode(x="score", y="score")
BARS = alt.Chart(ROWS).mark_bar().encode(x="score", y="model")
LEDGER = (
    '<style scoped>.ledger td {}</style><table class="ledger"><thead><tr><th>Claim</th>'
    "<th>Verdict</th></tr></thead><tbody>"
    + '<tr id="a-b"><th>It is<br><small>Paper: <a href="https://a.b">s1</a></small></th>'
    '<td data-label="Verdict"><b>differs</b>. The reason.</td></tr>\n'
    * 6
    + "</tbody></table>"
)
TITLE = cell("markdown", "# The title & more", "slide")


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that makes the slides of some cells."""
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n- file: one\n- file: two\n"
    )
    (tmp_path / "_config.yml").write_text("title: A book\n")
    monkeypatch.setattr(tree, "ROOT", tmp_path)

    def run(*cells, names=()):
        bare = [cell("markdown", "# Two")]
        for name, some in {"one": cells, "two": bare, "index": bare}.items():
            notebook = nbformat.v4.new_notebook(cells=list(some))
            nbformat.write(notebook, tmp_path / f"{name}.ipynb")
        return slides.make(tmp_path / "out", names)

    return run


def test_cells_make_slides_by_their_metadata(make, room):
    deck, index = make(
        TITLE,
        cell("markdown", "Long prose of 12<!--=n--> words.", "slide", slide="## B"),
        cell("markdown", "- later, $x^2$", "fragment"),
        cell("markdown", "Say **this**.", "notes"),
        cell("markdown", "## Below", "subslide"),
        cell("markdown", "Not shown"),
        cell("markdown", "Not shown", "skip"),
        cell("code", "1 + 1", "slide", [result(text_plain="2")], slide="## Sum"),
        cell("code", "y < 1", "slide", slide="## Code", slide_input=True),
    )
    assert (deck.name, index.name) == ("one.html", "index.html")
    page = deck.read_text(encoding="utf-8")
    assert "<title>The title &amp; more</title>" in page
    listed = index.read_text(encoding="utf-8")
    assert re.findall('<li><a href="(.*)</a>', listed) == [
        'one.html">The title &amp; more'
    ]
    assert "Not shown" not in page
    assert "1 + 1" not in page
    open_deck(room, deck)
    shown = [slide["texts"] for slide in room.evaluate(MEASURE)]
    assert [" ".join(text["text"].strip() for text in slide) for slide in shown] == [
        "A book The title & more",
        "B later, x 2",
        "Below",
        "Sum 2",
        "Code y < 1",
    ]
    notes = room.locator("aside.notes").all_text_contents()
    assert [text.strip() for text in notes] == ["Long prose of 12 words.", "Say this."]


def test_decks_are_listed_as_before_when_one_is_made_anew(make):
    *_, index = make(TITLE)
    before = index.read_text(encoding="utf-8")
    make(TITLE, names=["one"])
    assert index.read_text(encoding="utf-8") == before


def test_keys_move_and_open_the_notes(make, room):
    deck, _ = make(TITLE, cell("markdown", "The whole story.", "slide", slide="## B"))
    open_deck(room, deck)
    room.keyboard.press("ArrowRight")
    assert room.evaluate("Reveal.getIndices().h") == 1
    with room.expect_popup() as opened:
        room.keyboard.press("s")
    notes = opened.value.locator(".speaker-controls-notes")
    notes.get_by_text("The whole story.").wait_for(timeout=10_000)


def test_print_has_a_page_for_each_slide(make, room):
    pypdf = pytest.importorskip("pypdf")
    deck, _ = make(TITLE, *[cell("markdown", f"## {k}", "slide") for k in "abc"])
    open_deck(room, deck)
    printed = deck.with_suffix(".pdf")
    room.pdf(path=printed, prefer_css_page_size=True)
    pages = pypdf.PdfReader(printed).pages
    assert [page.extract_text().strip()[-1] for page in pages] == ["e", "a", "b", "c"]


def test_without_a_script_the_slides_stand_below_each_other(make, browser):
    deck, _ = make(TITLE, cell("markdown", "## Last", "slide"))
    page = browser.new_page(java_script_enabled=False)
    page.goto(deck.as_uri())
    assert page.get_by_text("Last").bounding_box()["y"] > 720
    page.close()


def test_long_table_is_cut_and_says_so(make):
    html = TABLE._repr_html_()
    deck, _ = make(TITLE, cell("code", "", "slide", [result(text_html=html)]))
    page = deck.read_text(encoding="utf-8")
    assert '<th scope="row">106</th>' in page
    assert "107" not in page
    assert "… and 5 more rows" in page
    html = TABLE.head(8)._repr_html_()
    deck, _ = make(TITLE, cell("code", "", "slide", [result(text_html=html)]))
    assert "more rows" not in deck.read_text(encoding="utf-8")


def test_ledger_keeps_the_claim_and_the_verdict(make):
    deck, _ = make(TITLE, cell("code", "", "slide", [result(text_html=LEDGER)]))
    page = deck.read_text(encoding="utf-8")
    assert page.count("<b>differs</b></td>") == page.count("It is</th>") == 4
    assert "… and 2 more rows" in page
    assert not re.search("Paper|reason|a-b|https://a|<style", page)


def test_chart_has_its_finding_and_its_description(make):
    deck, _ = make(TITLE, cell("code", "", "slide", [figure(LINE)]))
    page = deck.read_text(encoding="utf-8")
    assert '<div aria-label="Two &amp; one" class="chart" role="img">' in page
    assert "<figcaption><p>One wins.</p><p>Dots: all.</p></figcaption>" in page


@pytest.mark.parametrize(
    ("chart", "least"),
    [(LINE, 22), (BARS, 14), (LINE | LINE, 14)],
    ids=["line", "bars", "two"],
)
def test_chart_is_drawn_for_the_back_row(chart, least):
    spec = charts.render(chart.properties(description="A").to_dict())[charts.MIME]
    svg = slides.draw(spec, "k-")
    assert 'height="' not in svg[: svg.index(">")]
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
    scale = min((slides.WIDTH - 96) / width, (slides.HEIGHT - 248) / height)
    assert 13 * scale >= least
    # No name is left out.
    assert not re.search('opacity="0"[^>]*>model', svg)


@pytest.mark.parametrize(
    ("cells", "names", "message"),
    [
        ([TITLE], ["three"], "no chapter 'three'; there are index, one, two"),
        ([TITLE], ["two"], "chapter 'two' has no slides"),
        ([TITLE, cell("code", "x = 1", "slide")], [], "one: Cell .* shows nothing"),
        ([TITLE, cell("markdown", "a", "page")], [], "has the slide type 'page'"),
    ],
)
def test_what_cannot_be_a_slide_is_refused(make, cells, names, message):
    with pytest.raises(slides.SlidesError, match=message):
        make(*cells, names=names)
