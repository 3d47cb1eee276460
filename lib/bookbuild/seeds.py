"""Run chapters under other seeds: ``python -m bookbuild seeds``.

A verdict or a sentence that another seed would change hangs on luck. Whatever draws in
a chapter starts from ``numpy.random.default_rng(seed)``, so that is what is changed.

A story may follow one draw, such as one season of the simulated arena, and its
sentences are about that draw. The cells that make it have the tag ``example`` and keep
their seeds; the chapter says that it is one draw of many.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat

from bookbuild import renew
from illusion import ledger
from illusion.telling import prose

__all__ = ["EXAMPLE", "OTHER", "changes"]

OTHER = (1, 2, 3, 4, 5)
"""Added to a chapter's own seeds."""

EXAMPLE = "example"
"""Tag of a cell that makes the one draw that a story follows."""

_RESEED = """import numpy as np
_start = np.random.default_rng
_other = np.random.default_rng = lambda seed=None: _start(
    seed
    if seed is None or isinstance(seed, np.random.Generator)
    else [*np.atleast_1d(seed), {other}]
)"""
_KEEP = "np.random.default_rng = _start\n{source}\nnp.random.default_rng = _other"


def changes(path: Path, others: Sequence[int] = OTHER) -> Iterator[str]:
    """Say what other seeds change in a notebook.

    Parameters
    ----------
    path : Path
        Of a notebook, with its stored outputs.
    others : sequence of int
        A run for each.

    Yields
    ------
    str
        A verdict, a statement or a number of the text that comes out otherwise.

    Raises
    ------
    BuildError
        A cell that fails.
    """
    notebook = nbformat.read(path, as_version=4)
    before, verdicts = prose.stored(notebook.cells), _verdicts(notebook)
    for other in others:
        again = nbformat.read(path, as_version=4)
        for cell in again.cells:
            if EXAMPLE in cell.metadata.get("tags", []):
                cell.source = _KEEP.format(source=cell.source)
        again.cells.insert(0, nbformat.v4.new_code_cell(_RESEED.format(other=other)))
        renew.run(again, path)
        about = f"{path.stem}, seed {other}:"
        for name, verdict in _verdicts(again).items():
            if verdict != verdicts[name]:
                yield f"{about} {name} is {verdict}, and was {verdicts[name]}"
        for (mark, _), (_, value) in zip(
            before, prose.stored(again.cells), strict=True
        ):
            if not mark.is_number and not value:
                yield f"{about} no longer true: “{mark.sentence}” ({mark.code})"
            elif isinstance(value, str) and not prose.holds(mark, value):
                yield f"{about} {mark.code} is {value}: “{mark.sentence}”"


def _verdicts(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the verdicts that the cells of a notebook have stored, by claim."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    found = [out["data"].get(ledger.MIME) for out in outputs if "data" in out]
    return {claim["id"]: claim["verdict"] for claim in found if claim}
