"""How far an audit is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from threading import Event, Thread

from tqdm import tqdm

_STEPS = 10  # of an audit, each told to `note`
_WAIT = 1.0  # seconds


@contextmanager
def shown(share: Callable[[], float]) -> Iterator[Callable[[str], None]]:
    """Show a bar on a terminal once a second has passed; elsewhere nothing.

    Parameters
    ----------
    share : callable
        Returns the percentage of the engine's present query that is done.

    Yields
    ------
    callable
        To be told each step as it begins, as the ``note`` of an audit.
    """
    done, steps = Event(), 0
    form = "{desc}{percentage:3.0f}%|{bar}| {elapsed}"
    bar = tqdm(
        total=_STEPS,
        bar_format=form,
        delay=_WAIT,  # so that it does not draw itself before
        leave=False,
        ncols=min(get_terminal_size().columns, 100),
        disable=not sys.stderr.isatty(),
        file=sys.stderr,
    )

    def note(step: str) -> None:
        nonlocal steps
        steps += 1
        bar.n = steps - 1
        bar.set_description(step, refresh=False)

    def watch() -> None:
        wait = _WAIT
        while not done.wait(wait):
            wait = 0.2
            bar.n = max(bar.n, steps - 1 + max(share(), 0) / 100)
            bar.refresh()

    watcher = Thread(target=watch, daemon=True)
    if not bar.disable:
        watcher.start()
    try:
        yield note
    finally:
        done.set()
        if watcher.is_alive():
            watcher.join()
        bar.close()
