"""Markdown without MyST: what JupyterLab and the slides show."""

import re

import nbformat
import pytest
from conftest import CHAPTERS

from bookbuild.plain import GLUE_MIME, PlainError, glued, plain

RAW = re.compile(
    r"\{[a-z][\w:-]*\}`|^\s*(?::{3,}|`{3,}\{)|^\s*:\w+:|^\([\w-]+\)=", re.M
)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_nothing_raw_is_left_of_a_chapter(path):
    notebook = nbformat.read(path, as_version=4)
    values = glued(notebook)
    for cell in notebook.cells:
        for text in (cell.source, cell.metadata.get("slide", "")):
            if cell.cell_type == "markdown" or text != cell.source:
                assert not RAW.search(plain(text, values)), cell.id


def test_glued_values_are_read_from_the_outputs():
    def output(name, stored):
        return nbformat.v4.new_output(
            "display_data",
            {GLUE_MIME: stored},
            metadata={"scrapbook": {"name": name}},
        )

    outputs = [output("text", "'1,670'"), output("number", "127"), output("b", "-0.5")]
    outputs.append(nbformat.v4.new_output("stream", text="127"))
    cells = [nbformat.v4.new_code_cell(outputs=outputs)]
    cells.append(nbformat.v4.new_markdown_cell("No outputs"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    assert glued(notebook) == {"text": "1,670", "number": "127", "b": "-0.5"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is {glue:text}`n`.", "It is 0.1234."),
        ("See {numref}`fig-win-rates`.", "See the chart “win rates”."),
        ("See {ref}`ex-two-dice`.", "See the exercise “two dice”."),
        ("By {eq}`eq-best-of`.", "By (best of)."),
        ("[Ranking](ranking.ipynb)", "[Ranking](ranking.ipynb)"),
        ("$x$ and `{term}` and `` `a` ``", "$x$ and `{term}` and `` `a` ``"),
        ("$$\nx\n$$ (eq-best-of)", "$$\nx\n\\tag{best of}\n$$"),
        ("$$x$$", "$$x$$"),
    ],
)
def test_role_becomes_text(text, expected):
    assert plain(text, {"n": "0.1234"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{cite:p}`elo1978`", "(Elo 1978)"),
        (
            "{cite:t}`bradley1952`",
            "[Bradley and Terry (1952)](https://doi.org/10.2307/2334029)",
        ),
        (
            "{cite:p}`elo1978,\n singh2025v1`",
            "(Elo 1978; [Singh et al. 2025](https://arxiv.org/abs/2504.20879v1))",
        ),
        # An address with brackets would end a Markdown link.
        (
            "{cite:p}`strathern1997`",
            "([Strathern 1997](https://doi.org/10.1002/%28SICI%291234-981X%28199707"
            "%295%3A3%3C305%3A%3AAID-EURO184%3E3.0.CO%3B2-4))",
        ),
    ],
)
def test_citation_names_and_links_the_source(text, expected):
    assert plain(text, {}) == expected


def test_exercise_becomes_a_heading_and_its_solution_s_frame_goes():
    text = """Before.

````{exercise} Two dice (check)
:label: ex-two-dice

Roll {glue:text}`n`:

```python
{term}`kept`
```
````

<details class="hint">
<summary>Hint</summary>

Add.

</details>

```{solution-start} ex-two-dice
:label: sol-two-dice
```

A sentence."""
    assert (
        plain(text, {"n": "2"})
        == """Before.

### Exercise: Two dice (check)

Roll 2:

```python
{term}`kept`
```

<details class="hint">
<summary>Hint</summary>

Add.

</details>

A sentence."""
    )
    assert plain("```{solution-end}\n```", {}) == ""


def test_box_becomes_its_title_and_text():
    text = ":::{admonition} In one minute\n:class: in-one-minute\n\n**Claim.** It is.\n"
    assert plain(text + ":::", {}) == "**In one minute**\n\n**Claim.** It is."
    nested = text.replace(":::", "::::") + ":::{admonition} Title\nInner.\n:::\n::::"
    assert plain(nested, {}) == (
        "**In one minute**\n\n**Claim.** It is.\n\n**Title**\n\nInner."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{glue:text}`other`", "value 'other', which no cell .* has glued"),
        ("{cite:p}`nobody1900`", "source 'nobody1900' is not in references.bib"),
        ("A {term}`battle`", "role {term} has no plain form"),
        ("```{mermaid}\na --> b\n```", "directive {mermaid} has no plain form"),
    ],
)
def test_what_has_no_plain_form_is_refused(text, message):
    with pytest.raises(PlainError, match=message):
        plain(text, {"n": "2"})
