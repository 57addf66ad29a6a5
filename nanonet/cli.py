"""The command line: arguments in, files and tables out, mistakes in one line."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from nanonet.files import check_writable, write_whole
from nanonet.fit_table import fit_table
from nanonet.optional import require
from nanonet.plot import plot_loss, to_png
from nanonet.report import fit_as_json, show_fit, show_xor
from nanonet.result import Status
from nanonet.rules.registry import RULES
from nanonet.storage import save_model
from nanonet.tables import BUNDLED, TableError, read_table
from nanonet.xor import learn_xor

FAILURE = 2
INTERRUPTED = 130  # what shells make of Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    0: done; 2: a mistake in the input, told in one line on standard error; 130: Ctrl-C,
    after which what was learnt so far is still scored and written.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv = ["xor", *argv]
    try:
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print("nanonet: error:", " ".join(str(error).split()), file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print("nanonet: interrupted", file=sys.stderr)
        return INTERRUPTED


def run_xor(arguments: argparse.Namespace) -> int:
    """``nanonet xor``: the 2-2-1 network learns XOR from several starts."""
    results = learn_xor(starts=arguments.starts, seed=arguments.seed)
    show_xor(results)
    return _exit_code(results[-1].status)


def run_fit(arguments: argparse.Namespace) -> int:
    """``nanonet fit``: read, train, score, write, show."""
    stem = Path(arguments.table).stem
    out = arguments.out or f"{stem}.nanonet"
    plot = arguments.plot or f"{stem}-loss.png"
    frame = read_table(arguments.table)
    _check_outputs(arguments.table, out, plot)
    try:
        fit = fit_table(
            frame,
            arguments.target,
            ignore=arguments.ignore,
            categorical=arguments.categorical,
            hidden=arguments.hidden,
            rule=arguments.rule,
            learning_rate=arguments.learning_rate,
            l2=arguments.l2,
            max_steps=arguments.max_steps,
            time_limit=arguments.time_limit,
            test_fraction=arguments.test_fraction,
            seed=arguments.seed,
            progress=True,
        )
    except TableError as error:
        raise TableError(f"{arguments.table}: {error}") from error
    settings = {
        "rule": arguments.rule,
        "learning rate": fit.learning_rate,
        "l2": arguments.l2,
        "seed": arguments.seed,
    }
    png = to_png(plot_loss(fit.result, title=f"{stem}: {arguments.target}"))
    save_model(out, fit.model)
    write_whole(plot, png)
    if arguments.json:
        written = {"model": out, "plot": plot}
        print(json.dumps(fit_as_json(arguments.table, fit, settings, written)))
    else:
        show_fit(arguments.table, fit, settings)
        print(f"written: {out}, {plot}")
    return _exit_code(fit.result.status)


def _exit_code(status: Status) -> int:
    return INTERRUPTED if status is Status.INTERRUPTED else 0


def _check_outputs(table: str, out: str, plot: str) -> None:
    """Find out before the training whether its results can be kept."""
    if Path(plot).suffix.lower() != ".png":
        raise ValueError(f"--plot {plot} must end in .png.")
    paths = {"the table": table, "--out": out, "--plot": plot}
    names = {os.path.realpath(path): what for what, path in paths.items()}
    if len(names) < len(paths):
        raise ValueError(
            f"the table ({table}), --out ({out}) and --plot ({plot}) must be three "
            "different files."
        )
    check_writable(out)
    check_writable(plot)
    require("safetensors", extra="tables")
    require("matplotlib", extra="plot")


class Parser(argparse.ArgumentParser):
    """Mistakes become a `ValueError`, told like all others."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def _parser() -> Parser:
    parser = Parser(
        prog="nanonet",
        description="Small neural networks, trained exactly. Without a command: xor.",
        epilog="example: nanonet fit iris --target species",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_xor(commands)
    _add_fit(commands)
    return parser


def _add_xor(commands: argparse._SubParsersAction) -> None:
    xor = commands.add_parser(
        "xor",
        help="the 2-2-1 network of the notes learns XOR from several starts",
        description="Train the 2-2-1 network on XOR from several random starts, by "
        "gradient descent, and show which of them solve it.",
        epilog="example: nanonet xor --starts 20 --seed 1",
    )
    xor.set_defaults(run=run_xor)
    xor.add_argument("--starts", metavar="N", type=_whole(1, 1000), default=10)
    xor.add_argument("--seed", metavar="N", type=_whole(0, 2**32 - 1), default=0)


def _add_fit(commands: argparse._SubParsersAction) -> None:
    fit = commands.add_parser(
        "fit",
        help="fit a network to a table and score it on rows held out",
        description="Fit a network with one hidden layer to a table in CSV (a header "
        "line, then one line for each row), score it on rows that are held out, and "
        "write the model and a picture of the training. Numbers are standardised, text "
        "becomes categories. A target of text, or of two different numbers, is "
        "classified; any other numbers are regressed, unless --categorical names them.",
        epilog="example: nanonet fit iris --target species --hidden 8 --seed 1",
    )
    fit.set_defaults(run=run_fit)
    add = fit.add_argument
    add("table", metavar="TABLE", help=f"CSV file, or bundled: {', '.join(BUNDLED)}")
    add("--target", required=True, metavar="COLUMN", help="column to predict")
    add(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column to leave out; may be repeated",
    )
    add(
        "--categorical",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column whose numbers are names of categories; may be repeated",
    )
    add(
        "--hidden",
        type=_whole(1, 10_000),
        default=8,
        metavar="N",
        help="hidden units (%(default)s)",
    )
    add(
        "--rule",
        default="adam",
        metavar="NAME",
        help=f"update rule: {', '.join(RULES)} (%(default)s)",
    )
    add(
        "--learning-rate",
        type=_number(),
        metavar="A",
        help="step size (by default one that suits the rule)",
    )
    add(
        "--l2",
        type=_number(),
        default=0.01,
        metavar="L",
        help="weight of the L2 penalty (%(default)s)",
    )
    add(
        "--max-steps",
        type=_whole(1, 10**9),
        default=5000,
        metavar="N",
        help="steps at the most (%(default)s)",
    )
    add(
        "--time-limit",
        type=_number(),
        metavar="S",
        help="seconds of training at the most",
    )
    add(
        "--test-fraction",
        type=_number(0.01, 1.0),
        default=0.25,
        metavar="F",
        help="share of the rows held out (%(default)s)",
    )
    add(
        "--seed",
        type=_whole(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="of the rows held out and the start (%(default)s)",
    )
    add("--out", metavar="PATH", help="the model (TABLE.nanonet, here)")
    add("--plot", metavar="PATH", help="the picture, .png (TABLE-loss.png, here)")
    add("--json", action="store_true", help="print the result as one JSON object")


def _whole(least: int, most: int) -> Callable[[str], int]:
    """Make a reader of whole numbers in that range."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{text} is not a whole number from {least} to {most}"
            )
        return value

    return read


def _number(least: float = 0.0, below: float = math.inf) -> Callable[[str], float]:
    """Make a reader of numbers from ``least``, and below the other bound."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value < below:
            limit = f" and below {below:g}" if below < math.inf else ""
            raise argparse.ArgumentTypeError(
                f"{text} is not a finite number of at least {least:g}{limit}"
            )
        return value

    return read
