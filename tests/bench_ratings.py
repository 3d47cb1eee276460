"""Measure the rating engine against its peers, and its intervals at full size.

Run by hand, in a virtual environment with tests/requirements-bench.txt::

    python tests/bench_ratings.py

Every ratio is of two times taken in this run, the best of several. Each peer
runs in a process of its own, so that its peak memory is its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from illusion.rating import ratings
from illusion.rating.battles import NoRankingError, PairCounts
from illusion.rating.intake import LOG_COLUMNS

N_MODELS, N_BATTLES, TIE_RATE, RARE, RARE_BATTLES = 243, 2_000_000, 0.29, 20, 300
LABELS = np.array(["model_a", "model_b", "tie", "tie (bothbad)"])


def board(rng: np.random.Generator) -> tuple[tuple[str, ...], np.ndarray, tuple]:
    """Models, true scores, and how often each pair meets in 2M battles."""
    names = tuple(f"provider-{k % 40}/model-{k:03d}" for k in range(N_MODELS))
    names = tuple(sorted(names))
    truth = rng.normal(0, 100, N_MODELS)
    # The first models have 300 battles each; the others share the rest unevenly.
    weight = rng.lognormal(0, 0.7, N_MODELS)
    a, b = np.triu_indices(N_MODELS, 1)
    rare = a < RARE
    share = np.where(rare, 0, weight[a] * weight[b])
    often = share / share.sum() * (N_BATTLES - RARE * RARE_BATTLES)
    each = np.where(rare, RARE_BATTLES / (N_MODELS - RARE), often)
    each[rare & (b < RARE)] = 0
    return names, truth - truth.mean(), (a, b, each)


def draw(rng: np.random.Generator, names, truth, pairs) -> PairCounts:
    a, b, each = pairs
    met = np.floor(each + rng.random(len(each))).astype(int)
    return ratings.simulate(names, truth, (a, b, met), rng, tie_rate=TIE_RATE)


def as_log(counts: PairCounts, rng: np.random.Generator) -> pd.DataFrame:
    """One row per battle, in random order, half of them with sides swapped."""
    both_bad = counts.ties // 3
    cells = [counts.wins_a, counts.wins_b, counts.ties - both_bad, both_bad]
    pair = np.concatenate([np.repeat(np.arange(len(counts.a)), n) for n in cells])
    winner = np.repeat([0, 1, 2, 3], [n.sum() for n in cells])
    order = rng.permutation(len(pair))
    pair, winner = pair[order], winner[order]
    swap = rng.random(len(pair)) < 0.5
    a, b = counts.a[pair], counts.b[pair]
    winner = np.where(swap & (winner < 2), 1 - winner, winner)
    names = np.array(counts.models)
    return pd.DataFrame(
        {
            "model_a": names[np.where(swap, b, a)],
            "model_b": names[np.where(swap, a, b)],
            "winner": LABELS[winner],
        }
    )


def best(job: Callable[[], object], times: int) -> float:
    """Shortest wall time of `times` runs, seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        job()
        taken.append(time.perf_counter() - start)
    return min(taken)


