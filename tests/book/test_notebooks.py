"""The chapters as stored: fresh, clean, complete; and that nbval would notice."""

import ast
import calendar
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbclient
import nbformat
import pytest
from conftest import CHAPTERS, ROOT

from bookbuild import kernels
from illusion.telling import prose
from illusion.telling.charts import FIGURE_MIME, MIME

HIDDEN = {"hide-cell", "remove-cell", "remove-input"}
FOLDED = "hide-input"
"""Folded on the page and open in the notebook: a cell that only draws."""

MAX_HIDDEN = 0.05
# A folder of a machine, or an object's address: different on the next one.
MACHINE = re.compile(
    r"(?<![\w:/.])/(?:home|root|tmp|Users|usr|work|var)/\w|[A-Z]:\\\\?Users|\b0x[0-9a-f]{6,}"
)
# A number that a caption may not have typed, and what is none: years and days.
NUMBER = re.compile(r"(?<![\w.,])(?<!\w-)(?:\d+\.\d+|\d[\d,]*\d)(?![\w-])")
# A change of a cell's code that a page which runs makes at a press.
TRY = re.compile(r"<!--try (?P<cell>\S+): (?P<old>.+?) -> (?P<new>.+?)-->", re.DOTALL)
UNTRIED = {"index", "ledger"}
"""They have no change to try; every other chapter has one or two."""

MONTH = "|".join(calendar.month_name[1:])
DATE = re.compile(rf"\b\d\d? (?:{MONTH})|\b(?:19|20)\d\d\b|95%")


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_hidden(cell) -> bool:
    return bool(HIDDEN & set(cell.metadata.get("tags", [])))


def is_folded(cell) -> bool:
    return FOLDED in cell.metadata.get("tags", [])


