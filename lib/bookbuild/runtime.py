"""What brings Python into a page: fetched, checked, and kept for the build.

``runtime.json`` has the name, size and SHA-256 digest of each file of Pyodide, and of
two wheels of pure Python that Altair needs there. ``python -m bookbuild live`` gets
them from a source, which is trusted with nothing: a file that is not the one described
is refused by its name.
"""

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bookbuild import bytecode, tree
from bookbuild.site import BuildError

__all__ = [
    "FOLDER", "SOURCES", "Served", "archives", "complete", "fetch", "lock", "packed",
    "served", "wheels",
]  # fmt: skip

FOLDER = tree.ROOT / tree.BUILD / "live" / "runtime"
"""Where the build looks for the files; it may be removed at any time."""

SOURCES = {
    "cdn": "the address at which Pyodide's project publishes them",
    "pypi": "a package that carries them, by pip",
}
"""Where the files can come from, beside a folder."""

LOCK = "pyodide-lock.json"
# A file shrinks by at least this share, or it is served as it is.
_WORTH = 0.1
# No ending that a host knows, or it may be unpacked on the way.
_PACKED = ".packed"
_Find = Callable[[str], bytes]


@dataclass(frozen=True)
class Served:
    """A file as the site serves it.

    Attributes
    ----------
    name : str
        As Pyodide asks for it.
    file : str
        As the site has it: with another ending if the page unpacks it.
    content : bytes
    """

    name: str
    file: str
    content: bytes

    def entry(self) -> dict[str, Any]:
        """Return what the page needs in order to fetch and check it."""
        digest = base64.b64encode(hashlib.sha256(self.content).digest()).decode()
        size = len(self.content)
        return {"name": self.name, "file": self.file, "bytes": size, "sha256": digest}


@cache
def _manifest() -> dict[str, Any]:
    path = Path(__file__).with_name("runtime.json")
    return json.loads(path.read_text(encoding="utf-8"))


def _fault(record: dict[str, Any], content: bytes) -> str:
    """Return what is wrong with a file, or nothing."""
    if hashlib.sha256(content).hexdigest() == record["sha256"]:
        return ""
    if len(content) != record["bytes"]:
        return f"{record['name']}: {len(content)} bytes instead of {record['bytes']}"
    return f"{record['name']}: another SHA-256 digest than lib/bookbuild/runtime.json"


def complete(folder: Path = FOLDER) -> bool:
    """Whether a folder has all files, each as it is described."""
    for record in (*_manifest()["files"], *_manifest()["wheels"]):
        path = folder / record["name"]
        if not path.is_file() or _fault(record, path.read_bytes()):
            return False
    return True


def wheels(folder: Path = FOLDER) -> list[Path]:
    """Return the wheels of pure Python, which go into the book's own zip."""
    return [folder / record["name"] for record in _manifest()["wheels"]]


