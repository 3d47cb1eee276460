"""What the tests share: the built site, served, and a browser to read it.

The site is built once, from the sources, outside of the tree, whatever the
number of processes that test it. A request that does not go to the local server
fails, since the browser resolves no name, and is recorded.
"""

import csv
import gzip
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock
from small_board import small as small
from xdist.scheduler import LoadFileScheduling

from bookbuild.browser import NoBrowserError, start
from bookbuild.site import BuildError, build
from illusion import data

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
# Chapters on a finding, which have what a chapter has; the refresher is shorter.
FINDINGS = [p for p in CHAPTERS if "In one minute" in p.read_text(encoding="utf-8")]
PROSE = sorted((ROOT / "chapters").glob("*.md"))
MAX_WORKERS = 4


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Take a process per core, but for single files, which start sooner without."""
    if all(Path(arg.split("::")[0]).is_file() for arg in config.args):
        return 0
    # More would wait for the longest chapter, and each has a browser of its own.
    cores = min(os.cpu_count() or 1, MAX_WORKERS)
    return cores if cores > 1 else 0


class Spread(LoadFileScheduling):
    """Files stay whole, but for the visits of the site's pages."""

    def _split_scope(self, nodeid: str) -> str:
        pages = ("tests/book/test_site.py::", "tests/book/test_live.py::")
        visit = nodeid.startswith(pages) and "[" in nodeid
        return nodeid if visit else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> LoadFileScheduling:
    """Spread the tests over the processes."""
    return Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process build the site while the others run what needs none."""
    served = [item for item in items if "site" in getattr(item, "fixturenames", ())]
    need = {item.path: 2 for item in served}
    if need:
        need[next(iter(need))] = 0
    items.sort(key=lambda item: need.get(item.path, 1))


def timed(reports: Iterable, cells: Mapping[str, int]) -> dict[str, float]:
    """Return the seconds of each notebook whose cells have all run."""
    seconds, ran = Counter(), Counter()
    for report in reports:
        name = Path(report.nodeid.partition("::")[0]).stem
        seconds[name] += report.duration
        ran[name] += report.when == "call"
    return {
        name: seconds[name] for name, number in cells.items() if ran[name] == number
    }


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep how long the notebooks ran: the site says so under their titles."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    cache = getattr(session.config, "cache", None)
    if not (reporter and cache) or hasattr(session.config, "workerinput"):
        return
    passed = [*reporter.stats.get("passed", []), *reporter.stats.get("", [])]
    reports = [report for report in passed if ".ipynb::" in report.nodeid]
    cells = {}
    for path in CHAPTERS:
        found = json.loads(path.read_text(encoding="utf-8"))["cells"]
        cells[path.stem] = sum(cell["cell_type"] == "code" for cell in found)
    if new := timed(reports, cells):
        from bookbuild.reading import RUNS  # brings Sphinx, which is slow to load

        key = RUNS.removeprefix(".pytest_cache/v/")
        cache.set(key, {**cache.get(key, {}), **new})


def raw(name: str) -> list[dict]:
    """Return a table's rows as text."""
    file = next(data.ROOT.glob(f"{name}.csv*"))
    read = gzip.open if file.suffix == ".gz" else open
    with read(file, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def cannot(reason: str) -> None:
    """Skip, but fail where everything is meant to be installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the book's pages, built with warnings as errors.

    ``BOOK_SITE`` names one that was built so already, from the same sources.
    """
    if "BOOK_SITE" in os.environ:
        return Path(os.environ["BOOK_SITE"])
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    # The first process builds; the others wait, and learn how it ended.
    with FileLock(shared / "site.lock"):
        ended = shared / "site.txt"
        if not ended.exists():
            ended.write_text(fault_of(shared / "site"), encoding="utf-8")
    if fault := ended.read_text(encoding="utf-8"):
        pytest.fail(f"The book does not build:\n{fault}", pytrace=False)
    return shared / "site" / "_build" / "html"


def fault_of(out: Path) -> str:
    """Build the book in a folder and return what went wrong, or nothing."""
    try:
        build(ROOT, out)
    except BuildError as error:
        return str(error)
    return ""


@cache
def packed(path: Path) -> bytes:
    """Return a file of the built site, compressed."""
    return gzip.compress(path.read_bytes(), 6)


class _Server(SimpleHTTPRequestHandler):
    """Serve files compressed, as hosts of static sites do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        kind = self.guess_type(str(path))
        text = kind.startswith(("text/", "application/j", "image/svg"))
        body = packed(path) if text else path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "max-age=600")
        if text:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: the tests report what matters."""


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Serve the site and return its address."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Server, directory=str(site))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


# Ten digits are 5.56 times as wide as they are high in Arial, and in the fonts that
# are made to stand in for it. The static charts are drawn for such a font.
DIGITS = """() => {
  const context = document.createElement("canvas").getContext("2d");
  context.font = "100px Arial, Helvetica, sans-serif";
  return context.measureText("0123456789").width;
}"""


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Start a headless Chromium."""
    try:
        with start() as chromium:
            page = chromium.new_page()
            width = page.evaluate(DIGITS)
            page.close()
            if abs(width - 556) > 2:
                cannot(
                    "No font as wide as Arial, as the charts need: install one, for "
                    "instance Debian's package fonts-liberation."
                )
            yield chromium
    except NoBrowserError as error:
        cannot(str(error))