def bound_names(source: str) -> set[str]:
    """Return the names that a cell binds at its top level."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
    return names


def used_names(source: str) -> set[str]:
    """Return the names that a cell reads."""
    return {
        node.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def faults(notebook) -> list[str]:
    """Return everything that is wrong with a stored chapter."""
    cells = code(notebook)
    found = []
    counts = [cell.execution_count for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        found.append(f"not run once from top to bottom: {counts}; restart and run all")
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) < len(ids):
        found.append("cells without an id of their own; save with nbformat 4.5")
    hidden: dict[str, int] = {}
    for number, cell in enumerate(cells, 1):
        where = f"code cell {number}: "
        long = [line for line in cell.source.splitlines() if len(line) > 79]
        found += [f"{where}a line of {len(line)} characters" for line in long]
        draws = re.search(r"\b(?:charts|headlines)\.show\(", cell.source)
        if is_folded(cell) != bool(draws):
            found.append(f"{where}what draws is folded ({FOLDED}), and only that")
        if is_hidden(cell) or is_folded(cell):
            hidden |= dict.fromkeys(bound_names(cell.source), number)
        else:
            own = bound_names(cell.source)
            found += [
                f"{where}uses {name!r}, which unseen cell {hidden[name]} defines"
                for name in sorted(used_names(cell.source) & set(hidden) - own)
            ]
            for name in own:
                hidden.pop(name, None)
        found += [
            f"{where}a caption's {number} is typed: make it from the run, or add a "
            "comment"
            for number in typed_numbers(cell.source)
        ]
        for output in cell.outputs:
            found += [where + fault for fault in output_faults(output)]
    lines = [cell.source.count("\n") + 1 for cell in cells]
    unseen = sum(n for n, cell in zip(lines, cells, strict=True) if is_hidden(cell))
    if unseen >= MAX_HIDDEN * sum(lines):
        found.append(f"{unseen} of {sum(lines)} lines of code are hidden")
    labels = [spec["usermeta"]["figure"]["label"] for spec in specs(notebook)]
    found += [
        f"two figures {label}" for label in set(labels) if labels.count(label) > 1
    ]
    return found


def typed_numbers(source: str) -> Iterator[str]:
    """Yield the numbers that a chart's caption or description has typed.

    A number that the cell's code has as well is a parameter, and no result.
    """
    nodes = [*ast.walk(ast.parse(source))]
    given = {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    for node in nodes:
        if isinstance(node, ast.keyword) and node.arg in {"caption", "description"}:
            parts = getattr(node.value, "values", [node.value])
            plain = [part.value for part in parts if isinstance(part, ast.Constant)]
            text = DATE.sub("", prose.COMMENT.sub("\0", "".join(plain)))
            for sentence in re.findall(r".+?(?:[.?!]\0*(?=\s|$)|$)", text):
                numbers = [] if "\0" in sentence else NUMBER.findall(sentence)
                yield from (n for n in numbers if n.replace(",", "") not in given)


def output_faults(output) -> list[str]:
    """Return everything that is wrong with one output."""
    if output.output_type == "error":
        return [f"an error: {output.ename}: {output.evalue}"]
    if output.output_type == "stream":
        found = ["a warning or message on stderr"] if output.name == "stderr" else []
        return found + machine_faults(output.text)
    found = machine_faults(json.dumps(output.data))
    if MIME in output.data:
        spec = output.data[MIME]
        figure = spec.get("usermeta", {}).get("figure", {})
        if not (spec.get("description") and {"caption", "label"} <= set(figure)):
            found.append("a chart not shown by charts.show")
        if "image/png" in output.data:
            found.append(
                "a chart saved by JupyterLab as an image too; run again by "
                "jupyter execute --inplace"
            )
    return found


def machine_faults(text: str) -> list[str]:
    return [
        f"names a place on a machine: {match[0]}" for match in MACHINE.finditer(text)
    ]


def specs(notebook) -> list[dict]:
    """Return the charts of a chapter that have a label."""
    found = []
    for cell in code(notebook):
        for output in cell.outputs:
            spec = output.get("data", {}).get(MIME)
            if spec and "figure" in spec.get("usermeta", {}):
                found.append(spec)
    return found


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_fresh_and_clean(path):
    wrong = faults(read(path))
    assert not wrong, f"{path.name}:\n" + "\n".join(wrong)


def test_labels_are_unique_in_the_book():
    labels = [
        s["usermeta"]["figure"]["label"] for p in CHAPTERS for s in specs(read(p))
    ]
    assert sorted(set(labels)) == sorted(labels)


def try_faults(notebook) -> list[str]:
    """Return everything that is wrong with the changes a chapter asks to try."""
    found = []
    section, above = 0, {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            above[cell.id] = section, cell.source
        elif cell.cell_type == "markdown":
            for part in re.split(r"\n{2,}", cell.source):
                section += bool(re.match(r"#{1,6} ", part))
                found += [
                    f"{match[0]}: {fault}"
                    for match in TRY.finditer(part)
                    for fault in change_faults(match, part, section, above)
                ]
    return found


def change_faults(
    match: re.Match, part: str, section: int, above: dict[str, tuple[int, str]]
) -> Iterator[str]:
    """Yield what is wrong with one change.

    `above` has the section and the source of each cell of code before it.
    """
    if not (part.startswith("**Try:**") and part.endswith("-->")):
        yield "ends no paragraph that begins with **Try:**"
    if match["cell"] not in above:
        yield "no cell of code above has this id"
        return
    place, source = above[match["cell"]]
    if place != section:
        yield "the cell is in another section"
    if (times := source.count(match["old"])) != 1:
        yield f"the cell has the old code {times} times"
        return
    try:
        compile(source.replace(match["old"], match["new"]), match["cell"], "exec")
    except SyntaxError as error:
        yield f"the changed cell is no code: {error}"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_changes_to_try_can_be_made(path):
    notebook = read(path)
    wrong = try_faults(notebook)
    assert not wrong, f"{path.name}:\n" + "\n".join(wrong)
    texts = (c.source for c in notebook.cells if c.cell_type == "markdown")
    number = sum(len(TRY.findall(text)) for text in texts)
    assert number == 0 if path.stem in UNTRIED else number in {1, 2}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("**Try:** it.<!--try a: f(3) -> f(4)-->", None),
        ("**Try:** it.<!--try b: f(3) -> f(4)-->", "no cell of code above"),
        ("**Try:** it.<!--try a: f(5) -> f(4)-->", "the old code 0 times"),
        ("**Try:** it.<!--try a: f -> g-->", "the old code 2 times"),
        ("**Try:** it.<!--try a: f(3) -> f(4-->", "the changed cell is no code"),
        ("Do it.<!--try a: f(3) -> f(4)-->", "begins with **Try:**"),
        ("**Try:** it.<!--try a: f(3) -> f(4)-->\nMore.", "ends no paragraph"),
        ("## Next\n\n**Try:** it.<!--try a: f(3) -> f(4)-->", "another section"),
    ],
)
def test_a_fault_of_a_change_is_found(text, fault):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell("f(3)\nf(2)", id="a"),
        nbformat.v4.new_markdown_cell(text),
    ]
    wrong = try_faults(notebook)
    assert len(wrong) == bool(fault)
    assert all(fault in found for found in wrong)


SAMPLE = [
    "1 + 1",
    """import altair as alt
import pandas as pd

from illusion.telling import charts

table = pd.DataFrame({"x": [1, 2], "y": [3, 4]})
table""",
    """charts.show(
    alt.Chart(table).mark_line().encode(x="x", y="y"),
    label="fig-sample",
    caption="It rises.",
    description="A rising line.",
    source="made up.",
)""",
]


@pytest.fixture(scope="module")
def sample():
    """Return a small notebook, run, with a number, a table and a chart."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in SAMPLE]
    notebook.cells[2].metadata.tags = [FOLDED]
    return nbclient.NotebookClient(notebook, config=kernels.config()).execute()


