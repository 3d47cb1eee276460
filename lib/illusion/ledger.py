"""The ledger: every claim of the dispute, our value beside it, and the verdict.

``data/claims.csv`` holds what was said, by whom and where, and why nobody outside can
check it, if so; `illusion.claims` computes what we find of the rest. A verdict is not
written down anywhere: it follows from the two numbers and the claim's tolerance.
"""

import datetime as dt
from collections.abc import Iterable
from functools import cache
from html import escape

import altair as alt
import pandas as pd
from IPython.display import display

from illusion import data
from illusion.claims import (
    Finding,
    data_asymmetry,
    day_in_words,
    overfitting,
    private_testing,
    ranking,
    rebuttal,
    reforms,
    silent_deprecation,
)
from illusion.telling import charts

MODULES = (
    ranking,
    private_testing,
    data_asymmetry,
    overfitting,
    silent_deprecation,
    rebuttal,
    reforms,
)
COMPUTED = {name: f for module in MODULES for name, f in module.COMPUTED.items()}

VERDICTS = {
    "reproduced": "our number lies within the claim's tolerance",
    "definition": "it does under one definition and not under another as good",
    "assumption": "it does under one assumption and not under another as good",
    "differs": "our number lies outside the tolerance",
    "not checkable": "the data are not public; the reason says who has them",
}
"""The verdicts, from agreement to silence, and what each means."""


def evaluate(chapter: str | None = None) -> pd.DataFrame:
    """Compute the ledger, or the part of it that belongs to a chapter.

    Parameters
    ----------
    chapter : str, optional
        The notebook's name without its ending; all chapters unless given.

    Returns
    -------
    DataFrame
        Indexed by claim, in the order of the file, with its columns (`value` as a
        number: a day as its ordinal, yes as 1) and ``ours``, ``error`` (standard
        error; NaN if there is none), ``other`` (our value under the other
        assumption or definition; NaN if there is none), ``between`` (whether ours
        may be anything between the two), ``verdict`` and ``reason``.

    Raises
    ------
    KeyError
        A chapter without claims.
    ValueError
        A claim that is computed nowhere and has no reason why it cannot be.
    """
    said = _said()
    if chapter is not None:
        said = said[said["chapter"] == chapter]
    if said.empty:
        raise KeyError(f"The ledger has no claims of a chapter {chapter!r}.")
    return _judged(said)


def verdict(value: float, tolerance: float, finding: Finding) -> str:
    """Judge a claim by the two numbers.

    Parameters
    ----------
    value : float
        What was published.
    tolerance : float
        Largest difference at which the two still agree, in the claim's unit.
    finding : Finding

    Returns
    -------
    str
        ``"assumption"`` or ``"definition"`` if the finding has two values, under
        two of these, of which one is inside the tolerance, or if the value lies
        between two ends that are both outside. Otherwise
        ``"reproduced"`` if ours is inside, and ``"differs"`` if not.
    """

    def agrees(ours: float) -> bool:
        return abs(ours - value) <= tolerance + 1e-9

    ours = agrees(finding.ours)
    if finding.other is not None:
        inside = finding.between and (finding.ours < value) == (value < finding.other)
        if agrees(finding.other) != ours or (inside and not ours):
            return str(finding.depends)
    return "reproduced" if ours else "differs"


def show_claims(*names: str) -> None:
    """Show claims beside our values, each row an anchor for the ledger's link.

    Parameters
    ----------
    *names : str
        Ids of claims, or topics: what stands before the dot.

    Raises
    ------
    KeyError
        A name that is neither.
    """
    ledger = _chosen(names)
    rows = [
        _row(claim, f' id="{anchor(str(name))}"', escape(claim["claim"]))
        for name, claim in ledger.iterrows()
    ]
    _display(rows, "ledger", ledger)


def show_ledger(*names: str) -> None:
    """Show claims, each linked to the cell that computes it.

    Parameters
    ----------
    *names : str
        Ids or topics, as for :func:`show_claims`; all claims if there are none.
    """
    ledger = _chosen(names) if names else evaluate()
    keys = ("party", "chapter", "verdict")
    rows = []
    for name, claim in ledger.iterrows():
        about = "".join(f' data-{key}="{escape(claim[key])}"' for key in keys)
        place = f"{claim['chapter']}.ipynb#{anchor(str(name))}"
        link = f'<a href="{place}">{escape(claim["claim"])}</a>'
        rows.append(_row(claim, about, link))
    _display(rows, "ledger" if names else "ledger ledger-all", ledger)


