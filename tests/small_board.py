"""A small board of four models, for what is counted by hand."""

import pandas as pd
import pytest

from illusion import data

DAYS = ["2025-10-09", "2025-10-31", "2025-11-30", "2025-12-31", "2026-01-31"]
ABOUT = {
    "a": ("x", "proprietary"),
    "b": ("y", "open-weight"),
    "c": ("x", "proprietary"),
    "d": ("z", "open-source"),
}
ROWS = {
    # model: (score, half-width, votes) on each day; None where it has no row
    "a": [(1400, 4, 1000), (1400, 4, 3200), (1400, 4, 3205), (1401, 4, 3203), None],
    "b": [(1390, 5, 500), (1390, 5, 500), (1390, 5, 1100), (1390, 5, 1410),
          (1390, 5, 2000)],
    "c": [None, (1408, 9, 800), (1402, 6, 1700), (1400, 5, 3250), (1399, 5, 3255)],
    "d": [(1300, 5, 900), (1300, 5, 900), (1300, 5, 900), (1300, 5, 900),
          (1300, 5, 900)],
}  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Return five copies of four models, which `data.load` describes."""
    real = data.load
    about = pd.DataFrame(
        [
            ("from 2025-10", name, name, organisation, "as printed", licence)
            for name, (organisation, licence) in ABOUT.items()
        ],
        columns=[
            "period", "model", "display_name", "organisation", "licence",
            "licence_class",
        ],
    )  # fmt: skip
    monkeypatch.setattr(
        data, "load", lambda name: about if name == "board_models" else real(name)
    )
    rows = [
        (pd.Timestamp(day), name, score, score - half, score + half, votes, 0)
        for place, day in enumerate(DAYS)
        for name in ROWS
        if ROWS[name][place] is not None
        for score, half, votes in [ROWS[name][place]]
    ]
    columns = ["board", "model", "score", "lower", "upper", "votes", "preliminary"]
    return pd.DataFrame(rows, columns=columns)
