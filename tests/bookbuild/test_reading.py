"""Reading is counted, running is timed; every page says so, and how to rerun it."""

import json
import re
from itertools import accumulate
from types import SimpleNamespace

import conftest
import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import CHAPTERS, PROSE, ROOT

from bookbuild import reading
from bookbuild.reading import Reading
from illusion.telling import charts, quiz

PAGES = {path.stem: path for path in CHAPTERS + PROSE}
PLANS = (ROOT / "chapters/instructors.md").read_text("utf-8")
PLANNED = {"One class of 90 minutes": 90, "A workshop of half a day": 240}


def code(source, outputs=(), **metadata):
    cell = nbformat.v4.new_code_cell(source, metadata=metadata)
    cell.outputs = [
        nbformat.v4.new_output("display_data", data={kind: {}}) for kind in outputs
    ]
    return cell


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """A chapter `one` with a bit of everything that is read or is not."""
    text = nbformat.v4.new_markdown_cell
    box = "> **In one minute**\n>\n> Two words."
    link = "A [link text](glossary.md#x) of 5<!--=n--> ([K](https://k.org/a)<!--@k-->)."
    task = "### Exercise: Try (check)<!--#ex-a-->\n\nDo it now."
    hint = "<details>\n<summary>Hint</summary>\n\nNot counted.\n\n</details>"
    cells = [
        text(f"# One title here\n\n{box}"),
        text(f"## Second part\n\n{link}"),
        code("x = 1\n\ny = 2", [charts.MIME]),
        text(f"## Exercises\n\n{task}\n\n{hint}"),
        text("#### Solution"),
        text("Nor this."),
        code("answer = 1\nexercises.check('ex-a', answer)", [charts.MIME]),
        text("Nor that."),
        text("### Again counted"),
        code('quiz.show("one")'),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, tmp_path / "one.ipynb")
    (tmp_path / "two.md").write_text("# Two\n\nFive words are in here.\n", "utf-8")
    asked = [quiz.Question("Is it?", (quiz.Option("a b", "c", True),))]
    monkeypatch.setattr(quiz, "load", lambda name: asked)
    return tmp_path / "one.ipynb"


def test_a_chapter_is_counted_by_section(chapter):
    found = reading.sections(chapter)
    assert list(found) == ["", "second-part", "exercises"]
    assert found[""] == Reading(words=3 + 3 + 2)
    # Two of the heading; "A link text of K".
    assert found["second-part"] == Reading(words=2 + 5, lines=2, charts=1)
    # Of the heading, "Exercise Try check", "Do it now", "Again counted", the quiz.
    assert found["exercises"].words == 1 + 3 + 3 + 2 + 4
    assert (found["exercises"].lines, found["exercises"].charts) == (0, 0)
    total = reading.reading(chapter)
    assert total.words == sum(part.words for part in found.values())
    assert reading.sections(chapter.with_name("two.md")) == {"": Reading(words=6)}


