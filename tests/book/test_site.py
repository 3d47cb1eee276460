"""The built site, as readers meet it: laptop, phone, dark room, no script.

Each page is visited once in each way of reading, and everything that is wrong
with the visit is reported together.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pandas as pd
import pytest
from conftest import CHAPTERS, FINDINGS, PROSE
from playwright.sync_api import Error

from bookbuild import theme, tree
from illusion import ledger
from illusion.telling.charts import MIME

MAX_BYTES = 500_000
MAX_REQUESTS = 25
MAX_SCROLL_BOXES = 9
PATIENCE = 300_000  # milliseconds, on a machine that has much else to do
PAGES = [f"chapters/{path.stem}.html" for path in (*CHAPTERS, *PROSE)]
CHARTED = [
    f"chapters/{path.stem}.html"
    for path in CHAPTERS
    if MIME in path.read_text(encoding="utf-8")
]
SHORTEST = min(FINDINGS, key=lambda path: path.stat().st_size)
LAPTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
WAYS = {
    "light": LAPTOP | {"color_scheme": "light"},
    "dark": LAPTOP | {"color_scheme": "dark"},
    "phone": PHONE | {"color_scheme": "light"},
    "phone-dark": PHONE | {"color_scheme": "dark"},
}

LOOK = """() => {
  const wide = (box) => box.scrollWidth > box.clientWidth + 1
    && ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
  const name = (e) => e.closest("[id]")?.id ?? e.className;
  const area = (e) => { const b = e.getBoundingClientRect();
                        return b.width * b.height; };
  const charts = [...document.querySelectorAll(".chart")];
  return {
    // Not innerWidth: a phone zooms out until a wide page fits.
    sideways: document.documentElement.scrollWidth - screen.width,
    boxes: [...document.querySelectorAll("body *")].filter(wide).map(name),
    charts: charts.length,
    undrawn: charts.filter((chart) => ![...chart.querySelectorAll("svg")]
      .some((svg) => area(svg) > 1000)).map(name),
    theme: document.documentElement.dataset.theme,
    background: getComputedStyle(document.body).backgroundColor,
    // A chart inside a closed solution has no size until it is opened.
    closed: [...document.querySelectorAll("details:not([open])")].length,
  };
}"""

# A page hears of what is opened a little later.
OPEN_ALL = """() => Promise.all(
  [...document.querySelectorAll("details:not([open])")].map((details) =>
    new Promise((heard) => {
      details.addEventListener("toggle", heard, {once: true});
      details.open = true;
    })))"""

# Fonts are there, and colours have stopped to change.
SETTLE = """async () => {
  await document.fonts.ready;
  await new Promise((done) => requestAnimationFrame(done));
  await Promise.all(document.getAnimations().map((change) => change.finished));
}"""

# Code is a third of a page's elements, and alike on all pages.
PLAIN_CODE = """() => document.querySelectorAll("pre, code:not(:has(a))")
  .forEach((code) => { code.textContent = code.textContent; })"""

HEIGHTS = """() => [...document.querySelectorAll(".chart-picture")]
  .map((picture) => picture.getBoundingClientRect().height)"""

# One template makes the entries of the library: some of them speak for all.
SOME_ENTRIES = """() => document.querySelectorAll("dl.py:not(dl.py dl.py)")
  .forEach((entry, place) => { if (place >= 12) entry.remove(); })"""

# What the charts have become, and by how much what is below them has moved.
LIVE = f"""(before) => {{
  const after = ({HEIGHTS})();
  return [...document.querySelectorAll(".chart")].map((chart, i) => {{
    const controls = [...chart.querySelectorAll(".chart-controls :is(input, select)")];
    return {{
      id: chart.closest("figure")?.id,
      live: chart.dataset.live,
      moved: Math.round(Math.abs(after[i] - before[i])),
      bound: chart.querySelector(".chart-data").textContent.includes('"bind":{{"'),
      controls: controls.length,
      unnamed: controls.filter((c) => !c.labels?.length).length,
    }};
  }});
}}"""

ENLIVEN = f"""async () => {{
  const before = ({HEIGHTS})();
  const charts = [...document.querySelectorAll(".chart")];
  await Promise.all(charts.map(window.bookCharts.enliven));
  await new Promise((done) => requestAnimationFrame(done));
  return ({LIVE})(before);
}}"""


@dataclass
class Visit:
    """What happened while a page was read."""

    outside: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: int = 0
    bytes: int = 0


@pytest.fixture(scope="session")
def contexts(browser):
    """Return a function that opens a browser's window for a way of reading."""
    opened = {}

    def find(way: str, script: bool):
        if (way, script) not in opened:
            options = WAYS[way] | {"java_script_enabled": script}
            opened[way, script] = browser.new_context(**options)
        return opened[way, script]

    yield find
    for context in opened.values():
        context.close()


