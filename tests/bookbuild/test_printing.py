"""The book as PDF: what is printed, where it leads, and that nothing is cut."""

import re
import unicodedata
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from pypdf import PdfReader

from bookbuild import browser as browsers
from bookbuild import printing, tree
from illusion.telling import quiz

# One of each kind, and short: the ledger, a chapter, what it cites.
NAMES = ("chapters/index", "chapters/refresher", "chapters/references")
CHAPTER = "refresher"
BOOK = tree.read()

# What sticks out of the page, but for what a screen reader alone is told.
CUT = """() => [...document.querySelectorAll(
    "article *, .print-title *, .print-contents *")]
  .filter((part) => !part.closest("annotation, svg > *"))
  .filter((part) => {
    const box = part.getBoundingClientRect();
    return box.width && (box.left < -1 || box.right > innerWidth + 1
      || (getComputedStyle(part).overflowX != "visible"
          && part.scrollWidth > part.clientWidth + 1));
  }).map((part) => `${part.tagName} ${part.className}: `
    + part.textContent.trim().slice(0, 60))"""


def squeezed(text: str) -> str:
    """Return a text without what is lost in a PDF: spaces, and signs of one shape."""
    text = unicodedata.normalize("NFKC", text).replace("\u02bc", "\u2019")
    return re.sub(r"\s+", "", text)


@pytest.fixture(scope="module")
def printed(browser, site, tmp_path_factory) -> dict[str, PdfReader]:
    """Return the PDFs of three pages, and of the three as a book."""
    out = tmp_path_factory.mktemp("pdf")
    paths = printing.print_pages(browser, site, out, NAMES)
    assert sorted(out.iterdir()) == sorted(paths)
    return {path.stem: PdfReader(path, strict=True) for path in paths}


@pytest.fixture(scope="module")
def texts(printed) -> dict[str, list[str]]:
    """Return the text of each page of each PDF, without spaces."""
    return {
        name: [squeezed(page.extract_text()) for page in reader.pages]
        for name, reader in printed.items()
    }


@pytest.fixture(scope="module")
def whole(browser, site):
    """Return the whole book, laid out as it is printed."""
    page = printing.open_document(browser, site, tree.pages())
    yield page
    page.context.close()


def read(site: Path, name: str) -> BeautifulSoup:
    """Return the article of a page of the site."""
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser").article


def headings(site: Path, name: str) -> list[str]:
    """Return the title of a page and those of its sections."""
    for mark in (article := read(site, name)).select(".headerlink"):
        mark.decompose()
    titles = [article.h1, *article.select("section > section > h2")]
    return [title.get_text().strip() for title in titles]


def place(pages: list[str], text: str) -> int:
    """Return the number of the last page that has a text."""
    found = [n for n, page in enumerate(pages, 1) if squeezed(text) in page]
    assert found, f"{text!r} is not printed"
    return found[-1]


def links(reader: PdfReader) -> list:
    return [
        link.get_object()
        for page in reader.pages
        for link in page.get("/Annots", [])
        if link.get_object()["/Subtype"] == "/Link"
    ]


def test_pages_are_as_many_as_their_text_needs(printed):
    pages = {name: len(reader.pages) for name, reader in printed.items()}
    assert list(pages) == [*(Path(name).stem for name in NAMES), "book"]
    assert 3 <= pages["index"] <= 9
    assert 5 <= pages[CHAPTER] <= 12
    # The title and the contents; a chapter alone has also what it cites.
    alone = sum(pages.values()) - pages["book"]
    assert alone - 4 <= pages["book"] <= alone + 4


def test_pdfs_say_what_they_are(printed):
    for name, reader in printed.items():
        title = reader.metadata.title
        assert title.endswith(BOOK["title"]), name
        assert (title == BOOK["title"]) == (name == "book")
        assert reader.metadata.author == BOOK["author"]
        root = reader.root_object
        assert root["/Lang"] == "en"
        assert root["/MarkInfo"]["/Marked"].value
        assert "/StructTreeRoot" in root
        assert root["/ViewerPreferences"]["/DisplayDocTitle"].value
        width, height = reader.pages[0].mediabox[2:]
        assert (width, height) == pytest.approx((595, 842), abs=2), "not A4"


