"""How long a fit with the defaults takes, the first of a program, and the next one.

    python benchmarks/fit_times.py [TABLE ...]

In a new process for each table, so that all is compiled; beside scikit-learn's MLP with
its penalty chosen by cross-validation (up to a thousand rows) and boosting, of one fit.
"""

import subprocess
import sys
import time
import warnings
from collections.abc import Callable

import environment  # noqa: F401  (before JAX starts)
import jax
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables_data import CLASSIFICATIONS, REGRESSIONS, Task
from tables_peers import boosting, mlp

import nanonet

MOST_FOR_MLP = 1000


def made(rows: int, columns: int) -> Callable[[], Task]:
    """A table of two curves and some noise."""

    def read() -> Task:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(rows, columns))
        noise = 0.3 * rng.normal(size=rows)
        return Task(x, np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + noise)

    return read


TABLES = {
    "diabetes": REGRESSIONS["diabetes"],
    "iris": CLASSIFICATIONS["iris"],
    "Boston": REGRESSIONS["Boston"],
    "1,000 × 8": made(1_000, 8),
    "10,000 × 10": made(10_000, 10),
    "100,000 × 20": made(100_000, 20),
}


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def ours(task: Task, seed: int) -> None:
    """Fit as `nanonet fit` does, all rows, and predict one."""
    sizes = [task.x.shape[1], 10, task.classes or 1]
    output = "softmax" if task.classes else "identity"
    network = nanonet.mlp(sizes, "tanh", output, skip=True)
    nanonet.fit(network, task.x, task.y, key=jax.random.key(seed)).predict(task.x[:1])


def measure(name: str) -> None:
    task = TABLES[name]()
    found = {
        "first": seconds(lambda: ours(task, 0)),
        "next": seconds(lambda: ours(task, 1)),
    }
    for peer, make in {"MLP": mlp, "boosting": boosting}.items():
        if peer != "MLP" or len(task.x) <= MOST_FOR_MLP:
            model = make_pipeline(StandardScaler(), make(task))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MLP's, of too few steps
                found[peer] = seconds(lambda model=model: model.fit(task.x, task.y))
    print(name, *(f"{of}: {taken:.1f} s" for of, taken in found.items()), sep="  ")


def main() -> None:
    match sys.argv[1:]:
        case [name]:
            measure(name)
        case names:
            for name in names or TABLES:
                subprocess.run([sys.executable, __file__, name], check=True)


if __name__ == "__main__":
    main()
