"""What the tests share: the built site, served, and a browser to read it.

The site is built once, from the sources, outside of the tree. Every request
that does not go to the local server is refused and recorded.
"""

import gzip
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
PROSE = sorted((ROOT / "chapters").glob("*.md"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def cannot(reason: str) -> None:
    """Skip, but fail where everything is meant to be installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the book, warnings as errors, and return the folder of its pages."""
    out = tmp_path_factory.mktemp("site")
    # This Python's Jupyter Book, whether or not its scripts are on the path.
    run = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", run, "build", str(ROOT)]
    command += ["--path-output", str(out), "-W", "-n", "--keep-going"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    log = done.stdout + done.stderr
    if done.returncode:
        lines = [line for line in log.splitlines() if "WARNING" in line]
        lines = lines or log.splitlines()[-40:]
        pytest.fail("The book does not build:\n" + "\n".join(lines), pytrace=False)
    return out / "_build" / "html"


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
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if kind.startswith(("text/", "application/j", "image/svg")):
            body = gzip.compress(body, 6)
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


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Start a headless Chromium."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        cannot(f"No browser: none of {', '.join(BROWSERS)} is installed.")
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    chromium = playwright.chromium.launch(executable_path=path, args=BROWSER_OPTIONS)
    yield chromium
    chromium.close()
    playwright.stop()
