"""What the site makes of a notebook's comments, and what stops it."""

import json
import re
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from bookbuild import commonmark
from bookbuild.commonmark import PortableError, to_site
from illusion.telling import prose

KEY = "singh2025v1"
SOURCE = "[Singh et al. 2025](https://arxiv.org/abs/2504.20879v1)"


def text(source: str, name: str = "t") -> dict:
    return {"cell_type": "markdown", "id": name, "source": source, "metadata": {}}


def code(source: str, name: str = "c", values: list | None = None) -> dict:
    out = {"output_type": "display_data", "data": {prose.MIME: values}, "metadata": {}}
    outputs = [] if values is None else [out]
    return {"cell_type": "code", "id": name, "source": source, "outputs": outputs,
            "metadata": {}}  # fmt: skip


def site(*cells: dict) -> list[str]:
    return [
        "".join(cell["source"]) for cell in to_site({"cells": list(cells)})["cells"]
    ]


def one(source: str, *values) -> str:
    """Return a text as the site has it, after a run with these values."""
    return site(code("x = f(3)\ny = 2", "a"), text(source), code("", "z", [*values]))[1]


def test_what_has_no_comment_stays():
    plain = (
        "# A title\n\n**Bold** `code <!--=x-->`\n\n```python\n$$ <!--?x--> $$\n```\n"
    )
    assert one(plain) == plain


def test_a_number_shows_what_makes_it():
    made = "x:.0f&#10;x = f(3)"
    assert one("It is **9<!--=x:.0f-->** points.", ["x:.0f", "9"]) == (
        'It is **<span class="computed" tabindex="-1" data-mark="0" '
        f'data-made="{made}">9</span>** points.'
    )


def test_a_number_in_a_table_makes_no_column():
    found = one("| a | 3\u00a0000<!--=x-->\n", ["x", "3 000"])
    assert found.count("|") == 2
    assert ">3\u00a0000</span>" in found


def test_what_is_computed_is_listed_with_links_to_its_cells():
    *_, listed = site(
        code("x = f(3)\ny = 2", "a"),
        text("It is 9<!--=x:.0f-->. More.<!--?y < 3-->"),
        code("", "z", [["x:.0f", "9"], ["y < 3", True]]),
    )
    assert listed.count("<li>") == 2
    first = "<li><div>“It is 9.”</div><div><b>9</b>: <code>x:.0f</code></div><div>"
    assert first in listed
    assert '<a href="#cell-a"><code>x = f(3)</code></a></div></li>' in listed
    assert "<li><div>“More.”</div><div><code>y &lt; 3</code></div>" in listed


def test_a_statement_leaves_its_place():
    said = one("None.<!--?x > y--> More.", ["x > y", True])
    assert said == 'None.<span class="said" data-mark="0"></span> More.'


def test_places_are_counted_in_the_text_alone():
    _, first, second, _ = site(
        code('show(caption="It is 9.<!--?x > 8-->")', "a"),
        text("One 9<!--=x-->.") | {"metadata": {"slide": "Two 9<!--=x-->."}},
        text("Three 9<!--=x-->.", "u"),
        code("", "z", [["x > 8", True], ["x", "9"], ["x", "9"], ["x", "9"]]),
    )[:4]
    assert 'data-mark="0"' in first
    assert 'data-mark="1"' in second


def test_a_change_to_try_becomes_a_button():
    said = one("**Try:** less.<!--try a: f(3) -> f(-1) -> 2-->\n")
    assert said.startswith("**Try:** less. <button ")
    assert said.endswith("</button>\n")
    button = BeautifulSoup(said, "html.parser").button
    assert button is not None
    assert button.has_attr("hidden")
    told = [button[f"data-{key}"] for key in ("cell", "old", "new")]
    assert told == ["a", "f(3)", "f(-1) -> 2"]
    assert not re.search(r"f\(3\)|\*(?!\*)", said.removeprefix("**Try:**"))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("b: f(3) -> f(4)", "there is no cell of code b"),
        ("a: f(5) -> f(4)", "has 'f(5)' 0 times"),
        ("a: = -> ==", "has '=' 2 times"),
    ],
)
def test_a_change_that_cannot_be_made_stops_the_build(change, fault):
    with pytest.raises(PortableError, match=re.escape(fault)):
        one(f"**Try:** it.<!--try {change}-->\n")


