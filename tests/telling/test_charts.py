"""The notebook side of the charts: what is stored, refused and coloured."""

import json
from itertools import combinations

import altair as alt
import numpy as np
import pandas as pd
import pytest

from illusion.telling import charts

TEXTS = {
    "label": "fig-test",
    "caption": "The finding.",
    "description": "What it shows.",
    "source": "made up.",
}
PAGES = {"light": "#ffffff", "dark": "#14181e"}

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def make_chart() -> alt.LayerChart:
    """Return a layered chart with names that Altair makes up."""
    rows = pd.DataFrame({"model": ["a", "b"], "score": [1 / 3, 2 / 3]})
    pick = alt.selection_point(fields=["model"])
    base = alt.Chart(rows).encode(x="score", y="model")
    points = base.mark_point().add_params(pick).transform_filter(pick)
    return points + base.mark_rule()


@pytest.fixture
def shown(monkeypatch):
    """Return the list of the outputs that charts.show displays."""
    outputs = []
    monkeypatch.setattr(charts, "display", lambda data, raw: outputs.append(data))
    return outputs


def test_shows_a_chart_and_its_caption(shown):
    charts.show(make_chart(), **TEXTS)
    chart, caption = shown
    spec = chart[charts.MIME]
    assert chart["text/plain"] == "Chart: What it shows."
    assert spec["description"] == "What it shows."
    assert spec["usermeta"]["figure"] == {
        "label": "fig-test",
        "caption": "The finding.",
        "source": "made up.",
    }
    assert charts.FIGURE_MIME in caption
    assert caption["text/markdown"] == ("**Figure.** The finding. *Source: made up.*")


def test_same_chart_is_stored_the_same_whatever_was_drawn_before(shown):
    charts.show(make_chart(), **TEXTS)
    for _ in range(3):
        alt.Chart(pd.DataFrame({"x": [1]})).mark_bar().add_params(
            alt.selection_point()
        ).to_dict()
    charts.show(make_chart(), **TEXTS)
    assert json.dumps(shown[0]) == json.dumps(shown[2])


def test_names_that_altair_makes_up_are_numbered(shown):
    charts.show(make_chart(), **TEXTS)
    spec = shown[0][charts.MIME]
    assert spec["params"][0]["name"] == "param_1"
    assert spec["params"][0]["views"] == ["view_1"]
    assert spec["layer"][0]["transform"] == [{"filter": {"param": "param_1"}}]
    assert list(spec["datasets"]) == [spec["data"]["name"]] == ["table_1"]


def test_last_digits_of_another_machine_change_nothing(shown):
    for value in (1 / 3, 1 / 3 + 1e-12):
        rows = pd.DataFrame({"x": [value]})
        charts.show(alt.Chart(rows).mark_point().encode(x="x"), **TEXTS)
    assert shown[0] == shown[2]
    assert shown[0][charts.MIME]["datasets"]["table_1"] == [{"x": 0.333333}]


def test_whole_numbers_keep_every_digit(shown):
    rows = pd.DataFrame({"votes": [2_345_678.0]})
    charts.show(alt.Chart(rows).mark_point().encode(x="votes"), **TEXTS)
    assert shown[0][charts.MIME]["datasets"]["table_1"] == [{"votes": 2345678.0}]


@pytest.mark.parametrize("name", ["caption", "description", "source"])
@pytest.mark.parametrize("text", ["", "  ", None])
def test_refuses_a_missing_text(shown, name, text):
    with pytest.raises(charts.ChartError, match=f"'fig-test' has no {name}"):
        charts.show(make_chart(), **TEXTS | {name: text})
    assert not shown


@pytest.mark.parametrize("label", ["test", "fig-", "fig-Two words", "fig_a", None])
def test_refuses_a_malformed_label(shown, label):
    with pytest.raises(charts.ChartError, match="such as 'fig-win-rates'"):
        charts.show(make_chart(), **TEXTS | {"label": label})


def test_renderer_refuses_a_chart_without_description():
    with pytest.raises(charts.ChartError, match="no description"):
        charts.render(make_chart().to_dict())


def test_refuses_rows_instead_of_an_aggregate(shown):
    rows = pd.DataFrame({"x": range(charts.MAX_ROWS + 1)})
    chart = alt.Chart(rows).mark_point().encode(x="x")
    with pytest.raises(charts.ChartError, match="5,001 rows"):
        charts.show(chart, **TEXTS)
    charts.show(alt.Chart(rows[:-1]).mark_point().encode(x="x"), **TEXTS)
    inline = {"description": "x", "data": {"values": [{}] * 5_002}}
    with pytest.raises(charts.ChartError, match="5,002 rows"):
        charts.render({"layer": [inline], "description": "x"})


def test_jupyterlab_draws_without_complaint(shown):
    charts.show(make_chart(), **TEXTS)
    spec = shown[0][charts.MIME]
    # Its Vega-Lite is of version 5, and a canvas knows no currentColor.
    assert spec["$schema"].endswith("/vega-lite/v5.json")
    assert spec["usermeta"]["embedOptions"]["renderer"] == "svg"
    assert spec["config"]["axis"]["labelColor"] == "currentColor"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "colour",
    sorted(
        {
            *charts.PARTY_COLOURS.values(),
            *charts.LICENCE_COLOURS.values(),
            *charts.CATEGORIES,
        }
    ),
)
def test_colours_stand_out_from_the_page(page, colour):
    lighter, darker = sorted((luminance(colour), luminance(PAGES[page])))[::-1]
    assert (lighter + 0.05) / (darker + 0.05) >= 3


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    "palette",
    [charts.PARTY_COLOURS, charts.LICENCE_COLOURS, dict(enumerate(charts.CATEGORIES))],
    ids=["party", "licence", "category"],
)
def test_colours_differ_for_every_eye(palette, vision):
    # In OKLab, hundredths of the way from black to white.
    seen = {name: oklab(colour, VISIONS[vision]) for name, colour in palette.items()}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 10, (one, other)


def test_scales_name_every_colour():
    for scale, colours in (
        (charts.PARTY, charts.PARTY_COLOURS),
        (charts.LICENCE, charts.LICENCE_COLOURS),
    ):
        stored = scale.to_dict()
        made = dict(zip(stored["domain"], stored["range"], strict=True))
        assert made == colours


@pytest.mark.parametrize("colour", charts.CATEGORIES)
def test_a_colour_of_a_party_or_a_licence_means_nothing_else(colour):
    usual = VISIONS["usual"]
    for meant in [*charts.PARTY_COLOURS.values(), *charts.LICENCE_COLOURS.values()]:
        assert np.linalg.norm(oklab(colour, usual) - oklab(meant, usual)) > 8


def linear(colour: str) -> np.ndarray:
    """Return a colour's linear RGB."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    """Return a colour's relative luminance, as WCAG defines it."""
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def oklab(colour: str, vision: np.ndarray) -> np.ndarray:
    """Return where an eye sees a colour in OKLab, times 100."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    rgb = np.clip(vision @ linear(colour), 0, 1)
    return lab @ np.cbrt(cones @ rgb) * 100
