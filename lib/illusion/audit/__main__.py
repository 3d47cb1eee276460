"""The command: ``python -m illusion.audit votes.parquet``.

It writes a report (HTML) and the same as JSON beside it, prints a summary, and ends
with 0; with 1 if a finding of ``--fail-on`` was made; with 2 and a sentence if the
votes cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from illusion.audit.columns import SCHEMES
from illusion.audit.files import opened
from illusion.audit.progress import shown
from illusion.audit.report import BOOK, html, plain
from illusion.audit.sections import FINDINGS, run
from illusion.audit.votes import PERIODS
from illusion.rating.intake import InvalidBattlesError

_ROLES = (
    "model_a",
    "model_b",
    "winner",
    "loser",
    "score_a",
    "score_b",
    "time",
    "voter",
    "owner",
    "weight",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process unless given.

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(
        "python -m illusion.audit",
        description="Audit the votes of an arena.",
        epilog="Findings: " + "; ".join(f"{k}: {v}" for k, v in FINDINGS.items()),
    )
    parser.add_argument("votes", help="Parquet, CSV, JSON lines, or a folder of them")
    for role in _ROLES:
        what = f"column of {role}"
        if role == "owner":
            what = "columns of owners: the name without _a and _b"
        parser.add_argument(f"--{role.replace('_', '-')}", metavar="COLUMN", help=what)
    parser.add_argument("--scheme", choices=[*SCHEMES], help="how outcomes are written")
    parser.add_argument("--since", metavar="DAY", help="leave out earlier votes")
    parser.add_argument("--every", choices=[*PERIODS], help="boards by period too")
    parser.add_argument(
        "--output", metavar="HTML", help="report; JSON stands beside it"
    )
    parser.add_argument("--book", default=BOOK, help="address of the book")
    parser.add_argument("--fail-on", default="", metavar="FINDING,...", help="or all")
    given = parser.parse_args(arguments)
    wanted = [each for each in given.fail_on.split(",") if each]
    wanted = [*FINDINGS] if wanted == ["all"] else wanted
    unknown = sorted(set(wanted) - set(FINDINGS))
    output = Path(given.output or Path(given.votes).name + ".audit.html")

    try:
        if unknown:
            raise InvalidBattlesError(
                f"--fail-on {', '.join(unknown)}: no such finding; there are "
                f"{', '.join(FINDINGS)}."
            )
        if output.suffix == ".json":
            raise InvalidBattlesError("--output names the HTML; JSON stands beside it.")
        columns = {role: getattr(given, role) for role in _ROLES}
        with opened(given.votes) as (table, share), shown(share) as note:
            audit = run(
                table,
                since=given.since,
                every=given.every,
                scheme=given.scheme,
                note=note,
                **columns,
            )
        title = Path(given.votes).name
        page = html(audit, title, book=given.book)
        values = json.dumps(audit.to_dict(), allow_nan=False, indent=1)
        output.write_text(page, encoding="utf-8")
        output.with_suffix(".json").write_text(values + "\n", encoding="utf-8")
    except (InvalidBattlesError, OSError) as error:
        print(plain(error), file=sys.stderr)
        return 2
    print(plain(audit))
    print(f"Report: {plain(output)}")
    return int(any(finding in wanted for finding in audit.findings))


if __name__ == "__main__":
    sys.exit(main())
