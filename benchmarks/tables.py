"""10-fold cross-validation of nanonet beside scikit-learn's MLP, on small tables.

Networks of equal architecture on scikit-learn's bundled tables, and on some made here.
nanonet: `cross_validate` with its defaults, all folds in one run. scikit-learn:
`cross_val_predict` of `MLPRegressor` and `MLPClassifier`, solvers lbfgs and adam, with
their defaults but for the architecture, inputs standardised in a pipeline and targets
standardised too (without which they hardly learn at all). Both see the same folds. Run
it with

    python benchmarks/tables.py [--tables NAME ...] [--starts N] [--same-method]

The last lets nanonet do what lbfgs does and no more: L-BFGS from one start, with a
fixed penalty.

Error: 1 - R² of all rows' predictions, or the share of rows in the wrong class; each is
of a network that has not seen the row. "First": seconds of the first call, with
compilation; "again": those of the next one, with another key.
"""

import argparse
import time
import warnings
from typing import Any, NamedTuple

import environment  # noqa: F401  (before JAX starts)
import jax
import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nanonet
from nanonet.fitting.cross_validation import CrossValidation, cross_validate


class Task(NamedTuple):
    """A table, and the hidden layer to learn it with."""

    x: np.ndarray
    y: np.ndarray
    hidden: int

    @property
    def classes(self) -> int:
        """How many; 0 in a regression."""
        return 0 if self.y.dtype.kind == "f" else len(np.unique(self.y))


def friedman(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Friedman's first function, with noise of deviation 1."""
    return datasets.make_friedman1(rows, noise=1.0, random_state=0)


def wave(rows: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """A sine with noise of deviation 0.2."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (rows, 1))
    return x, np.sin(2 * x[:, 0]) + 0.2 * rng.normal(size=rows)


def houses(rows: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Prices like California's: income, age, rooms, distance to two cities; skewed."""
    rng = np.random.default_rng(1)
    income, age = rng.gamma(4, 1, rows), rng.uniform(1, 52, rows)
    rooms, place = rng.lognormal(1.6, 0.3, rows), rng.uniform(0, 10, (rows, 2))
    near = sum(np.exp(-np.sum((place - city) ** 2, 1) / 4) for city in ([2, 3], [7, 8]))
    price = 0.4 * income * (1 + near) + 0.1 * np.log(rooms) + 0.004 * age
    x = np.column_stack([income, age, rooms, place])
    return x, np.minimum(price * rng.lognormal(0, 0.2, rows), 5.0)


def tasks() -> dict[str, Task]:
    """The tables by their name."""
    made = {
        "wave": (wave(), 8),
        "Friedman 1": (friedman(), 10),
        "houses": (houses(), 10),
        "moons": (datasets.make_moons(300, noise=0.25, random_state=0), 10),
        "diabetes": (datasets.load_diabetes(return_X_y=True), 10),
        "iris": (datasets.load_iris(return_X_y=True), 10),
        "wine": (datasets.load_wine(return_X_y=True), 10),
        "breast cancer": (datasets.load_breast_cancer(return_X_y=True), 10),
        "digits": (datasets.load_digits(return_X_y=True), 32),
    }
    return {name: Task(x, y, hidden) for name, ((x, y), hidden) in made.items()}


def error(task: Task, prediction: np.ndarray) -> float:
    """1 - R², or the share of wrong answers."""
    if task.classes:
        return float(np.mean(prediction != task.y))
    return float(np.mean((prediction - task.y) ** 2) / np.var(task.y))


def ours(task: Task, seed: int, options: dict[str, Any]) -> CrossValidation:
    """Cross-validate nanonet."""
    sizes = [task.x.shape[1], task.hidden, task.classes or 1]
    output = "softmax" if task.classes else "identity"
    return cross_validate(
        nanonet.mlp(sizes, "tanh", output),
        task.x,
        task.y,
        key=jax.random.key(seed),
        **options,
    )


def theirs(task: Task, solver: str, seed: int, folds: np.ndarray) -> np.ndarray:
    """Cross-validate scikit-learn's."""
    how: dict[str, Any] = dict(
        hidden_layer_sizes=(task.hidden,),
        activation="tanh",
        solver=solver,
        random_state=seed,
    )
    model: Any
    if task.classes:
        model = make_pipeline(StandardScaler(), MLPClassifier(**how))
    else:
        model = TransformedTargetRegressor(
            make_pipeline(StandardScaler(), MLPRegressor(**how)),
            transformer=StandardScaler(),
        )
    return np.asarray(
        cross_val_predict(model, task.x, task.y, cv=PredefinedSplit(folds))
    )


def measure(
    task: Task, options: dict[str, Any]
) -> dict[str, tuple[float, float, float]]:
    """Error, seconds of the first call, seconds of the second, for each."""
    found: dict[str, tuple[float, float, float]] = {}

    def clock(name: str, run: Any) -> Any:
        began = time.perf_counter()
        first = run(0)
        between = time.perf_counter()
        second = run(1)
        seconds = between - began, time.perf_counter() - between
        prediction = [
            getattr(result, "prediction", result) for result in (first, second)
        ]
        found[name] = float(np.mean([error(task, p) for p in prediction])), *seconds
        return first

    splits = clock("nanonet", lambda seed: ours(task, seed, options)).splits
    folds = np.empty(len(task.x), int)
    for i, split in enumerate(splits):
        folds[split.test] = i
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for solver in ("lbfgs", "adam"):
            clock(solver, lambda seed, s=solver: theirs(task, s, seed, folds))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Cross-validation beside MLPs.")
    parser.add_argument("--tables", nargs="*", default=None)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--same-method", action="store_true")
    arguments = parser.parse_args()
    table = Table(title="10-fold cross-validation: error, and seconds")
    table.add_column("table", no_wrap=True)
    for name in ("nanonet", "lbfgs", "adam"):
        table.add_column(f"{name}\nerror", justify="right")
    for name in ("nanonet\nfirst", "nanonet\nagain", "lbfgs", "adam"):
        table.add_column(name, justify="right")
    for name, task in tasks().items():
        if arguments.tables and name not in arguments.tables:
            continue
        options: dict[str, Any] = {"starts": arguments.starts}
        if arguments.same_method:
            options = dict(starts=1, rule=nanonet.lbfgs(), max_steps=200)
        found = measure(task, options)
        errors = [f"{found[who][0]:.4f}" for who in ("nanonet", "lbfgs", "adam")]
        seconds = [
            found["nanonet"][1],
            *(found[who][2] for who in ("nanonet", "lbfgs", "adam")),
        ]
        table.add_row(name, *errors, *(f"{time:.2f}" for time in seconds))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
