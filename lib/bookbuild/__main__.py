"""What a teacher, or who writes the book, makes of it beside the site.

``python -m bookbuild --help`` lists the commands.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from bookbuild import tree
from bookbuild.browser import NoBrowserError
from bookbuild.site import BuildError


def main(arguments: list[str] | None = None) -> None:
    """Run the command that is named."""
    parser = argparse.ArgumentParser("python -m bookbuild")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in {
        "student": "the book without solutions, and a zip of notebooks with stubs",
        "slides": "slides of the chapters",
        "pdf": "every chapter and the whole book as PDF; needs Chromium",
        "renew": "bring tables' descriptions, answers and stored outputs up to date",
        "live": "get what lets chapters run in their pages, checked; build afterwards",
        "seeds": "say which verdicts and sentences another seed would change",
        "boards": "rebuild the dated boards from clones of the three sources",
        "football": "rebuild the table of football matches from a clone",
    }.items():
        command = commands.add_parser(name, help=what, description=what)
        if name in ("slides", "seeds"):
            command.add_argument("chapters", nargs="*", help="such as ranking")
        if name == "boards":
            for clone, of in {
                "table": "llm-leaderboard-csv",
                "page": "cherry-studio-docs",
                "files": "arena-ai-leaderboards",
            }.items():
                command.add_argument(clone, type=Path, help=f"clone of {of}")
        if name == "football":
            command.add_argument("clone", type=Path, help="of international_results")
        if name == "live":
            command.add_argument(
                "source", nargs="?", default="cdn", help="a folder, pypi or cdn"
            )
    chosen = parser.parse_args(arguments)
    out = tree.ROOT / tree.BUILD / chosen.command
    try:
        # Only what the command needs is loaded.
        if chosen.command == "renew":
            from bookbuild import renew

            _say(renew.renew(), "All is up to date.")
            return
        if chosen.command == "boards":
            from bookbuild import boards

            made = boards.make(chosen.table, chosen.page, chosen.files)
            _say(made, "The boards are what these clones hold.")
            return
        if chosen.command == "football":
            from bookbuild import football

            _say(football.make(chosen.clone), "The matches are what this clone holds.")
            return
        if chosen.command == "seeds":
            from bookbuild import seeds

            paths = tree.notebooks()
            names = chosen.chapters or [name for name in paths if name != "index"]
            found = (change for name in names for change in seeds.changes(paths[name]))
            _say(found, "No verdict and no sentence hangs on the seed.")
            return
        if chosen.command == "student":
            from bookbuild import student

            made = student.make(out)
        elif chosen.command == "live":
            from bookbuild import live, runtime

            made = runtime.fetch(chosen.source)
            try:
                made += live.prepare()
            except NoBrowserError as error:
                print(f"{error}\nChapters start some seconds later in their pages.")
        elif chosen.command == "slides":
            from bookbuild import slides

            made = slides.make(out, chosen.chapters)
        else:
            from bookbuild import printing

            made = printing.make(out)
    except (BuildError, NoBrowserError) as error:
        parser.exit(1, f"{error}\n")
    for path in made:
        print(path.relative_to(tree.ROOT))


def _say(lines: Iterable[str], otherwise: str) -> None:
    """Print lines as they come, or something else if there are none."""
    said = False
    for line in lines:
        print(line, flush=True)
        said = True
    if not said:
        print(otherwise)


if __name__ == "__main__":
    main()
