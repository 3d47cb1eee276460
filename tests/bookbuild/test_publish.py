"""The build side: drawings, formulas, solutions, the theme."""

import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import altair as alt
import pandas as pd
import pydata_sphinx_theme
import pytest
import sphinx
import sphinx_book_theme
import yaml
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

from bookbuild import drawing, figures, mathfont, theme, tidying, tree
from bookbuild.mathfont import signs
from bookbuild.mathml import MathError, to_mathml
from bookbuild.site import build
from illusion.telling import charts

ROWS = pd.DataFrame(
    {
        "model": ["a-rather-long-name-of-a-model", "b", "c"] * 2,
        "score": [1.0, 2.0, 3.0, 2.0, 3.0, 4.0],
        "party": ["paper", "LMArena", "this book"] * 2,
        "claim": ["votes"] * 3 + ["models"] * 3,
    }
)


def stored(chart: alt.TopLevelMixin) -> dict:
    """Return a chart's specification as a notebook stores it."""
    return charts.render(chart.properties(description='A <b> & "c"').to_dict())[
        charts.MIME
    ]


def bars(**encoding) -> alt.Chart:
    return alt.Chart(ROWS).mark_bar().encode(x="score", y="model", **encoding)


CHARTS = {
    "single": bars(),
    "continuous": alt.Chart(ROWS).mark_line().encode(x="score", y="score"),
    "layered": bars() + alt.Chart(ROWS).mark_rule().encode(x="score", y="model"),
    "legend": bars(color=alt.Color("party", scale=charts.PARTY)),
    "column": bars(column="claim"),
    "row": bars(row="claim"),
    "facet": bars().facet("claim"),
    "side by side": bars() | bars(),
    "one above the other": bars() & bars(),
}


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("width", [charts.WIDTH, drawing.NARROW])
def test_chart_fits_the_page(name, width):
    spec = stored(CHARTS[name])
    before = json.dumps(spec)
    svg = drawing.to_svg(json.dumps(drawing.sized(spec, width)))
    assert json.dumps(spec) == before
    assert 0.9 * width <= drawing.svg_size(svg)[0] <= 1.03 * width


@pytest.mark.parametrize("name", ["column", "facet", "side by side"])
def test_panels_are_stacked_on_a_phone(name):
    def height(width):
        svg = drawing.to_svg(json.dumps(drawing.sized(stored(CHARTS[name]), width)))
        return float(re.search(r' height="([\d.]+)"', svg)[1])

    assert height(drawing.NARROW) > 1.5 * height(charts.WIDTH)


