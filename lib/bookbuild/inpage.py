"""Runs a chapter's cells in the page itself, in a worker's Python.

There is neither IPython nor a kernel: :func:`install` puts small stand-ins in the
place of the few names of IPython's that the library asks for, and a :class:`Session`
runs one cell after another and turns what each shows into what the page needs: pieces
of HTML like those of the build, and charts with the widths of the printed ones.

``page/live-worker.js`` calls it. Nothing here needs Sphinx, a file system outside
of the book's, or the build's other modules but those that say so themselves.
"""

import ast
import builtins
import io
import json
import linecache
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from pprint import pformat
from types import CodeType, ModuleType
from typing import Any

__all__ = ["Session", "install"]

_WIDTH = 79
_Output = dict[str, Any]
_shown: list[_Output] = []
# How much of an error's text is of use.
_MESSAGE = 600


class _Shell:
    """What the library asks a kernel: which request it is at."""

    request = 0

    def get_parent(self) -> dict[str, Any]:
        return {"header": {"msg_id": str(self.request)}}


_shell = _Shell()


class _Rich:
    """Something shown as what it was made from, such as ``HTML("<b>x</b>")``."""

    mime = "text/plain"

    def __init__(self, data: str) -> None:
        self.data = data

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {self.mime: self.data}


class _HTML(_Rich):
    mime = "text/html"


class _Markdown(_Rich):
    mime = "text/markdown"


class _Stream(io.TextIOBase):
    """Standard output, or errors, of the cell that runs."""

    def __init__(self, name: str, tell: Callable[[str], object]) -> None:
        self.name, self._report = name, tell

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        # All that a cell prints is in one piece, as the notebooks store it.
        mine = [o for o in _shown if o["kind"] == "stream" and o["name"] == self.name]
        if not mine:
            mine = [{"kind": "stream", "name": self.name, "text": ""}]
            _shown.extend(mine)
        mine[0]["text"] = _returned(mine[0]["text"] + text)
        if self.name == "stderr":  # a bar of progress
            self._report(mine[0]["text"].rpartition("\n")[2])
        return len(text)


def _returned(text: str) -> str:
    """Let what follows a carriage return overwrite its line."""
    return re.sub(r"[^\n]*\r(?=[^\n])", "", text) if "\r" in text else text


def display(*objects: Any, raw: bool = False, **_: Any) -> None:
    """Show objects, or MIME bundles, below the cell that runs.

    Parameters
    ----------
    *objects
        Anything, or bundles of MIME types.
    raw
        Whether they are bundles.
    """
    for each in objects:
        _shown.extend(_outputs(each if raw else _bundle(each)))


def install(tell: Callable[[str], object]) -> None:
    """Put stand-ins in the place of IPython and of the standard streams.

    Parameters
    ----------
    tell
        Is called with the line of a bar of progress when it changes.
    """
    modules = {}
    for name in ("IPython", "IPython.display", "IPython.core"):
        modules[name] = ModuleType(name)
    modules["IPython.core.getipython"] = ModuleType("IPython.core.getipython")
    shell = modules["IPython"], modules["IPython.core.getipython"]
    for module in shell:
        module.__dict__["get_ipython"] = lambda: _shell
    show = {"display": display, "HTML": _HTML, "Markdown": _Markdown}
    modules["IPython.display"].__dict__.update(show)
    modules["IPython"].__dict__.update(
        display=modules["IPython.display"], core=modules["IPython.core"]
    )
    modules["IPython.core"].__dict__["getipython"] = shell[1]
    sys.modules.update(modules)
    # A bar of progress has a thread elsewhere.
    warnings.filterwarnings("ignore", "tqdm:disabling monitor support")
    sys.stdout, sys.stderr = (_Stream(name, tell) for name in ("stdout", "stderr"))


