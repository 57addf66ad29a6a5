"""nanonet beside other methods on twelve regressions and ten classifications.

Five folds, the same for all. nanonet: `cross_validate` with its defaults, of the
network of `nanonet fit`. The others, and how they choose penalties: tables_peers.py;
those that are not installed are left out (R's avNNet is Debian's r-cran-caret, RealMLP
is pytabkit's). Run it with

    python benchmarks/tables.py [--tables NAME ...] [--methods NAME ...]
        [--results FILE]

Each result is a line of FILE as soon as it is there, and what stands there is not
computed again. Scores are of rows that were not learnt from; log-losses count a
probability below 1e-6 as 1e-6. Seconds are of all five folds; for nanonet of the first
call, with compilation, and of the next one.
"""

import argparse
import functools
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import environment  # noqa: F401  (before JAX starts)
import jax
import numpy as np
from rich.console import Console
from rich.table import Table
from tables_data import CLASSIFICATIONS, REGRESSIONS, Task
from tables_peers import Answer, Method, crps, peers, suits

import nanonet
from nanonet.fitting.cross_validation import CrossValidation

FOLDS = 5
OURS = "nanonet"
LEAST_PROBABILITY = 1e-6

Scores = dict[str, float]


def cross_validated(task: Task, seed: int = 0) -> CrossValidation:
    """nanonet's five folds."""
    output = "softmax" if task.classes > 2 else "sigmoid"
    sizes = [task.x.shape[1], 10, task.classes if task.classes > 2 else 1]
    return nanonet.cross_validate(
        nanonet.mlp(sizes, "tanh", output if task.classes else "identity", skip=True),
        task.x,
        task.y,
        key=jax.random.key(seed),
        folds=FOLDS,
    )


def ours(task: Task, found: CrossValidation) -> Answer:
    """What the folds predict of the rows that they have not seen."""
    answer = None
    for fit, split in zip(found.fits, found.splits, strict=True):
        x = task.x[split.test]
        of_fold = fit.predict_probabilities(x) if task.classes else fit.predict(x)
        if answer is None:
            answer = np.empty((len(task.x), *of_fold.shape[1:]))
        answer[split.test] = of_fold
    assert answer is not None
    return Answer(answer)


def theirs(task: Task, method: Method, found: CrossValidation) -> Answer:
    """The same of another method."""
    mean: Any = np.empty((len(task.x), *[task.classes] * (task.classes > 0)))
    deviation = None
    for split in found.splits:
        train = np.setdiff1d(np.arange(len(task.x)), split.test)
        of_fold = method(task, train, split.test)
        mean[split.test] = of_fold.mean
        if of_fold.deviation is not None:
            deviation = np.empty(len(task.x)) if deviation is None else deviation
            deviation[split.test] = of_fold.deviation
    return Answer(mean, deviation)


def scores(task: Task, answer: Answer) -> Scores:
    """Of the rows held out."""
    if task.classes:
        p = np.clip(answer.mean, LEAST_PROBABILITY, 1)
        of_right = p[np.arange(len(p)), task.y]
        truth = np.eye(task.classes)[task.y]
        return {
            "log-loss": float(-np.mean(np.log(of_right))),
            "Brier": float(np.mean(np.sum((answer.mean - truth) ** 2, axis=1))),
            "wrong": float(np.mean(answer.mean.argmax(1) != task.y)),
        }
    error = answer.mean - task.y
    rmse = float(np.sqrt(np.mean(error**2)))
    found = {"RMSE": rmse, "R2": float(1 - rmse**2 / np.var(task.y))}
    if answer.deviation is not None:
        half = 1.959964 * answer.deviation
        found["CRPS"] = crps(task.y, answer)
        found["coverage"] = float(np.mean(np.abs(error) <= half))
        found["width"] = float(np.mean(2 * half))
    return found


def measure_ours(task: Task) -> tuple[Scores, CrossValidation]:
    began = time.perf_counter()
    found = cross_validated(task)
    first = time.perf_counter() - began
    again = time.perf_counter()
    cross_validated(task, seed=1)
    again = time.perf_counter() - again
    result = scores(task, ours(task, found)) | {"seconds": first, "again": again}
    if not task.classes:
        [certainty] = found.certainty()
        result["CRPS"] = certainty.crps
        result["coverage"], result["width"] = certainty.coverage, certainty.width
    return result, found