@pytest.fixture
def watch(contexts, address):
    """Return a function that opens a page which records requests and complaints."""
    pages = []

    def open_page(way: str, *, script: bool = True) -> tuple:
        visit = Visit()
        page = contexts(way, script).new_page()
        page.set_default_timeout(PATIENCE)
        pages.append(page)

        def ask(request):
            if not request.url.startswith((address, "data:", "blob:")):
                visit.outside.append(request.url)

        def respond(response):
            if response.status >= 400:
                visit.failed.append(f"{response.status} {response.url}")
            visit.requests += 1
            visit.bytes += int(response.headers.get("content-length", 0))

        def complain(message):
            if message.type in ("error", "warning"):
                visit.errors.append(f"{message.type}: {message.text[:300]}")

        page.on("request", ask)
        page.on("response", respond)
        page.on("requestfailed", lambda r: visit.failed.append(f"{r.failure} {r.url}"))
        page.on("console", complain)
        page.on("pageerror", lambda error: visit.errors.append(str(error)[:300]))
        return page, visit

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def axe():
    """Return a function that lists what axe-core objects to in a page."""
    module = pytest.importorskip("axe_playwright_python.base")
    source = Path(module.__file__).parent / "axe.min.js"
    script = source.read_text(encoding="utf-8")
    # Preloading style sheets takes axe to addresses that are not there.
    # The drawings are hidden from screen readers, and most of a page's elements: they
    # are taken out meanwhile, as axe compares each element also with what it excludes.
    # Contrast is judged three times for each kind of text: its colour, size and weight
    # and what is behind it. Every piece of text would take most of axe's time.
    run = """async ([part, rest]) => {
      const kind = (element) => {
        const {color, fontSize, fontWeight} = getComputedStyle(element);
        const behind = [];
        for (let e = element; e; e = e.parentElement)
          behind.push(getComputedStyle(e).backgroundColor);
        return [color, fontSize, fontWeight, ...new Set(behind)].join();
      };
      const kinds = {};
      for (const e of document.querySelectorAll(`${part} *`))
        if ([...e.childNodes].some((n) => n.nodeType == 3 && n.data.trim())
            && e.checkVisibility() && !e.closest("svg, script"))
          (kinds[kind(e)] ??= []).push(e);
      const some = Object.values(kinds).flatMap((alike) => alike.slice(0, 3));
      some.forEach((e) => { e.dataset.judged = ""; });
      axe.configure({rules: [{id: "color-contrast", selector: "[data-judged]"},
                             {id: "target-size", enabled: true}]});
      const back = [...document.querySelectorAll(".chart-picture")].map((picture) => {
        const drawn = [...picture.childNodes];
        const height = picture.style.minHeight;
        picture.style.minHeight = picture.getBoundingClientRect().height + "px";
        picture.replaceChildren();
        return () => {
          picture.replaceChildren(...drawn);
          picture.style.minHeight = height;
        };
      });
      const found = await axe.run(part, {
        preload: false, resultTypes: ["violations"],
        ...(rest ? {} : {runOnly: ["color-contrast"]})});
      some.forEach((e) => { delete e.dataset.judged; });
      back.forEach((put) => put());
      return found.violations.map((v) => `${v.id}: ` + v.nodes.slice(0, 4)
        .map((n) => n.target.join(" ") + " " + n.html.slice(0, 120)).join(" | "));
    }"""

    wrapped = f"(() => {{ {script} }})()"

    def check(page, part: str, *, rest: bool = True) -> list[str]:
        page.evaluate("typeof axe == 'object' ||" + wrapped)
        return page.evaluate(run, [part, rest])

    return check


