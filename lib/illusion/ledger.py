"""The ledger: every claim of the dispute, our value beside it, and the verdict.

``data/claims.csv`` holds what was said, by whom and where, and why nobody outside can
check it, if so. A chapter settles its claims in the cells that compute them, with
:func:`settle` and :func:`open`; each stores what it found in the notebook, and from
there the landing page and other chapters read it. A verdict is not written down
anywhere: it follows from the two numbers and the claim's tolerance.
"""

import datetime as dt
import json
import math
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from typing import Any

import pandas as pd
from IPython.core.getipython import get_ipython
from IPython.display import display

from illusion import data

__all__ = [
    "MIME",
    "VERDICTS",
    "above",
    "anchor",
    "evaluate",
    "open",
    "settle",
    "show_ledger",
    "show_settled",
    "value",
    "verdict",
]

MIME = "application/vnd.illusion.claim+json"
"""What a cell that settles a claim stores its findings under."""

VERDICTS = {
    "recomputed": "data, or a simulation that does not contain the answer, give it",
    "adds up": "the party's own numbers, combined again, give it",
    "documented": "a document that we have read says so",
    "definition": "it holds under one definition and not under another as good",
    "assumption": "it holds under one assumption and not under another as good",
    "differs": "our number lies outside the tolerance",
    "cannot tell": "our interval contains both answers",
    "not checked here": "it is public, and we have not read it; the reason says where",
    "not checkable": "the data are not public; the reason says who has them",
}
"""The verdicts, from agreement to silence, and what each means."""

_AGREES = {
    "data": "recomputed",
    "simulation": "recomputed",
    "arithmetic": "adds up",
    "document": "documented",
}
_CONTESTED = ("definition", "assumption", "differs", "cannot tell")
_OPEN = {"unavailable": "not checkable", "unread": "not checked here"}
_FOUND = ("ours", "error", "other", "between", "verdict", "reason")
# JupyterLab sets tables to the right, and drops a style sheet.
_LEFT = ' style="text-align:left;font-weight:400;vertical-align:top"'
_here: dict[str, dict[str, Any]] = {}
_cells: list[str | None] = []


def settle(
    name: str,
    value: float | dt.date | None,
    *,
    other: float | dt.date | None = None,
    error: float | None = None,
    between: bool = False,
    **numbers: Any,
) -> None:
    """Settle a claim: judge it by our number, show how, and store both.

    Parameters
    ----------
    name : str
        Id of the claim.
    value : float, bool, date or None
        Our value, in the claim's unit; nothing if our interval contains both answers.
    other : float, bool or date, optional
        The same under another assumption or definition as good, which of the two the
        claim's column ``depends`` says.
    error : float, optional
        Standard error of our value.
    between : bool
        Whether our value may be anything from `value` to `other`.
    **numbers
        For the places in the claim's reason, which is a format string. It may use
        ``{ours}``, ``{other}`` and ``{error}`` as well.

    Raises
    ------
    KeyError
        No such claim, or no number for a place in its reason.
    ValueError
        A claim that cannot be checked, or one that depends on something and has no
        second value, or the other way round.
    """
    claim = _claim(name)
    if claim["kind"] in _OPEN:
        raise ValueError(f"{name} cannot be checked: ledger.open({name!r}) says so.")
    if (other is None) != pd.isna(claim["depends"]):
        raise ValueError(
            f"{name}: a second value and the column `depends` of data/claims.csv go "
            f"together; got other={other} and depends={claim['depends']}."
        )
    ours, second, error = (_stable(x) for x in (value, other, error))
    places = {"ours": value, "other": other, "error": error} | numbers
    try:
        reason = str(claim["reason"]).format(**places)
    except KeyError as missing:
        raise KeyError(f"{name}: its reason has a place for {missing}.") from None
    judged = judge(claim, ours, second, error, between=between)
    _settle(name, (ours, error, second, between, judged, reason))


def open(name: str) -> None:
    """Say of a claim that nobody can settle it from outside, or that we have not.

    Parameters
    ----------
    name : str
        Id of the claim, whose row says who has the data.

    Raises
    ------
    KeyError
        No such claim.
    ValueError
        A claim that can be checked.
    """
    claim = _claim(name)
    if claim["kind"] not in _OPEN:
        raise ValueError(f"{name} can be checked: settle it with a number.")
    judged = (None, None, None, False, _OPEN[claim["kind"]], claim["reason"])
    _settle(name, judged)


