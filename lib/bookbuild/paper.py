"""Pages of the built site as one document for paper.

Paper cannot be folded, filtered or followed: what a page keeps closed is put at
the chapter's end, a chart is its first view, and a link within the document
leads to a page of it. Whatever the theme has around the text is left out.
"""

import html
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urljoin

from bs4 import BeautifulSoup, Tag

from bookbuild.tree import pages, read

__all__ = ["ORIGIN", "SOURCES", "Book", "Page", "document", "read_book", "read_page"]

ORIGIN = "http://book.invalid/"
"""Where the document seems to stand: a name that no network can resolve."""

SOURCES = "references"
"""The page that lists what is cited; a chapter printed alone brings its own."""

# Much text, and nothing of it is printed: left out before the page is parsed.
_BULK = re.compile(
    r'<script\b.*?</script>|<div class="chart-static chart-narrow">.*?</svg></div>',
    re.DOTALL,
)
_DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_POINTER = re.compile(r'(<a class="paper-page" href="#([^"]+)">.*?)</a>', re.DOTALL)
_ANSWERS = '<section class="paper-answers"'
_NAMES = ("id", "for", "headers", "aria-labelledby", "aria-describedby")


@dataclass(frozen=True)
class Book:
    """What the whole book is called, and its pages in order."""

    title: str
    author: str
    version: str
    abstract: str
    pages: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A page made ready for paper.

    Attributes
    ----------
    stem : str
        Its name without the folder; every id begins with it.
    title : str
        Its heading.
    sections : tuple of (str, str)
        The id and the heading's HTML of each section.
    body : str
        HTML. A link to another page leads to the PDF of that page.
    styles : tuple of str
        The style sheets that it is shown with.
    sources : mapping of str to str
        The entries of a bibliography by their ids.
    """

    stem: str
    title: str
    sections: tuple[tuple[str, str], ...]
    body: str
    styles: tuple[str, ...]
    sources: Mapping[str, str]


def read_book(tree: Path) -> Book:
    """Read a book's names and the order of its pages.

    Parameters
    ----------
    tree
        Where ``_config.yml``, ``_toc.yml`` and ``CITATION.cff`` are.
    """
    config, citation = read(root=tree), read("CITATION.cff", tree)
    return Book(
        title=config["title"],
        author=config["author"],
        version=f"Version {citation['version']}, {citation['date-released']}",
        abstract=citation["abstract"].strip(),
        pages=tuple(pages(tree)),
    )


def read_page(site: Path, name: str) -> Page:
    """Read a page of a built site and make it ready for paper.

    Parameters
    ----------
    site
        The folder of the pages.
    name
        Such as ``"chapters/ranking"``.
    """
    address, stem = f"{ORIGIN}{name}.html", Path(name).stem
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    head, text = text[: text.index("</head>")], text[text.index("<article") :]
    drawings: list[str] = []

    def set_aside(match: re.Match) -> str:
        drawings.append(_named_apart(match[0], stem))
        return f"<svg>{len(drawings) - 1}</svg>"

    # Drawings are most of a page, and are kept as they are.
    text = _DRAWING.sub(set_aside, _BULK.sub("", text[: text.index("</article>")]))
    article = BeautifulSoup(text, "html.parser").article
    for part in article.select(".headerlink, .copybtn"):
        part.decompose()
    _move_answers(article)
    _name_apart(article, address, stem)
    article["id"] = stem
    article["class"] = ["bd-article", "paper-chapter"]
    article["style"] = f"page: {stem}"
    sections = [
        (heading.parent["id"], heading.decode_contents())
        for heading in article.select("section > section > h2")
        if len(heading.get_text()) > 1  # not the letters of a glossary
    ]
    sheets = re.findall(r'<link [^>]*?href="([^"]+\.css[^"]*)"', head)
    body = re.sub(r"<svg>(\d+)</svg>", lambda m: drawings[int(m[1])], str(article))
    return Page(
        stem,
        article.h1.get_text().strip(),
        tuple(sections),
        body,
        tuple(urljoin(address, sheet) for sheet in sheets if "noscript" not in sheet),
        {entry["id"]: str(entry) for entry in article.select("div.citation")},
    )


def document(
    pages: Sequence[Page],
    book: Book,
    style: str,
    sources: Mapping[str, str],
    numbers: Mapping[str, int] | None = None,
) -> str:
    """Return pages as one HTML document, to be printed.

    Parameters
    ----------
    pages
        One page, or all of the book: that has a title page and contents.
    book
        What they are part of.
    style
        Rules that are added to the site's.
    sources
        The bibliography; a page printed alone ends with what it cites of it.
    numbers
        The page on which an id is printed, if that is known.
    """
    whole = len(pages) > 1
    rules = [
        f"@page {page.stem} {{ @bottom-left {{ content: {_quoted(page.title)} }} }}"
        for page in pages
    ]
    text = "".join(page.body for page in pages)
    if whole:
        text = _front(pages, book) + text
        title = book.title
    else:
        text = _alone(pages[0], book, sources)
        title = f"{pages[0].title} – {book.title}"
    for page in pages:
        text = text.replace(f'href="{ORIGIN}{page.stem}.pdf#', 'href="#')
    text = _POINTER.sub(lambda m: _numbered(m, numbers or {}), text)
    links = "".join(f'<link rel="stylesheet" href="{s}">' for s in pages[0].styles)
    # The theme's rules are written for these boxes.
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light" class="paper"><head>'
        f'<meta charset="utf-8"><title>{_text(title)}</title>'
        f"{links}<style>{style}{''.join(rules)}</style></head><body>"
        f'<main class="bd-main"><div class="bd-content">'
        f'<div class="bd-article-container">{text}</div></div></main></body></html>'
    )


def _numbered(match: re.Match, numbers: Mapping[str, int]) -> str:
    """Return a link with the number of the page to which it leads."""
    # Before it is known, its place is kept: it must not move what follows.
    number = numbers.get(match[2], 888)
    return f'{match[1]}<span class="paper-number">{number}</span></a>'


def _alone(page: Page, book: Book, sources: Mapping[str, str]) -> str:
    """Return a page under the book's name, with the sources that it cites."""
    kicker = f'<p class="paper-kicker">{_text(book.title)}</p>'
    start, rest = page.body.split("<h1>", 1)
    text = f"{start}{kicker}<h1>{rest}"
    if page.stem == SOURCES:
        return text
    address = f"{ORIGIN}{SOURCES}.pdf#"
    cited = [e for name, e in sources.items() if f'href="{address}{name}"' in text]
    if not cited:
        return text
    listed = f'<section id="cited"><h2>References</h2>{"".join(cited)}</section>'
    # Before the answers, which a teacher may leave out.
    place = text.find(_ANSWERS)
    if place < 0:
        place = text.rindex("</section>")
    text = text[:place] + listed + text[place:]
    return text.replace(f'href="{address}', 'href="#')


