"""The chapters where they are rerun: in JupyterLab, and as a forge shows them."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import CHAPTERS, ROOT
from markdown_it import MarkdownIt
from nbconvert import HTMLExporter

from illusion.telling.charts import MIME

# What Markdown leaves as it stands if it does not know it.
RAW = re.compile(
    r"\{[a-z][\w:-]*\}`?|^\s*(?::{3,}|`{3,}|~{3,})|<!--|-->|\[!\w+\]", re.M
)
# A forge has its formulas drawn by a script of its own.
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
PATIENCE = 120_000  # milliseconds, on a machine that has much else to do
SETTINGS = {
    # All cells are in the page, and none is run.
    "notebook-extension/tracker": {
        "windowingMode": "none",
        "autoStartDefaultKernel": False,
    },
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """Run JupyterLab, as requirements.txt installs it, on a copy of the chapters."""
    root = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "chapters", root / "book" / "chapters")
    for name, values in SETTINGS.items():
        file = root / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), "utf-8")
    folders = {
        "JUPYTER_RUNTIME_DIR": root / "runtime",
        "JUPYTER_CONFIG_DIR": root / "config",
        "JUPYTERLAB_SETTINGS_DIR": root / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": root / "workspaces",
    }
    (root / "runtime").mkdir()
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    # The system chooses a free port, and keeps it.
    command += ["--ip=127.0.0.1", "--port=0", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={root / 'book'}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with (root / "log").open("w+") as log:
        server = subprocess.Popen(
            command, env=os.environ | {k: str(v) for k, v in folders.items()},
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield _address(root / "runtime", server, root / "log")
        finally:
            server.terminate()
            server.wait()


def _address(runtime: Path, server: subprocess.Popen, log: Path) -> str:
    """Return where a server is, once it says so."""
    for _ in range(PATIENCE // 100):
        for file in runtime.glob("jpserver-*.json"):
            try:
                return json.loads(file.read_text("utf-8"))["url"]
            except json.JSONDecodeError:  # it is being written
                continue
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab does not start:\n{log.read_text('utf-8')}")


@pytest.fixture(scope="module")
def window(lab, browser):
    """Return JupyterLab in a browser, and what it complains of."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda m: complaints.append(m.text) if m.type == "error" else None,
    )
    page.goto(f"{lab}lab")
    page.wait_for_function("window.jupyterapp?.restored")
    page.evaluate("window.jupyterapp.restored.then(() => true)")
    yield page, complaints
    context.close()


OPEN = """async (path) => {
  const app = window.jupyterapp;
  const panel = await app.commands.execute("docmanager:open", {path});
  await panel.context.ready;
  await panel.revealed;
  return panel.id;
}"""
# Texts without code, and what the charts have become.
LOOK = """(id) => {
  const panel = document.getElementById(id);
  const texts = [...panel.querySelectorAll(".jp-RenderedMarkdown, .jp-RenderedHTML")];
  const plain = (text) => {
    const copy = text.cloneNode(true);
    copy.querySelectorAll("code, pre, mjx-container").forEach((e) => e.remove());
    return copy.textContent;
  };
  const seen = (e) => e.checkVisibility();
  const aligned = [...panel.querySelectorAll("table.ledger :is(th, td)")]
    .filter(seen).map((e) => getComputedStyle(e).textAlign);
  return {
    texts: texts.map(plain),
    charts: panel.querySelectorAll(".vega-embed :is(canvas, svg)").length,
    aligned: [...new Set(aligned)],
    solutions: [...panel.querySelectorAll("h4")].filter(seen)
      .filter((e) => e.textContent.startsWith("Solution")).length,
    folded: [...panel.querySelectorAll(".jp-MarkdownCell.jp-mod-collapsed")].length,
    formulas: panel.querySelectorAll("mjx-container").length,
    wrong: panel.querySelectorAll("mjx-merror").length,
  };
}"""


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_reads_right_in_jupyterlab(window, path):
    page, complaints = window
    cells = nbformat.read(path, as_version=4).cells
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    charts = sum(MIME in out.get("data", {}) for out in outputs)
    written = [cell.source for cell in cells if cell.cell_type == "markdown"]
    solutions = written.count("#### Solution")
    identity = page.evaluate(OPEN, f"chapters/{path.name}")
    # Charts and formulas are drawn one after the other.
    page.wait_for_function(
        """([id, charts]) => {
          const panel = document.getElementById(id);
          return panel.querySelectorAll(".jp-MarkdownCell h1").length
            && panel.querySelectorAll(".vega-embed :is(canvas, svg)").length >= charts
            && !panel.querySelector(".jp-mod-unrendered");
        }""",
        arg=[identity, charts],
    )
    seen = page.evaluate(LOOK, identity)
    raw = [m[0] for text in seen["texts"] for m in RAW.finditer(text)]
    assert not raw, f"{path.stem}: {raw}"
    assert seen["charts"] == charts
    assert set(seen["aligned"]) <= {"left", "start"}
    assert seen["solutions"] == solutions
    assert not seen["wrong"]
    assert bool(seen["formulas"]) == any("$" in text for text in written)
    assert not complaints
    page.evaluate("id => window.jupyterapp.shell.currentWidget.close()", identity)


@pytest.fixture(scope="module")
def exporter():
    """Return what shows notebooks as a forge does, but for the code."""
    return HTMLExporter(template_name="basic", exclude_input=True)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_reads_right_on_a_forge(path, exporter):
    page, _ = exporter.from_filename(str(path))
    text = BeautifulSoup(page, "html.parser")
    for code in text.select("pre, code, script, style, .highlight"):
        code.decompose()
    shown = FORMULA.sub("", text.get_text())
    assert not [match[0] for match in RAW.finditer(shown)]


# In any viewer: CommonMark with tables, and nothing else.
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_plain_commonmark(path):
    parser = MarkdownIt("commonmark").enable("table")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "markdown":
            continue
        tokens = parser.parse(cell.source)
        fences = [token.info for token in tokens if token.type == "fence"]
        assert not [info for info in fences if info.startswith("{")], cell.id
        shown = [
            child.content
            for token in tokens
            for child in token.children or []
            if child.type == "text"
        ]
        text = FORMULA.sub("", "\n".join(shown))
        assert not RAW.search(text), f"{cell.id}: {RAW.search(text)}"


def test_what_only_one_viewer_knows_is_seen():
    for raw in ("{glue:text}`a`", ":::{note}", "<!--=x-->", "[!NOTE]", "{cite:p}`b`"):
        assert RAW.search(f"Some text.\n{raw} and more")
    assert not RAW.search("A set {a, b}, 1:2, a : b, `x`.")
