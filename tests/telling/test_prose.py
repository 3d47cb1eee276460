"""Numbers and statements in the text, held against a run."""

import json

import pytest

from illusion.telling import prose


def text(source: str, name: str = "t", **metadata) -> dict:
    return {"cell_type": "markdown", "id": name, "source": source, "metadata": metadata}


def code(source: str, name: str) -> dict:
    return {"cell_type": "code", "id": name, "source": source, "metadata": {}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that checks cells in a namespace, and what it shows."""
    monkeypatch.chdir(tmp_path)
    shown = []
    monkeypatch.setattr(prose, "display", lambda bundle, raw: shown.append(bundle))

    def check(cells: list[dict], **names) -> dict:
        file = tmp_path / "chapter.ipynb"
        file.write_text(json.dumps({"cells": cells}), "utf-8")
        exec("prose.check('chapter')", {"prose": prose, **names})
        return shown.pop()

    return check


def found(run, *cells: str, **names) -> list[str]:
    """Return the lines on what does not hold."""
    shown = run([text(cell) for cell in cells], **names)["text/plain"]
    return [line.strip() for line in shown.splitlines() if line.startswith("  ")]


GOOD = """The luckiest of the ten comes out at **9<!--=x:.0f-->** points, or
1,234.5<!--=big:,.1f-->. Some −3<!--=low:.0f--> to 40%<!--=share:.0%-->
and Google<!--=who-->. It is more.<!--?x > 8-->

| a | 3\u00a0000<!--=three--> | 5<!--=lo-->–17<!--=hi--> |
"""
NAMES = {"x": 9.2, "big": 1234.5, "low": -3.1, "share": 0.4, "who": "Google"}
NAMES |= {"three": "3 000", "lo": 5, "hi": 17}


def test_a_text_that_holds(run):
    shown = run([text(GOOD, slide="## 9<!--=x:.0f-->")], **NAMES)
    assert shown["text/plain"] == "All 9 numbers and 1 statement of this chapter hold."
    values = shown[prose.MIME]
    assert values[0] == ["x:.0f", "9"]
    assert values[2] == ["low:.0f", "−3"]
    assert values[5] == ["x > 8", True]
    assert len(values) == 10


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("x", 30.2, "x:.0f is 30."),
        ("big", 234.5, "big:,.1f is 234.5."),
        ("low", 3.1, "low:.0f is 3."),
        ("low", -13.0, "low:.0f is −13."),
        ("share", 0.0, "share:.0% is 0%."),
        ("who", "Meta", "who is Meta."),
        ("who", "", "who is ."),
        ("hi", 7, "hi is 7."),
        ("lo", -5, "lo is −5."),
        ("three", "000", "three is 000."),
    ],
)
def test_a_number_that_has_changed_is_named_with_its_value(run, name, value, says):
    assert found(run, GOOD, **NAMES | {name: value}) == [says]


def test_all_that_does_not_hold_is_listed_sentence_by_sentence(run):
    names = NAMES | {"x": 3, "share": 0.5}
    del names["who"]
    shown = run([text(GOOD, "first"), text("Two.<!--?x == 9-->", "second")], **names)
    said = shown["text/plain"]
    assert said.startswith("Of the 8 numbers and 2 statements of this chapter, 5 no lo")
    quoted = [line for line in said.splitlines() if line.startswith("- ")]
    assert quoted[0].startswith("- “The luckiest of the ten comes out at 9 points")
    assert quoted[-2:] == ["- “It is more.”", "- “Two.”"]
    assert "who cannot be computed: NameError: name 'who' is not defined" in said
    assert "x > 8 is not true." in said
    assert shown[prose.MIME][-1] == ["x == 9", False]


def test_an_expression_does_not_change_the_next(run):
    cells = "1<!--=(y := 1)--> and 2<!--=y-->"
    assert found(run, cells, y=2) == []


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("x", ("x", "")),
        ("x:.0f", ("x", ".0f")),
        ("x[1:2].sum():,.0f", ("x[1:2].sum()", ",.0f")),
        ('d["a:b"]', ('d["a:b"]', "")),
        ('d["a:b"]:>3', ('d["a:b"]', ">3")),
        ("f(lambda y: y)", ("f(lambda y: y)", "")),
        ("x if y else z:.1%", ("x if y else z", ".1%")),
    ],
)
def test_an_expression_and_its_format(expression, parts):
    assert prose.split(expression) == parts


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("A line.\n<!--=x--> more", "a comment starts a line"),
        ("> A box\n> <!--?x--> more", "a comment starts a line"),
        ("- <!--=x--> more", "a comment starts a line"),
        ("Two 2<!--=x--1-->", "'--'"),
        ("Two 2<!--=-->", "is empty"),
        ("| 2<!--=x | 1--> |", "stands in a table"),
    ],
)
def test_a_malformed_comment_is_refused_with_its_place(run, source, says):
    with pytest.raises(prose.MarkerError, match=f"Cell c7: .*{says}"):
        run([text(source, "c7")])


def test_a_bar_outside_of_a_table_is_none(run):
    assert found(run, "It is 3<!--=x | 1-->.", x=2) == []


@pytest.mark.parametrize(
    "more",
    [
        "x = 2",
        "for x in range(3):\n    pass",
        "x += 1",
        "x[0] = 1",
        "x[0]['a'] = 1; x[1] = 2",
        "x.a = 1",
        "import x",
        "from y import z as x",
        "def x():\n    pass",
        "with a as x:\n    pass",
        "(y := 1, x := 2)",
    ],
)
def test_a_name_that_is_set_twice_is_named(run, more):
    cells = [code("x = 9", "one"), text("It is 9<!--=x-->."), code(more, "two")]
    shown = run(cells, x=9)["text/plain"]
    assert "x is set in more than one cell (one and two): which one?" in shown


@pytest.mark.parametrize(
    "more",
    ["[x for x in y]", "f(lambda x: x)", "z = x", "y[x] = 1", "def f():\n    x = 1"],
)
def test_a_name_of_an_inner_scope_is_another(run, more):
    cells = [code("x = 9", "one"), text("It is 9<!--=x-->."), code(more, "two")]
    assert run(cells, x=9)["text/plain"].startswith("All 1 number")


def test_a_column_is_set_once(run):
    cells = [code("x = f()\nx['a'] = 1", "one"), text("It is 9<!--=x-->.")]
    assert run([*cells, code("x['b'] = 2", "two")], x=9)["text/plain"].startswith("All")
    said = run([*cells, code("x['a'] = 2", "two")], x=9)["text/plain"]
    assert "x['a'] is set in more than one cell (one and two)" in said


def test_a_sentence_of_a_box_or_a_list_is_named_alone(run):
    box = "> **In one minute**\n>\n> One. It is\n> 9<!--=x-->. Two."
    assert "- “It is 9.”" in run([text(box)], x=1)["text/plain"]
    listed = "Some:\n\n- one 1\n- two 9<!--=x--> more\n- three"
    assert "- “two 9 more”" in run([text(listed)], x=1)["text/plain"].replace(
        "- two", "two"
    )


def test_captions_in_code_are_text_too(run):
    cells = [code('show(caption="All of 9.<!--?x == 9-->")', "one")]
    assert "x == 9 is not true" in run(cells, x=8)["text/plain"]
    cells = [code('show(caption="All of 9<!--=x-->.")', "one")]
    assert run(cells, x=9)["text/plain"].startswith("All 1 number")
    assert "x is 8." in run(cells, x=8)["text/plain"]


def test_the_sentence_of_a_caption_in_code_is_named_alone(run):
    source = (
        'show(\n    lines, caption="Far ahead, "\n    "then the rest.<!--?x > 9-->",\n'
        '    description=f"Up to {x}.",\n)'
    )
    shown = run([code(source, "c")], x=9)["text/plain"]
    assert "“Far ahead, then the rest.”" in shown


def test_a_chapter_that_is_not_there(run):
    with pytest.raises(FileNotFoundError):
        prose.check("no-such-chapter")


def test_numbers_are_written_anew_and_statements_are_not():
    found = [["x", "12"], ["y > 1", False], ["low:.0f", "−4"], ["n:,", "1 234"]]
    found += [["gone", ""], ["x", "12"]]
    values = [[code, value.replace(" ", "\u00a0") if isinstance(value, str) else value]
              for code, value in found]  # fmt: skip
    source = "Up to (**9<!--=x-->**).<!--?y > 1--> From −3<!--=low:.0f--> to"
    source += " 999<!--=n:,-->, and 5<!--=gone-->."
    cells = [text(source, slide="## 9<!--=x-->"), code("prose.check('t')", "z")]
    cells[1]["outputs"] = [{"data": {prose.MIME: values}}]
    changes = prose.renew(cells)
    written = source.replace("9<!--=x", "12<!--=x").replace("−3<", "−4<")
    assert cells[0]["source"] == written.replace("999<", "1\u00a0234<")
    assert cells[0]["metadata"]["slide"] == "## 12<!--=x-->"
    assert [change.partition(":")[0] for change in changes] == [
        "9 is now 12",
        "−3 is now −4",
        "999 is now 1\u00a0234",
        "9 is now 12",
    ]
    assert prose.renew(cells) == []


def test_what_the_last_run_did_not_have_is_refused():
    cells = [text("It is 9<!--=x-->.")]
    with pytest.raises(prose.MarkerError, match="than the last run"):
        prose.renew(cells)