# A page in the dark on a phone is that in the dark and that on a phone; where there is
# no script, one way is walked on every page, and the other where it could differ.
READ = [(n, w) for n in (*PAGES, "search.html") for w in ("light", "phone")]
UNSCRIPTED = [(name, "phone-dark") for name in PAGES]
BOTH = ("chapters/index.html", f"chapters/{SHORTEST.stem}.html")
for name in BOTH:
    READ.append((name, "phone-dark"))
    UNSCRIPTED.append((name, "light"))


CLAIM = ":is(tr, p.settled):target"
# The claim that a page's address points to: whether it is seen, and not under the bar
# at the top, what is behind it, and what it says.
TARGET = """(row) => {
  const box = row.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + 5, box.top + 5);
  const ground = getComputedStyle(row).backgroundColor;
  return {id: row.id, seen: row.contains(top), ground, text: row.innerText};
}"""


def claimed(name: str) -> dict[str, str]:
    """Return the first claim that a page settles, if any, and its verdict."""
    judged = ledger.evaluate()
    first = judged[judged["chapter"] == Path(name).stem].head(1)
    return {ledger.anchor(key): verdict for key, verdict in first["verdict"].items()}


@pytest.mark.parametrize(("name", "way"), READ)
def test_page_reads_well(watch, address, axe, name, way):
    page, visit = watch(way)
    claim = claimed(name)
    page.goto("#".join([address + name, *claim]), wait_until="load")
    page.evaluate(SETTLE)
    targets = page.locator(CLAIM).evaluate_all(f"all => all.map({TARGET})")
    weight, requests = visit.bytes, visit.requests
    seen = page.evaluate(LOOK)
    wrong = []
    if seen["sideways"] > 0:
        wrong.append(f"the page scrolls sideways by {seen['sideways']} pixels")
    if weight > MAX_BYTES:
        wrong.append(f"the page weighs {weight:,} bytes compressed")
    if requests > MAX_REQUESTS:
        wrong.append(f"the page takes {requests} requests")
    phone, dark = way.startswith("phone"), way.endswith("dark")
    if (seen["theme"] == "dark") != dark:
        wrong.append(f"the device is {way} and the page {seen['theme']}")
    for anchor, verdict in claim.items():
        if [row["id"] for row in targets] != [anchor]:
            wrong.append(f"the page does not show {anchor}")
            continue
        (row,) = targets
        if verdict not in row["text"].lower():
            wrong.append(f"{anchor} says {row['text']!r} and not {verdict!r}")
        if not row["seen"]:
            wrong.append(f"{anchor} is out of sight")
        if row["ground"] == "rgba(0, 0, 0, 0)":
            wrong.append(f"{anchor} is not marked")
    if SHORTEST.stem not in name:
        page.evaluate(PLAIN_CODE)
    page.evaluate(SOME_ENTRIES)

    def judge(part: str, when: str, *, rest: bool) -> None:
        wrong.extend(f"{when}: {v}" for v in axe(page, part, rest=rest))

    # As it comes on a phone, and opened and live on a laptop. What is not of colours
    # is the same in the dark.
    if phone:
        judge("html", "before", rest=not dark)
    page.evaluate(OPEN_ALL)
    seen = page.evaluate(LOOK)
    wrong += [f"the chart {label} is not drawn" for label in seen["undrawn"]]
    if phone and len(seen["boxes"]) > MAX_SCROLL_BOXES:
        wrong.append(f"{len(seen['boxes'])} boxes scroll sideways: {seen['boxes']}")
    if seen["charts"]:
        if phone or name in BOTH:
            before = page.evaluate(HEIGHTS)
            wrong += started(page, touch=phone)
            charts = page.evaluate(LIVE, before)
        else:
            charts = page.evaluate(ENLIVEN)
        for chart in charts:
            label = f"the chart {chart['id']}"
            if chart["live"] != "yes":
                wrong.append(f"{label} does not come alive")
            if chart["moved"] > 6:
                wrong.append(f"{label} jumps by {chart['moved']} pixels")
            if chart["bound"] and not chart["controls"]:
                wrong.append(f"{label} has lost its control")
            if chart["unnamed"]:
                wrong.append(f"{label} has a control without a name")
        if page.evaluate(LOOK)["sideways"] > 0:
            wrong.append("the page scrolls sideways once its charts are live")
        if phone and name in BOTH:
            judge(".chart-figure", "live", rest=not dark)
    if not phone:
        judge("html", "live", rest=True)
        page.emulate_media(color_scheme="dark")
        page.evaluate(SETTLE)
        if (theme_now := page.evaluate(LOOK)["theme"]) != "dark":
            wrong.append(f"the device has become dark and the page is {theme_now}")
        judge("html", "dark", rest=False)
    wrong += [f"asks outside: {url}" for url in visit.outside]
    wrong += [f"fails: {url}" for url in visit.failed]
    wrong += visit.errors
    assert not wrong, f"{name}, {way}:\n" + "\n".join(wrong)


