"""Every chapter and the whole book as PDF, printed from the built site by Chromium.

The site has the charts as vectors, the formulas and the numbers of its figures
already, so its pages are what is printed: :mod:`bookbuild.paper` makes them
one document, ``_static/book.css`` says how it looks on paper.
"""

import io
import mimetypes
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlparse

from pypdf import PdfReader
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    PdfObject,
    TextStringObject,
)

from bookbuild import browser, paper, tree
from bookbuild.site import build

__all__ = ["faces", "make", "open_document", "print_pages", "render"]

DOCUMENT = f"{paper.ORIGIN}paper.html"

# Adobe's Source family (SIL Open Font License 1.1), so that the book looks alike
# wherever it is printed.
FACES = {
    "serif-regular": ("Serif", "Regular", "font-weight: 400"),
    "serif-italic": ("Serif", "It", "font-weight: 400; font-style: italic"),
    "serif-bold": ("Serif", "Semibold", "font-weight: 600"),
    "serif-bold-italic": (
        "Serif",
        "SemiboldIt",
        "font-weight: 600; font-style: italic",
    ),
    "sans-regular": ("Sans", "Regular", "font-weight: 400"),
    "sans-italic": ("Sans", "It", "font-weight: 400; font-style: italic"),
    "sans-bold": ("Sans", "Semibold", "font-weight: 600"),
}

# Width of the page's box in CSS pixels, A4 less the margins of @page.
PAGE_WIDTH = 642

# What is too wide for the column takes the margin beside it, and what is too wide
# for the page is drawn smaller.
FIT = """() => {
  const width = (part) => part.getBoundingClientRect().width;
  const page = document.querySelector("article").clientWidth;
  for (const table of document.querySelectorAll("article table")) {
    const box = table.closest(".table-box") ?? table;
    if (width(table) > width(box.parentElement) + 1) box.classList.add("paper-wide");
    // Letters have whole sizes: a little less, lest the last column stick out.
    if (width(table) > page + 1) table.style.zoom = 0.99 * page / width(table);
  }
  for (const box of document.querySelectorAll(".formula-box")) {
    if (box.scrollWidth > box.clientWidth + 1)
      box.firstElementChild.style.zoom = box.clientWidth / box.scrollWidth;
  }
}"""


def make(out: Path, site: Path | None = None) -> list[Path]:
    """Print each chapter and the whole book.

    Parameters
    ----------
    out
        A folder; what it has under the same names is overwritten.
    site
        The folder of a built site's pages. Without one the book is built first,
        with warnings as errors, in a folder that is removed afterwards.

    Returns
    -------
    list of Path
        The PDF of each page of ``_toc.yml``, in its order, and ``book.pdf``.

    Raises
    ------
    bookbuild.browser.NoBrowserError
        If there is no Chromium.
    bookbuild.site.BuildError
        If the book does not build.
    """
    with browser.start() as chromium, tempfile.TemporaryDirectory() as folder:
        return print_pages(chromium, site or build(tree.ROOT, Path(folder)), out)


def print_pages(
    chromium: Any, site: Path, out: Path, names: Sequence[str] | None = None
) -> list[Path]:
    """Print pages of a site, each by itself and all as a book.

    Parameters
    ----------
    chromium
        A browser, from :func:`bookbuild.browser.start`.
    site, out
        As for :func:`make`.
    names
        The pages, such as ``"chapters/ranking"``; all of ``_toc.yml`` if not given.
    """
    book = paper.read_book(tree.ROOT)
    pages = [paper.read_page(site, name) for name in names or book.pages]
    sources = paper.read_page(site, f"chapters/{paper.SOURCES}").sources
    printed = {page.stem: [page] for page in pages} | {"book": pages}
    out.mkdir(parents=True, exist_ok=True)
    for name, part in printed.items():
        numbers: dict[str, int] = {}
        # A first print tells which page an answer or a chapter is on; the second
        # says so, and a third is needed only if that moved a line.
        for _ in range(3):
            text = paper.document(part, book, faces(), sources, numbers)
            data = render(chromium, site, text)
            before, numbers = numbers, _numbers(data)
            if numbers == before:
                break
        (out / f"{name}.pdf").write_bytes(_finish(data, book))
    return [out / f"{name}.pdf" for name in printed]


