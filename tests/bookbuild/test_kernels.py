"""Kernels take no port, and leave nothing behind."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import nbclient
import nbformat
import nbval.kernel
import pytest

from bookbuild import kernels

pytestmark = pytest.mark.skipif(os.name == "nt", reason="ZeroMQ has only ports there")


@pytest.fixture
def no_ports(monkeypatch):
    """Take from Jupyter what it looks for ports with; afterwards, nothing is left."""
    monkeypatch.setattr("jupyter_client.connect.socket", None)
    # Not pytest's own folder, whose name is too long for a socket's.
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield folder
        assert not list(Path(folder).iterdir())


def test_nbval_takes_no_port(no_ports):
    first, second = (nbval.kernel.RunningKernel("python3", no_ports) for _ in "ab")
    assert first.km.ip != second.km.ip
    first.stop()
    second.stop()


@pytest.mark.parametrize(
    ("failed", "said"),
    [("chapters/one.ipynb::Cell 3", True), ("tests/test_data.py::test_x", False)],
)
def test_a_stale_notebook_says_what_to_do(failed, said):
    lines = []
    report = SimpleNamespace(nodeid=failed)
    reporter = SimpleNamespace(getreports=lambda _: [report], write_line=lines.append)
    kernels.pytest_terminal_summary(reporter)
    assert any("python -m bookbuild renew" in line for line in lines) == said


def test_nbclient_takes_no_port(no_ports):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("6 * 7")])
    where = {"metadata": {"path": no_ports}}
    client = nbclient.NotebookClient(notebook, config=kernels.config(), resources=where)
    client.execute()
    assert notebook.cells[0].outputs[0].data["text/plain"] == "42"