def judge(
    claim: pd.Series,
    ours: float | None,
    other: float | None = None,
    error: float | None = None,
    *,
    between: bool = False,
) -> str:
    """Judge a claim by the two numbers, by one rule for all.

    Parameters
    ----------
    claim : Series
        With ``kind``, ``value``, ``tolerance`` and ``depends``. The tolerance is half
        a unit of the last printed digit, unless the table gives another and why.
    ours, other, error : float, optional
        As for :func:`settle`; a day is its ordinal, yes is 1.
    between : bool
        As for :func:`settle`.

    Returns
    -------
    str
        ``"cannot tell"`` without a value. What the claim depends on, if one of two
        values agrees with it and the other does not, or if it lies between two that
        do not and ours may be anything between. Otherwise ``"differs"`` or, by its
        kind, ``"recomputed"``, ``"adds up"`` or ``"documented"``.
    """
    if ours is None:
        return "cannot tell"
    said = claim["value"]
    # What the print leaves open, and our own interval.
    allowed = claim["tolerance"] + 1.96 * (error or 0) + 1e-9
    agrees = abs(ours - said) <= allowed
    if other is not None:
        inside = between and (ours < said) == (said < other)
        if (abs(other - said) <= allowed) != agrees or (inside and not agrees):
            return str(claim["depends"])
    return _AGREES[claim["kind"]] if agrees else "differs"


def above(difference: float, error: float) -> bool | None:
    """Whether a difference is above zero, or nothing if its interval says both.

    Parameters
    ----------
    difference, error : float
        An estimate and its standard error, in one unit.

    Returns
    -------
    bool or None
        By the 95% interval. One that contains zero is no evidence of zero.
    """
    return None if abs(difference) <= 1.96 * error else bool(difference > 0)


def evaluate(chapter: str | None = None) -> pd.DataFrame:
    """Return the ledger as the chapters have settled it, or the part of one.

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
        A claim that its chapter has not settled.
    """
    said = _said()
    if chapter is not None:
        said = said[said["chapter"] == chapter]
    if said.empty:
        raise KeyError(f"The ledger has no claims of a chapter {chapter!r}.")
    return _judged(said)


def verdict(name: str) -> str:
    """Return the verdict on a claim.

    Parameters
    ----------
    name : str
        Id of the claim, settled in this run or in a stored chapter.

    Returns
    -------
    str
        A key of :data:`VERDICTS`.
    """
    return str(_judge(name)["verdict"])


def value(name: str) -> float:
    """Return our value of a claim.

    Parameters
    ----------
    name : str
        Id of the claim, settled in this run or in a stored chapter.

    Returns
    -------
    float
        In the claim's unit: a day as its ordinal, yes as 1; NaN if there is none.
    """
    found = _judge(name)["ours"]
    return float("nan") if found is None else float(found)


def show_settled() -> None:
    """Show the claims that this run has settled, folded, each linked to its cell."""
    ledger = _judged(_said().loc[[name for name in _said().index if name in _here]])
    rows = list(_linked(ledger, ""))
    display(_folded("All claims of this chapter", rows, ledger), raw=True)


def show_ledger(*names: str) -> None:
    """Show claims, each linked to the cell that settles it.

    Those that are named stand in one folded table, all in several: first those that are
    contested (an assumption or a definition decides, our number differs, or our
    interval contains both answers), then the rest by chapter.

    Parameters
    ----------
    *names : str
        Ids of claims, or topics: what stands before the dot. All claims if there are
        none.

    Raises
    ------
    KeyError
        A name that is neither.
    """
    ledger = _chosen(names) if names else evaluate()
    pages = ledger["chapter"] + ".ipynb"
    if names:
        rows = list(_linked(ledger, pages))
        display(_folded("In the ledger", rows, ledger), raw=True)
        return
    contested = ledger["verdict"].isin(_CONTESTED)
    groups = {}
    if contested.any():
        groups["Contested, in all chapters"] = ledger[contested]
    for chapter, rest in ledger[~contested].groupby("chapter", sort=False):
        groups[str(chapter).replace("-", " ").capitalize()] = rest
    html = ""
    for name, part in groups.items():
        table = _bundle(list(_linked(part, pages)), "ledger", part)["text/html"]
        html += f"<details{'' if html else ' open'}><summary>{name}: {_count(part)}"
        html += f"</summary>\n{table}\n</details>\n"
    plain = _bundle([], "", pd.concat(groups.values()))["text/plain"]
    html = f'<div class="ledger-all">\n{html}</div>'
    display({"text/html": html, "text/plain": plain}, raw=True)


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


