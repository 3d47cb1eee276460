"""The browser that prints the book and tests its pages: a Chromium, as installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["BROWSERS", "OPTIONS", "NoBrowserError", "start"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name can be resolved, so that a page reaches nothing but this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class NoBrowserError(RuntimeError):
    """There is no Chromium."""


@contextmanager
def start() -> Iterator[Any]:
    """Run a headless Chromium for the time of a ``with`` block.

    Yields
    ------
    playwright.sync_api.Browser

    Raises
    ------
    NoBrowserError
        If no browser is on the path.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise NoBrowserError(
            f"No browser: none of {', '.join(BROWSERS)} is installed. Install one of "
            "them, for instance Debian's package chromium."
        )
    from playwright.sync_api import sync_playwright  # slow to load

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*OPTIONS])
        yield browser
        browser.close()
