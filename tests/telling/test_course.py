"""Times are counted and measured, and every page says how to rerun it."""

import re

import nbformat
import pytest
from conftest import CHAPTERS, ROOT

from bookbuild import rerun, times, tree
from illusion import data
from illusion.telling import course, quiz
from illusion.telling.course import Part, Reading

PAGES = tree.pages()[1:]


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
    box = ":::{admonition} In short\n:class: box\n\nTwo words.\n:::"
    link = "A [link text](glossary.md#x) of {glue:text}`n` {cite:p}`k`."
    task = "````{exercise} Try (check)\n:label: ex-a\n\nDo it now.\n````"
    hint = "<details>\n<summary>Hint</summary>\n\nNot counted.\n\n</details>"
    begin = "```{solution-start} ex-a\n:label: sol-a\n```"
    cells = [
        text(f"# One title here\n\n{box}"),
        text(f"## Second part\n\n{link}"),
        code("x = 1\n\ny = 2", [course._CHART]),
        code("hidden = 3\nmore = 4", tags=["remove-cell"]),
        text(f"## Exercises\n\n{task}\n\n{hint}\n\n{begin}\n\nNor this."),
        code("answer = 1\nexercises.check('ex-a', answer)", [course._CHART]),
        text("Nor that.\n\n```{solution-end}\n```\n\nAgain counted."),
        code('quiz.show("one")'),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, tmp_path / "one.ipynb")
    (tmp_path / "two.md").write_text("# Two\n\nFive words are in here.\n", "utf-8")
    monkeypatch.setattr(course, "CHAPTERS", tmp_path)
    asked = [quiz.Question("Is it?", (quiz.Option("a b", "c", True),))]
    monkeypatch.setattr(quiz, "load", lambda name: asked)
    course.sections.cache_clear()
    yield "one"
    course.sections.cache_clear()


def test_a_chapter_is_counted_by_section(chapter):
    found = course.sections(chapter)
    assert list(found) == ["", "Second part", "Exercises"]
    assert found[""] == Reading(words=3 + 2 + 2)
    # Two of the heading; "A link text of n k".
    assert found["Second part"] == Reading(words=2 + 6, lines=2, charts=1)
    # One of the heading, "Try check", "Do it now", "Again counted", the quiz.
    assert found["Exercises"].words == 1 + 2 + 3 + 2 + 4
    assert (found["Exercises"].lines, found["Exercises"].charts) == (0, 0)
    total = course.reading(chapter)
    assert total.words == sum(part.words for part in found.values())
    assert course.sections("two") == {"": Reading(words=6)}


def test_minutes():
    assert Reading(words=238 * 3).minutes == pytest.approx(3)
    assert Reading(lines=15).minutes == pytest.approx(1)
    assert Reading(charts=2).minutes == pytest.approx(1)
    both = Reading(1, 2, 3) + Reading(10, 20, 30)
    assert both == Reading(11, 22, 33)


def test_a_plan_has_the_minutes_that_were_measured(monkeypatch):
    sections = {"": Reading(238 * 2), "A": Reading(238 * 4), "B": Reading(238)}
    monkeypatch.setattr(course, "sections", lambda page: sections)
    plan = course.plan(
        [
            Part(10, "all", "one"),
            Part(5, "talk"),
            Part(5, "two of three", "one", ("", "B")),
        ]
    )
    assert plan.index.tolist() == ["all", "talk", "two of three"]
    assert plan["from"].tolist() == [0, 10, 15]
    assert plan["read"].tolist() == [7, 0, 3]
    assert plan["planned"].tolist() == [10, 5, 5]
    with pytest.raises(ValueError, match=r"takes 4\.0 minutes to read, and 3 are"):
        course.plan([Part(3, "hurried", "one", ("A",))])
    with pytest.raises(ValueError, match="one has no section 'C'"):
        course.plan([Part(3, "lost", "one", ("C",))])


def test_the_table_of_the_book():
    table = course.table(["ranking", "glossary"])
    assert table.loc["ranking", "words"] == course.reading("ranking").words > 2000
    assert table.loc["ranking", "running"] == round(course.running("ranking"))
    assert table.loc["glossary", ["lines", "charts", "running"]].tolist() == [0, 0, 0]
    assert course.running("glossary") is None


def test_all_notebooks_were_measured():
    measured = data.load("run_times")
    assert sorted(measured["notebook"]) == [path.stem for path in CHAPTERS]
    assert measured["seconds"].between(0.5, 120).all()


def test_times_are_measured(tmp_path, monkeypatch):
    kept = {}
    monkeypatch.setattr(data, "keep", lambda table, name: kept.update({name: table}))
    cell = nbformat.v4.new_code_cell("import time; time.sleep(0.6)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "nap.ipynb")
    table = times.measure(tmp_path)
    assert kept["run_times"] is table
    assert table["notebook"].tolist() == ["nap"]
    assert 0.6 < table["seconds"][0] < 30
    assert list(table) == list(data.load("run_times"))


def test_what_a_page_says_of_itself(chapter, monkeypatch):
    monkeypatch.setattr(course, "running", lambda name: 1.2)
    (text, is_code), (command, command_is_code) = rerun.line("one", runs=True)
    assert text == "1 minute to read, 1 second to run. To rerun it: "
    assert command == "jupyter lab chapters/one.ipynb"
    assert (is_code, command_is_code) == (False, True)
    said = rerun.line("two", runs=False)
    assert said == [("1 minute to read; nothing to run.", False)]


@pytest.mark.parametrize("name", ["chapters/index", *PAGES])
def test_every_page_says_how_to_rerun_it(site, name):
    page = (site / f"{name}.html").read_text("utf-8")
    found = re.findall(r'<p class="rerun">(.*?)</p>', page, re.S)
    assert len(found) == 1
    stem = name.removeprefix("chapters/")
    parts = rerun.line(stem, runs=(ROOT / f"{name}.ipynb").exists())
    shown = " ".join(re.sub(r"<[^>]+>", "", found[0]).split())
    assert shown == "".join(text for text, _ in parts)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_chapter_says_it_in_numbers_of_its_own(path):
    assert "**Time:**" not in path.read_text("utf-8")
