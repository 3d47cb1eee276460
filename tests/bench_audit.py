"""How the audit scales, by hand: ``python tests/bench_audit.py [FOLDER]``.

Writes 100 million battles as Parquet into the folder, counts them with DuckDB's own
``group by`` and with the audit in turn, and removes them; then rates 20,000 models that
met few others, takes a table of two million pairs, and counts two million battles in
every engine: also in Ibis and in local Spark, which needs Java, if they are installed
(``tests/requirements-bench.txt``). Every job has a process of its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

MODELS = 129


def write(path, rows):
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '2GB'; SELECT setseed(0.5)")
        connection.execute(
            f"""
            COPY (
                SELECT 'model-' || a AS model_a, 'model-' || b AS model_b,
                    CASE WHEN u < 0.3 THEN 'tie' WHEN u < 0.65 + (b - a) / 1000
                         THEN 'model_a' ELSE 'model_b' END AS winner
                FROM (SELECT a, (a + d) % {MODELS} AS b, u FROM (
                    SELECT floor(random() * {MODELS})::INT AS a,
                        1 + floor(random() * {MODELS - 1})::INT AS d, random() AS u
                    FROM range({rows})))
            ) TO '{path}' (FORMAT parquet)
            """
        )


def job_group_by(path):
    start = time.perf_counter()
    sql = "SELECT model_a, model_b, winner, count(*) FROM read_parquet(?) GROUP BY ALL"
    with duckdb.connect() as connection:
        connection.execute(sql, [path]).fetchnumpy()
    return time.perf_counter() - start


def job_audit(path):
    from illusion.audit.counting import count
    from illusion.audit.files import opened
    from illusion.rating.ratings import fit

    start = time.perf_counter()
    with opened(path) as (table, _):
        fit(count(table).counts)
    return time.perf_counter() - start


def job_sparse(models):
    from illusion.audit.sparse import scores_of
    from illusion.rating.ratings import simulate

    n, rng = int(models), np.random.default_rng(0)
    truth = rng.normal(0, 100, n)
    a, b = np.repeat(np.arange(n), 8), rng.integers(n, size=8 * n)
    low, high = np.minimum(a, b)[a != b], np.maximum(a, b)[a != b]
    a, b = np.divmod(np.unique(low * n + high), n)
    names = tuple(f"{k:06d}" for k in range(n))
    each = np.full(len(a), 10)
    counts = simulate(names, truth - truth.mean(), (a, b, each), rng, tie_rate=0.3)
    start = time.perf_counter()
    found = scores_of(counts, rng)
    taken = time.perf_counter() - start
    held = (found.lower <= truth - truth.mean()) & (truth - truth.mean() <= found.upper)
    print(f"{n:,} models: intervals hold {held.mean():.3f}", file=sys.stderr)
    return taken


def pairs():
    """Make a table of two million pairs."""
    n, rng = 2_100, np.random.default_rng(0)
    a, b = np.triu_indices(n, 1)
    names = np.array([f"model-{k:05d}" for k in range(n)])
    wins = rng.integers(0, 9, (2, 2_000_000))
    some = slice(wins.shape[1])
    columns = {"model_a": names[a[some]], "model_b": names[b[some]]}
    return pd.DataFrame(columns | {"wins_a": wins[0], "wins_b": wins[1], "ties": 1})


def job_pairs(_):
    from illusion.audit.counting import count

    table = pairs()
    count(table.head(9))  # what is loaded on first use
    start = time.perf_counter()
    assert len(count(table).counts.a) == len(table)
    return time.perf_counter() - start


def job_table(_):
    from illusion.rating.battles import PairCounts

    table = pairs()
    PairCounts.from_table(table.head(9))
    start = time.perf_counter()
    assert len(PairCounts.from_table(table).a) == len(table)
    return time.perf_counter() - start


def engines(path):
    """The same file in every engine that is installed."""
    import dask.dataframe as dd
    import polars as pl
    from sqlframe.duckdb import DuckDBSession

    yield "pandas", lambda: pd.read_parquet(path)
    yield "polars lazy", lambda: pl.scan_parquet(path)
    yield "duckdb", lambda: duckdb.read_parquet(path)
    yield "dask", lambda: dd.read_parquet(path)
    yield "sqlframe", lambda: DuckDBSession().read.parquet(path)
    with suppress(ImportError):
        import ibis

        yield "ibis", lambda: ibis.duckdb.connect().read_parquet(path)
    with suppress(ImportError):
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.master("local[2]").getOrCreate()
        yield "pyspark", lambda: spark.read.parquet(path)


def job_engines(path):
    """Count two million battles in each engine; all have to agree."""
    from illusion.audit.counting import count

    expected, start = None, time.perf_counter()
    for name, table in engines(path):
        begun = time.perf_counter()
        found = count(table())
        cells = [found.a, found.b, found.outcome, found.month, found.votes]
        expected = [found.models, *cells] if expected is None else expected
        assert found.models == expected[0], name
        assert all(map(np.array_equal, expected[1:], cells)), name
        print(f"{name}: {time.perf_counter() - begun:.2f} s", file=sys.stderr)
    return time.perf_counter() - start


def apart(job, argument):
    """Run a job in a process of its own; return seconds and MB at its peak."""
    command = [sys.executable, __file__, "job", job, str(argument)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def main(folder):
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        for rows in (10_000_000, 100_000_000):
            path = Path(inner, f"{rows}.parquet")
            write(path, rows)
            runs = [(*apart("group_by", path), *apart("audit", path)) for _ in range(5)]
            plain, memory, ours, own = np.min(runs, axis=0)
            ratios = ", ".join(f"{run[2] / run[0]:.2f}" for run in runs)
            print(
                f"{rows:,} rows, best of 5: group by {plain:.2f} s, {memory:.0f} MB; "
                f"file to intervals {ours:.2f} s, {own:.0f} MB; ratio "
                f"{ours / plain:.2f} (in turn: {ratios})",
                flush=True,
            )
            path.unlink()
    jobs = [("sparse", 20_000), ("pairs", 0), ("table", 0)]
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        path = Path(inner, "battles.parquet")
        write(path, 2_000_000)
        for job, argument in [*jobs, ("engines", path)]:
            seconds, memory = apart(job, argument)
            print(f"{job}: {seconds:.2f} s, {memory:.0f} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["job"]:
        taken = globals()[f"job_{sys.argv[2]}"](sys.argv[3])
        status = Path("/proc/self/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
        print(json.dumps([taken, peak]))
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else None)