def _text(value: str) -> str:
    return html.escape(value, quote=True)


def _quoted(value: str) -> str:
    """Return a string as CSS writes it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _element(source: str) -> Tag:
    return BeautifulSoup(source, "html.parser").find()


def _move_answers(article: Tag) -> None:
    """Move hints, solutions and replies to the chapter's end, out of sight."""
    answers = _element(f'{_ANSWERS} id="answers"><h2>Hints and solutions</h2>')
    for number, quiz in enumerate(article.select("ol.quiz"), 1):
        name = f"quiz-answers-{number}"
        answers.append(_element(f'<h3 id="{name}">The quiz</h3>'))
        answers.append(_replies(quiz))
        quiz.insert_after(_pointer(name, "Answers"))
    exercise = pointed = None
    for part in article.select("div.exercise, details.hint, details.solution"):
        if part.name == "div":
            exercise = part
            continue
        if exercise is not None and exercise is not pointed:
            pointed = exercise
            name = f"answer-{exercise['id']}"
            heading = _element(f'<h3 id="{name}"></h3>')
            title = exercise.select_one(".admonition-title")
            heading.extend(copy(child) for child in title.children)
            answers.append(heading)
            exercise.append(_pointer(name, "Hint and solution"))
        part.summary.decompose()
        part.name = "div"
        part["class"] = [f"paper-{part['class'][0]}"]
        answers.append(part.extract())
    # What else is folded is shown where it stands.
    for part in article.select("details"):
        part["open"] = ""
    if len(answers.contents) > 1:
        article.section.append(answers)


def _replies(quiz: Tag) -> Tag:
    """Take the replies off a quiz, which keeps its questions and options."""
    replies = _element('<ol class="paper-replies"></ol>')
    letters = '<ol class="paper-options" type="a"></ol>'
    for question in quiz.find_all("li", recursive=False):
        options, given = _element(letters), _element(letters)
        for option in question.find_all("details", recursive=False):
            for part, target in ((option.summary, options), (option, given)):
                part.name = "li"
                target.append(part.extract())
        question.append(options)
        replies.append(_element("<li></li>"))
        replies.contents[-1].append(given)
    return replies


def _pointer(name: str, what: str) -> Tag:
    link = f'<a class="paper-page" href="#{name}">{what}, page </a>'
    return _element(f'<p class="paper-pointer">{link}</p>')


def _name_apart(part: Tag, address: str, stem: str) -> None:
    """Make ids differ between pages, and links lead within the document."""
    for tag in part.find_all(True):
        for key in _NAMES:
            if key in tag.attrs:
                value = tag[key]
                names = value if isinstance(value, list) else value.split()
                tag[key] = " ".join(f"{stem}-{name}" for name in names)
        for key in ("href", "src"):
            if key in tag.attrs:
                tag[key] = _link(urljoin(address, tag[key]), address)


def _link(url: str, address: str) -> str:
    """Return where a link leads on paper."""
    target, anchor = urldefrag(url)
    if not (target.startswith(ORIGIN) and target.endswith(".html")):
        return url
    stem = Path(target).stem
    name = f"{stem}-{anchor}" if anchor else stem
    return f"#{name}" if target == address else f"{ORIGIN}{stem}.pdf#{name}"


def _named_apart(drawing: str, stem: str) -> str:
    """Return an SVG whose ids differ from those of other pages."""
    drawing = re.sub(r'\bid="', f'id="{stem}-', drawing)
    return re.sub(r'(url\(#|href="#)', rf"\1{stem}-", drawing)


def _front(pages: Sequence[Page], book: Book) -> str:
    """Return the title page and the contents."""
    entries = []
    for page in pages:
        sections = "".join(
            f'<li><a class="paper-page" href="#{name}"><span>{title}</span></a></li>'
            for name, title in page.sections
        )
        entries.append(
            f'<li><a class="paper-page" href="#{page.stem}">'
            f"<span>{_text(page.title)}</span></a><ol>{sections}</ol></li>"
        )
    return (
        f'<div class="paper-title"><p class="paper-name">{_text(book.title)}</p>'
        f"<p>{_text(book.abstract)}</p>"
        f"<p>{_text(book.author)}<br>{_text(book.version)}</p></div>"
        f'<nav class="paper-contents"><h1>Contents</h1>'
        f"<ol>{''.join(entries)}</ol></nav>"
    )