DRAWING = """(chart) => [...chart.querySelectorAll(".chart-picture svg")]
  .find((svg) => svg.checkVisibility()).innerHTML"""
REDRAWN = f"([chart, before]) => ({DRAWING})(chart) !== before"


def started(page, *, touch: bool) -> list[str]:
    """Make a page's charts live as readers do, and return what is wrong with it."""
    wrong = []
    for number, chart in enumerate(page.locator(".chart").all(), 1):
        try:
            wrong += [f"chart {number}: {fault}" for fault in start(page, chart, touch)]
        except Error as error:
            wrong.append(f"chart {number}: {error.message.splitlines()[0]}")
    return wrong


def start(page, chart, touch: bool) -> Iterator[str]:
    """Make a chart live and yield what is wrong with it."""
    button = chart.locator(".chart-start")
    if button.count():
        # By keyboard alone: press the button, then move what it brings.
        button.focus()
        page.keyboard.press("Enter")
        control = chart.locator(".chart-controls :is(input, select)").first
        control.wait_for()
        if not control.evaluate("e => e === document.activeElement"):
            yield "the focus is not on its control"
        before, value = chart.evaluate(DRAWING), control.input_value()
        # One of the two, for a control may start at an end.
        for key in ("ArrowRight", "ArrowLeft"):
            page.keyboard.press(key)
            if control.input_value() != value:
                break
        else:
            yield "no key moves its control"
            return
        page.wait_for_function(REDRAWN, arg=[chart.element_handle(), before])
    elif touch:
        chart.locator(".chart-picture").tap()
    else:
        chart.locator(".chart-picture").hover()
    page.wait_for_function("c => c.dataset.live == 'yes'", arg=chart.element_handle())


def first_pixel(png: bytes) -> tuple[int, ...]:
    """Return the colour of a PNG's first pixel, which no filter changes."""
    place = png.index(b"IDAT")
    size = int.from_bytes(png[place - 4 : place])
    data = zlib.decompressobj().decompress(png[place + 4 : place + 4 + size])
    return tuple(data[1:4])


@pytest.mark.parametrize(("name", "way"), UNSCRIPTED)
def test_page_reads_well_without_script(watch, address, way, name):
    page, visit = watch(way, script=False)
    page.goto(address + name, wait_until="load")
    wrong = list(visit.outside)
    charts = page.locator("article .chart-picture")
    for index in range(charts.count()):
        # Charts of closed solutions show when their summary is pressed.
        chart = charts.nth(index)
        details = page.locator("details:not([open])").filter(has=chart)
        if details.count():
            details.first.locator("summary").first.click()
        drawn = [
            box
            for svg in chart.locator("svg").all()
            if (box := svg.bounding_box()) and box["width"] * box["height"] > 1000
        ]
        if len(drawn) != 1:
            wrong.append(f"chart {index + 1} is drawn {len(drawn)} times")
    links = page.locator("#pst-primary-sidebar nav a")
    if links.count() != links.filter(visible=True).count():
        wrong.append("the contents cannot be seen")
    title = page.locator("article h1").first
    ink = re.findall(r"\d+", title.evaluate("e => getComputedStyle(e).color"))[:3]
    ground = first_pixel(title.screenshot())
    if (sum(ground) < sum(map(int, ink))) != way.endswith("dark"):
        wrong.append(f"the device is {way}, the page {ground}, its text {ink}")
    assert not wrong, f"{name}, {way}, no script:\n" + "\n".join(wrong)