class Session:
    """One run of a chapter.

    Parameters
    ----------
    path
        Of the notebook. The file is written anew as the reader changes it, since
        :func:`illusion.telling.prose.check` reads the text from there.
    printed
        What the page keeps of its printed charts, as JSON, by the figure's label.
    """

    def __init__(self, path: str, printed: str) -> None:
        self.path = Path(path)
        self.cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        self.printed: dict[str, str] = json.loads(printed)
        main = ModuleType("__main__")
        sys.modules["__main__"] = main
        self.names = main.__dict__
        self.names.update(display=display, get_ipython=lambda: _shell)

    def run(self, cell: str, source: str) -> str:
        """Run a cell.

        Parameters
        ----------
        cell
            Its id. One that the notebook does not have, as a reader's own cell under an
            exercise, changes no text.
        source
            What it has become.

        Returns
        -------
        str
            As JSON, ``ok`` and ``outputs``, each with its ``kind`` (``stream``,
            ``html``, ``text``, ``chart`` or ``error``) and what that has.
        """
        for each in self.cells:
            if each["id"] == cell and "".join(each["source"]) != source:
                each["source"] = source
                self._write()
        _shown.clear()
        _shell.request += 1
        ok = self._run(f"cell {cell}", source)
        outputs = [self._sized(output) for output in _shown]
        return json.dumps({"ok": ok, "outputs": outputs})

    def _write(self) -> None:
        text = json.dumps({"cells": self.cells, "nbformat": 4, "nbformat_minor": 5})
        self.path.write_text(text, encoding="utf-8")

    def _run(self, file: str, source: str) -> bool:
        lines = source.splitlines(keepends=True)
        linecache.cache[file] = (len(source), None, lines, file)
        try:
            body, last = _compiled(source, file)
            exec(body, self.names)
            value = eval(last, self.names) if last else None
            if value is not None:
                self.names["_"] = value
                display(value)
        except BaseException as error:  # whatever the reader's change has led to
            _shown.append(_fault(error, file, lines))
            # What the frames of the traceback hold would stay.
            error.__traceback__ = None
            return False
        return True

    def _sized(self, output: _Output) -> _Output:
        if output["kind"] != "chart":
            return output
        from bookbuild import panels

        spec = output.pop("spec")
        figure = spec.get("usermeta", {}).get("figure", {})
        label = figure.get("label", "")
        texts = {key: _inline(figure.get(key, "")) for key in ("caption", "source")}
        return {
            "kind": "chart",
            "label": label,
            "description": spec.get("description", ""),
            "data": panels.resized(spec, self.printed.get(label)),
            **texts,
        }

    def marks(self) -> str:
        """Hold the text against the run, as far as it has come.

        Returns
        -------
        str
            As JSON, a list with an entry for each number and statement of the text, in
            its order: nothing where its cell has not run, and otherwise whether it
            ``holds``, its ``value`` (of a number), its ``code``, and what was
            ``found`` instead.
        """
        from illusion.telling import prose

        in_text = {c["id"] for c in self.cells if c["cell_type"] == "markdown"}
        return json.dumps(
            [
                self._mark(mark)
                for mark in prose.markers(self.cells)
                if mark.cell in in_text and not mark.in_slide
            ]
        )

    def _mark(self, mark: Any) -> dict[str, Any] | None:
        from illusion.telling import prose

        code, form = prose.split(mark.code)
        told: dict[str, Any] = {"code": mark.code, "value": "", "found": ""}
        if not all(
            name in self.names or hasattr(builtins, name) or name in _own(code)
            for name in prose.names_used(code)
        ):
            return None
        try:
            # A copy: an expression may not change what the next one finds.
            value = eval(code, dict(self.names))
            if mark.is_number:
                told["value"] = re.sub("^-", "−", format(value, form))
                told["holds"] = prose.holds(mark, told["value"])
            else:
                told["holds"] = bool(value)
                if not value:
                    told["found"] = self._sides(code)
        except Exception as error:  # whatever the reader's change has led to
            told["holds"] = False
            told["found"] = f"{type(error).__name__}: {error}".partition("\n")[0]
        return told

    def _sides(self, code: str) -> str:
        """Return what a statement compares, as numbers, as far as it does."""
        found = []
        body = ast.parse(code, mode="eval").body
        parts = body.values if isinstance(body, ast.BoolOp) else [body]
        for part in parts:
            if isinstance(part, ast.Compare):
                sides = [part.left, *part.comparators]
                values = [eval(ast.unparse(s), dict(self.names)) for s in sides]
                if all(isinstance(value, int | float | str) for value in values):
                    signs = [_SIGNS.get(type(op), "and") for op in part.ops] + [""]
                    told = zip(map(_short, values), signs, strict=True)
                    found.append(" ".join(f"{v} {s}" for v, s in told).strip())
        return "; ".join(found)


