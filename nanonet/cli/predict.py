"""``nanonet predict``: what a model says of the rows of a table."""

import argparse
import csv
import io
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from nanonet._internal.files import write_whole
from nanonet._internal.text import printable
from nanonet.cli.arguments import (
    add_command,
    check_outputs,
    number,
    print_json,
    told_of,
)
from nanonet.cli.fit_summary import score_key
from nanonet.model.intervals import Interval
from nanonet.model.model import Model
from nanonet.model.model import predict as predict_rows
from nanonet.model.scores import coverage, mean_width, measures
from nanonet.model.storage import load_model
from nanonet.model.uncertainty import predict_interval, predict_set
from nanonet.table.cells import select
from nanonet.table.columns import Column
from nanonet.table.encoding import positions, read_targets
from nanonet.table.read import TableError, read_table

if TYPE_CHECKING:
    import pandas


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    option = add_command(
        commands,
        run,
        example="predict iris.nanonet iris --out predictions.csv",
        shares="model table json",
    )
    option(
        "--interval",
        metavar="LEVEL",
        type=number(below=1.0),
        help="also the bounds between which a new value lies with this probability, "
        "such as 0.9; of classes, all that it may be",
    )
    option("--out", metavar="PATH", help="write CSV to this file rather than show it")


def run(arguments: argparse.Namespace) -> None:
    """Predict the rows of a table with a model that fit wrote.

    The table needs the columns that the model was fitted to, in any order, and may have
    others; if it has the target too, the predictions are scored: of a robust loss by
    the median of their errors, too.
    """
    model, frame = load_model(arguments.model), read_table(arguments.table)
    if arguments.out is not None:
        inputs = {"the model": arguments.model, "the table": arguments.table}
        check_outputs(inputs, {"--out": arguments.out})
    with told_of(arguments.table):
        said = _said_of(model, frame, arguments.interval)
    scores, text = _score(said), _as_csv(said)
    if arguments.out is not None:
        write_whole(arguments.out, text.encode("utf8"))
    if arguments.json:
        print_json(
            {"model": arguments.model, "table": arguments.table}
            | _as_json(said, scores)
            | {"written": arguments.out}
        )
    elif arguments.out is not None:
        several = len(model.targets) > 1
        scored = "".join(
            f", {measure}{f' of {printable(name)}' * several} {value:.4g}"
            for name, found in scores.items()
            for measure, value in found.items()
        )
        print(f"written: {arguments.out}, {len(frame):,} rows{scored}")
    else:
        _print_data(text)


class Said(NamedTuple):
    """What a model says of the rows of a table."""

    model: Model
    frame: "pandas.DataFrame"
    predictions: np.ndarray

    level: float | None
    """With what probability the two that follow hold the truth."""

    interval: Interval | None
    """Of numbers, if a level was asked for."""

    sets: list[tuple[str, ...]] | None
    """Of classes, likewise: all that each row may be."""


def _said_of(model: Model, frame: "pandas.DataFrame", level: float | None) -> Said:
    interval, sets = None, None
    predictions = predict_rows(model, frame)
    if level is not None and model.targets[0].levels is not None:
        sets = predict_set(model, frame, level=level).labels()
    elif level is not None:
        interval = predict_interval(model, frame, level=level)
    return Said(model, frame, predictions, level, interval, sets)


def _as_json(said: Said, scores: dict[str, dict[str, float]]) -> dict[str, Any]:
    names = [column.name for column in said.model.targets]
    keyed = {
        name: {score_key(measure): value for measure, value in found.items()}
        for name, found in scores.items()
    }
    interval = said.interval and {
        "level": said.level,
        "lower": said.interval.lower.tolist(),
        "upper": said.interval.upper.tolist(),
    }
    return {
        "targets": names,
        "rows": said.frame.index.tolist(),
        "predictions": said.predictions.tolist(),
        "interval": interval,
        "sets": said.sets,
        "scores": keyed if len(names) > 1 else keyed.get(names[0], {}),
    }


def _print_data(text: str) -> None:
    """Print every letter as it is, or none; a terminal must obey none of them."""
    encoding = sys.stdout.encoding or "utf8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"standard output is {encoding}, which has no {text[error.start]!r}; write "
            "to a file by --out."
        ) from error
    print(printable(text) if sys.stdout.isatty() else text, end="")


def _score(said: Said) -> dict[str, dict[str, float]]:
    """Each measure of each target, where the table knows all of the targets.

    Of a robust loss those of `Fit.scores`, which few rows that lie far off do not rule.
    Of intervals also how many values they hold, and how wide they are; of sets how many
    of the true classes, and how many classes there are in one.
    """
    model, frame, predictions, _, interval, sets = said
    if not all(column.name in frame for column in model.targets):
        return {}
    try:
        truth = [_truth(column, frame) for column in model.targets]
    except TableError:
        return {}
    predicted, robust = predictions.reshape(len(frame), -1).T, bool(model.robust_loss)
    found = {
        column.name: {
            measure: compute(predicted[j], truth[j])
            for measure, (_, compute) in measures([column], robust=robust).items()
        }
        for j, column in enumerate(model.targets)
    }
    if interval is not None:
        for j, (column, of_target) in enumerate(
            zip(model.targets, _by_target(interval), strict=True)
        ):
            found[column.name]["coverage"] = coverage(of_target, truth[j])
            found[column.name]["width"] = mean_width(of_target)
    if sets is not None:
        of_class = found[model.targets[0].name]
        hits = [y in of_row for y, of_row in zip(truth[0], sets, strict=True)]
        of_class["coverage"] = float(np.mean(hits))
        of_class["size"] = float(np.mean([len(of_row) for of_row in sets]))
    return found


def _by_target(interval: Interval) -> list[Interval]:
    """The bounds of each target."""
    parts = jax.tree.map(lambda part: part.reshape(len(part), -1).T, interval)
    return [
        jax.tree.map(lambda part, j=j: part[j], parts) for j in range(len(parts.lower))
    ]


def _truth(column: Column, frame: "pandas.DataFrame") -> np.ndarray:
    if column.levels is None:
        return read_targets([column], frame)[:, 0]
    cells = select(frame, column.name)
    return np.array(column.levels, object)[positions(column, cells)]


def _as_csv(said: Said) -> str:
    """Each row's number, and each target, followed by its bounds if there are any.

    Or, of classes, by all that it may be, with a bar between two.
    """
    model, frame, predictions, _, interval, sets = said
    headings = [str(frame.index.name)]
    columns: list = [frame.index]
    bounds = [] if interval is None else _by_target(interval)
    for j, column in enumerate(model.targets):
        headings.append(column.name)
        columns.append(predictions.reshape(len(frame), -1)[:, j])
        for end in ("lower", "upper") if bounds else ():
            headings.append(f"{column.name}_{end}")
            columns.append(getattr(bounds[j], end))
    if sets is not None:
        headings.append(f"{model.targets[0].name}_set")
        columns.append(np.array(["|".join(of_row) for of_row in sets]))
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
    return file.getvalue()