@pytest.mark.parametrize("script", [True, False])
def test_dark_page_prints_light(watch, address, script):
    page, _ = watch("dark", script=script)
    page.goto(address + PAGES[0], wait_until="load")
    ink = "() => getComputedStyle(document.querySelector('h1')).color"

    def brightness() -> int:
        return sum(map(int, re.findall(r"\d+", page.evaluate(ink))[:3]))

    assert brightness() > 384
    page.emulate_media(media="print", color_scheme="dark")
    if script:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert brightness() < 384
    assert not page.locator("#pst-primary-sidebar").is_visible()
    page.emulate_media(media="screen", color_scheme="dark")
    if script:
        page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert brightness() > 384


# Parts of the ledger that stick out of the screen, or whose text does of them: the
# theme cuts off what is too wide, so that the page need not scroll.
CUT = """() => [...document.querySelectorAll(
    ".ledger-filter *, .ledger-all [open] tr:not([hidden]) > *")]
  .filter((part) => {
    const box = part.getBoundingClientRect();
    return box.left < 0 || box.right > screen.width
      || (part.matches("th, td") && part.scrollWidth > part.clientWidth + 1);
  }).map((part) => part.textContent)"""


@pytest.fixture(params=["light", "phone"])
def all_claims(request, watch, address):
    """Return a function that opens the ledger and returns page and rows."""
    visits = []

    def visit(*, script: bool = True) -> tuple:
        page, seen = watch(request.param, script=script)
        visits.append(seen)
        page.goto(f"{address}chapters/ledger.html", wait_until="load")
        return page, page.locator(".ledger-all tbody tr")

    yield visit
    for seen in visits:
        assert not seen.errors + seen.outside


def fits(page) -> bool:
    """Whether all that is shown can be read without scrolling sideways."""
    return page.evaluate(LOOK)["sideways"] <= 0 and not page.evaluate(CUT)


def shown(rows) -> list[str]:
    """Return the anchors of the claims that can be seen."""
    visible = rows.filter(visible=True).locator("th > a")
    return visible.evaluate_all("links => links.map((a) => a.hash.slice(1))")


def ordered(judged):
    """Return claims as the ledger has them: the contested first."""
    contested = judged["verdict"].isin(ledger._CONTESTED)
    return [*judged.index[contested], *judged.index[~contested]]


def test_ledger_shows_everything_without_script(all_claims):
    page, rows = all_claims(script=False)
    judged = ledger.evaluate()
    contested = judged.index[judged["verdict"].isin(ledger._CONTESTED)]
    assert shown(rows) == list(map(ledger.anchor, contested))
    closed = page.locator(".ledger-all > details:not([open]) > summary")
    while closed.count():
        closed.first.click()
    assert shown(rows) == list(map(ledger.anchor, ordered(judged)))
    assert fits(page)
    assert not page.locator(".ledger-filter, main select").count()


CHOICES = [("paper", "differs"), ("LMArena", "not checkable")]


