"""The dated boards, rebuilt from clones of the public repositories that hold them.

Three repositories kept copies of the public text board: llm-leaderboard-csv a table,
cherry-studio-docs a page of its documentation, arena-ai-leaderboards a file for each
day. From their histories come ``data/boards.csv.gz`` and ``data/board_models.csv``.
What the copies cannot say is kept here: which names belong to one model
(``board_names.csv``), which organisations are one, and which licences are of a class.
"""

import csv
import gzip
import json
import re
import subprocess
from collections.abc import Iterator, Set
from pathlib import Path

import pandas as pd

from bookbuild import renew, tree
from bookbuild.site import BuildError

TABLE, PAGE = "csv/lmsys.csv", "other/model_rank/lmarena.md"
"""Where the first repository has its table, and the second its page."""
FIRST, LAST_PAGE = "2025-10-09", "2026-07-15"
"""Days of the first page that is taken, and of the last."""
PERIODS = ("to 2025-07", "from 2025-10")
NAMES = Path(__file__).with_name("board_names.csv")
"""Period, name as printed, and name of the model, where the two differ."""

# A page puts the logo's name before the model's, and both are run together.
LOGOS = (
    "01.AI", "Anthropic", "Azure", "Bytedance", "Cohere", "HuggingFace", "InternLM",
    "Meta", "Minimax", "MoonshotAI", "Nvidia", "OpenChat", "RWKV", "Snowflake",
    "Stability", "Stepfun", "Tencent", "Thinking Machines",
)  # fmt: skip
# And from 2026-02 on the organisation after it.
ORGANISATIONS = (
    "01 AI", "AI2", "AI21 Labs", "Ai2", "Alibaba", "Allen AI", "AllenAI/UW", "Amazon",
    "Ant Group", "Anthropic", "Arcee AI", "Baidu", "Bytedance",
    "Cognitive Computations", "Cohere", "Databricks", "DeepSeek", "DeepSeek AI",
    "Google", "HuggingFace", "IBM", "Inception AI", "InternLM", "LMSYS", "Meituan",
    "Meta", "Microsoft", "Microsoft AI", "MiniMax", "Mistral", "Moonshot", "MosaicML",
    "NexusFlow", "Nexusflow", "Nomic AI", "NousResearch", "Nvidia", "OpenAI",
    "OpenAssistant", "OpenChat", "Prime Intellect", "Princeton", "RWKV", "Reka AI",
    "Snowflake", "SpaceXAI", "Stability AI", "Stanford", "StepFun", "TII", "Tencent",
    "Thinking Machines", "Thinky", "Together AI", "Tsinghua", "UC Berkeley", "UW",
    "Upstage AI", "Xiaomi", "Z.ai", "Zhipu", "Zhipu AI", "xAI",
)  # fmt: skip
ONE_NAME = {
    "AI2": "Ai2",
    "Allen AI": "Ai2",
    "AllenAI/UW": "Ai2",
    "DeepSeek AI": "DeepSeek",
    "Microsoft AI": "Microsoft",
    "Nexusflow": "NexusFlow",
    "SpaceXAI": "xAI",
    "Thinky": "Thinking Machines",
    "Z.ai": "Zhipu AI",
    "Zhipu": "Zhipu AI",
}
"""Organisations that are one with another."""
# Printed so in both periods; in the second they stand under the company.
_SECOND_ONLY = {"Tsinghua": "Zhipu AI"}

_COLUMNS = ["board", "model", "score", "lower", "upper", "votes", "preliminary"]
_HEADS = {
    "模型": "name",
    "分数": "score",
    "95% 置信区间 (±)": "half",
    "票数": "votes",
    "组织/公司": "organisation",
    "许可证": "licence",
}


def make(table: Path, page: Path, files: Path) -> Iterator[str]:
    """Rebuild both tables from the clones, and write them.

    A copy that the clones do not hold is kept as it is.

    Parameters
    ----------
    table, page, files : Path
        Clones of llm-leaderboard-csv, cherry-studio-docs and arena-ai-leaderboards.

    Yields
    ------
    str
        How what was rebuilt differs from what is there, and what was written.

    Raises
    ------
    BuildError
        A clone without the history that is read, or a row that cannot be read.
    """
    copies, models = rebuild(table, page, files)
    folder = tree.ROOT / "data"
    kept = pd.read_csv(folder / "boards.csv.gz")
    yield from compare(kept, copies)
    lost = kept[~kept["board"].isin(copies["board"])]
    copies = _in_order(pd.concat([copies, lost]))
    about = pd.read_csv(folder / "board_models.csv", keep_default_na=False)
    keys = ["period", "model"]
    models = pd.concat([models, about]).drop_duplicates(keys)
    models = models.sort_values(keys, key=_periods_in_order, ignore_index=True)
    yield from compare_models(about, models)
    for path, new in (("boards.csv.gz", copies), ("board_models.csv", models)):
        if _write(new, folder / path):
            yield f"data/{path}: {len(new)} rows"
    yield from renew.describe()