def change_number(cell):
    cell.outputs[0].data["text/plain"] = "3"


def change_table(cell):
    data = cell.outputs[0].data
    data["text/html"] = data["text/html"].replace("<td>4</td>", "<td>5</td>")


def change_datum(cell):
    cell.outputs[0].data[MIME]["datasets"]["table_1"][1]["y"] = 5


def change_caption(cell):
    cell.outputs[1].data["text/markdown"] = "**Figure.** It falls."


# What is changed, and in which cell of the sample.
CHANGES = [
    (change_number, 0),
    (change_table, 1),
    (change_datum, 2),
    (change_caption, 2),
]


def test_nbval_notices_every_change_of_a_stored_output(sample, pytester):
    # One notebook, as most of the time goes into starting kernels: the sample's
    # cells, then a changed copy for each change.
    notebook = copy.deepcopy(sample)
    for change, place in CHANGES:
        changed = copy.deepcopy(sample.cells[place])
        change(changed)
        assert changed != sample.cells[place]
        changed.id = change.__name__
        notebook.cells.append(changed)
    nbformat.write(notebook, pytester.path / "sample.ipynb")
    run = pytester.inline_run("--nbval", "-p", "no:cacheprovider", "sample.ipynb")
    reports = run.getreports("pytest_runtest_logreport")
    ends = [report.outcome for report in reports if report.when == "call"]
    assert ends == ["passed"] * len(SAMPLE) + ["failed"] * len(CHANGES)


def break_order(notebook):
    notebook.cells[0].execution_count = 7


def break_line(notebook):
    notebook.cells[0].source = "x = 1  # " + "long " * 20


def break_caption(notebook):
    source = notebook.cells[2].source
    notebook.cells[2].source = source.replace("It rises.", "It rises by +15.")


def break_hidden(notebook):
    notebook.cells[1].metadata.tags = ["hide-cell"]
    notebook.cells.append(nbformat.v4.new_code_cell("table", execution_count=4))


def break_hidden_lines(notebook):
    notebook.cells[0].metadata.tags = ["hide-cell"]


def break_folded(notebook):
    notebook.cells[0].metadata.tags = [FOLDED]


def break_drawing(notebook):
    del notebook.cells[2].metadata["tags"]


def break_folded_name(notebook):
    notebook.cells[2].source = "total = 3\n" + notebook.cells[2].source
    notebook.cells.append(nbformat.v4.new_code_cell("total", execution_count=4))


def break_output(notebook):
    notebook.cells[0].outputs[0].data["text/plain"] = "'/home/someone/book'"


def break_chart(notebook):
    del notebook.cells[2].outputs[0].data[MIME]["description"]


def break_image(notebook):
    notebook.cells[2].outputs[0].data["image/png"] = "iVBORw0KGgo="


def break_error(notebook):
    notebook.cells[0].outputs = [
        nbformat.v4.new_output("error", ename="KeyError", evalue="x", traceback=[])
    ]


def break_id(notebook):
    notebook.cells[0].id = notebook.cells[1].id


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (break_order, "restart and run all"),
        (break_line, "characters"),
        (break_caption, "a caption's 15 is typed"),
        (break_hidden, "uses 'table', which unseen cell 2 defines"),
        (break_hidden_lines, "1 of 15 lines of code are hidden"),
        (break_folded, "cell 1: what draws is folded"),
        (break_drawing, "cell 3: what draws is folded"),
        (break_folded_name, "uses 'total', which unseen cell 3 defines"),
        (break_output, "names a place on a machine"),
        (break_chart, "not shown by charts.show"),
        (break_image, "as an image too"),
        (break_error, "an error: KeyError: x"),
        (break_id, "without an id"),
    ],
)
def test_a_fault_is_found(sample, damage, fault):
    notebook = copy.deepcopy(sample)
    assert not faults(notebook)
    damage(notebook)
    assert any(fault in found for found in faults(notebook)), faults(notebook)


def test_caption_is_marked_for_the_build(sample):
    assert FIGURE_MIME in sample.cells[2].outputs[1].data


def test_instructors_have_minutes_and_a_key_for_each_exercise():
    page = (ROOT / "chapters" / "instructors.md").read_text("utf-8")
    table = page.partition("## Exercises: minutes")[2].partition("\n## ")[0]
    listed = re.findall(r"^\|[^|]*\| ([^|]+?) \| (\d+) \| ([^|]+?) \|$", table, re.M)
    asked = re.compile(r"^### Exercise: (.+?) \((?!discuss)\w+\)<!--#ex-", re.M)
    titles = {
        t for p in CHAPTERS for c in read(p).cells for t in asked.findall(c.source)
    }
    assert sorted(title for title, _, _ in listed) == sorted(titles)
    assert all(5 <= int(minutes) <= 40 for _, minutes, _ in listed)