def test_ledger_is_filtered(all_claims, axe):
    page, rows = all_claims()
    judged = ledger.evaluate()
    contested = judged[judged["verdict"].isin(ledger._CONTESTED)]
    count = page.get_by_role("status")
    chosen = {
        name: page.get_by_role("combobox", name=name, exact=True)
        for name in ("Party", "Verdict", "Kind")
    }

    def reads(part, number: int | None = None) -> None:
        assert shown(rows) == list(map(ledger.anchor, ordered(part)))
        assert count.inner_text() == f"{number or len(part)} of {len(judged)} claims"
        assert fits(page)

    reads(contested, len(judged))
    for party, verdict in CHOICES:
        by_verdict = judged[judged["verdict"] == verdict]
        both = by_verdict[by_verdict["party"] == party]
        assert 0 < len(both) < len(by_verdict)
        chosen["Verdict"].select_option(verdict)
        reads(by_verdict)
        chosen["Party"].select_option(party)
        reads(both)
        chosen["Verdict"].select_option("all")
        reads(judged[judged["party"] == party])
        chosen["Party"].select_option("all")
        reads(contested, len(judged))
    chosen["Kind"].select_option("simulation")
    reads(judged[judged["kind"] == "simulation"])
    chosen["Verdict"].select_option(CHOICES[0][1])
    assert not axe(page, "main")


def test_ledger_is_filtered_by_keyboard(all_claims):
    page, rows = all_claims()
    judged = ledger.evaluate()
    page.get_by_role("combobox", name="Party", exact=True).focus()
    keys = ("party", "chapter", "verdict", "kind")
    for column in keys:
        page.keyboard.press("ArrowDown")
        value = page.evaluate("document.activeElement.value")
        expected = ordered(judged[judged[column] == value])
        assert expected, f"{column}: {value}"
        assert shown(rows) == list(map(ledger.anchor, expected))
        if column != keys[-1]:
            page.keyboard.press("Home")
            page.keyboard.press("Tab")
    # Next come the first part that is left and its first row, none that is hidden.
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    hash_ = page.evaluate("document.activeElement.hash")
    assert hash_ == f"#{ledger.anchor(expected[0])}"


def test_ledger_leads_to_what_computes_its_claims(all_claims):
    page, _ = all_claims()
    links = page.locator(".ledger-all a")
    places = links.evaluate_all("links => links.map((a) => a.getAttribute('href'))")
    judged = ledger.evaluate()
    for name, chapter in judged["chapter"].items():
        place = f"{chapter}.html#{ledger.anchor(name)}"
        assert places.count(place) == 1, place
    # What the first contested one leads to is seen when the chapter is read.
    first = ordered(judged)[0]
    place = f"{judged['chapter'][first]}.html#{ledger.anchor(first)}"
    page.locator(f".ledger-all a[href='{place}']").click()
    page.wait_for_url(f"**/chapters/{place}")
    assert page.locator(CLAIM).get_attribute("id") == ledger.anchor(first)


def test_ledger_can_be_taken_along_as_a_table(all_claims, site):
    page, _ = all_claims()
    link = page.get_by_role("link", name="All claims as a table").get_attribute("href")
    table = pd.read_csv(site / "chapters" / link, index_col="id", dtype=str)
    judged = ledger.evaluate()
    assert list(table.index) == list(judged.index)
    assert list(table["verdict"]) == list(judged["verdict"])
    assert table.loc["policy.lmarena-march-2024", "value"] == "2024-03-01"


def test_every_page_says_in_its_head_what_it_is_about(site):
    book, titles, told = tree.read()["title"], [], []
    for name in PAGES:
        head = (site / name).read_text(encoding="utf-8").partition("</head>")[0]
        (title,) = re.findall("<title>(.*?)</title>", head)
        # The book's name stands there once, and alone on the first page.
        assert title.lower().count(book.lower()) == 1, name
        about = re.findall('<meta (?:name|property)="(.+?)" content="(.+?)">', head)
        tags = dict(about)
        assert tags["og:site_name"] == book
        assert tags.get("og:description") == tags.get("description"), name
        assert "index" in name or title.startswith(tags["og:title"]), name
        titles.append(title)
        told.append(tags.get("description", name))
        assert len(told[-1]) <= 200, name
    assert len(set(titles)) == len(set(told)) == len(PAGES)


