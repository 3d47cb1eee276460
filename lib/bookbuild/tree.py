"""The tree that the book is made from: where it is, its settings, its pages."""

from pathlib import Path
from typing import Any

import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

__all__ = ["BUILD", "CHAPTERS", "CONFIG", "ROOT", "TOC", "notebooks", "pages", "read"]

ROOT = Path(__file__).resolve().parents[2]
BUILD, CHAPTERS, CONFIG, TOC = "_build", "chapters", "_config.yml", "_toc.yml"


def read(name: str = CONFIG) -> dict[str, Any]:
    """Return what a YAML file at the tree's root says, such as the settings."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def pages() -> list[str]:
    """Return the book's pages, such as ``"chapters/ranking"``, in reading order."""
    names = parse_toc_yaml(ROOT / TOC)
    return [name.removesuffix(".ipynb").removesuffix(".md") for name in names]


def notebooks() -> dict[str, Path]:
    """Return the notebooks among the book's pages by name, in reading order."""
    paths = (ROOT / f"{page}.ipynb" for page in pages())
    return {path.stem: path for path in paths if path.exists()}