def _settle(name: str, found: tuple) -> None:
    """Keep, show and store what was found of a claim."""
    _here[name] = dict(zip(_FOUND, found, strict=True))
    ledger = _judged(_said().loc[[name]])
    if ledger["verdict"].item() in _CONTESTED:
        # One head for the claims of a cell, which is a request to the kernel.
        request = getattr(get_ipython(), "get_parent", dict)()
        cell = request.get("header", {}).get("msg_id")
        heads = cell is None or cell not in _cells
        _cells[:] = [cell]
        bundle = _bundle(list(_anchored(ledger)), "ledger settled", ledger, heads=heads)
    else:
        bundle = _line(ledger.iloc[0])
    display(bundle | {MIME: {"id": name, **_here[name]}}, raw=True)


def _line(claim: pd.Series) -> dict[str, Any]:
    """Write a claim that is not contested as a line; its reason comes at the end."""
    numbers = ""
    if claim["kind"] not in _OPEN and claim["unit"] != "yes or no":
        said, ours = (_in_words(claim[key], claim["unit"]) for key in ("value", "ours"))
        numbers = f" Published: {said}; this book: {ours}."
    who, judged = claim["party"], claim["verdict"]
    text = f"{who[0].upper()}{who[1:]}: {claim['claim']}.{numbers}"
    html = f'<p class="settled" id="{anchor(str(claim.name))}">'
    html += f"<small><b>{judged.capitalize()}.</b> {escape(text)}</small></p>"
    return {"text/html": html, "text/plain": f"{judged}: {text}"}


def _claim(name: str) -> pd.Series:
    if name not in _said().index:
        raise KeyError(f"data/claims.csv has no claim {name!r}.")
    claim = _said().loc[name]
    assert isinstance(claim, pd.Series), name
    return claim


def _stable(value: float | dt.date | None) -> float | None:
    """Return a number that is stored alike on every machine."""
    if value is None:
        return None
    number = value.toordinal() if isinstance(value, dt.date) else float(value)
    if not math.isfinite(number):
        raise ValueError(f"A claim is settled with a finite number, not {value}.")
    return float(f"{number:.6g}") if abs(number) < 1e5 else float(round(number))


def _in_words(number: float, unit: str) -> str:
    """Write a number with its unit; a day is its ordinal, yes is 1, NaN is none."""
    if pd.isna(number):
        return "–"
    if unit == "date":
        day = dt.date.fromordinal(int(number))
        return f"{day.day} {day:%B %Y}"
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
    """Return the claims of some ids and topics, and no others."""
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
    pairs = list(zip(ledger["value"], ledger["unit"], strict=True))
    printed = pd.Series([_half_unit(*pair) for pair in pairs], ledger.index)
    return ledger.assign(
        value=[_number(*pair) for pair in pairs],
        tolerance=ledger["tolerance"].fillna(printed),
    )


def _judged(said: pd.DataFrame) -> pd.DataFrame:
    """Return some claims with what was found beside them."""
    found = pd.DataFrame(
        [_judge(str(name)) for name in said.index], said.index, list(_FOUND)
    )
    found = found.astype(dict.fromkeys(_FOUND[:3], float))
    return said.drop(columns="reason").join(found)


def _judge(name: str) -> dict[str, Any]:
    """Return what was found of a claim, in this run or in a stored one."""
    if name in _here:
        return _here[name]
    chapter = _claim(name)["chapter"]
    if name not in _stored(chapter):
        raise ValueError(
            f"The chapter {chapter} has not settled {name!r}. Settle it there with "
            "ledger.settle or ledger.open, and store the notebook's outputs."
        )
    return _stored(chapter)[name]


@cache
def _stored(chapter: str) -> dict[str, dict[str, Any]]:
    """Return what the cells of a chapter have stored, by claim."""
    path = data.ROOT.parent / "chapters" / f"{chapter}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    found = [out["data"][MIME] for out in outputs if MIME in out.get("data", {})]
    return {each["id"]: {key: each[key] for key in _FOUND} for each in found}


