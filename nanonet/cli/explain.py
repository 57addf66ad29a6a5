"""``nanonet explain``: the chain rule, number by number, for one row."""

import argparse
import dataclasses
import math
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from rich.table import Table

from nanonet._internal.text import printable
from nanonet.cli.arguments import (
    SHARED,
    add_command,
    console,
    number,
    print_json,
    told_of,
    whole,
)
from nanonet.cli.explain_steps import PROBLEMS, RULES, XOR, explain_steps
from nanonet.explanation.explain import explain as explain_step
from nanonet.explanation.explain_rule import MOST_STEPS
from nanonet.model.model import Model
from nanonet.model.storage import load_model
from nanonet.network.network import Network, two_two_one
from nanonet.network.two_two_one import TwoTwoOne
from nanonet.objectives.losses import (
    Loss,
    cross_entropy,
    half_squared_error,
    mean_squared_error,
)
from nanonet.table.columns import scale
from nanonet.table.encoding import encode, read_targets
from nanonet.table.logic import X, Y
from nanonet.table.read import TableError, read_table

if TYPE_CHECKING:
    import pandas


#: What is explained: a network, its parameters, the loss, x, y, and what the entries of
#: x and y stand for.
Example = tuple[Network, PyTree, Loss, np.ndarray, np.ndarray, list[str]]


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    option = add_command(
        commands, run, example="explain --learning-rate 0.5", shares="json seed"
    )
    for name in ("model", "table"):
        option(name, nargs="?", **SHARED[name][1])
    option(
        "--row",
        metavar="N",
        type=whole(0, 2**31),
        help="the row, by its line in the file, as predict shows it (the first); of "
        "XOR, 1 to 4",
    )
    option("--learning-rate", metavar="A", type=number(), help="show the step as well")
    option(
        "--rule",
        metavar="RULE",
        help=f"the steps of an update rule instead: {', '.join(RULES)}",
    )
    option(
        "--steps",
        metavar="N",
        type=whole(1, MOST_STEPS),
        default=3,
        help="of the rule (%(default)s)",
    )
    option(
        "--on",
        choices=[*PROBLEMS, XOR],
        help="what the rule minimises: "
        + ", ".join(f"{name}, {each.text}" for name, each in PROBLEMS.items())
        + "; or the notes' network on XOR",
    )
    option(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an argument of the rule, such as form=ewma; may be repeated",
    )
    option("--parameter", metavar="NAME", help="of the rule's steps, this one's alone")


def run(arguments: argparse.Namespace) -> None:
    """The chain rule, number by number, for one row.

    Write the derivative of J with respect to every weight and bias as the products of
    the chain rule, for one row of a table and a model, of a committee its best network;
    or, without them, for the notes' own example, whose error is 0.5; or, with --row
    alone, for their network at a random start, and one row of XOR. Numbers of a table
    are standardised, as the model was trained.

    With --rule, write the steps of an update rule: every symbol of its page of the
    notes, its formula, the numbers put in, and what they come to.
    """
    if arguments.rule is not None:
        if arguments.model is not None or arguments.row is not None:
            raise ValueError("explain --rule takes no MODEL, TABLE or --row.")
        return explain_steps(arguments)
    robust_loss = None
    if arguments.model is None and arguments.row is None:
        example = _notes()
    elif arguments.model is None:
        example = _xor(arguments.row, arguments.seed)
    elif arguments.table is None:
        raise ValueError(f"explain {arguments.model} needs a TABLE to take a row from.")
    else:
        model, frame = load_model(arguments.model), read_table(arguments.table)
        with told_of(arguments.table):
            example = _row_of(model, frame, arguments.row)
        robust_loss = model.robust_loss
    network, params, loss, x, y, names = example
    with jax.enable_x64(True):
        explanation = explain_step(
            network, params, x, y, loss=loss, learning_rate=arguments.learning_rate
        )
    if robust_loss is not None:
        note = f"The model was fitted by loss={robust_loss!r}, for which a row that "
        note += "lies far off counts less; here the row counts in full."
        notes = (*explanation.notes, note)
        explanation = dataclasses.replace(explanation, notes=notes)
    symbols = [f"x{i}" for i in range(1, len(x) + 1)]
    symbols += ["y"] if len(y) == 1 else [f"y{i}" for i in range(1, len(y) + 1)]
    row = list(zip(symbols, names, [*x.tolist(), *y.tolist()], strict=True))
    if arguments.json:
        keys = ("symbol", "name", "value")
        print_json(
            {
                "J": explanation.value,
                "loss": explanation.loss,
                "learning_rate": explanation.learning_rate,
                "row": [dict(zip(keys, cells, strict=True)) for cells in row],
                "forward": explanation.forward,
                "derivatives": [
                    each._asdict() | {"paths": [path.factors for path in each.paths]}
                    for each in explanation.derivatives
                ],
            }
        )
        return None
    if arguments.model is None:
        return console().print(explanation)
    numbers = Table.grid(padding=(0, 2))
    for symbol, name, value in row:
        numbers.add_row(symbol, f"{value:.6g}", printable(name))
    return console().print(numbers, "", explanation, sep="\n")


def _notes() -> Example:
    """The example of the notes' pages 2 and 3: ŷ - y = 0.5, and ∂J/∂w5 = 0.1."""
    w3 = math.log(4) - 1  # so that out_h1 = 1/(1 + e^(−ln 4)) = 0.8
    numbers = [1.0, -1.0, w3, 1.0, 1.0, 0.4, 0.0, 0.0, -1.0]
    with jax.enable_x64(True):
        params = TwoTwoOne(*map(jnp.asarray, numbers))
    x, y = np.ones(2), np.zeros(1)
    return two_two_one(), params, half_squared_error, x, y, ["", "", ""]


def _xor(row: int, seed: int) -> Example:
    if not 1 <= row <= len(X):
        raise ValueError(f"--row {row}: XOR has the rows 1 to {len(X)}.")
    network = two_two_one()
    with jax.enable_x64(True):
        params = network.init(key=jax.random.key(seed))
    x, y = np.array(X[row - 1]), np.array(Y[row - 1 : row])
    return network, params, half_squared_error, x, y, ["", "", "XOR"]


def _row_of(model: Model, frame: "pandas.DataFrame", row: int | None) -> Example:
    """Encode a row as the model was trained on it, with the loss it was trained by."""
    row = frame.index[0] if row is None else row
    if row not in frame.index:
        unit, first, last = frame.index.name, frame.index[0], frame.index[-1]
        raise TableError(f"--row {row}: there is no such {unit} in {first} to {last}.")
    cells = frame.loc[[row]]
    columns = (*model.inputs, *model.targets)
    names = [label for column in columns for label in column.labels(" is ")]
    loss = mean_squared_error if model.targets[0].levels is None else cross_entropy
    x = encode(model.inputs, cells)[0]
    y = scale(model.targets, read_targets(model.targets, cells))[0]
    best = model.members[0]
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, best.params)
    return best.network, params, loss, x, y, names