def _write(table: pd.DataFrame, path: Path) -> bool:
    """Write a table if it is another than the file has; return whether it was."""
    content = table.to_csv(index=False, lineterminator="\n").encode()
    packed = path.suffix == ".gz"
    old = path.read_bytes()
    if content == (gzip.decompress(old) if packed else old):
        return False
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return True


def _periods_in_order(column: pd.Series) -> pd.Series:
    return column.map(PERIODS.index) if column.name == "period" else column


def _in_order(copies: pd.DataFrame) -> pd.DataFrame:
    order = {"board": True, "score": False, "model": True}
    points = dict.fromkeys(["score", "lower", "upper"], float)
    ordered = copies.sort_values(
        [*order], ascending=[*order.values()], ignore_index=True
    )
    return ordered[_COLUMNS].astype(points)


def compare_models(kept: pd.DataFrame, models: pd.DataFrame) -> Iterator[str]:
    """Say what is said otherwise of the models.

    Parameters
    ----------
    kept, models : DataFrame
        The table ``board_models``, as it was and as it is rebuilt.

    Yields
    ------
    str
        A line for every model that is new, or of which anything is other.
    """
    keys = ["period", "model"]
    both = models.merge(kept, "left", keys, suffixes=("", "_before"), indicator=True)
    for row in both.to_dict("records"):
        name = f"{row['period']}, {row['model']}"
        if row["_merge"] == "left_only":
            yield f"{name}: a new model, {row['organisation']}, {row['licence']}"
            continue
        for column in models.columns.drop(keys):
            before = row[f"{column}_before"]
            if before != row[column]:
                yield f"{name}: {column} {before!r} is {row[column]!r}"


def compare(kept: pd.DataFrame, copies: pd.DataFrame) -> Iterator[str]:
    """Say in what the rebuilt copies differ from those kept.

    Parameters
    ----------
    kept, copies : DataFrame
        The table ``boards``, as it was and as it is rebuilt.

    Yields
    ------
    str
        A line for every day with a difference.
    """
    old, new = (
        {day: part for day, part in one.groupby("board")} for one in (kept, copies)
    )
    for day in sorted(old.keys() | new.keys(), key=str):
        if day not in new:
            yield f"{day}: not in these clones, kept"
        elif day not in old:
            yield f"{day}: a new copy of {len(new[day])} models"
        else:
            rows = [
                set(zip(*part.to_dict("list").values(), strict=True))
                for part in (old[day], new[day])
            ]
            if off := rows[0] ^ rows[1]:
                place = list(kept).index("model")
                names = sorted({str(row[place]) for row in off})
                yield (
                    f"{day}: {len(rows[0] - rows[1])} rows of {len(rows[0])} are "
                    f"others, of {', '.join(names[:3])}"
                )