def open_document(chromium: Any, site: Path, text: str) -> Any:
    """Open a document for paper in a browser that reaches nothing but the site.

    Parameters
    ----------
    chromium
        The browser.
    site
        The folder that has the style sheets.
    text
        From :func:`bookbuild.paper.document`.

    Returns
    -------
    playwright.sync_api.Page
        Laid out as it is printed; close its context.
    """
    fonts = {f"fonts/{name}.ttf": path for name, path in _fonts()}

    def answer(route: Any) -> None:
        url = route.request.url
        path = unquote(urlparse(url).path.lstrip("/"))
        file = fonts.get(path, site / path)
        if url == DOCUMENT:
            route.fulfill(body=text, content_type="text/html; charset=utf-8")
        elif url.startswith(paper.ORIGIN) and file.is_file():
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            route.abort()

    context = chromium.new_context(viewport={"width": PAGE_WIDTH, "height": 900})
    # A book is a long page, and a busy machine takes its time.
    context.set_default_timeout(300_000)
    context.route("**/*", answer)
    page = context.new_page()
    page.emulate_media(media="print", color_scheme="light")
    page.goto(DOCUMENT, wait_until="load")
    page.evaluate("document.fonts.ready")
    page.evaluate(FIT)
    return page


def render(chromium: Any, site: Path, text: str) -> bytes:
    """Print a document; the parameters are those of :func:`open_document`."""
    page = open_document(chromium, site, text)
    data = page.pdf(
        prefer_css_page_size=True, print_background=True, tagged=True, outline=True
    )
    page.context.close()
    return data


def _fonts() -> Iterator[tuple[str, Path]]:
    for name, (family, face, _) in FACES.items():
        package = f"font_source_{family.lower()}_pro"
        file = f"{package}/files/Source{family}Pro-{face}.ttf"
        yield name, Path(str(distribution(package).locate_file(file)))


def faces() -> str:
    """Return the rules that name the fonts."""
    return "".join(
        f'@font-face {{ font-family: "Source {family} Pro"; {style}; '
        f'src: url("{paper.ORIGIN}fonts/{name}.ttf") }}\n'
        for name, (family, _, style) in FACES.items()
    )


def _numbers(data: bytes) -> dict[str, int]:
    """Return the page on which each id that a link leads to is printed."""
    reader = PdfReader(io.BytesIO(data))
    return {
        name.removeprefix("/"): reader.get_destination_page_number(place) + 1
        for name, place in reader.named_destinations.items()
    }


def _finish(data: bytes, book: paper.Book) -> bytes:
    """Return a printed document with its author, and links to the other PDFs."""
    reader = PdfReader(io.BytesIO(data))
    root = reader.trailer.raw_get("/Root")
    info = reader.trailer.raw_get("/Info")
    changed = {root: reader.root_object, info: info.get_object()}
    changed[info][NameObject("/Author")] = TextStringObject(book.author)
    changed[info][NameObject("/Creator")] = TextStringObject("bookbuild")
    # A window is named after the book, not after the file.
    show = DictionaryObject({NameObject("/DisplayDocTitle"): BooleanObject(True)})
    changed[root][NameObject("/ViewerPreferences")] = show
    changed[root][NameObject("/PageMode")] = NameObject("/UseOutlines")
    for page in reader.pages:
        for link in page.get("/Annots", []):
            address = link.get_object().get("/A", {}).get("/URI", "")
            if address.startswith(paper.ORIGIN):
                file = urldefrag(address)[0].removeprefix(paper.ORIGIN)
                changed[link] = link.get_object()
                changed[link][NameObject("/A")] = _to_file(file)
    return _append(data, reader, changed)


def _to_file(name: str) -> DictionaryObject:
    """Return the action that opens the first page of a PDF in the same folder."""
    return DictionaryObject(
        {
            NameObject("/S"): NameObject("/GoToR"),
            NameObject("/F"): TextStringObject(name),
            NameObject("/D"): ArrayObject([NumberObject(0), NameObject("/Fit")]),
        }
    )


def _append(
    data: bytes, reader: PdfReader, changed: Mapping[IndirectObject, PdfObject]
) -> bytes:
    """Return a PDF with new versions of some objects appended to it.

    That is how the format is changed without writing all of it again, which takes
    pypdf longer than the browser takes to print.
    """
    file = io.BytesIO()
    file.write(data)
    table = [b"xref\n"]
    for key, value in changed.items():
        entry = f"{key.idnum} 1\n{file.tell():010} {key.generation:05} n \n"
        table.append(entry.encode())
        file.write(f"{key.idnum} {key.generation} obj\n".encode())
        value.write_to_stream(file)
        file.write(b"\nendobj\n")
    start = file.tell()
    file.write(b"".join(table) + b"trailer\n")
    trailer = DictionaryObject(reader.trailer)
    last = int(data[data.rindex(b"startxref") :].split()[1])
    trailer[NameObject("/Prev")] = NumberObject(last)
    trailer.write_to_stream(file)
    file.write(f"\nstartxref\n{start}\n%%EOF\n".encode())
    return file.getvalue()
