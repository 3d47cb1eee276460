"""What a teacher, or who writes the book, makes of it beside the site.

``python -m bookbuild --help`` lists the commands.
"""

import argparse

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
    }.items():
        command = commands.add_parser(name, help=what, description=what)
        if name == "slides":
            command.add_argument("chapters", nargs="*", help="such as ranking")
    chosen = parser.parse_args(arguments)
    out = tree.ROOT / tree.BUILD / chosen.command
    try:
        # Only what the command needs is loaded.
        if chosen.command == "renew":
            from bookbuild import renew

            changed = False
            for change in renew.renew():
                print(change, flush=True)
                changed = True
            if not changed:
                print("All is up to date.")
            return
        if chosen.command == "student":
            from bookbuild import student

            made = student.make(out)
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


if __name__ == "__main__":
    main()
