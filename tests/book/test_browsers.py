"""The built site in Firefox and in WebKit: charts, formulas, live charts, complaints.

Each is driven by the protocol that it brings: Debian has no driver of Firefox for
Selenium, and Playwright's browsers are builds of its own. What is read here is what
tests/book/test_site.py reads in Chromium, page by page and with much more.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import websocket
from conftest import cannot
from test_site import CHARTED, ENLIVEN, LOOK, OPEN_ALL, PATIENCE

# Opens a page's address and returns what a JavaScript function returns there, and
# complaints on the console.
Reader = Callable[[str, str], tuple[Any, list[str]]]

VISIT = f"""async () => {{
  await ({OPEN_ALL})();
  const formulas = [...document.querySelectorAll("math")];
  const area = (e) => {{ const b = e.getBoundingClientRect();
                         return b.width * b.height; }};
  return {{
    undrawn: ({LOOK})().undrawn,
    formulas: formulas.length,
    flat: formulas.filter((e) => area(e) < 9).length,
    live: await ({ENLIVEN})(),
  }};
}}"""


# A chapter that runs in its page, a change of it, and what that does to the page.
RUN = """async () => {
  const until = async (holds) => {
    while (!holds()) await new Promise((done) => setTimeout(done, 100));
  };
  const idle = () => {
    const {ready, running, queued, waiting} = window.bookLive?.state() ?? {};
    const refused = document.querySelector(".live-offer [role=status]");
    return refused || (ready && !running && !queued && !waiting);
  };
  document.querySelector(".live-offer button").click();
  await until(idle);
  const refused = document.querySelector(".live-offer [role=status]")?.textContent;
  if (refused) return {refused};
  const [first] = bookLive.cells;
  first.area.value += "\\nmet *= 4\\nmet";
  first.area.dispatchEvent(new Event("input"));
  bookLive.runAll();
  await until(idle);
  return {
    states: bookLive.cells.map((cell) => cell.state),
    table: first.output.textContent.includes("4696"),
    figure: document.querySelector("#fig-refresher-hill").textContent,
    drawn: !!document.querySelector("#fig-refresher-hill .chart-live svg"),
    wrong: document.querySelectorAll("[data-mark].changed").length,
  };
}"""


@contextmanager
def running(*command: str, **options: Any) -> Iterator[subprocess.Popen]:
    """Run a program for the time of a ``with`` block."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **quiet, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def waited(process: subprocess.Popen, find: Callable[[], Any]) -> Any:
    """Return what is found as soon as a program that runs has it."""
    while not (found := find()):
        assert process.poll() is None, f"{process.args} has ended"
        time.sleep(0.05)
    return found


@contextmanager
def firefox(folder: Path) -> Iterator[Reader]:
    """Drive Firefox by WebDriver BiDi."""
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        cannot("No Firefox; Debian's package is firefox-esr.")
    options = ["--headless", "--no-remote", "--remote-debugging-port", "0"]
    file = folder / "WebDriverBiDiServer.json"
    # Without a folder of its own, Firefox asks other Firefoxes.
    home = os.environ | {"HOME": str(folder)}
    with running(path, *options, "--profile", str(folder), env=home) as process:
        waited(
            process, lambda: file.exists() and file.read_text().strip().endswith("}")
        )
        port = json.loads(file.read_text())["ws_port"]
        # Firefox refuses whoever names an origin, as web pages do.
        socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}/session", suppress_origin=True
        )
        errors: list[str] = []

        def call(method: str, **params: Any) -> dict:
            socket.send(json.dumps({"id": 1, "method": method, "params": params}))
            while "id" not in (message := json.loads(socket.recv())):
                entry = message["params"]
                if entry["level"] in ("error", "warn"):
                    errors.append(f"{entry['level']}: {entry['text']}")
            assert message["type"] == "success", message
            return message["result"]

        call("session.new", capabilities={})
        call("session.subscribe", events=["log.entryAdded"])
        context = call("browsingContext.getTree")["contexts"][0]["context"]

        def read(address: str, function: str) -> tuple[Any, list[str]]:
            errors.clear()
            call(
                "browsingContext.navigate",
                context=context,
                url=address,
                wait="complete",
            )
            found = call(
                "script.evaluate",
                expression=f"({function})().then(JSON.stringify)",
                target={"context": context},
                awaitPromise=True,
            )
            return json.loads(found["result"]["value"]), [*errors]

        yield read
        socket.close()


@contextmanager
def webkit(folder: Path) -> Iterator[Reader]:
    """Drive WebKit's small browser by WebDriver, on a screen of its own."""
    if not (shutil.which("WebKitWebDriver") and shutil.which("Xvfb")):
        cannot("No WebKit; Debian's packages are webkit2gtk-driver and xvfb.")
    out, into = os.pipe()
    with running("Xvfb", "-displayfd", str(into), pass_fds=[into]) as screen:
        os.close(into)
        display = waited(screen, lambda: os.read(out, 20)).decode().strip()
        home = os.environ | {"DISPLAY": f":{display}", "HOME": str(folder)}
        with running("WebKitWebDriver", "--port=0", env=home) as driver:
            listening = psutil.Process(driver.pid).net_connections
            port = waited(driver, listening)[0].laddr.port

            def call(path: str, **body: Any) -> Any:
                address = f"http://127.0.0.1:{port}/session{path}"
                data = json.dumps(body).encode()
                with urllib.request.urlopen(address, data) as answer:
                    return json.load(answer)["value"]

            browser = call("", capabilities={})["sessionId"]
            call(f"/{browser}/timeouts", script=PATIENCE)

            def read(address: str, function: str) -> tuple[Any, list[str]]:
                call(f"/{browser}/url", url=address)
                # WebDriver does not tell what is said on the console.
                script = f"({function})().then((x) => arguments[0](JSON.stringify(x)))"
                found = call(f"/{browser}/execute/async", script=script, args=[])
                return json.loads(found), []

            yield read


@pytest.mark.parametrize("driven", [firefox, webkit])
def test_other_browsers_show_the_same(driven, address, tmp_path):
    wrong, formulas = [], 0
    with driven(tmp_path) as read:
        for name in CHARTED:
            seen, errors = read(address + name, VISIT)
            formulas += seen["formulas"]
            wrong += [f"{name}: {error}" for error in errors]
            wrong += [f"{name}: {chart} is not drawn" for chart in seen["undrawn"]]
            wrong += [f"{name}: {seen['flat']} formulas have no size"] * bool(
                seen["flat"]
            )
            wrong += [
                f"{name}: {chart['id']} does not come alive, or not with its control"
                for chart in seen["live"]
                if chart["live"] != "yes" or (chart["bound"] and not chart["controls"])
            ]
    assert formulas
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("driven", [firefox, webkit])
def test_other_browsers_run_a_chapter(driven, site, address, tmp_path):
    if not (site / "_static" / "python").exists():
        cannot("No Pyodide in this site; python -m bookbuild live gets it.")
    with driven(tmp_path) as read:
        seen, errors = read(f"{address}chapters/refresher.html", RUN)
    assert not errors
    assert set(seen["states"]) == {"fresh"}, seen
    assert seen["table"], seen
    assert seen["drawn"], seen
    assert "10,180 votes" in seen["figure"]
    assert seen["wrong"] > 2