_SIGNS = {
    ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥", ast.Eq: "=", ast.NotEq: "≠",
}  # fmt: skip


def _short(value: float | str) -> str:
    if isinstance(value, str | bool) or type(value) is int:
        return str(value)
    return f"{float(value):.4g}".replace("-", "−")


def _own(code: str) -> set[str]:
    """Return the names that an expression sets itself, as a comprehension does."""
    nodes = ast.walk(ast.parse(code))
    names = {n.id for n in nodes if isinstance(n, ast.Name) and not _loads(n)}
    return names | {n.arg for n in ast.walk(ast.parse(code)) if isinstance(n, ast.arg)}


def _loads(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _compiled(source: str, file: str) -> tuple[CodeType, CodeType | None]:
    """Compile a cell, and its last expression by itself, unless ``;`` ends it."""
    tree = ast.parse(source, file)
    last = None
    if tree.body and isinstance(expression := tree.body[-1], ast.Expr):
        lines = source.splitlines()
        rest = lines[(expression.end_lineno or 1) - 1].encode()
        if not rest[expression.end_col_offset or 0 :].lstrip().startswith(b";"):
            tree.body.pop()
            last = compile(ast.Expression(expression.value), file, "eval")
    return compile(tree, file, "exec"), last


def _bundle(value: Any) -> dict[str, Any]:
    """Return a value in the forms that it has, as a kernel would."""
    for name in ("_repr_mimebundle_", "_repr_html_", "_repr_markdown_"):
        make = getattr(value, name, None)
        if isinstance(value, type) or make is None:
            continue
        made = make()
        if made is None:
            continue
        if name == "_repr_mimebundle_":
            return made[0] if isinstance(made, tuple) else made
        return {"text/html" if "html" in name else "text/markdown": made}
    text = repr(value)
    if isinstance(value, dict | list | tuple | set) and len(text) > _WIDTH:
        text = pformat(value, width=_WIDTH, sort_dicts=False)
    return {"text/plain": text}


def _outputs(bundle: dict[str, Any]) -> Iterable[_Output]:
    """Yield what a page shows of a MIME bundle."""
    from illusion.telling.charts import FIGURE_MIME, MIME

    if MIME in bundle:
        yield {"kind": "chart", "spec": bundle[MIME]}
    elif FIGURE_MIME in bundle:
        pass  # the caption for JupyterLab, which the chart has as well
    elif "text/html" in bundle:
        from bookbuild.tidying import tidy

        yield {"kind": "html", "html": tidy(bundle["text/html"])}
    elif "text/markdown" in bundle:
        from markdown_it import MarkdownIt

        made = MarkdownIt().enable("table").render(bundle["text/markdown"])
        yield {"kind": "html", "html": made}
    elif "text/plain" in bundle:
        yield {"kind": "text", "text": bundle["text/plain"]}


def _inline(text: str) -> str:
    """Return a caption as HTML."""
    from markdown_it import MarkdownIt

    made = MarkdownIt().renderInline(text)
    return made.replace(".ipynb#", ".html#").replace('.ipynb"', '.html"')


def _fault(error: BaseException, file: str, lines: list[str]) -> _Output:
    """Say what went wrong in a cell, and in which of its lines."""
    place, text = 0, str(error)
    if isinstance(error, SyntaxError):
        text = error.msg
        place = error.lineno or 0 if error.filename == file else 0
    if not place:
        frames = traceback.extract_tb(error.__traceback__)
        places = [frame.lineno for frame in frames if frame.filename == file]
        place = places[-1] or 0 if places else 0
    if isinstance(error, KeyError) and error.args:
        text = f"there is no {error.args[0]!r}"
    elif isinstance(error, ModuleNotFoundError):
        text += "; the page brings the book's library and what that needs"
    elif isinstance(error, MemoryError):
        text = text or "there is no more memory for this page"
    line = lines[place - 1].strip() if 0 < place <= len(lines) else ""
    return {
        "kind": "error",
        "name": type(error).__name__,
        "text": text[:_MESSAGE],
        "line": place,
        "source": line,
    }
