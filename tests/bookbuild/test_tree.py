"""The tree is described in one module, and read as Jupyter Book reads it."""

from pathlib import Path

import pytest
from conftest import CHAPTERS, PROSE

from bookbuild import tree


def test_every_page_of_the_book_is_there():
    assert sorted(tree.pages()) == sorted(
        f"chapters/{path.stem}" for path in (*CHAPTERS, *PROSE)
    )
    assert sorted(tree.notebooks().values()) == CHAPTERS
    assert tree.read()["title"]


def test_pages_stand_in_reading_order(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: z.md\nparts:\n- chapters:\n"
        "  - file: y\n    sections:\n    - file: x.ipynb\n  - file: a\n"
    )
    (tmp_path / "x.ipynb").touch()
    assert tree.pages() == ["z", "y", "x", "a"]
    assert tree.notebooks() == {"x": tmp_path / "x.ipynb"}


@pytest.mark.parametrize("spelled", ["parents[", '"_toc.yml"', '"_config.yml"'])
def test_the_tree_is_described_once(spelled):
    files = Path(tree.__file__).parent.glob("*.py")
    assert [f.name for f in files if spelled in f.read_text("utf-8")] == ["tree.py"]