def peak() -> float:
    """Peak memory of this process so far, MB.

    Read from Linux's /proc, as getrusage also counts what the parent held when
    it forked.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def job_ours(path: str) -> dict:
    log = pd.read_parquet(path)
    before = peak()
    result = {"dtype": str(log["model_a"].dtype)}
    result["strings"] = best(lambda: ratings.fit(PairCounts.from_log(log)), 7)
    result["memory"] = peak() - before
    result["factorize"] = best(lambda: [log[c].factorize() for c in log], 7)
    as_category = log.astype("category")
    result["category"] = best(lambda: ratings.fit(PairCounts.from_log(as_category)), 15)
    counts = PairCounts.from_log(as_category)
    result["count category"] = best(lambda: PairCounts.from_log(as_category), 15)
    result["fit and sandwich"] = best(lambda: ratings.fit(counts), 15)
    codes = [as_category[c].cat.codes.to_numpy().astype(np.int64) for c in log]

    def count_ready_codes() -> np.ndarray:
        a, b, winner = codes
        key = (a * N_MODELS + b) * 4 + winner
        return np.bincount(key, minlength=N_MODELS**2 * 4)

    result["count ready codes"] = best(count_ready_codes, 15)
    result["scores"] = ratings.fit(counts).score.tolist()
    return result


def job_arena_rank(path: str) -> dict:
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    log = pd.read_parquet(path)
    before = peak()

    def run() -> dict:
        dataset = PairDataset.from_pandas(log)
        model = BradleyTerry(n_competitors=len(dataset.competitors))
        return model.compute_ratings_and_cis(dataset, significance_level=0.05)

    first = best(run, 1)
    warm, memory = best(run, 3), peak() - before
    found = run()
    score = dict(zip(found["competitors"], np.asarray(found["ratings"]), strict=True))
    values = np.array([score[name] for name in sorted(score)])
    return {
        "first": first,
        "warm": warm,
        "memory": memory,
        "scores": (values - values.mean()).tolist(),
    }


def job_choix(path: str) -> dict:
    import choix

    log = pd.read_parquet(path)
    before = peak()

    def run() -> np.ndarray:
        codes, names = pd.factorize(pd.concat([log["model_a"], log["model_b"]]), True)
        a, b = codes.reshape(2, -1)
        share = log["winner"].map({"model_a": 1.0, "model_b": 0.0}).fillna(0.5)
        wins = np.zeros((len(names), len(names)))
        np.add.at(wins, (a, b), share.to_numpy())
        np.add.at(wins, (b, a), 1 - share.to_numpy())
        return choix.ilsr_pairwise_dense(wins, alpha=0, max_iter=1000, tol=1e-14)

    taken = best(run, 2)
    return {"warm": taken, "memory": peak() - before, "scores": _elo(run())}


def job_evalica(path: str) -> dict:
    import evalica

    log = pd.read_parquet(path)
    before = peak()
    to_winner = {"model_a": evalica.Winner.X, "model_b": evalica.Winner.Y}

    def run() -> pd.Series:
        winner = log["winner"].map(
            lambda label: to_winner.get(label, evalica.Winner.Draw)
        )
        fitted = evalica.bradley_terry(
            log["model_a"], log["model_b"], winner, tolerance=1e-10, limit=10_000
        )
        return fitted.scores.sort_index()

    taken = best(run, 2)
    scores = _elo(np.log(run().to_numpy()))
    return {"warm": taken, "memory": peak() - before, "scores": scores}


def _elo(strength: np.ndarray) -> list[float]:
    return (400 / np.log(10) * (strength - strength.mean())).tolist()


def job_stream(path: str) -> dict:
    """20M battles from parquet, a batch at a time; nothing else in the process."""
    start = time.perf_counter()
    file = pq.ParquetFile(path, read_dictionary=list(LOG_COLUMNS), pre_buffer=False)
    batches = file.iter_batches(batch_size=200_000)
    counts = PairCounts.from_log(pa.Table.from_batches([each]) for each in batches)
    ratings.fit(counts)
    return {
        "seconds": time.perf_counter() - start,
        "battles": counts.n_battles,
        "process memory": peak(),
    }


def job_coverage(_: str) -> dict:
    """Coverage of nominal 0.95 at full size, sandwich and inverse Hessian."""
    rng = np.random.default_rng(2)
    names, truth, pairs = board(rng)
    replicates = 400
    held = {name: np.zeros(N_MODELS) for name in ("sandwich", "hessian")}
    for _ in range(replicates):
        counts = draw(rng, names, truth, pairs)
        for name, total in held.items():
            fitted = ratings.fit(counts, interval=name)
            total += (fitted.lower <= truth) & (truth <= fitted.upper)
    return {
        name: {
            "all models": total.mean() / replicates,
            f"models with {RARE_BATTLES} battles": total[:RARE].mean() / replicates,
        }
        for name, total in held.items()
    }


def job_few(_: str) -> dict:
    """Coverage of a newcomer's nominal 0.95, by its votes, and what that takes."""
    rng = np.random.default_rng(3)
    names, truth, pairs = board(rng)
    a, b, each = pairs
    a = np.append(a, np.arange(N_MODELS))
    b = np.append(b, np.full(N_MODELS, N_MODELS))
    names, truth = (*names, "z"), np.append(truth, 60)
    truth -= truth.mean()
    found = {}
    for votes in (4, 6, 8, 10, 20, 50, 100):
        held, taken = [], []
        while len(held) < 400:
            own = np.bincount(rng.integers(N_MODELS, size=votes), minlength=N_MODELS)
            counts = draw(rng, names, truth, (a, b, np.append(each, own)))
            try:
                start = time.perf_counter()
                fitted = ratings.fit(counts)
                taken.append(time.perf_counter() - start)
            except NoRankingError:
                continue
            held.append(fitted.lower[-1] <= truth[-1] <= fitted.upper[-1])
        found[votes] = {"share": np.mean(held), "seconds": min(taken)}
    return found