def test_a_width_of_its_own_is_kept_and_scrolls():
    spec = stored(bars().properties(width=900))
    page = figures.chart_html(spec, "k")
    assert 'class="chart chart-scrolls"' in page
    assert 'tabindex="0" role="group" aria-label="Chart, scrolls sideways"' in page
    assert "chart-scrolls" not in figures.chart_html(stored(bars()), "k")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of drawings, and how often Vega draws."""
    monkeypatch.setattr(drawing, "CACHE", tmp_path / "charts")
    draws = []
    draw = drawing.vl_convert.vegalite_to_svg
    monkeypatch.setattr(
        drawing.vl_convert,
        "vegalite_to_svg",
        lambda spec, **options: draws.append(spec) or draw(spec, **options),
    )
    drawing.to_svg.cache_clear()
    yield tmp_path / "charts", draws
    drawing.to_svg.cache_clear()


def test_a_chart_is_drawn_once(cache, monkeypatch):
    folder, draws = cache
    spec = json.dumps(stored(CHARTS["single"]))

    def draw() -> str:
        drawing.to_svg.cache_clear()  # as in another process
        return drawing.to_svg(spec)

    assert draw() == draw()
    assert len(draws) == 1
    assert [path.suffix for path in folder.iterdir()] == [".svg"]
    monkeypatch.setattr(drawing, "version", lambda package: "another")
    draw()
    assert len(draws) == 2
    spec = json.dumps(stored(CHARTS["row"]))
    draw()
    assert len(draws) == 3


def test_charts_are_drawn_where_nothing_can_be_written(cache):
    folder, draws = cache
    folder.touch()  # no folder can be made in its place
    spec = json.dumps(stored(CHARTS["single"]))
    assert drawing.to_svg(spec).startswith("<svg")
    drawing.to_svg.cache_clear()
    drawing.to_svg(spec)
    assert len(draws) == 2


def test_drawing_without_size_is_refused():
    with pytest.raises(ValueError, match="no size"):
        drawing.svg_size("<svg></svg>")


def test_chart_is_one_image_with_its_description():
    page = figures.chart_html(stored(CHARTS["legend"]), "k")
    assert page.count('role="') == 1
    assert 'role="img" aria-label="A &lt;b&gt; &amp; &quot;c&quot;"' in page
    assert page.count('<svg aria-hidden="true" focusable="false"') == 2
    assert page.count("<svg") == 2
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)


def test_ids_of_a_drawing_are_unique_on_the_page():
    svg = '<svg width="1"><clipPath id="clip0"/><g clip-path="url(#clip0)"/></svg>'
    assert drawing.clean_svg(svg, "k-") == (
        '<svg aria-hidden="true" focusable="false" width="1">'
        '<clipPath id="k-clip0"/><g clip-path="url(#k-clip0)"/></svg>'
    )


def test_page_carries_the_live_view_once_and_safely():
    chart = bars().properties(title="</script><script>")
    page = figures.chart_html(stored(chart), "k")
    data = re.search(r'class="chart-data">(.*?)</script>', page, re.S)[1]
    live = json.loads(data)
    assert live["wide"]["title"] == "</script><script>"
    assert "datasets" not in live["wide"]
    assert live["shared"]["datasets"]["table_1"]
    # Vega complains about the schema of a version that is not its own.
    assert "$schema" not in live["narrow"]


def test_text_and_lines_take_the_page_s_colour():
    page = figures.chart_html(stored(CHARTS["legend"]), "k")
    assert "currentColor" in page
    assert not re.search(r'(?:fill|stroke)="(?:#000|black|#888)', page)


def parse(tex: str, **options) -> BeautifulSoup:
    return BeautifulSoup(to_mathml(tex, **options), "html.parser")


@pytest.mark.parametrize("display", [True, False])
def test_formula_keeps_its_source(display):
    tex = r"a < \frac{1}{2}"
    math = parse(tex, display=display).math
    assert math.get("display") == ("block" if display else None)
    assert math.annotation["encoding"] == "application/x-tex"
    assert math.annotation.text == tex


def test_an_equation_is_numbered_by_sphinx_alone():
    numbered, bare = (
        parse(rf"\begin{{align{s}}} a &= b \\ &= c \end{{align{s}}}", display=True)
        for s in ("", "*")
    )
    for math in (numbered, bare):
        assert [len(row("mtd")) for row in math("mtr")] == [2, 2]


def test_brace_below_is_not_cut():
    assert parse(r"\underbrace{x}_{\text{y}}").find_all("munder")
    assert "accentunder" not in to_mathml(r"\underbrace{x}_{\text{y}}")


@pytest.mark.parametrize(
    ("tex", "says"),
    [
        (r"\nosuchcommand x", r'character 0: Unknown command "\\nosuchcommand"'),
        (r"\frac{1}{2", r"character 10: Expected closing token"),
        (r"\left( x", r"character 8: Expected .*\\right"),
    ],
)
def test_formula_that_cannot_be_read_is_refused(tex, says):
    with pytest.raises(MathError, match=says):
        to_mathml(tex)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<p>text &amp; <b>more</b></p>", "<p>text &amp; <b>more</b></p>"),
        ("<style scoped>\n td {}\n</style><p>x<br>&lt;</p>", "<p>x<br>&lt;</p>"),
        (
            '<a href="ranking.ipynb#claim-a">row</a>',
            '<a href="ranking.html#claim-a">row</a>',
        ),
        (
            '<table border="1" class="dataframe"><tr><th></th></tr></table>',
            '<div class="table-box"><table class="dataframe"><tr><td></td></tr>'
            "</table></div>",
        ),
        (
            '<table class="dataframe"><thead><tr style="text-align: right;"><th></th>'
            "<th>score</th><th>votes</th></tr><tr><th>model</th><th></th><th></th></tr>"
            "</thead><tbody><tr><th>a</th><td>1</td><td>2</td></tr></tbody></table>",
            '<div class="table-box"><table class="dataframe"><thead>'
            '<tr style="text-align: right;"><th>model</th><th>score</th><th>votes</th>'
            '</tr></thead><tbody><tr><th scope="row">a</th><td>1</td><td>2</td></tr>'
            "</tbody></table></div>",
        ),
        # Two rows of headings, both of columns.
        (
            '<table class="dataframe"><thead><tr><th>x</th></tr><tr><th>y</th></tr>'
            '</thead><tbody><tr><th rowspan="2">a</th></tr></tbody></table>',
            '<div class="table-box"><table class="dataframe"><thead><tr><th>x</th></tr>'
            '<tr><th>y</th></tr></thead><tbody><tr><th rowspan="2">a</th></tr></tbody>'
            "</table></div>",
        ),
    ],
)
def test_what_a_notebook_stores_is_made_fit_for_a_page(before, after):
    assert tidying.tidy(before) == after


@pytest.mark.parametrize(
    "path",
    [path.relative_to(theme.TEMPLATES) for path in theme.TEMPLATES.rglob("*.html")],
    ids=str,
)
def test_a_template_stands_before_one_of_the_theme(path):
    """A theme that renames a template or a block would bring back its own."""
    found = [
        file
        for package in (pydata_sphinx_theme, sphinx_book_theme, sphinx)
        for file in Path(package.__file__).parent.glob(f"theme*/*/**/{path.name}")
        if file.match(f"*/{path}") or file.parent.name == "components"
    ]
    assert found
    blocks = re.compile(r"{%-? block (\w+)")
    theirs = {name for file in found for name in blocks.findall(file.read_text())}
    assert set(blocks.findall((theme.TEMPLATES / path).read_text())) <= theirs


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        (tree.read()["repository"]["url"], False),
        ("https://gitlab.com/somebody/a-book", True),
    ],
)
def test_a_repository_is_linked_once_there_is_one(address, linked):
    config = SimpleNamespace(html_theme_options={"repository_url": address})
    theme.link_repository(None, config)
    for button in ("use_edit_page_button", "use_issues_button"):
        assert config.html_theme_options[button] == linked


def test_a_page_links_its_repository(tmp_path):
    """A book of one page, with this book's settings and an address that is set."""
    address = "https://github.com/somebody/a-book"
    settings = tree.read()
    settings["repository"]["url"] = address
    (tmp_path / tree.CONFIG).write_text(yaml.safe_dump(settings), "utf-8")
    (tmp_path / tree.TOC).write_text("format: jb-book\nroot: index\n", "utf-8")
    (tmp_path / "index.md").write_text("# A page\n\n## A part\n", "utf-8")
    (tmp_path / "references.bib").touch()
    shutil.copytree(tree.ROOT / "_static", tmp_path / "_static")
    page = (build(tmp_path, tmp_path / "out") / "index.html").read_text("utf-8")
    links = [a["href"] for a in BeautifulSoup(page, "html.parser")("a", href=True)]
    assert f"{address}/edit/main/index.md" in links
    assert any(link.startswith(f"{address}/issues/new?") for link in links)