def fetch(source: str, folder: Path = FOLDER) -> list[Path]:
    """Get all files that a folder does not have yet, and check each.

    Parameters
    ----------
    source
        ``"cdn"``, ``"pypi"`` or a folder. The wheels come from a package index, as
        pip is set up for it, unless that folder has them.
    folder
        Where they are kept.

    Returns
    -------
    list of Path

    Raises
    ------
    BuildError
        No such source, or files that it does not have or that are not those described,
        each by its name. Those that are right are kept.
    """
    if source not in SOURCES and not Path(source).is_dir():
        raise BuildError(
            f"{source!r} is neither a folder nor one of {', '.join(SOURCES)}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    kept, faults = [], []
    with tempfile.TemporaryDirectory() as scratch:
        find = _finder(source, Path(scratch))
        indexed = _from_index(Path(scratch), _manifest()["wheels"])
        for key, look in (("files", find), ("wheels", _first(find, indexed))):
            for record in _manifest()[key]:
                path = folder / record["name"]
                if not path.is_file() or _fault(record, path.read_bytes()):
                    try:
                        content = look(record["name"])
                    except (OSError, KeyError, subprocess.CalledProcessError) as error:
                        faults.append(f"{record['name']}: not there ({_told(error)})")
                        continue
                    if fault := _fault(record, content):
                        faults.append(fault)
                        continue
                    _write(path, content)
                kept.append(path)
    if faults:
        raise BuildError(
            f"{source} does not give what lib/bookbuild/runtime.json describes:\n"
            + "\n".join(faults)
        )
    return kept


def _told(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return (error.stderr or "pip failed").strip().splitlines()[-1]
    return str(error) or type(error).__name__


def _finder(source: str, scratch: Path) -> _Find:
    """Return a function that reads a file of a source."""
    if source == "cdn":
        return _from_address
    if source == "pypi":
        return _from_carrier(scratch)
    return lambda name: Path(source, name).read_bytes()


def _from_address(name: str) -> bytes:
    try:
        with urllib.request.urlopen(_manifest()["address"] + name) as answer:
            return answer.read()
    except urllib.error.URLError as error:
        raise OSError(f"{_manifest()['address']}: {error.reason}") from error


def _from_carrier(scratch: Path) -> _Find:
    """Return a function that reads from a wheel, which pip downloads once."""
    members: dict[str, zipfile.Path] = {}

    def find(name: str) -> bytes:
        if not members:
            _pip("--no-deps", "--dest", str(scratch), _manifest()["carrier"])
            for wheel in scratch.glob("*.whl"):
                names = zipfile.ZipFile(wheel).namelist()
                members.update(
                    {n.split("/")[-1]: zipfile.Path(wheel, n) for n in names}
                )
        return members[name].read_bytes()

    return find


def _from_index(scratch: Path, records: list[dict[str, Any]]) -> _Find:
    """Return a function that has pip download the wheels, with their digests."""
    into = scratch / "wheels"

    def find(name: str) -> bytes:
        if not into.exists():
            lines = []
            for record in records:
                project, number, *_ = record["name"].split("-")
                digest = record["sha256"]
                lines.append(f"{project}=={number} --hash=sha256:{digest}")
            wanted = scratch / "wheels.txt"
            wanted.write_text("\n".join(lines), encoding="utf-8")
            options = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
            options += ["--platform", "any", "--implementation", "py", "--abi", "none"]
            _pip(*options, "--dest", str(into), "--requirement", str(wanted))
        return (into / name).read_bytes()

    return find


def _first(*finders: _Find) -> _Find:
    """Return a function that reads a file where it is found first."""

    def find(name: str) -> bytes:
        *some, last = finders
        for each in some:
            try:
                return each(name)
            except (OSError, KeyError):
                continue
        return last(name)

    return find


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)


def served(folder: Path = FOLDER) -> Iterator[Served]:
    """Yield the files as the site serves them, compressed where that is worth it.

    A host of static pages need not compress what it serves, nor know of all kinds of
    files which can be: so the page unpacks them itself.
    """
    for record in _manifest()["files"]:
        content = (folder / record["name"]).read_bytes()
        if record["name"].endswith((".whl", ".zip")):
            content = bytecode.lean(content)
        yield packed(record["name"], content, folder)
    yield Served(LOCK, LOCK, json.dumps(lock()).encode())


def lock() -> dict[str, Any]:
    """Return Pyodide's own list of packages, as far as they are needed."""
    return _manifest()["lock"]


def archives(folder: Path = FOLDER) -> list[bytes]:
    """Return those files that hold Python's code."""
    names = [record["name"] for record in _manifest()["files"]]
    kept = [name for name in names if name.endswith((".whl", ".zip"))]
    return [(folder / name).read_bytes() for name in kept]


def packed(name: str, content: bytes, folder: Path = FOLDER) -> Served:
    """Return a file as the site serves it, compressed if that is worth it.

    Parameters
    ----------
    name
        As the page asks for it.
    content
        The file.
    folder
        Beside it, compressed files are kept for the next build, as it takes seconds.

    Returns
    -------
    Served
    """
    digest = hashlib.sha256(content).hexdigest()
    path = folder.with_name("packed") / f"{digest}.gz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, gzip.compress(content, 9, mtime=0))
    small = path.read_bytes()
    if len(small) < (1 - _WORTH) * len(content):
        return Served(name, f"{name}{_PACKED}", small)
    return Served(name, name, content)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that another process finds it whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    shutil.copymode(Path(__file__), file.name)
    os.replace(file.name, path)
