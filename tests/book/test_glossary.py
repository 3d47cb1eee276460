"""Terms are defined once, and linked where a chapter first uses them."""

import re
from pathlib import Path

import nbformat
import pytest
from conftest import CHAPTERS, ROOT

from illusion import ledger
from illusion.telling import charts

GLOSSARY = (ROOT / "chapters" / "glossary.md").read_text("utf-8")
NOTATION = (ROOT / "chapters" / "notation.md").read_text("utf-8")
TERMS = re.findall(r"^### (.+)$", GLOSSARY, re.M)
TAUGHT = [p for p in CHAPTERS if "## Key takeaways" in p.read_text("utf-8")]
LINK = re.compile(r"\[([^\]]+)\]\(glossary\.md#([\w-]+)\)")


def slug(term: str) -> str:
    return re.sub(r"[^\w\s-]", "", term.lower()).replace(" ", "-")


def prose(path: Path) -> str:
    """Return the running text of a chapter, links to the glossary as they are."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    text = re.sub(r"^(#+ .*|[`:]{3,}.*|:\w+:.*)$", "", text, flags=re.M)
    text = re.sub(r"`[^`]*`|\$[^$]*\$|<[^>]+>", " ", text)
    # Other links speak of a page or a source.
    text = re.sub(r"\[[^\]]+\]\((?!glossary\.md#)[^)]*\)", " ", text)
    return " ".join(text.split())


def test_terms_are_in_order_and_defined_once():
    assert len(TERMS) >= 45
    assert len(set(TERMS)) == len(TERMS)
    keys = [re.sub(r"[^a-z ]", "", term.lower().replace("-", " ")) for term in TERMS]
    assert keys == sorted(keys)
    for text in re.split(r"^### .+$", GLOSSARY, flags=re.M)[1:]:
        definition = re.sub(r"^## .*$", "", text, flags=re.M).strip()
        assert 5 <= len(definition.split()) <= 120, definition


@pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.stem)
def test_a_term_is_linked_where_a_chapter_first_uses_it(path):
    text = prose(path)
    linked = [match[2] for match in LINK.finditer(text)]
    assert len(linked) >= 10
    assert len(set(linked)) == len(linked), "a term is linked twice"
    known = {slug(term): term for term in TERMS}
    assert set(linked) <= set(known)
    late = []
    for anchor in linked:
        bare = re.compile(rf"(?<!\w){re.escape(known[anchor])}(?!\w)", re.I)
        first = next(m.start() for m in LINK.finditer(text) if m[2] == anchor)
        unlinked = LINK.sub(lambda link: "~" * len(link[0]), text[:first])
        if before := bare.search(unlinked):
            late.append(
                f"{known[anchor]}: ...{text[max(0, before.start() - 40) :][:80]}"
            )
    assert not late, "\n".join(late)


@pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.stem)
def test_no_technical_term_is_left_unlinked(path):
    text = LINK.sub("", prose(path)).lower()
    linked = {match[2] for match in LINK.finditer(prose(path))}
    # Words of everyday speech may stand for themselves.
    missing = [
        term
        for term in TERMS
        if len(term.split()) > 1 and term.lower() in text and slug(term) not in linked
    ]
    assert not missing, missing


def test_notation_names_the_colours_and_verdicts_of_the_code():
    swatches = re.findall(r"#[0-9a-f]{6}\b", NOTATION)
    colours = charts.PARTY_COLOURS | charts.LICENCE_COLOURS
    assert set(swatches) == set(colours.values())
    for name in [*colours, *ledger.VERDICTS]:
        assert name in NOTATION
