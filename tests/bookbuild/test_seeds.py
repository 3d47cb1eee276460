"""What another seed would change in a chapter is found."""

import nbformat
import pytest

from bookbuild import renew
from bookbuild.seeds import EXAMPLE, changes

DRAWS = """import numpy as np
from illusion import data, ledger
from illusion.telling import prose
rng = np.random.default_rng(7)
few, many = rng.normal(size=2), rng.normal(1, size=100_000).mean()
passed = 128 * (rng.uniform() > 0.5)
ledger.settle("ranking.lmarena-board", passed, mean=1, max=2)"""


@pytest.fixture
def chapter(tmp_path):
    """Store a chapter, a claim of which hangs on a chance, and return its path."""
    path = tmp_path / "small.ipynb"
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    notebook.cells = [
        nbformat.v4.new_code_cell(DRAWS),
        nbformat.v4.new_code_cell(
            "one = np.random.default_rng(7).normal()", metadata={"tags": [EXAMPLE]}
        ),
        nbformat.v4.new_code_cell("other = np.random.default_rng(7).normal()"),
        nbformat.v4.new_markdown_cell(
            "This draw is below 0.01.<!--?one < 0.01--> So are all.<!--?other < 0.01-->"
        ),
        nbformat.v4.new_markdown_cell(
            "It is 1.0<!--=many:.1f-->. Then 0.001<!--=few[0]:.3f--> is low."
            "<!--?few[0] < 0.5-->"
        ),
        nbformat.v4.new_code_cell('prose.check("small")'),
    ]
    nbformat.write(notebook, path)
    renew.run(notebook, path)
    nbformat.write(notebook, path)
    return path


def test_what_hangs_on_luck_is_named(chapter):
    found = list(changes(chapter, others=range(1, 6)))
    about = "small, seed "
    assert all(line.startswith(about) for line in found)
    assert any("ranking.lmarena-board is" in line for line in found)
    assert any("no longer true: “Then 0.001 is low.”" in line for line in found)
    assert any("few[0]:.3f is" in line for line in found)
    assert not [line for line in found if "many" in line]
    assert any("“So are all.”" in line for line in found)
    assert not [line for line in found if "This draw" in line]