def test_sources():
    cite = f"{SOURCE}<!--@{KEY}-->"
    assert one(f"As {cite} say.") == f"As {{cite:t}}`{KEY}` say."
    assert one(f"So it is ({cite}).") == f"So it is {{cite:p}}`{KEY}`."
    two = f"{cite};\n[Efron 2011](references.md)<!--@efron2011-->"
    assert one(f"So ({two}).") == f"So {{cite:p}}`{KEY},efron2011`."
    assert one(f"(see {cite})") == f"(see {{cite:t}}`{KEY}`)"


def test_references():
    assert (
        one("The chart<!--numref fig-a--> shows") == "The chart ({numref}`fig-a`) shows"
    )
    assert one("By (1)<!--eq eq-a-->.") == "By {eq}`eq-a`."
    assert one("the last<!--ref ex-a-->") == "the last ({ref}`ex-a`)"
    formula = "$$\na_N \\tag{1}\n$$<!--#eq-a-->\n"
    assert one(formula) == "$$\na_N\n$$ (eq-a)\n"


def test_a_box():
    found = one(
        "# T\n\n> **In one minute**\n>\n> **A.** One\n> two.\n>\n> Three.\n\nAfter."
    )
    assert found == (
        "# T\n\n:::{admonition} In one minute\n:class: in-one-minute\n\n"
        "**A.** One\ntwo.\n\nThree.\n:::\n\nAfter."
    )


EXERCISE = "### Exercise: Ten $x$ (check)<!--#ex-ten-->\n\nFind `answer`.\n\n- a\n"
HINT = '\n<details class="hint">\n<summary>Hint</summary>\n\nSo.\n\n</details>'


def test_an_exercise_ends_at_its_hint_and_its_solution_at_a_heading():
    found = site(
        text(f"## Exercises\n\n{EXERCISE}{HINT}", "e"),
        text("#### Solution", "s"),
        code("# not a heading\nanswer = 1"),
        text("It is one.\n\n```\n# nor this\n```", "after"),
        text("## Quiz", "q"),
    )
    assert found[0] == (
        "## Exercises\n\n````{exercise} Ten $x$ (check)\n:label: ex-ten\n\n"
        f"Find `answer`.\n\n- a\n````\n{HINT}"
    )
    assert found[1] == "```{solution-start} ex-ten\n:label: sol-ten\n```"
    assert found[4:] == ["```{solution-end}\n```", "## Quiz"]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([text("A [b](c)<!--@nobody-->.")], "nobody is not in references.bib"),
        ([text("A <!-- note -->.")], "no such comment is known: <!-- note -->"),
        ([text("A [b](c) <!--@efron2011-->.")], "no such comment is known"),
        ([text("By <!--eq eq-a-->.")], "needs the formula's number"),
        ([text(EXERCISE), text("#### Solution"), code("1")], "ex-ten has no end"),
        ([text("#### Solution", "s")], "Cell s: a solution of no exercise"),
        ([text("It is 9<!--=x-->.")], "other numbers and statements than the last run"),
        ([text("9<!--=x-->"), code("", "z", [["y", "9"]])], "than the last run"),
        ([text("9<!--=x-->"), code("", "z", [["x", "8"]])], "has 8 for x, .*: “9”"),
        (
            [text("All.<!--?x-->"), code("", "z", [["x", False]])],
            "has False .*: “All.”",
        ),
        ([code("", "z", [["x", "8"]])], "than the last run"),
    ],
)
def test_what_is_not_right_stops_the_build_with_the_place(cells, says):
    with pytest.raises(PortableError, match=says):
        to_site({"cells": cells})


def test_the_page_is_named(tmp_path):
    env = SimpleNamespace(doc2path=lambda name: f"{tmp_path}/{name}.ipynb")
    content = [json.dumps({"cells": [text("<!--=x-->", "t9")]})]
    with pytest.raises(PortableError, match=r"one\.ipynb: Cell t9: a comment starts"):
        commonmark._read(SimpleNamespace(env=env), "one", content)


def test_a_notebook_is_not_changed_itself():
    cells = [text("A.<!--?x-->"), code("", "z", [["x", True]])]
    before = json.dumps(cells)
    to_site({"cells": cells})
    assert json.dumps(cells) == before
    assert re.search("<!--", before)