def test_colours_are_repeated_for_pages_without_script():
    style = (
        'html[data-theme="dark"]{--a:1}/* no */p{b:2}'
        "html[data-theme=dark] .x:is(.y,.z),html[data-theme=light] .x{c:3}"
    )
    assert theme.auto_theme([style]) == (
        "@media print, (prefers-color-scheme: light){\n"
        "html[data-theme=auto] .x{c:3}\n}\n"
        "@media screen and (prefers-color-scheme: dark){\n"
        "html[data-theme=auto]{--a:1}\n"
        "html[data-theme=auto] .x:is(.y,.z){c:3}\n}\n"
    )


@pytest.mark.parametrize(("tex", "drawn"), [(r"\sqrt{x}", True), ("x", False)])
def test_font_draws_roots(tex, drawn):
    assert (ord("√") in signs([to_mathml(tex)])) == drawn


def test_font_of_the_formulas_has_their_signs_and_no_others():
    page = f"<p>no ∮ here</p><p>{to_mathml('x_i + 2')}</p><p>{to_mathml('∑ (α)')}</p>"
    found = signs([page])
    assert set(map(ord, "x𝑥i𝑖+2∑(α𝛼)")) <= found
    assert ord("∮") not in found
    font = TTFont(io.BytesIO(mathfont.font(found)))
    assert set(font.getBestCmap()) == found
    # A bracket that stretches is drawn by the glyphs of this table.
    assert "MATH" in font
    assert len(font.getGlyphOrder()) > len(found)