def resources(reader: PdfReader, kind: str):
    """Yield the resources of a kind, those of parts of a page too."""
    seen, todo = set(), [page["/Resources"] for page in reader.pages]
    while todo:
        part = todo.pop().get_object()
        for item in part.get(kind, {}).values():
            if item.idnum not in seen:
                seen.add(item.idnum)
                yield item.get_object()
        for group in ("/XObject", "/Pattern"):
            for item in part.get(group, {}).values():
                if (group, item.idnum) not in seen:
                    seen.add((group, item.idnum))
                    if "/Resources" in item.get_object():
                        todo.append(item.get_object()["/Resources"])


def test_charts_are_vectors_and_complete(printed, texts, site):
    images = [
        part
        for part in resources(printed[CHAPTER], "/XObject")
        if part["/Subtype"] == "/Image"
    ]
    assert not images, f"{len(images)} pictures made of pixels"
    figures = read(site, f"chapters/{CHAPTER}").select("figure.chart-figure")
    assert figures
    for figure in figures:
        caption = figure.select_one(".caption-text").get_text()
        text = texts[CHAPTER][place(texts[CHAPTER], caption) - 1]
        # Vega hides the labels that would stand on others.
        shown = figure.select('.chart-wide svg text:not([opacity="0"])')
        words = [word.get_text() for word in shown]
        missing = [word for word in words if squeezed(word) not in text]
        assert not missing, f"{caption}: {missing}"


def test_fonts_are_embedded(printed):
    for name, reader in printed.items():
        fonts = list(resources(reader, "/Font"))
        for font in fonts:
            inner = font.get("/DescendantFonts", [font])[0].get_object()
            keys = inner.get("/FontDescriptor", {})
            embedded = {"/FontFile", "/FontFile2", "/FontFile3"} & set(keys)
            assert embedded or font["/Subtype"] == "/Type3", f"{name}: {inner}"
        names = " ".join(str(font.get("/BaseFont")) for font in fonts)
        for family in ("SourceSerifPro-Regular", "SourceSansPro-Semibold"):
            assert family in names, f"{name} is set in {names}"


@pytest.mark.parametrize("name", [CHAPTER, "book"])
def test_solutions_are_apart_from_exercises(texts, site, name):
    pages = texts[name]
    page = read(site, f"chapters/{CHAPTER}")
    end = place(pages, "Hints and solutions")
    assert pages[end - 1].find("Hintsandsolutions") < 200, "not on a sheet of its own"
    exercises = page.select("div.exercise")
    assert exercises
    for exercise in exercises:
        number = exercise.select_one(".caption-number").get_text()
        asked = squeezed(exercise.select_one(".admonition-title ~ * p").get_text())[:25]
        assert any(asked in text for text in pages[: end - 1]), number
    for part in page.select("details.hint, details.solution"):
        for told in part.select("p, .highlight"):
            # Two solutions may begin alike, and an exercise name what it asks for.
            text = squeezed(told.get_text())[:60]
            if len(text) == 60 and not told.math:
                assert not any(text in before for before in pages[: end - 1]), text
                assert any(text in after for after in pages[end - 1 :]), text
    pointed = re.findall(r"Hintandsolution,page(\d+)", "".join(pages))
    assert len(pointed) == len(exercises)
    for number, at in zip(exercises, pointed, strict=True):
        title = squeezed(number.select_one(".admonition-title").get_text())
        assert title in pages[int(at) - 1]


def test_quizzes_and_boxes_are_printed_open(browser, tmp_path):
    options = (
        quiz.Option("One.", "Too few.", right=False),
        quiz.Option("Two.", "Just so.", right=True),
    )
    asked = quiz.to_html([quiz.Question("How many?", options)])
    (tmp_path / "chapters").mkdir()
    for name in ("page", "references"):
        (tmp_path / f"chapters/{name}.html").write_text(
            "<html><head></head><body><article class='bd-article'><section id='a'>"
            f"<h1>Title</h1>{asked}<div class='exercise' id='ex'><p "
            "class='admonition-title'>Exercise 1</p></div><details class='hint'>"
            "<summary>Hint</summary><p>Guess.</p></details><p>Between.</p><details>"
            "<summary>More</summary><p>Folded.</p></details></section></article></body>"
            "</html>",
            encoding="utf-8",
        )
    page = printing.open_document(browser, tmp_path, ["chapters/page"])
    text = " ".join(page.locator("article").text_content().split())
    closed = page.locator("article details:not([open])").count()
    page.context.close()
    before, after = text.split("Hints and solutions")
    for word in ("How many?", "One.", "Two.", "Answers, page", "Between.", "Folded."):
        assert word in before
        assert word not in after
    assert re.search(
        r"No\. ?Too few\. ?Yes\. ?Just so\..*Exercise 1 ?Hint ?Guess\.", after
    )
    assert closed == 0