def show_summary() -> None:
    """Show how many claims of each party got each verdict, as a chart."""
    ledger = evaluate()
    size = ledger.groupby(["verdict", "party"]).size().rename("claims").reset_index()
    parties = [p for p in charts.PARTY_COLOURS if p in set(ledger["party"])]
    base = alt.Chart(size).encode(
        alt.Y("verdict").title(None).sort(list(VERDICTS)),
        alt.YOffset("party").sort(parties),
        alt.X("claims").title("Claims").axis(tickMinStep=1),
        tooltip=["party", "verdict", "claims"],
    )
    colour = alt.Color("party", scale=charts.PARTY).title("Said by")
    bars = base.mark_bar().encode(colour.legend(values=parties))
    count = ledger["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
    charts.show(
        bars + base.mark_text(align="left", dx=4).encode(text="claims"),
        label="fig-verdicts",
        caption=f"Of {len(ledger)} claims, {count['reproduced']} come out as stated; "
        f"{count['assumption'] + count['definition']} depend on an assumption or a "
        f"definition; {count['differs']} come out otherwise; "
        f"{count['not checkable']} cannot be checked from outside.",
        description="Bars that count the claims by verdict, one bar for each party: "
        + "; ".join(f"{verdict} {number}" for verdict, number in count.items())
        + ".",
        source="the ledger.",
    )


def anchor(name: str) -> str:
    """Return the id, on its chapter's page, of a claim's row.

    Parameters
    ----------
    name : str
        Id of the claim.

    Returns
    -------
    str
    """
    return name.replace(".", "-")


def _in_words(number: float, unit: str) -> str:
    """Write a number with its unit; a day is its ordinal, yes is 1, NaN is none."""
    if pd.isna(number):
        return "–"
    if unit == "date":
        return day_in_words(dt.date.fromordinal(int(number)))
    if unit == "yes or no":
        return "yes" if number else "no"
    if unit == "share":
        return f"{number:.0%}"
    # Rounded first, and 0 added: no number is printed as -0.
    text = f"{round(number, 1) + 0.0:.1f}".removesuffix(".0")
    if text == "1":
        unit = unit.removesuffix("s")
    return f"{text} {unit}"


def _chosen(names: Iterable[str]) -> pd.DataFrame:
    """Compute the claims of some ids and topics, and no others."""
    said = _said()
    chosen: list[str] = []
    for name in names:
        topic = [known for known in said.index if known.split(".")[0] == name]
        found = [name] if name in said.index else topic
        if not found:
            raise KeyError(f"{name!r} is neither a claim nor a topic of the ledger.")
        chosen += found
    return _judged(said.loc[list(dict.fromkeys(chosen))])


@cache
def _said() -> pd.DataFrame:
    """Return what was published; cached, so callers must not change it."""
    ledger = data.load("claims").set_index("id")
    pairs = zip(ledger["value"], ledger["unit"], strict=True)
    return ledger.assign(value=[_number(value, unit) for value, unit in pairs])


def _judged(said: pd.DataFrame) -> pd.DataFrame:
    """Return some claims with what we find beside them."""
    columns = ["ours", "error", "other", "between", "verdict", "reason"]
    found = pd.DataFrame([_judge(name) for name in said.index], said.index, columns)
    found = found.astype(dict.fromkeys(columns[:3], float))
    return said.drop(columns="reason").join(found)


@cache
def _judge(name: str) -> tuple:
    said = _said()
    if pd.notna(reason := said["reason"][name]):
        return (None, None, None, False, "not checkable", reason)
    if name not in COMPUTED:
        raise ValueError(
            f"The claim {name!r} is computed nowhere. Give it a function in COMPUTED "
            "of its chapter's module in illusion.claims, or say in the column `reason` "
            "of data/claims.csv what would be needed and who has it."
        )
    found = COMPUTED[name]()
    judged = verdict(said["value"][name], said["tolerance"][name], found)
    numbers = (found.ours, found.error, found.other, found.between)
    return (*numbers, judged, found.reason)


def _number(value: str | float, unit: str | float) -> float:
    if pd.isna(value):
        return float("nan")
    if unit == "date":
        return float(dt.date.fromisoformat(str(value)).toordinal())
    if unit == "yes or no":
        return float({"yes": 1, "no": 0}[str(value)])
    return float(value)


def _row(claim: pd.Series, attributes: str, text: str) -> str:
    party = claim["party"]
    second_hand = ", read second-hand" if claim["evidence"] == "secondary" else ""
    ours = _in_words(claim["ours"], claim["unit"])
    if claim["between"]:
        low, high = sorted([claim["ours"], claim["other"]])
        ours = f"{low:.1f} to {_in_words(high, claim['unit'])}"
    if pd.notna(claim["error"]):
        ours += f" (standard error {_in_words(claim['error'], claim['unit'])})"
    cells = {
        "Published": escape(_in_words(claim["value"], claim["unit"])),
        "This book": escape(ours),
        "Verdict": f"<b>{claim['verdict']}</b>. {escape(claim['reason'])}",
    }
    who = f'<a href="{escape(claim["url"])}">{escape(claim["locator"])}</a>'
    said = f"{escape(party[0].upper() + party[1:])}: {who}{second_hand}"
    body = "".join(f'<td data-label="{k}">{v}</td>' for k, v in cells.items())
    head = f'<th scope="row">{text}<br><small>{said}</small></th>'
    return f"<tr{attributes}>{head}{body}</tr>"


def _display(rows: Iterable[str], kind: str, ledger: pd.DataFrame) -> None:
    names = ("Claim", "Published", "This book", "Verdict")
    heads = "".join(f'<th scope="col">{name}</th>' for name in names)
    # For JupyterLab, which sets tables to the right; the site drops it.
    style = "<style scoped>.ledger td, .ledger th { text-align: left; }</style>"
    table = f'<table class="{kind}">\n<thead><tr>{heads}</tr></thead>\n<tbody>'
    html = "\n".join([style, table, *rows, "</tbody>\n</table>"])
    plain = ledger[["value", "ours", "unit", "verdict"]].round(2).to_string()
    display({"text/html": html, "text/plain": plain}, raw=True)