class Outline(HTMLParser):
    """The ids, links, images and figures of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.assets: list[str] = []
        self.unnamed: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list) -> None:
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "img" and not attributes.get("alt"):
            self.unnamed.append(str(attributes.get("src")))
        if tag in ("script", "img", "source", "iframe"):
            self.assets.append(attributes.get("src") or "")
        if tag == "link" and attributes.get("rel") not in ("canonical",):
            self.assets.append(attributes.get("href") or "")


@pytest.fixture(scope="module")
def outlines(site):
    """Return the outline of every page by its path in the site."""
    pages = [p for p in site.rglob("*.html") if "_static" not in p.parts]
    return {p.relative_to(site).as_posix(): Outline(p) for p in pages}


def test_every_chapter_is_a_page(outlines):
    assert PAGES
    assert set(PAGES) <= set(outlines)


def test_links_and_anchors_lead_somewhere(site, outlines):
    dead = []
    for name, outline in outlines.items():
        for link in [*outline.links, *outline.assets]:
            target, anchor = urldefrag(link)
            if re.match(r"(?:https?|mailto|data):|//", link) or not link:
                continue
            path = unquote(urljoin(name, target.split("?")[0])) if target else name
            file = site / path
            if file.is_dir():
                path = f"{path.rstrip('/')}/index.html"
            if not (site / path).is_file():
                dead.append(f"{name}: {link}")
            elif anchor and anchor not in outlines.get(path, outline).ids:
                dead.append(f"{name}: no #{anchor} in {path}")
    assert not dead, "\n".join(dead)


def test_ids_are_unique_on_a_page(outlines):
    for name, outline in outlines.items():
        twice = {i for i in outline.ids if outline.ids.count(i) > 1}
        assert not twice, f"{name}: {sorted(twice)}"


def test_nothing_comes_from_elsewhere(outlines):
    for name, outline in outlines.items():
        outside = [a for a in outline.assets if re.match(r"(?:https?:)?//", a)]
        assert not outside, f"{name}: {outside}"


def test_no_page_links_a_repository_that_is_not_there(outlines):
    address = tree.read()["repository"]["url"]
    assert address.startswith(theme.PLACEHOLDER)
    linked = {n for n, o in outlines.items() if any(address in a for a in o.links)}
    assert not linked


def test_exercises_show_their_level(site):
    for path in CHAPTERS:
        page = (site / f"chapters/{path.stem}.html").read_text(encoding="utf-8")
        exercises = re.findall(r'<div class="exercise admonition".*?</p>', page, re.S)
        assert len(exercises) == path.read_text(encoding="utf-8").count(
            "### Exercise: "
        )
        for exercise in exercises:
            assert re.search(
                r'"caption-number">Exercise \d+\.</span> \S.*'
                r'<span class="exercise-level">\w+</span></p>',
                exercise,
                re.DOTALL,
            ), exercise


def test_images_are_named(outlines):
    for name, outline in outlines.items():
        assert not outline.unnamed, f"{name}: {outline.unnamed}"


def test_charts_are_numbered_figures_with_captions(site):
    numbers = []
    for name in PAGES:
        page = (site / name).read_text(encoding="utf-8")
        figures = re.findall(r"<figure .*?</figure>", page, re.DOTALL)
        charts = [figure for figure in figures if 'class="chart' in figure]
        assert len(charts) == page.count('class="chart-picture"'), name
        for figure in charts:
            assert 'class="caption-text"' in figure, name
            found = re.search(r'caption-number">Figure (\d[\d.]*)', figure)
            assert found, f"{name}: a figure without a number"
            assert "Source: " in figure, f"{name}: figure {found[1]} has no source"
            numbers.append(found[1])
    assert len(set(numbers)) == len(numbers)


def test_formulas_need_no_script(site):
    for name in PAGES:
        page = (site / name).read_text(encoding="utf-8")
        assert "mathjax.js" not in page.lower()
        assert not re.search(r'<span class="math|\\\(', page), name
        for formula in re.findall(r"<math\b.*?</math>", page, re.DOTALL):
            shown, source = formula.split("<annotation")
            assert re.search(r">[^<\s]", shown), source
            assert "\\" not in shown, source
