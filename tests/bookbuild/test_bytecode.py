"""Archives of Python code: what a page needs of them, and compiled beforehand."""

import io
import zipfile

import pytest

from bookbuild import browser, bytecode

FILES = {
    "a/__init__.py": b"x = 1",
    "a/other.py": b"y = 2",
    "a/fast.so": b"machine",
    "a/table.npz": b"numbers",
    "a/tests/test_a.py": b"assert x",
    "a/core/tests/data.bin": b"0",
    "a/types.pyi": b"x: int",
    "a/include/a.h": b"int x;",
    "a-1.dist-info/METADATA": b"Name: a",
    "a-1.dist-info/LICENSE": b"free",
    "scipy/misc/face.dat": b"a raccoon",
    "scipy/io/matlab.py": b"z = 3",
}


@pytest.fixture
def wheel():
    return bytecode.archive(FILES.items())


def members(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def test_an_archive_is_the_same_again(wheel):
    assert wheel == bytecode.archive(FILES.items())
    assert members(wheel) == FILES
    with zipfile.ZipFile(io.BytesIO(wheel)) as zipped:
        kinds = {each.compress_type for each in zipped.infolist()}
    assert kinds == {zipfile.ZIP_STORED}


def test_what_no_page_reads_is_left_out(wheel, tmp_path):
    kept = members(bytecode.lean(wheel, tmp_path))
    assert [*kept] == [
        "a/__init__.py", "a/other.py", "a/fast.so", "a/table.npz",
        "a-1.dist-info/METADATA",
    ]  # fmt: skip
    assert kept["a/other.py"] == b"y = 2"


def test_compiled_code_takes_the_place_of_its_source(wheel, tmp_path):
    code = bytecode.archive([("a/__init__.pyc", b"code")])
    bytecode.compiled(wheel, tmp_path).write_bytes(code)
    kept = members(bytecode.lean(wheel, tmp_path))
    assert kept["a/__init__.pyc"] == b"code"
    assert "a/__init__.py" not in kept
    assert kept["a/other.py"] == b"y = 2"
    # That of another version of the package is not taken.
    other = bytecode.archive([*FILES.items(), ("a/more.py", b"")])
    assert "a/__init__.py" in members(bytecode.lean(other, tmp_path))


def test_what_is_compiled_needs_no_browser(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    given = [wheel], b"", b"", tmp_path, {"packages": {}}
    with pytest.raises(browser.NoBrowserError, match="No browser"):
        bytecode.prepare(*given, tmp_path)
    path = bytecode.compiled(wheel, tmp_path)
    path.write_bytes(bytecode.archive([]))
    assert bytecode.prepare(*given, tmp_path) == [path]
