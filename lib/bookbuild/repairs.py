"""Repairs to the theme's pages, made on the written HTML.

The theme's pages ask other hosts for scripts, raise errors, and fail the
accessibility checks. Each repair here removes one such cause, so that a page
needs no script to be right and a test can read the result. A repair that finds
nothing to repair stops the build: the theme has changed, and so must this.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

__all__ = ["REPAIRS", "Repair", "auto_theme", "finish", "repair", "setup"]


@dataclass(frozen=True)
class Repair:
    """One replacement in a page.

    Parameters
    ----------
    why
        What is wrong with the page without it.
    pattern, replacement
        As for :func:`re.sub`; a dot matches a line's end too.
    expected
        Whether every book has it, so that finding none means a changed theme.
    pages
        Tells by its name whether a page is to be repaired.
    """

    why: str
    pattern: str
    replacement: str | Callable[[re.Match], str] = ""
    expected: bool = True
    pages: Callable[[str], bool] = lambda name: True

    def apply(self, page: str) -> tuple[str, int]:
        """Return the repaired page and how many times it was repaired."""
        return re.subn(self.pattern, self.replacement, page, flags=re.DOTALL)


_DONE = "<!-- repaired -->\n"


def _script(source: str) -> str:
    return rf'\s*<script[^>]* src="[^"]*{source}[^"]*"></script>'


def _style(name: str) -> str:
    return rf'\s*<link [^>]*href="[^"]*{name}[^"]*"[^>]*>'


def _not_search(name: str) -> bool:
    return name != "search.html"


# Follows the reader's choice or device before the first paint, not after the
# theme's deferred script has run.
_THEME = """<script>
    (() => {
      const root = document.documentElement.dataset;
      let saved = null;
      try { saved = localStorage.getItem("mode"); } catch { /* not allowed */ }
      root.mode = saved || "auto";
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      root.theme = root.mode === "auto" ? (dark ? "dark" : "light") : root.mode;
    })();
  </script>"""

REPAIRS = (
    # What a page loads and does not need.
    Repair("1.5 MB of icons as a script", _script("fontawesome.js")),
    Repair(
        "a constant declared twice, and another host's address",
        r"\s*<script>const THEBE_JS_URL = .*?</script>",
    ),
    Repair("a script for live code, which is off", _script("sphinx-thebe.js")),
    Repair("its style", _style("sphinx-thebe.css")),
    Repair("its settings", r'\s*<script type="text/x-thebe-config">.*?</script>'),
    Repair("its kernel", r"\s*<script>kernelName = '[^']*'</script>"),
    Repair("a script that hides boxes; ours need none", _script("togglebutton.js")),
    Repair("its style", _style("togglebutton.css")),
    Repair("its settings", r"\s*<script>(?:let|var) toggle\w+ = '[^']*';</script>"),
    Repair("a script for tabs, which we have not", _script("design-tabs.js")),
    Repair("its style", _style('sphinx-design[^"]*.css')),
    Repair(
        "the search index on pages that do not search",
        _script(r"(?:searchtools|language_data|searchindex)\.js"),
        pages=_not_search,
    ),
    Repair("a Google font, for a button", _style("fonts.googleapis"), expected=False),
    Repair(
        "a place for advertisements",
        r'<div class="sidebar-primary-items__end[^"]*">\s*'
        r'<div class="sidebar-primary-item">\s*'
        r'<div id="ethical-ad-placement".*?</div>\s*</div>\s*</div>',
    ),
    Repair(
        "a viewport said three times",
        r'(<meta name="viewport" content="width=device-width, initial-scale=1"\s?/>)',
    ),
    # What a reader without a script, or with a screen reader, meets.
    Repair(
        "a light flash on dark devices",
        r'<script data-cfasync="false">.*?</script>',
        _THEME,
    ),
    Repair(
        "a light page and no contents on dark devices and phones without a script",
        r"<noscript>\s*<style>(.*?)</style>\s*</noscript>"
        r"(.*?<link [^>]*?)(href=\"[^\"]*)(_static/)([^\"]*\")",
        r'<noscript><style>\1</style><link rel="stylesheet" \3\4noscript.css"/>'
        r"</noscript>\2\3\4\5",
    ),
    Repair(
        "a button named otherwise than it reads",
        r'(<button class="btn search-button-field[^>]*?) title="Search"'
        r' aria-label="Search"',
        r"\1",
    ),
    Repair(
        "a button without a name, until it is pointed at",
        r'(<button class="sidebar-toggle (primary|secondary)-toggle[^>]*?)'
        r' title="(Toggle [^"]*)"',
        r'\1 aria-label="\3" title="\3"',
    ),
    Repair(
        "a book's title outside any landmark",
        r'<div class="sidebar-primary-items__start sidebar-primary__section">',
        '<div class="sidebar-primary-items__start sidebar-primary__section"'
        ' role="navigation" aria-label="Book">',
    ),
    Repair(
        "list items that are no list items",
        r'(<div class="citation"[^>]*) role="doc-biblioentry"',
        r'\1 role="listitem"',
        expected=False,
    ),
    Repair(
        "a summary named otherwise than it reads",
        r'<summary aria-label="Toggle hidden content">',
        "<summary>",
        expected=False,
    ),
    Repair(
        "the same id in every exercise",
        r'<section id="(?:exercise|solution)-content">(.*?)</section>',
        r"<div>\1</div>",
        expected=False,
    ),
    Repair(
        "an exercise's level in brackets inside of brackets",
        r'(<span class="caption-number">Exercise \d+) </span> \((.*?) \((\w+)\)\)</p>',
        r'\1.</span> \2 <span class="exercise-level">\3</span></p>',
        expected=False,
    ),
    # pandas' tables.
    Repair(
        "style sheets inside the text",
        r"<style scoped>.*?</style>\s*",
        expected=False,
    ),
    Repair("an empty heading", r"<th></th>", "<td></td>", expected=False),
    Repair(
        "a heading of two rows, one for the rows' name",
        r'(<tr style="text-align: right;">\s*)<td></td>((?:\s*<th[^>]*>[^<]*</th>)+'
        r"\s*</tr>)\s*<tr>\s*<th>([^<]+)</th>(?:\s*<td></td>)+\s*</tr>",
        r"\1<th>\3</th>\2",
        expected=False,
    ),
    Repair(
        "a table wider than a phone",
        r'<table border="1" class="dataframe">(.*?)</table>',
        r'<div class="table-box"><table class="dataframe">\1</table></div>',
        expected=False,
    ),
    Repair(
        "a link to a notebook's cell, as JupyterLab follows it",
        r'(<a href="[a-z0-9-]+)\.ipynb#',
        r"\1.html#",
        expected=False,
    ),
    Repair(
        "rows' names that are not marked as such",
        r"<tbody>.*?</tbody>",
        lambda match: match[0].replace("<th>", '<th scope="row">'),
        expected=False,
    ),
)


def repair(page: str, name: str, counts: dict[str, int] | None = None) -> str:
    """Apply every repair that is meant for a page.

    Parameters
    ----------
    page
        The page's HTML.
    name
        Its file name.
    counts
        Filled with how often each repair was made.
    """
    for item in REPAIRS:
        if item.pages(name):
            page, count = item.apply(page)
            if counts is not None:
                counts[item.pattern] = counts.get(item.pattern, 0) + count
    return page


def auto_theme(styles: Iterable[str]) -> str:
    """Return the theme's colours for pages whose script did not run.

    The theme has a script mark a page as light or dark. Without one the page
    says ``data-theme="auto"``, and these rules follow the device, or print light.
    """
    rules: dict[str, list[str]] = {"light": [], "dark": []}
    for style in styles:
        style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
        for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", style):
            for theme, found in rules.items():
                mark = re.compile(rf"""html\[data-theme=["']?{theme}["']?\]""")
                chosen = [s.strip() for s in _split(selectors) if mark.search(s)]
                if chosen:
                    chosen = [mark.sub("html[data-theme=auto]", s) for s in chosen]
                    found.append(f"{','.join(chosen)}{{{body.strip()}}}")
    light, dark = ("\n".join(rules[theme]) for theme in ("light", "dark"))
    return (
        f"@media print, (prefers-color-scheme: light){{\n{light}\n}}\n"
        f"@media screen and (prefers-color-scheme: dark){{\n{dark}\n}}\n"
    )


def _split(selectors: str) -> Iterator[str]:
    """Split a list of selectors at the commas outside of brackets."""
    return iter(re.split(r",(?![^()]*\))", selectors))


# Without a script the drawer cannot be opened: the contents follow the text.
_NO_DRAWER = """
.sidebar-toggle { display: none !important; }
@media (max-width: 991.98px) {
  .bd-container__inner { flex-direction: column; }
  .bd-main { order: -1; }
  #pst-primary-sidebar {
    display: flex !important; position: static; visibility: visible;
    margin: 0; width: 100%; max-width: none; max-height: none; flex: none;
    border-top: 1px solid var(--pst-color-border);
  }
}
"""


def finish(app: Sphinx, error: Exception | None) -> None:
    """Repair every page that this build has written.

    Raises
    ------
    ExtensionError
        If a repair that every book needs has found nothing to repair.
    """
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    counts: dict[str, int] = {}
    for path in sorted(out.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        # A page that did not change since the last build is repaired already.
        if 'id="main-content"' not in page or page.endswith(_DONE):
            continue
        name = path.relative_to(out).as_posix()
        path.write_text(repair(page, name, counts) + _DONE, encoding="utf-8")
    missing = [r.why for r in REPAIRS if r.expected and counts.get(r.pattern) == 0]
    if missing:
        raise ExtensionError(
            "The theme's pages have changed, and these repairs found nothing to "
            f"repair: {'; '.join(missing)}. Look whether they are still needed."
        )
    static = out / "_static"
    names = ("pydata-sphinx-theme.css", "sphinx-book-theme.css")
    paths = [*(static / "styles" / name for name in names), static / "pygments.css"]
    styles = [path.read_text(encoding="utf-8") for path in paths]
    book = (static / "book.css").read_text(encoding="utf-8")
    text = auto_theme([*styles, book]) + _NO_DRAWER
    (static / "noscript.css").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Repair the pages once they are written."""
    app.connect("build-finished", finish)
