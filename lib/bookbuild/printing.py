"""Every chapter and the whole book as PDF, printed from the built site by Chromium.

The site has the charts as vectors, the formulas and the numbers of its figures
already, so its pages are what is printed: ``print.html`` puts them together,
``_static/book.css`` says how they look in print.
"""

import io
import mimetypes
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from bookbuild import browser, tree
from bookbuild.site import build

__all__ = ["ORIGIN", "PAGE_WIDTH", "SOURCES", "make", "open_document", "print_pages"]

ORIGIN = "http://book.invalid/"
"""Where the document seems to stand: a name that no network can resolve."""

SOURCES = f"{tree.CHAPTERS}/references"
"""The page that lists what is cited; a chapter printed alone brings its own."""

PAGE_WIDTH = 642
"""Width of the page's box in CSS pixels, A4 less the margins of ``@page``."""

_DOCUMENT = Path(__file__).with_name("print.html")


def make(out: Path) -> list[Path]:
    """Build the book, and print each chapter and the whole.

    Parameters
    ----------
    out
        A folder; what it has under the same names is overwritten.

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
        return print_pages(chromium, build(tree.ROOT, Path(folder)), out, tree.pages())


def print_pages(
    chromium: Any, site: Path, out: Path, names: Sequence[str]
) -> list[Path]:
    """Print pages of a site, each by itself and all as a book.

    Parameters
    ----------
    chromium
        A browser, from :func:`bookbuild.browser.start`.
    site
        The folder of a built site's pages.
    out
        As for :func:`make`.
    names
        The pages, such as ``"chapters/ranking"``.

    Returns
    -------
    list of Path
        As :func:`make` does.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for part in [*([name] for name in names), names]:
        page = open_document(chromium, site, part)
        numbers: dict[str, int] = {}
        # Chromium has no CSS for the page of a link: a first print tells it, the second
        # says so, and a third is needed only if that moved a line.
        for _ in range(3):
            page.evaluate("setNumbers", numbers)
            data = page.pdf(
                prefer_css_page_size=True,
                print_background=True,
                tagged=True,
                outline=True,
            )
            before, numbers = numbers, _numbers(data)
            if numbers == before:
                break
        page.context.close()
        stem = Path(part[0]).stem if len(part) == 1 else "book"
        made.append(out / f"{stem}.pdf")
        made[-1].write_bytes(_finish(data))
    return made


def open_document(chromium: Any, site: Path, names: Sequence[str]) -> Any:
    """Lay out pages in a browser that reaches nothing but the site.

    Parameters
    ----------
    chromium, site
        As for :func:`print_pages`.
    names
        One page, or those of a book: that has a title page and contents.

    Returns
    -------
    playwright.sync_api.Page
        Laid out as it is printed; close its context.
    """

    def answer(route: Any) -> None:
        url = urlparse(route.request.url)
        name = unquote(url.path.lstrip("/"))
        file = _DOCUMENT if name == _DOCUMENT.name else site / name
        if name.startswith("fonts/"):
            package = "serif" if "Serif" in name else "sans"
            file = Path(str(files(f"font_source_{package}_pro"))) / "files" / file.name
        if url.geturl().startswith(ORIGIN) and file.is_file():
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
    page.goto(ORIGIN + _DOCUMENT.name)
    config, citation = tree.read(), tree.read("CITATION.cff")
    book = {
        "title": config["title"],
        "author": config["author"],
        "version": f"Version {citation['version']}, {citation['date-released']}",
        "abstract": citation["abstract"].strip(),
    }
    page.evaluate("layOut", {"names": list(names), "references": SOURCES, "book": book})
    return page


def _numbers(data: bytes) -> dict[str, int]:
    """Return the page on which each id that a link leads to is printed."""
    reader = PdfReader(io.BytesIO(data))
    return {
        name.removeprefix("/"): number + 1
        for name, place in reader.named_destinations.items()
        if (number := reader.get_destination_page_number(place)) is not None
    }


def _finish(data: bytes) -> bytes:
    """Return a printed document with its author, and links to the other PDFs."""
    # What Chromium wrote is kept as it is, and what differs is appended.
    writer = PdfWriter(io.BytesIO(data), incremental=True)
    author = tree.read()["author"]
    writer.add_metadata({"/Author": author, "/Creator": "bookbuild"})
    # A window is named after the book, not after the file.
    writer.create_viewer_preferences().display_doctitle = True
    writer.page_mode = "/UseOutlines"
    for page in writer.pages:
        for link in page.get("/Annots", []):
            address = link.get_object().get("/A", {}).get("/URI", "")
            if address.startswith(ORIGIN):
                # The first page of a PDF in the same folder.
                action = {
                    NameObject("/S"): NameObject("/GoToR"),
                    NameObject("/F"): TextStringObject(address.removeprefix(ORIGIN)),
                    NameObject("/D"): ArrayObject(
                        [NumberObject(0), NameObject("/Fit")]
                    ),
                }
                link.get_object()[NameObject("/A")] = DictionaryObject(action)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()
