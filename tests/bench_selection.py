"""Speed of best-of-N, and whether its fast path draws what real fits draw.

Run by hand: ``python tests/bench_selection.py``. Needs nothing but the library.
"""

import os

# One core, as the bar is stated.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time

import numpy as np

from illusion.private_testing import selection

N, VOTES, TIE_RATE = 27, 3_000, 0.35
CASES = {
    "identical, no ties": {},
    "identical, ties": {"tie_rate": TIE_RATE},
    "spread 25, no ties": {"skill_sd": 25},
    "spread 25, ties": {"skill_sd": 25, "tie_rate": TIE_RATE},
}


def timed(function, *args, **kwargs):
    """Result and seconds."""
    start = time.perf_counter()
    result = function(*args, **kwargs)
    return result, time.perf_counter() - start


def main() -> None:
    """Print replicates per second, and both paths beside the theory."""
    rng = np.random.default_rng(27)
    selection.simulate_votes(N, VOTES, 1_000, rng)
    print(f"best of {N} at {VOTES:,} votes, one core")
    for name, kwargs in CASES.items():
        of_votes, of_boards = selection.simulate_votes, selection.simulate_boards
        fast, seconds = timed(of_votes, N, VOTES, 200_000, rng, **kwargs)
        slow, waited = timed(of_boards, N, VOTES, 1_500, rng, **kwargs)
        error = selection.standard_error(VOTES, kwargs.get("tie_rate", 0))
        theory = selection.best_of(N, kwargs.get("skill_sd", 0), error)
        print(
            f"{name:20} {200_000 / seconds:9,.0f} replicates/s, "
            f"fitted boards {1_500 / waited:5,.0f}/s"
        )
        for what in ("published", "skill"):
            ours, exact = getattr(fast, what), getattr(slow, what)
            spread = np.hypot(ours.std() / 200_000**0.5, exact.std() / 1_500**0.5)
            off = (ours.mean() - exact.mean()) / spread if spread else 0.0
            print(
                f"  {what:10} fast {ours.mean():7.3f}, fitted {exact.mean():7.3f}, "
                f"theory {getattr(theory, what):7.3f} points; "
                f"fast - fitted {off:+.1f} standard errors"
            )


if __name__ == "__main__":
    main()
