"""The library as a whole: who imports whom, and whether every function has a user."""

import re
import subprocess
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import nbformat
from conftest import CHAPTERS, ROOT
from vulture import Vulture

LIBRARY = sorted((ROOT / "lib").rglob("*.py"))
# What pytest and myst-nb call, and what a later chapter will.
_PAGE = "a chapter that runs in its page"
CALLED_ELSEWHERE = {
    "Session": _PAGE,
    "_repr_mimebundle_": "what shows an object",
    "install": _PAGE,
    "writable": "print",
    "VegaLiteRenderer": "myst-nb, by the entry point in pyproject.toml",
    "handle_mime": "myst-nb, as a renderer's",
    "pytest_configure": "pytest",
    "pytest_itemcollected": "pytest",
    "pytest_terminal_summary": "pytest",
}


def without_users(sources: Iterable[tuple[str, str]]) -> set[str]:
    """Return functions, methods and classes of lib/ that no code names.

    Parameters
    ----------
    sources : iterable of (str, str)
        File and code.
    """
    seen = Vulture()
    for file, text in sources:
        # A name is not used because it is listed for export.
        seen.scan(re.sub(r"^__all__ = \[.*?\]", "", text, flags=re.M | re.S), file)
    return {
        item.name
        for item in seen.get_unused_code()
        if item.typ in ("function", "method", "class")
        and str(item.filename).startswith("lib")
    }


def sources() -> Iterable[tuple[str, str]]:
    """Yield the library's files and the chapters' code."""
    for path in LIBRARY:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in CHAPTERS:
        cells = nbformat.read(path, as_version=4).cells
        yield path.name, "\n".join(c.source for c in cells if c.cell_type == "code")


def test_every_function_has_a_user():
    assert without_users(sources()) == set(CALLED_ELSEWHERE)


def test_a_function_without_a_user_is_found():
    planted = '__all__ = ["planted"]\n\n\ndef planted():\n    return 1\n'
    assert without_users([("lib/planted.py", planted)]) == {"planted"}
    used = ("chapter.ipynb", "planted()")
    assert not without_users([("lib/planted.py", planted), used])


def test_every_module_is_on_the_page_of_the_library():
    page = (ROOT / "chapters" / "library.md").read_text(encoding="utf-8")
    modules = [
        ".".join(path.relative_to(ROOT / "lib").with_suffix("").parts)
        for path in LIBRARY
        if path.stem != "__init__" and not {"bookbuild", "claims"} & set(path.parts)
    ]
    assert sorted(re.findall(r"automodule:: (\S+)", page)) == modules


def test_contracts_between_modules_hold():
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run(
        [command, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
