"""Kernels that start whatever else the machine is doing.

Also a plugin of pytest, named in ``pyproject.toml``, so that nbval has such kernels.
"""

import os
import tempfile
import uuid
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from traitlets.config import Config

__all__ = ["config", "manager"]
__all__ += ["pytest_configure", "pytest_itemcollected", "pytest_terminal_summary"]

_PATIENCE = 600  # seconds until a kernel that says nothing is given up


def config() -> Config:
    """Return the settings of one kernel that takes no port.

    Jupyter chooses five free ports for a kernel, which binds them a second or more
    later. What takes one of them meanwhile (another kernel, a server, a browser)
    makes the kernel die at its start. Sockets with a name of their own leave no such
    gap. On Windows, ZeroMQ has only ports.

    Returns
    -------
    Config
        For ``nbclient.NotebookClient``, once: a second kernel needs another name.
    """
    patient = {"startup_timeout": _PATIENCE, "iopub_timeout": _PATIENCE}
    settings = Config(NotebookClient=patient)
    if os.name == "nt":
        return settings
    # The sockets' names begin as this file's, which must be short: a socket's name has
    # about a hundred characters at most.
    file = Path(tempfile.gettempdir(), f"kernel-{uuid.uuid4().hex}.json")
    settings.KernelManager.transport = "ipc"
    settings.KernelManager.connection_file = str(file)
    return settings


def manager(**options: Any) -> KernelManager:
    """Return the manager of a kernel that takes no port."""
    return KernelManager(config=config(), **options)


def pytest_configure(config: Any) -> None:
    """Let nbval start its kernels so, which has no setting for it."""
    import nbval.kernel

    nbval.kernel.KernelManager = manager
    config.option.nbval_kernel_startup_timeout = _PATIENCE


def pytest_itemcollected(item: Any) -> None:
    """Let a cell of a notebook wait for its outputs longer than nbval's 5 seconds."""
    if hasattr(item, "output_timeout"):
        item.output_timeout = _PATIENCE


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what to do if a notebook gives other outputs than it has stored."""
    failed = terminalreporter.getreports("failed")
    if any(".ipynb::" in report.nodeid for report in failed):
        terminalreporter.write_line(
            "A notebook fails or its stored outputs are stale; if the change is meant, "
            "run: python -m bookbuild renew"
        )
