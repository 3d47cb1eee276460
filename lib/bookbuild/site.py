"""Building the site of a tree with warnings as errors."""

import subprocess
import sys
from pathlib import Path

__all__ = ["BuildError", "build"]


class BuildError(RuntimeError):
    """A book that does not build, with its warnings."""


def build(tree: Path, out: Path) -> Path:
    """Build the book of a tree in a folder, and return that of its pages.

    Raises
    ------
    BuildError
        A warning, or an error.
    """
    # This Python's Jupyter Book, whether or not its scripts are on the path.
    run = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", run, "build", str(tree)]
    command += ["--path-output", str(out), "-W", "-n", "--keep-going"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        faults = [line for line in lines if "WARNING" in line] or lines[-40:]
        raise BuildError("\n".join(faults) or f"exit code {done.returncode}")
    return out / "_build" / "html"