def test_nothing_is_cut_at_the_edge(whole):
    cut = whole.evaluate(CUT)
    lines = whole.evaluate("""() => [...document.querySelectorAll("pre")]
      .filter((pre) => pre.textContent.split("\\n").some((l) => l.length == 79))
      .map((pre) => pre.clientWidth / parseFloat(getComputedStyle(pre).fontSize))""")
    assert whole.evaluate("innerWidth") == printing.PAGE_WIDTH
    assert not cut, "\n".join(cut)
    # 79 characters of a fixed width, and what is beside them.
    assert lines
    assert min(lines) > 79 * 0.603


def test_page_is_as_wide_as_was_measured():
    style = (ROOT / "_static/book.css").read_text(encoding="utf-8")
    margin = re.search(r"@page \{\s*size: A4; margin: \S+ (\d+)mm", style)
    assert printing.PAGE_WIDTH == int((210 - 2 * int(margin[1])) / 25.4 * 96)


def test_outline_has_the_sections(printed, site):
    def titles(items: list) -> list[str]:
        return [item.title for item in items if not isinstance(item, list)]

    title, *sections = headings(site, f"chapters/{CHAPTER}")
    outline = printed[CHAPTER].outline
    assert titles(outline) == [title]
    added = ["References", "Hints and solutions"]
    assert [t for t in titles(outline[1]) if t not in added] == sections
    book = titles(printed["book"].outline)
    assert book == ["Contents", *(headings(site, name)[0] for name in NAMES)]


def test_contents_say_the_page(printed, texts, site):
    pages = texts["book"]
    contents = pages[1]
    for name in NAMES:
        for title in map(squeezed, headings(site, name)[:3]):
            found = re.search(re.escape(title) + r"(\d+)", contents)
            assert found, title
            assert title in pages[int(found[1]) - 1]


def test_links_lead_somewhere(printed, site):
    stems = {Path(name).stem for name in tree.pages()}
    for name, reader in printed.items():
        targets = reader.named_destinations
        kinds = {"/URI": 0, "/GoToR": 0, "inside": 0}
        for link in links(reader):
            action = link.get("/A", {})
            kind = action.get("/S", "inside")
            kinds[kind] += 1
            if kind == "/URI":
                address = action["/URI"]
                assert re.match(r"https?://(?!127\.|localhost)", address), address
                assert not address.startswith(printing.ORIGIN), address
            elif kind == "/GoToR":
                file = Path(action["/F"])
                assert file.stem in stems, file
                assert file.suffix == ".pdf", file
            else:
                assert link["/Dest"] in targets, link
        assert kinds["inside"] or name == "references"
        assert kinds["/URI"], name
        # What a chapter cites it has with it; another chapter is another file.
        actions = [link["/A"] for link in links(reader) if "/A" in link]
        files = {Path(action["/F"]).stem for action in actions if "/F" in action}
        inside = {Path(n).stem for n in NAMES} if name == "book" else {name}
        assert not files & (inside | {"references"}), name


def test_whole_book_leads_within_itself(whole):
    body = whole.inner_html("main")
    assert printing.ORIGIN not in body
    assert ".pdf" not in " ".join(re.findall(r'href="(?!https?:)([^"]*)"', body))
    ids = re.findall(r'<[^>]*\bid="([^"]+)"', body)
    assert len(ids) == len(set(ids)), {i for i in ids if ids.count(i) > 1}
    found = re.findall(r'href="#([^"]*)"|url\((?:&quot;)?#([^)&]+)', body)
    leads = {link or drawn for link, drawn in found}
    assert leads
    assert not leads - set(ids)


def test_nothing_is_asked_of_others(whole, address):
    page = whole.context.new_page()
    with pytest.raises(Exception, match="ERR_FAILED"):
        page.goto(address)
    page.close()


def test_missing_browser_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(browsers, "BROWSERS", ("no-such-browser",))
    with pytest.raises(browsers.NoBrowserError, match="no-such-browser is installed"):
        printing.make(tmp_path)
    assert not list(tmp_path.iterdir())
