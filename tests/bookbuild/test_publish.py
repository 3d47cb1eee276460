"""The build side: drawings, formulas, solutions, repairs."""

import json
import re

import altair as alt
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

from bookbuild import drawing, figures, repairs
from bookbuild.mathfont import signs, write_font
from bookbuild.mathml import MathError, to_mathml
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
    assert 0.9 * width <= drawing.svg_width(svg) <= 1.03 * width


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
    monkeypatch.setattr(drawing.vl_convert, "__version__", "another")
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


def test_drawing_without_width_is_refused():
    with pytest.raises(ValueError, match="no width"):
        drawing.svg_width("<svg></svg>")


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


BROKEN = {
    "1.5 MB": '<script defer src="../_static/scripts/fontawesome.js?d=1"></script>',
    "constant": '<script>const THEBE_JS_URL = "https://unpkg.com/x";</script>',
    "live code": '<script async="async" src="_static/sphinx-thebe.js?v=1"></script>',
    "thebe css": '<link rel="stylesheet" href="_static/sphinx-thebe.css?v=4" />',
    "settings": '<script type="text/x-thebe-config">\n{a}\n</script>',
    "kernel": "<script>kernelName = 'python3'</script>",
    "toggle": '<script src="_static/togglebutton.js?v=b"></script>',
    "toggle css": '<link rel="stylesheet" href="_static/togglebutton.css?v=9" />',
    "toggle settings": "<script>let toggleHintShow = 'Click to show';</script>",
    "tabs": '<script data-a="b" src="_static/design-tabs.js?v=f"></script>',
    "tabs css": '<link rel="stylesheet" href="_static/sphinx-design.min.css?v=6" />',
    "search": '<script src="_static/searchtools.js"></script>',
    "index": '<script src="../searchindex.js"></script>',
    "font": '<link href="https://fonts.googleapis.com/css?x" rel="stylesheet">',
    "advertisements": '<div class="sidebar-primary-items__end sidebar-x">\n'
    '<div class="sidebar-primary-item">\n<div id="ethical-ad-placement"\n'
    ' data-x="y">\n</div></div>\n</div>',
    "viewport": '<meta name="viewport" content="width=device-width, '
    'initial-scale=1" />',
    "styles": "<style scoped>\n td {}\n</style>\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_page_does_not_need_is_removed(name):
    assert repairs.repair(f"<p>{BROKEN[name]}</p>", "a.html") == "<p></p>"


def test_search_page_keeps_its_scripts():
    assert repairs.repair(BROKEN["index"], "search.html") == BROKEN["index"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '<button class="btn search-button-field x" title="Search" '
            'aria-label="Search" data-x="y">',
            '<button class="btn search-button-field x" data-x="y">',
        ),
        (
            '<button class="sidebar-toggle primary-toggle btn" title="Toggle primary '
            'sidebar">',
            '<button class="sidebar-toggle primary-toggle btn" aria-label="Toggle '
            'primary sidebar" title="Toggle primary sidebar">',
        ),
        (
            '<div class="citation" id="a" role="doc-biblioentry">',
            '<div class="citation" id="a" role="listitem">',
        ),
        ('<summary aria-label="Toggle hidden content">', "<summary>"),
        ('<section id="solution-content"><p>x</p></section>', "<div><p>x</p></div>"),
        (
            '<table border="1" class="dataframe"><tr><th></th></tr></table>',
            '<div class="table-box"><table class="dataframe"><tr><td></td></tr>'
            "</table></div>",
        ),
        (
            '<thead> <tr style="text-align: right;"> <th></th> <th>score</th> '
            "<th>votes</th> </tr> <tr> <th>model</th> <th></th> <th></th> </tr> "
            "</thead>",
            '<thead> <tr style="text-align: right;"> <th>model</th> <th>score</th> '
            "<th>votes</th> </tr> </thead>",
        ),
        (
            "<tbody><tr><th>a</th><td>1</td></tr></tbody>",
            '<tbody><tr><th scope="row">a</th><td>1</td></tr></tbody>',
        ),
    ],
)
def test_what_a_screen_reader_meets_is_put_right(before, after):
    assert repairs.repair(before, "a.html") == after


def test_brand_is_in_a_landmark():
    before = '<div class="sidebar-primary-items__start sidebar-primary__section">'
    assert 'role="navigation" aria-label="Book"' in repairs.repair(before, "a.html")


def test_page_without_script_gets_its_own_style():
    before = (
        "<noscript>\n<style>\n.a {}\n</style>\n</noscript>\n"
        '<link href="../_static/styles/theme.css?digest=1" rel="stylesheet" />'
    )
    after = repairs.repair(before, "chapters/a.html")
    assert '<link rel="stylesheet" href="../_static/noscript.css"/>' in after
    assert after.endswith(before[before.index("<link") :])


def test_theme_is_chosen_before_the_first_paint():
    before = '<script data-cfasync="false">\n old();\n</script>'
    after = repairs.repair(before, "a.html")
    assert "old()" not in after
    assert "prefers-color-scheme: dark" in after


def test_colours_are_repeated_for_pages_without_script():
    style = (
        'html[data-theme="dark"]{--a:1}/* no */p{b:2}'
        "html[data-theme=dark] .x:is(.y,.z),html[data-theme=light] .x{c:3}"
    )
    assert repairs.auto_theme([style]) == (
        "@media print, (prefers-color-scheme: light){\n"
        "html[data-theme=auto] .x{c:3}\n}\n"
        "@media screen and (prefers-color-scheme: dark){\n"
        "html[data-theme=auto]{--a:1}\n"
        "html[data-theme=auto] .x:is(.y,.z){c:3}\n}\n"
    )


def test_changed_theme_stops_the_build(tmp_path):
    page = tmp_path / "a.html"
    page.write_text('<main id="main-content"></main>', encoding="utf-8")

    class App:
        outdir = tmp_path

        class builder:  # noqa: N801 - Sphinx's own name
            format = "html"

    with pytest.raises(Exception, match="these repairs found nothing"):
        repairs.finish(App, None)


@pytest.mark.parametrize(("tex", "drawn"), [(r"\sqrt{x}", True), ("x", False)])
def test_font_draws_roots(tex, drawn):
    assert (ord("√") in signs([to_mathml(tex)])) == drawn


def test_font_of_the_formulas_has_their_signs_and_no_others(tmp_path):
    page = f"<p>no ∮ here</p><p>{to_mathml('x_i + 2')}</p><p>{to_mathml('∑ (α)')}</p>"
    found = signs([page])
    assert set(map(ord, "x𝑥i𝑖+2∑(α𝛼)")) <= found
    assert ord("∮") not in found
    write_font(tmp_path / "new" / "font.woff2", found)
    font = TTFont(tmp_path / "new" / "font.woff2")
    assert set(font.getBestCmap()) == found
    # A bracket that stretches is drawn by the glyphs of this table.
    assert "MATH" in font
    assert len(font.getGlyphOrder()) > len(found)