def measure(
    tasks: Mapping[str, Callable[[], Task]],
    methods: Mapping[str, Method],
    results: Path | None,
) -> dict[tuple[str, str], Scores]:
    """Everything that is not in the file yet."""
    known: dict[tuple[str, str], Scores] = {}
    if results is not None and results.exists():
        for line in results.read_text().splitlines():
            table, method, of = json.loads(line)
            known[table, method] = of

    def keep(table: str, method: str, of: Scores) -> None:
        known[table, method] = of
        print(table, method, {name: round(value, 4) for name, value in of.items()})
        if results is not None:
            with results.open("a") as file:
                file.write(json.dumps([table, method, of]) + "\n")

    for table, read in tasks.items():
        missing = [name for name in methods if (table, name) not in known]
        if not missing and (table, OURS) in known:
            continue
        task = read()
        if (table, OURS) in known:
            found = cross_validated(task)  # for its folds
        else:
            of_ours, found = measure_ours(task)
            keep(table, OURS, of_ours)
        for name in missing:
            if not suits(name, task):
                continue
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer = theirs(task, methods[name], found)
            seconds = time.perf_counter() - began
            keep(table, name, scores(task, answer) | {"seconds": seconds})
    return known


def ranks(of: Mapping[str, Scores], score: str) -> Iterator[tuple[str, float]]:
    """Places on one table, 1 for the lowest; equal ones share theirs."""
    values = {method: found[score] for method, found in of.items()}
    for method, value in values.items():
        below = sum(other < value for other in values.values())
        equal = sum(other == value for other in values.values())
        yield method, below + (equal + 1) / 2


def show(
    console: Console,
    tasks: Mapping[str, Any],
    methods: list[str],
    known: Mapping[tuple[str, str], Scores],
    score: str,
) -> None:
    """A score of every method on every table, and the mean ranks."""
    shown = Table(title=f"{score}, {FOLDS} folds; in brackets, seconds")
    shown.add_column("table", no_wrap=True)
    for method in methods:
        shown.add_column(method, justify="right")
    places: dict[str, list[float]] = {method: [] for method in methods}
    for table in tasks:
        of = {m: known[table, m] for m in methods if (table, m) in known}
        if not of:
            continue
        for method, place in ranks(of, score):
            places[method].append(place)
        cells = [
            f"{of[m][score]:.4g} ({of[m]['seconds']:.1f})" if m in of else ""
            for m in methods
        ]
        shown.add_row(table, *cells)
    means = [f"{np.mean(places[m]):.2f}" if places[m] else "" for m in methods]
    shown.add_row("mean rank", *means)
    console.print(shown)


def show_ours(
    console: Console,
    tasks: Mapping[str, Any],
    known: Mapping[tuple[str, str], Scores],
    score: str,
) -> None:
    """nanonet beside the linear model, and how sure it is."""
    shown = Table(title="nanonet")
    names = ["over linear", "coverage", "width", "CRPS", "CRPS of process", "again, s"]
    for name in ("table", *names):
        shown.add_column(name, justify="left" if name == "table" else "right")
    for table in tasks:
        if (table, OURS) not in known:
            continue
        of, nothing = known[table, OURS], {}
        linear = known.get((table, "linear"), nothing).get(score, np.nan)
        process = known.get((table, "Gaussian process"), nothing).get("CRPS")
        cells = [
            of[score] / linear,
            *map(of.get, ("coverage", "width", "CRPS")),
            process,
            of["again"],
        ]
        shown.add_row(table, *("" if v is None else f"{v:.4g}" for v in cells))
    console.print(shown)


def main() -> None:
    parser = argparse.ArgumentParser(description="nanonet beside others, on tables.")
    parser.add_argument("--tables", nargs="*", default=None)
    parser.add_argument("--methods", nargs="*", default=None)
    parser.add_argument("--results", type=Path, default=None)
    arguments = parser.parse_args()
    methods = {
        name: method
        for name, method in peers().items()
        if arguments.methods is None or name in arguments.methods
    }
    console = Console(width=150)
    for every, score in ((REGRESSIONS, "RMSE"), (CLASSIFICATIONS, "log-loss")):
        tasks = {
            name: functools.cache(read)
            for name, read in every.items()
            if arguments.tables is None or name in arguments.tables
        }
        known = measure(tasks, methods, arguments.results)
        show(console, tasks, [OURS, *methods], known, score)
        show_ours(console, tasks, known, score)


if __name__ == "__main__":
    main()