def apart(job: str, path: Path) -> dict:
    """Run one job in a process of its own."""
    command = [sys.executable, __file__, job, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    rng = np.random.default_rng(1)
    names, truth, pairs = board(rng)
    log = as_log(draw(rng, names, truth, pairs), rng)
    with tempfile.TemporaryDirectory() as folder:
        two, twenty = Path(folder, "2m.parquet"), Path(folder, "20m.parquet")
        log.to_parquet(two)
        schema = pa.Table.from_pandas(log, preserve_index=False).schema
        with pq.ParquetWriter(twenty, schema) as writer:
            for _ in range(10):
                part = as_log(draw(rng, names, truth, pairs), rng)
                writer.write_table(pa.Table.from_pandas(part, preserve_index=False))
        ours = apart("ours", two)
        print(f"{len(log):,} battles, {N_MODELS} models, from {ours['dtype']} columns")
        for name in ("strings", "category", "count category", "fit and sandwich"):
            print(f"  ours, {name:18} {ours[name] * 1e3:8.1f} ms")
        for name in ("factorize", "count ready codes"):
            print(f"  floor, {name:17} {ours[name] * 1e3:8.1f} ms")
        print(f"  ours, extra memory      {ours['memory']:8.0f} MB")
        print(f"strings / factorize         {ours['strings'] / ours['factorize']:6.2f}")
        ratio = ours["category"] / ours["count ready codes"]
        print(f"category / ready codes      {ratio:6.2f}")
        for peer in ("arena_rank", "choix", "evalica"):
            found = apart(peer, two)
            off = np.abs(np.array(found["scores"]) - ours["scores"]).max()
            line = f"{peer:12} x{found['warm'] / ours['strings']:.1f}"
            if "first" in found:
                line += f" (first call x{found['first'] / ours['strings']:.1f})"
            print(
                f"{line}; extra memory {found['memory']:.0f} MB; "
                f"scores differ by at most {off:.1e} points"
            )
        streamed = apart("stream", twenty)
        print(
            f"{streamed['battles']:,} battles streamed: {streamed['seconds']:.2f} s, "
            f"whole process {streamed['process memory']:.0f} MB"
        )
        for interval, covered in apart("coverage", two).items():
            for which, share in covered.items():
                print(f"coverage of the {interval}, {which}: {share:.4f}")
        for votes, found in apart("few", two).items():
            share, seconds = found["share"], found["seconds"]
            print(
                f"coverage, {votes:>3} votes: {share:.3f}; fit {seconds * 1e3:.1f} ms"
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(globals()[f"job_{sys.argv[1]}"](sys.argv[2])))
    else:
        main()
