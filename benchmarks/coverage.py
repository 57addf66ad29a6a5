"""How often a new value lies in its 95 % interval, where the noise is known.

Tables y = f(x) + σ ε are drawn anew, a network is fitted to each with the defaults of
`fit`, and 200 new rows are drawn from where the table's were. Run it with

    python benchmarks/coverage.py [--tables N]

The mean over tables has the standard error that is shown: rows of one table share its
network and its estimate of σ.
"""

import argparse
from typing import Literal

import environment  # noqa: F401  (before JAX starts)
import jax
import numpy as np
from rich.console import Console
from rich.table import Table

import nanonet

FUNCTIONS = {
    "sine, 1-5-1, σ = 0.2": ((1, 5, 1), lambda x: np.sin(2 * x[:, 0]), 0.2),
    "sine, 1-5-1, σ = 0.5": ((1, 5, 1), lambda x: np.sin(2 * x[:, 0]), 0.5),
    "a ridge and a line, 2-5-1, σ = 0.3": (
        (2, 5, 1),
        lambda x: np.tanh(x[:, 0] + x[:, 1]) - x[:, 1] / 2,
        0.3,
    ),
}
ROWS = 100


def coverage(sizes, function, sigma: float, tables: int) -> dict[str, np.ndarray]:
    """Share of new values inside, for each table and each kind of interval."""
    network = nanonet.mlp(sizes, "tanh", "identity")
    rng = np.random.default_rng(0)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.uniform(-2, 2, (rows, sizes[0]))
        return x, function(x) + sigma * rng.normal(size=rows)

    methods: tuple[Literal["linearized", "starts"], ...] = ("linearized", "starts")
    shares = {method: [] for method in methods}
    for seed in range(tables):
        x, y = draw(ROWS)
        found = nanonet.fit(network, x, y, key=jax.random.key(seed))
        x, y = draw(200)
        for method in methods:
            interval = found.predict_interval(x, method=method)
            shares[method].append(np.mean((interval.lower < y) & (y < interval.upper)))
    return {str(method): np.array(of) for method, of in shares.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of 95 % intervals.")
    parser.add_argument("--tables", type=int, default=200)
    count = parser.parse_args().tables
    table = Table(title=f"Coverage of 95 % intervals, {count} tables of {ROWS} rows")
    table.add_column("function, network, noise", no_wrap=True)
    table.add_column("linearized", justify="right")
    table.add_column("spread of the starts", justify="right")
    for name, (sizes, function, sigma) in FUNCTIONS.items():
        cells = [
            f"{share.mean():.1%} ± {share.std(ddof=1) / np.sqrt(count):.1%}"
            for share in coverage(sizes, function, sigma, count).values()
        ]
        table.add_row(name, *cells)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