def _number(value: str | float, unit: str | float) -> float:
    if pd.isna(value):
        return float("nan")
    if unit == "date":
        return float(dt.date.fromisoformat(str(value)).toordinal())
    if unit == "yes or no":
        return float({"yes": 1, "no": 0}[str(value)])
    return float(value)


def _half_unit(value: str | float, unit: str | float) -> float:
    """Return half a unit of a number's last printed digit; 0 if it is no number."""
    if pd.isna(value) or unit in ("date", "yes or no"):
        return 0.0
    return 0.5 / 10 ** len(str(value).partition(".")[2])


def _anchored(ledger: pd.DataFrame) -> Iterator[str]:
    """Write claims as rows that can be linked."""
    for name, claim in ledger.iterrows():
        yield _row(claim, f' id="{anchor(str(name))}"', escape(claim["claim"]))


def _linked(ledger: pd.DataFrame, pages: pd.Series | str) -> Iterator[str]:
    """Write claims as rows that link theirs, on the pages that are given."""
    for name, claim in ledger.assign(page=pages).iterrows():
        keys = ("party", "chapter", "verdict", "kind")
        about = "".join(f' data-{key}="{escape(claim[key])}"' for key in keys)
        link = f'<a href="{claim["page"]}#{anchor(str(name))}">'
        yield _row(claim, about, f"{link}{escape(claim['claim'])}</a>")


def _row(claim: pd.Series, attributes: str, text: str) -> str:
    party = claim["party"]
    second_hand = ", read second-hand" if claim["evidence"] == "secondary" else ""
    ours = _in_words(claim["ours"], claim["unit"])
    if claim["between"]:
        low, high = sorted([claim["ours"], claim["other"]])
        ours = f"{low:.1f} to {_in_words(high, claim['unit'])}"
    elif pd.notna(claim["other"]):
        ours += f", or {_in_words(claim['other'], claim['unit'])}"
    if pd.notna(claim["error"]):
        ours += f" (standard error {_in_words(claim['error'], claim['unit'])})"
    published = escape(_in_words(claim["value"], claim["unit"]))
    if claim["tolerance"] and claim["kind"] not in _OPEN:
        why = claim["tolerance_reason"]
        why = "" if pd.isna(why) else f": {escape(why)}"
        published += f"<br><small>± {claim['tolerance']:g}{why}</small>"
    cells = {
        "Published": published,
        "This book": escape(ours),
        "Verdict": f"<b>{claim['verdict']}</b>. {escape(claim['reason'])}",
    }
    who = f'<a href="{escape(claim["url"])}">{escape(claim["locator"])}</a>'
    said = f"{escape(party[0].upper() + party[1:])}: {who}{second_hand}"
    body = "".join(f'<td data-label="{k}"{_LEFT}>{v}</td>' for k, v in cells.items())
    head = f'<th scope="row"{_LEFT}>{text}<br><small>{said}</small></th>'
    return f"<tr{attributes}>{head}{body}</tr>"


def _folded(name: str, rows: list[str], ledger: pd.DataFrame) -> dict[str, Any]:
    """Write rows as a table that is folded away."""
    bundle = _bundle(rows, "ledger", ledger)
    summary = f"<summary>{name}: {_count(ledger)}</summary>"
    html = f'<details class="settled">{summary}\n{bundle["text/html"]}\n</details>'
    return bundle | {"text/html": html}


def _count(ledger: pd.DataFrame) -> str:
    """Say how many claims got each verdict."""
    verdicts = ledger["verdict"].value_counts().reindex(list(VERDICTS)).dropna()
    return ", ".join(f"{number:.0f} {name}" for name, number in verdicts.items())


def _bundle(
    rows: list[str], kind: str, ledger: pd.DataFrame, *, heads: bool = True
) -> dict[str, Any]:
    """Write rows as a table, for a page and for a terminal."""
    names = ("Claim", "Published", "This book", "Verdict") if heads else ()
    head = "".join(f'<th scope="col"{_LEFT}>{name}</th>' for name in names)
    head = f"<thead><tr>{head}</tr></thead>\n" if heads else ""
    html = "\n".join([f'<table class="{kind}">\n{head}<tbody>', *rows])
    plain = ledger[["value", "ours", "unit", "verdict"]].round(2).to_string()
    return {"text/html": f"{html}\n</tbody>\n</table>", "text/plain": plain}
