"""Packages as a page needs them: without what it never reads, and compiled.

A page's Python starts sooner if it need not compile what it imports. Only a Python of
the same version can do that beforehand, and the one at hand may be another: so the
page's own does it once, in a browser, and what it made is kept for the builds. Without
a browser the site has the sources instead, and its pages take some seconds more.
"""

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bookbuild import tree
from bookbuild.browser import start

__all__ = ["FOLDER", "archive", "compiled", "lean", "prepare"]

FOLDER = tree.ROOT / tree.BUILD / "live" / "bytecode"
"""Where compiled code is kept; it may be removed at any time."""

# Tests, modules that read files of other programs or have been replaced, what compilers
# and type checkers need, and what tools say of a package.
_LEFT_OUT = re.compile(
    r"/tests?/|^scipy/(?:datasets|fftpack|io|misc|odr)/|/conftest\.py$|/py\.typed$"
    r"|\.(?:pyi|pxd|pyx|h|a|c|cpp|f90)$|\.dist-info/(?!METADATA$|RECORD$|WHEEL$)"
)
_DAY = (2025, 1, 1, 0, 0, 0)  # one date for all files, so that an archive is the same
_HOST = "http://python.invalid/"  # no request leaves the browser
# All that the chapters may import: the rest is left as it is, since compiled code takes
# more room.
_IMPORT = """
import importlib, pkgutil, sys

sys.path[:0] = ["/book/lib", "/book/packages"]
from bookbuild import inpage

inpage.install(lambda line: None)
import bookbuild.panels, bookbuild.tidying, illusion

for module in pkgutil.walk_packages(illusion.__path__, "illusion."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError:
            pass  # of something that a page does not have

roots = [f"{path}/" for path in sys.path if path]
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
used = {file.removeprefix(r) for file in files for r in roots if file.startswith(r)}
"""
_COMPILE = """
import base64, importlib.util, io, zipfile
from importlib._bootstrap_external import _code_to_hash_pyc

made = io.BytesIO()
with zipfile.ZipFile(io.BytesIO(base64.b64decode(given))) as sources:
    with zipfile.ZipFile(made, "w") as codes:
        for path in sources.namelist():
            if path in used and path.endswith(".py"):
                source = sources.read(path)
                code = compile(source, path, "exec", dont_inherit=True)
                checked = importlib.util.source_hash(source)
                codes.writestr(path + "c", _code_to_hash_pyc(code, checked, False))
base64.b64encode(made.getvalue()).decode()
"""
_START = """async ([packages, book]) => {
  globalThis.python = await loadPyodide({indexURL: location.href});
  await python.loadPackage(packages);
  for (const [zip, folder] of book) {
    const bytes = Uint8Array.from(atob(zip), (sign) => sign.charCodeAt(0));
    python.unpackArchive(bytes, "zip", {extractDir: folder});
  }
}"""
_RUN = """([code, given]) => {
  python.globals.set("given", given);
  return python.runPython(code);
}"""


def archive(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return files as a zip.

    Parameters
    ----------
    members
        Path and content of each.

    Returns
    -------
    bytes
        The same again for the same files. They are not compressed: the whole is, where
        it is served, which takes less room and is unpacked faster.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        for path, content in members:
            zipped.writestr(zipfile.ZipInfo(path, _DAY), content)
    return made.getvalue()


def compiled(source: bytes, folder: Path = FOLDER) -> Path:
    """Return where the compiled code of an archive is, or would be.

    Parameters
    ----------
    source
        A zip, such as a wheel.
    folder
        Where compiled code is kept.

    Returns
    -------
    pathlib.Path
    """
    return folder / f"{hashlib.sha256(source).hexdigest()}.zip"


def lean(source: bytes, folder: Path = FOLDER) -> bytes:
    """Return an archive with what a page needs of it.

    Parameters
    ----------
    source
        A zip, such as a wheel.
    folder
        Where compiled code is kept; it takes the place of its source.

    Returns
    -------
    bytes
    """
    codes: dict[str, bytes] = {}
    if (path := compiled(source, folder)).exists():
        with zipfile.ZipFile(path) as zipped:
            codes = {name: zipped.read(name) for name in zipped.namelist()}
    with zipfile.ZipFile(io.BytesIO(source)) as zipped:
        wanted = _wanted(zipped)
        return archive(
            (f"{path}c", codes[f"{path}c"])
            if f"{path}c" in codes
            else (path, zipped.read(path))
            for path in wanted
        )


def _wanted(zipped: zipfile.ZipFile) -> list[str]:
    """Return the files of an archive that a page may read."""
    paths = (path for path in zipped.namelist() if not path.endswith("/"))
    return [path for path in paths if not re.search(_LEFT_OUT, path)]


def prepare(
    sources: Iterable[bytes],
    book: bytes,
    packages: bytes,
    python: Path,
    lock: dict[str, Any],
    folder: Path = FOLDER,
) -> list[Path]:
    """Compile archives that are not compiled yet, by the page's own Python.

    Parameters
    ----------
    sources
        Zips, such as wheels.
    book, packages
        Zips of the book's library and of what that imports.
    python
        The folder with Pyodide's files.
    lock
        Pyodide's list of packages.
    folder
        Where compiled code is kept.

    Returns
    -------
    list of Path
        One for each archive.

    Raises
    ------
    NoBrowserError
        If there is no browser.
    """
    paths = {compiled(source, folder): source for source in sources}
    new = {path: source for path, source in paths.items() if not path.exists()}
    if new:
        folder.mkdir(parents=True, exist_ok=True)
        with start() as browser:
            page = browser.new_page()
            page.set_default_timeout(0)
            page.route("**/*", lambda route: _answer(route, python, lock))
            page.goto(_HOST)
            page.add_script_tag(url=f"{_HOST}pyodide.js")
            zips = [(_text(book), "/book"), (_text(packages), "/book/packages")]
            page.evaluate(_START, [[*lock["packages"]], zips])
            page.evaluate(_RUN, [_IMPORT, ""])
            for path, source in new.items():
                made = page.evaluate(_RUN, [_COMPILE, _text(source)])
                path.write_bytes(base64.b64decode(made))
    return [*paths]


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _answer(route: Any, python: Path, lock: dict[str, Any]) -> None:
    """Answer a request of the page that compiles."""
    name = route.request.url.removeprefix(_HOST)
    if not name:
        route.fulfill(body="<title>Python</title>", content_type="text/html")
    elif name == "pyodide-lock.json":
        route.fulfill(body=json.dumps(lock), content_type="application/json")
    elif (python / name).is_file():
        route.fulfill(path=python / name)
    else:
        route.abort()
