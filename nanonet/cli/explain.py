"""``nanonet explain``: the chain rule, number by number, for one row."""

import argparse
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PyTree

from nanonet.cli.arguments import TABLE_HELP, add_json, number, print_json, whole
from nanonet.cli.tables import show_explanation
from nanonet.explanation.chain_rule import ChainRule
from nanonet.explanation.explain import explain as explain_step
from nanonet.model.model import Model
from nanonet.model.storage import load_model
from nanonet.network.network import Network, two_two_one
from nanonet.objectives.losses import (
    Loss,
    cross_entropy,
    half_squared_error,
    mean_squared_error,
)
from nanonet.table.columns import encode
from nanonet.table.logic import X, Y
from nanonet.table.read import TableError, read_table

if TYPE_CHECKING:
    import pandas


class Example(NamedTuple):
    """What is explained."""

    network: Network
    params: PyTree
    loss: Loss
    x: Float[np.ndarray, " inputs"]
    y: Float[np.ndarray, " outputs"]

    names: list[str]
    """What the entries of x and y stand for."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "explain",
        help="the chain rule, number by number, for one row",
        description="Write the derivative of J with respect to every weight and bias "
        "as the products of the chain rule, for one row of a table and a model; or, "
        "without them, for the 2-2-1 network of the notes at a random start, and one "
        "row of XOR. Numbers of a table are standardised, as the model was trained.",
        epilog="example: nanonet explain --row 2 --learning-rate 0.5",
    )
    command.set_defaults(run=run)
    command.add_argument(
        "model", metavar="MODEL", nargs="?", help="file that nanonet fit wrote"
    )
    command.add_argument("table", metavar="TABLE", nargs="?", help=TABLE_HELP)
    command.add_argument(
        "--row",
        metavar="N",
        type=whole(0, 2**31),
        help="the row, by its line in the file, as predict shows it (the first); of "
        "XOR, 1 to 4 (2)",
    )
    command.add_argument(
        "--learning-rate", metavar="A", type=number(), help="show the step as well"
    )
    command.add_argument(
        "--seed",
        metavar="N",
        type=whole(0, 2**32 - 1),
        default=0,
        help="of the start of the 2-2-1 network (%(default)s)",
    )
    add_json(command)


def run(arguments: argparse.Namespace) -> None:
    """Read, explain, show."""
    if arguments.model is None:
        example = _xor(arguments.row, arguments.seed)
    elif arguments.table is None:
        raise ValueError(f"explain {arguments.model} needs a TABLE to take a row from.")
    else:
        model, frame = load_model(arguments.model), read_table(arguments.table)
        try:
            example = _row_of(model, frame, arguments.row)
        except TableError as error:
            raise TableError(f"{arguments.table}: {error}") from error
    network, params, loss, x, y, names = example
    with jax.enable_x64(True):
        explanation = explain_step(
            network, params, x, y, loss=loss, learning_rate=arguments.learning_rate
        )
    symbols = [f"x{i}" for i in range(1, len(x) + 1)]
    symbols += ["y"] if len(y) == 1 else [f"y{i}" for i in range(1, len(y) + 1)]
    row = list(zip(symbols, names, [*x.tolist(), *y.tolist()], strict=True))
    if arguments.json:
        print_json(_as_dict(explanation, row))
    else:
        show_explanation(explanation, row)


def _xor(row: int | None, seed: int) -> Example:
    row = 2 if row is None else row
    if not 1 <= row <= len(X):
        raise ValueError(f"--row {row}: XOR has the rows 1 to {len(X)}.")
    network = two_two_one()
    with jax.enable_x64(True):
        params = network.init(key=jax.random.key(seed))
    x, y = np.array(X[row - 1]), np.array(Y[row - 1 : row])
    return Example(network, params, half_squared_error, x, y, ["", "", "XOR"])


def _row_of(model: Model, frame: "pandas.DataFrame", row: int | None) -> Example:
    """Encode a row as the model was trained on it, with the loss it was trained by."""
    row = frame.index[0] if row is None else row
    if row not in frame.index:
        unit, first, last = frame.index.name, frame.index[0], frame.index[-1]
        raise TableError(f"--row {row}: there is no such {unit} in {first} to {last}.")
    cells = frame.loc[[row]]
    columns = (*model.inputs, *model.targets)
    names = [
        column.name if level is None else f"{column.name} is {level}"
        for column in columns
        for level in column.levels or [None]
    ]
    return Example(
        model.network,
        model.params,
        mean_squared_error if model.targets[0].levels is None else cross_entropy,
        encode(model.inputs, cells)[0],
        encode(model.targets, cells)[0],
        names,
    )


def _as_dict(explanation: ChainRule, row: list[tuple[str, str, float]]) -> dict:
    return {
        "J": explanation.value,
        "loss": explanation.loss,
        "learning_rate": explanation.learning_rate,
        "row": [
            {"symbol": symbol, "name": name, "value": value}
            for symbol, name, value in row
        ],
        "forward": [
            {"symbol": each.symbol, "formula": each.formula, "value": each.value}
            for each in explanation.forward
        ],
        "derivatives": [
            {
                "parameter": each.parameter,
                "value": each.value,
                "autograd": each.autograd,
                "old": each.old,
                "new": each.new,
                "paths": [
                    [factor._asdict() for factor in path.factors] for path in each.paths
                ],
            }
            for each in explanation.derivatives
        ],
    }
