"""Measures chapters that run in their pages: bytes, seconds, memory, against a kernel.

From the root of the tree, with a site that was built after ``python -m bookbuild
live``::

    python tests/bench_live.py _build/html [CHAPTER ...]

Nothing else should run meanwhile. Memory is that of Python's own heap in the page.
"""

import sys
import threading
import time
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import nbformat
from conftest import CHAPTERS, _Server
from nbclient import NotebookClient

from bookbuild import kernels
from bookbuild.browser import start

PRESS = "() => document.querySelector('.live-offer button').click()"
IDLE = """() => {
  const {ready, running, queued, waiting} = window.bookLive?.state() ?? {};
  return ready && !running && !queued && !waiting;
}"""
FIRST = "() => { bookLive.runTo(bookLive.cells[0]); }"
DONE = "() => ['fresh', 'error'].includes(bookLive.cells[0].state)"


def native(path: Path) -> float:
    """Return the seconds that a kernel takes for a notebook, its start included."""
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": path.parent}}
    client = NotebookClient(
        notebook, config=kernels.config(), timeout=None, resources=place
    )
    began = time.perf_counter()
    client.execute()
    return time.perf_counter() - began


def visited(browser, address: str) -> tuple[float, float, float, float]:
    """Return megabytes, seconds to the first cell and to run all, and memory."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(600_000)
    sizes: list[int] = []
    page.goto(address, wait_until="load")
    page.on("response", lambda r: sizes.append(int(r.headers.get("content-length", 0))))
    began = time.perf_counter()
    page.evaluate(PRESS)
    page.wait_for_function("() => window.bookLive?.cells.length")
    page.evaluate(FIRST)
    page.wait_for_function(DONE)
    first = time.perf_counter() - began
    page.wait_for_function(IDLE)
    began = time.perf_counter()
    page.evaluate("() => bookLive.runAll()")
    page.wait_for_function(IDLE)
    every = time.perf_counter() - began
    heap = page.evaluate("() => bookLive.memory()")
    context.close()
    return sum(sizes) / 1e6, first, every, heap / 1e6


def main() -> None:
    """Print a row for each chapter."""
    site, *names = sys.argv[1:]
    paths = [
        p for p in CHAPTERS if p.stem != "index" and (not names or p.stem in names)
    ]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Server, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("| chapter | MB | first cell, s | run all, s | in a kernel, s | memory, MB |")
    print("| :-- | --: | --: | --: | --: | --: |")
    with start() as browser:
        for path in paths:
            here = f"http://127.0.0.1:{server.server_port}/chapters/{path.stem}.html"
            size, first, every, heap = visited(browser, here)
            numbers = f"{size:.1f} | {first:.1f} | {every:.1f} | {native(path):.1f}"
            print(f"| {path.stem} | {numbers} | {heap:.0f} |", flush=True)
    server.shutdown()


if __name__ == "__main__":
    main()