def test_minutes():
    assert Reading(words=238 * 3).minutes == pytest.approx(3)
    assert Reading(lines=15).minutes == pytest.approx(1)
    assert Reading(charts=2).minutes == pytest.approx(1)
    both = Reading(1, 2, 3) + Reading(10, 20, 30)
    assert both == Reading(11, 22, 33)


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of each table of a text, without its heads' rule."""
    found = [part.splitlines() for part in re.findall(r"(?:^\|.*\n)+", text, re.M)]
    return [
        [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
        for table in [[head, *rows] for head, _, *rows in found]
    ]


def rows_of(title: str) -> list[list[str]]:
    """Return the rows of the table under a heading of the instructors' page."""
    part = PLANS.partition(f"### {title}\n")[2].partition("\n#")[0]
    return tables(part)[0][1:]


def linked(row: list[str]) -> Reading:
    """Count the pages and sections that are linked in a row."""
    total = Reading()
    for link in re.finditer(r"\]\(([\w-]+)\.ipynb(?:#([^)]+))?\)", " ".join(row)):
        path = PAGES[link[1]]
        part = reading.sections(path)[link[2]] if link[2] else reading.reading(path)
        total += part
    return total


@pytest.mark.parametrize("title", PLANNED)
def test_no_part_is_planned_to_be_shorter_than_its_text(title):
    rows = rows_of(title)
    planned = [int(row[2]) for row in rows]
    assert [int(row[0]) for row in rows] == [0, *accumulate(planned)][:-1]
    assert sum(planned) == PLANNED[title]
    read = [linked(row).minutes for row in rows]
    assert sum(minutes > 0 for minutes in read) >= 6
    for row, minutes, least in zip(rows, planned, read, strict=True):
        assert minutes >= least, f"{row[3]!r} takes {least:.1f} minutes to read"


def test_a_module_has_two_classes_a_week():
    rows = rows_of("A module of four weeks")
    assert [int(row[0]) for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_the_instructors_read_how_it_is_counted():
    text = " ".join(PLANS.split())
    assert f"{reading.WORDS_PER_MINUTE} words a minute" in text
    allowed = f"{reading.SECONDS_PER_LINE} seconds for a line of code"
    assert f"{allowed} and {reading.SECONDS_PER_CHART} for a chart" in text


def test_the_site_fills_the_tables_in(site):
    page = BeautifulSoup(
        (site / "chapters/instructors.html").read_text("utf-8"), "html.parser"
    )
    shown = [
        [
            [" ".join(cell.get_text().split()) for cell in row.find_all(["td", "th"])]
            for row in table.find_all("tr")
        ]
        for table in page.select("article table")
    ]
    for table in page.select("article table"):
        head, *rows = [
            [
                "text-right" in cell.get("class", [])
                for cell in row.find_all(["td", "th"])
            ]
            for row in table.find_all("tr")
        ]
        assert all(row == head for row in rows), "numbers are not aligned"
    filled = 0
    for source, table in zip(tables(PLANS), shown, strict=True):
        for row, cells in zip(source[1:], table[1:], strict=True):
            count = linked(row)
            numbers = (count.words, count.lines, count.charts, count.minutes)
            expected = dict(zip(reading.COLUMNS, map(round, numbers), strict=True))
            for title, cell in zip(source[0], cells, strict=True):
                if title in expected:
                    assert cell == (str(expected[title]) if any(numbers) else "")
                    filled += bool(cell)
    # Ten chapters in four columns, six parts of each plan, seven classes.
    assert filled == 10 * 4 + 6 + 6 + 7


def report(name: str, seconds: float, when: str = "call") -> SimpleNamespace:
    node = f"chapters/{name}.ipynb::Cell 0"
    return SimpleNamespace(nodeid=node, when=when, duration=seconds)


def test_whole_runs_are_timed_and_others_are_not():
    two = [report("ranking", 40), report("ranking", 21), report("ranking", 1, "setup")]
    half = [report("reforms", 5)]
    other = SimpleNamespace(nodeid="tests/a.py::b", when="call", duration=9.0)
    assert conftest.timed([*two, *half, other], {"ranking": 2, "reforms": 2}) == {
        "ranking": 62
    }


def test_running_is_said_as_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(reading.tree, "ROOT", tmp_path)
    assert reading.running("ranking") == ""
    file = tmp_path / reading.RUNS
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"ranking": 59.9, "reforms": 60.1}), "utf-8")
    assert reading.running("ranking") == "under a minute"
    assert reading.running("reforms") == "under 2 minutes"
    assert reading.running("index") == ""


def test_the_tests_leave_their_times_where_the_build_looks(pytestconfig, monkeypatch):
    kept = {}
    cache = SimpleNamespace(
        get=lambda key, default: {"index": 3.0},
        set=lambda key, value: kept.update(
            {pytestconfig.cache._getvaluepath(key): value}
        ),
    )
    monkeypatch.setattr(conftest, "timed", lambda reports, cells: {"ranking": 2.0})
    plugins = SimpleNamespace(get_plugin=lambda name: SimpleNamespace(stats={}))
    config = SimpleNamespace(pluginmanager=plugins, cache=cache)
    conftest.pytest_sessionfinish(SimpleNamespace(config=config))
    assert kept == {ROOT / reading.RUNS: {"index": 3.0, "ranking": 2.0}}


def test_what_a_page_says_of_itself(chapter, monkeypatch):
    for runs, told in (("under a minute", ", under a minute to run"), ("", "")):
        monkeypatch.setattr(reading, "running", lambda *_, runs=runs: runs)
        assert reading.line(chapter) == [
            (f"1 minute to read{told}. To rerun it: ", False),
            ("jupyter lab chapters/one.ipynb", True),
        ]
    said = reading.line(chapter.with_name("two.md"))
    assert said == [("1 minute to read; nothing to run.", False)]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_how_to_rerun_it(site, name, monkeypatch):
    page = (site / f"chapters/{name}.html").read_text("utf-8")
    found = re.findall(r'<p class="rerun">(.*?)</p>', page, re.S)
    if name == "library":  # its functions are looked up, not read
        assert not found
        return
    assert len(found) == 1
    said, _, links = found[0].partition('<span class="rerun-links">')
    assert re.findall(r'href="([^"]+)"', links) == (
        [f"../_sources/chapters/{name}.ipynb"] * (PAGES[name].suffix == ".ipynb")
    )
    shown = " ".join(re.sub(r"<[^>]+>", "", said).split())
    # The site may be older than the last run of the tests.
    shown = re.sub(r", under (a minute|\d+ minutes) to run", "", shown)
    monkeypatch.setattr(reading, "running", lambda *_: "")
    assert shown == "".join(text for text, _ in reading.line(PAGES[name]))


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("https://github.com/example/a-book", ""),
        ("https://gitlab.com/somebody/a-book", ""),
        (
            "https://github.com/somebody/a-book",
            "https://mybinder.org/v2/gh/somebody/a-book/a%2Fb?labpath=chapters%2Fone.ipynb",
        ),
    ],
)
def test_a_notebook_can_be_run_elsewhere_once_there_is_a_repository(
    repository, address
):
    assert reading.hosted(repository, "a/b", "chapters/one.ipynb") == address


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_chapter_says_it_in_numbers_of_its_own(path):
    assert "**Time:**" not in path.read_text("utf-8")
