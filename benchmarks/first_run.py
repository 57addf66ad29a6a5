"""What the command line's two jobs come to, over more starts than it shows.

    python benchmarks/first_run.py

The share of 1,000 starts from which `nanonet` solves XOR, and where the others stick;
the accuracy of `nanonet fit iris --target species` on held-out rows over 20 seeds.
"""

from collections import Counter

import environment  # noqa: F401  (before JAX starts)
import jax
import numpy as np

from nanonet import Status, fit_table, read_table
from nanonet.cli.xor import learn_xor

STARTS = 1000
SEEDS = 20


def main() -> None:
    results = learn_xor(starts=STARTS, seed=0)
    solved = [int(result.steps) for result in results if result.status is Status.GOAL]
    stuck = [result.value for result in results if result.status is not Status.GOAL]
    print(
        f"XOR: {len(solved)} of {STARTS} starts solved, "
        f"after {np.median(solved):,.0f} steps (median)"
    )
    for J, count in Counter(f"{value:.4f}" for value in stuck).most_common():
        print(f"stuck at J = {J}: {count}")

    iris = read_table("iris")
    accuracy = [
        fit_table(iris, "species", key=jax.random.key(seed)).scores[0].test
        for seed in range(SEEDS)
    ]
    print(
        f"iris: held-out accuracy {np.mean(accuracy):.1%} on average over {SEEDS} "
        f"seeds, from {min(accuracy):.1%} to {max(accuracy):.1%}"
    )


if __name__ == "__main__":
    main()