def rebuild(table: Path, page: Path, files: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read all copies and put names together.

    Parameters
    ----------
    table, page, files : Path
        As for :func:`make`.

    Returns
    -------
    tuple of DataFrame
        The tables ``boards`` and ``board_models``.

    Raises
    ------
    BuildError
        A clone without the history that is read, a row that cannot be read, or two rows
        of one model in a copy.
    """
    first = [_with_names(copy, PERIODS[0]) for copy in tables(table)]
    of_page, of_day = (
        [_with_names(copy, PERIODS[1]) for copy in found]
        for found in (pages(page), daily(files))
    )
    copies = pd.concat([*first, *_changed([*of_page, *of_day])])
    doubled = copies[copies.duplicated(["board", "model"])]
    if len(doubled):
        day, name = doubled.iloc[0][["board", "model"]]
        raise BuildError(
            f"The copy of {day} has {name} twice: correct lib/bookbuild/{NAMES.name}."
        )
    # The page names licences that the files of a day call open.
    return _in_order(copies), _models([first, [*of_day, *of_page]])


def _with_names(copy: pd.DataFrame, period: str) -> pd.DataFrame:
    with NAMES.open(encoding="utf-8", newline="") as lines:
        names = {
            row["printed"]: row["model"]
            for row in csv.DictReader(lines)
            if row["period"] == period
        }
    return copy.assign(model=copy["printed"].map(lambda name: names.get(name, name)))


def _changed(copies: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield the copies in which some count is another than in the one before."""
    before = None
    for copy in sorted(copies, key=lambda copy: copy["board"].iloc[0]):
        counts = dict(zip(copy["model"], copy["votes"], strict=True))
        if counts != before:
            yield copy
        before = counts


def _models(periods: list[list[pd.DataFrame]]) -> pd.DataFrame:
    """Return the table ``board_models``: what was printed of each model last."""
    parts = []
    for period, copies in zip(PERIODS, periods, strict=True):
        rows = pd.concat(copies).groupby("model")
        last = rows[["printed", "organisation", "licence"]].last()
        one = ONE_NAME if period == PERIODS[0] else ONE_NAME | _SECOND_ONLY
        shown = last["printed"] if period == PERIODS[0] else last.index
        parts.append(
            pd.DataFrame(
                {
                    "period": period,
                    "model": last.index,
                    "display_name": shown,
                    "organisation": last["organisation"].replace(one),
                    "licence": last["licence"],
                    "licence_class": last["licence"].map(licence_class, "ignore"),
                }
            )
        )
    models = pd.concat(parts, ignore_index=True)
    if (unsaid := models["organisation"].isna()).any():
        period, name = models.loc[unsaid, ["period", "model"]].iloc[0]
        raise BuildError(
            f"No copy {period} names an organisation of {name}. If the board had it "
            f"under another name, add that to lib/bookbuild/{NAMES.name}."
        )
    return models


def licence_class(licence: str) -> str:
    """Sort a licence by the rule of Singh et al. (2025).

    Parameters
    ----------
    licence : str
        As the board prints it.

    Returns
    -------
    str
        ``open-source`` for Apache 2.0, MIT, CC-BY-SA and Open, ``proprietary`` for what
        says so, ``open, unspecified`` for a copy that says "open" and no more, and
        ``open-weight`` for any other.
    """
    if re.fullmatch(r"Apache[- ]2\.0|MIT|CC-BY-SA.*|Open", licence):
        return "open-source"
    # One copy has a slip.
    if licence.lower() in ("proprietary", "propretary"):
        return "proprietary"
    return "open, unspecified" if licence == "open" else "open-weight"


def tables(clone: Path) -> Iterator[pd.DataFrame]:
    """Read the copies of the first period from the history of a table.

    Parameters
    ----------
    clone : Path
        Of llm-leaderboard-csv.

    Yields
    ------
    DataFrame
        A copy in the order of time: ``board`` (day, text), ``printed``, ``score``,
        ``lower``, ``upper``, ``votes``, ``preliminary``, ``organisation``, ``licence``.

    Raises
    ------
    BuildError
        No history of the table.
    """
    for day, text in _versions(clone, TABLE):
        rows = list(csv.DictReader(text.splitlines()))
        found = []
        for row in rows:
            low = re.fullmatch(r"\+(\d+)/-(\d+)", row["95_pct_ci"])
            if not low:
                raise BuildError(
                    f"{TABLE} of {day}: {row['model']} has the interval "
                    f"{row['95_pct_ci']!r}, expected one such as +5/-4."
                )
            up, down = (int(part) for part in low.groups())
            score = int(float(row.get("arena_score") or row["arena_elo"]))
            found.append(
                {
                    "board": day,
                    "printed": row["model"],
                    "score": score,
                    "lower": score - down,
                    "upper": score + up,
                    "votes": int(float(row["votes"])),
                    "preliminary": 0,
                    "organisation": row["organization"] or None,
                    "licence": row["license"].replace("N/A", "") or None,
                }
            )
        yield pd.DataFrame(found)


def pages(clone: Path) -> Iterator[pd.DataFrame]:
    """Read copies of the second period from the history of a page.

    Parameters
    ----------
    clone : Path
        Of cherry-studio-docs.

    Yields
    ------
    DataFrame
        A copy for each day on which the page says that it was updated, the last of that
        day, as :func:`tables` yields them, from :data:`FIRST` to :data:`LAST_PAGE`.

    Raises
    ------
    BuildError
        No history of the page, or a row that cannot be read.
    """
    days = {}
    for committed, text in _versions(clone, PAGE):
        updated = re.search(r"\*\*: (\d{4}-\d\d-\d\d) ", text)
        day = updated[1] if updated else committed
        if FIRST <= day <= LAST_PAGE:
            days[day] = text
    licences: set[str] = set()
    for day in sorted(days):
        lines = [line for line in days[day].splitlines() if line.startswith("|")]
        cells = [
            [cell.strip() for cell in line.strip("| ").split("|")] for line in lines
        ]
        heads = [_HEADS.get(head, head) for head in cells[0]]
        rows = [dict(zip(heads, row, strict=True)) for row in cells[2:]]
        copy = pd.DataFrame([_row(row, day, licences) for row in rows])
        licences |= set(copy["licence"])
        yield copy


def _row(row: dict, day: str, licences: Set[str]) -> dict[str, object]:
    """Read a row of the page, in any of the forms that it had.

    `licences` are those of earlier copies, by which one that is run together with the
    name is told from it.
    """
    name = re.sub(r"\s*\[.*", "", row["name"])
    organisation, licence = row.get("organisation"), row.get("licence")
    if organisation is None and " · " not in name:
        # Of some models the page named no organisation for a while.
        licence = max((x for x in licences if name.endswith(x)), key=len, default=None)
        if licence is None:
            raise BuildError(
                f"{PAGE} of {day}: {row['name']!r} ends in no licence that was printed "
                "before, so that the name of the model is not known."
            )
        name = name.removesuffix(licence)
    elif organisation is None:
        name, _, licence = name.rpartition(" · ")
        ends = [each for each in ORGANISATIONS if name.endswith(each)]
        if not ends:
            raise BuildError(
                f"{PAGE} of {day}: {row['name']!r} ends in no organisation that is "
                "known: add it to ORGANISATIONS in lib/bookbuild/boards.py."
            )
        organisation = max(ends, key=len)
        name = name.removesuffix(organisation)
    for logo in LOGOS:
        rest = name.removeprefix(logo)
        # A name may begin as a logo does, such as Meta-Llama.
        if rest not in (name, "") and rest[0] not in "- ":
            name = rest
            break
    score = re.fullmatch(r"(\d+)(?:±(\d+))?(Preliminary)?", row["score"])
    half = score and (score[2] or row.get("half", "").lstrip("±"))
    if not (score and half):
        raise BuildError(
            f"{PAGE} of {day}: {name} has the score {row['score']!r}, expected one "
            "such as 1452±4, or 1452 and an interval."
        )
    return {
        "board": day,
        "printed": name,
        "score": int(score[1]),
        "lower": int(score[1]) - int(half),
        "upper": int(score[1]) + int(half),
        "votes": int(row["votes"].replace(",", "")),
        "preliminary": int(score[3] is not None),
        "organisation": organisation or None,
        "licence": licence,
    }


def daily(clone: Path) -> Iterator[pd.DataFrame]:
    """Read copies of the second period from files of a day.

    Parameters
    ----------
    clone : Path
        Of arena-ai-leaderboards.

    Yields
    ------
    DataFrame
        A copy for each day after :data:`LAST_PAGE`, as :func:`tables` yields them.

    Raises
    ------
    BuildError
        No clone.
    """
    found = _git(clone, "ls-tree", "-r", "--name-only", "HEAD", "data").splitlines()
    for path in sorted(path for path in found if path.endswith("/text.json")):
        day = path.split("/")[1]
        if day <= LAST_PAGE:
            continue
        rows = json.loads(_git(clone, "show", f"HEAD:{path}"))["models"]
        yield pd.DataFrame(
            {
                "board": day,
                "printed": row["model"],
                "score": row["score"],
                "lower": row["score"] - row["ci"],
                "upper": row["score"] + row["ci"],
                "votes": row["votes"],
                "preliminary": int(bool(row.get("preliminary"))),
                "organisation": row["vendor"],
                "licence": row["license"],
            }
            for row in rows
        )


def _versions(clone: Path, path: str) -> Iterator[tuple[str, str]]:
    """Yield day and text of each version of a file, in the order of time."""
    log = _git(clone, "log", "--reverse", "--format=%H %as", "--", path)
    if not log:
        raise BuildError(
            f"{clone} has no history of {path}: clone the whole repository, without "
            "--depth."
        )
    for line in log.splitlines():
        commit, day = line.split()
        # The last commit may be the one that took it away.
        if _git(clone, "ls-tree", commit, "--", path):
            yield day, _git(clone, "show", f"{commit}:{path}")


def _git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", clone, *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    if done.returncode:
        raise BuildError(f"{clone} cannot be read by git: {done.stderr.strip()}")
    return done.stdout
