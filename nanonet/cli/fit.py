"""``nanonet fit``: a table becomes a model, with scores on rows held out."""

import argparse
import functools
import inspect
from pathlib import Path
from typing import Any

import jax

from nanonet._internal.files import write_whole
from nanonet._internal.optional import require
from nanonet._internal.text import printable
from nanonet.cli.arguments import (
    TABLE_HELP,
    add_json,
    check_outputs,
    check_suffix,
    number,
    print_json,
    warn,
    whole,
)
from nanonet.cli.fit_summary import describe
from nanonet.cli.html_report import fit_as_html
from nanonet.cli.tables import show_fit
from nanonet.fitting.fit_table import fit_table
from nanonet.model.storage import save_model
from nanonet.plot.curves import training
from nanonet.plot.style import figure_of, to_png
from nanonet.rules._parts.registry import NAMED
from nanonet.solve.result import Status
from nanonet.table.read import TableError, read_table

DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(fit_table).parameters.items()
    if name not in ("frame", "key", "progress")
}


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    fit = commands.add_parser(
        "fit",
        help="fit a network to a table and score it on rows held out",
        description="Fit a network with one hidden layer to a table, CSV (a header "
        "line, then one line for each row) or Parquet, score it on rows held out, and "
        "write the model and a picture of the training. Numbers are standardised, text "
        "becomes categories. A target of text, or of two different numbers, is "
        "classified; any other numbers are regressed, unless --categorical names them.",
        epilog="example: nanonet fit iris --target species --hidden 8 --seed 1",
    )
    fit.set_defaults(run=run)
    option = fit.add_argument
    option("table", metavar="TABLE", help=TABLE_HELP)
    option("--target", required=True, metavar="COLUMN", help="column to predict")
    # Only what is asked for is passed on: the defaults are those of fit_table.
    option = functools.partial(option, default=argparse.SUPPRESS)
    option(
        "--ignore",
        action="append",
        metavar="COLUMN",
        help="column to leave out; may be repeated",
    )
    option(
        "--categorical",
        action="append",
        metavar="COLUMN",
        help="column whose numbers are names of categories; may be repeated",
    )
    option(
        "--hidden",
        type=_layers,
        metavar="N[,N...]",
        help=f"hidden units, of each layer ({','.join(map(str, DEFAULTS['hidden']))})",
    )
    option(
        "--rule",
        metavar="NAME",
        help=f"update rule: {', '.join(NAMED)} (by default one that suits the table)",
    )
    option(
        "--learning-rate",
        type=number(),
        metavar="A",
        help="step size (by default one that suits the rule)",
    )
    option(
        "--l2",
        type=_penalty,
        metavar="L",
        help="weight of the L2 penalty, or: evidence (by default evidence for a "
        "regression of moderate size, else 1 / rows)",
    )
    option(
        "--starts",
        type=whole(1, 10_000),
        metavar="N",
        help=f"random starts, of which the best is kept ({DEFAULTS['starts']})",
    )
    option(
        "--validation",
        type=number(0.0, 1.0),
        metavar="F",
        help="share of the rows to choose the best start and the best step by "
        f"({DEFAULTS['validation']:g})",
    )
    option(
        "--test",
        type=number(0.01, 1.0),
        metavar="F",
        help=f"share of the rows held out, to score the model ({DEFAULTS['test']:g})",
    )
    option("--test-fraction", type=number(0.01, 1.0), help=argparse.SUPPRESS)
    option(
        "--max-steps",
        type=whole(1, 10**9),
        metavar="N",
        help="steps at the most, of each start (by default as many as suit the rule)",
    )
    option(
        "--time-limit",
        type=number(),
        metavar="S",
        help="seconds of training at the most",
    )
    option(
        "--checkpoint",
        metavar="PATH",
        help="file that keeps the run, to go on where it was ended",
    )
    option = fit.add_argument
    option(
        "--seed",
        type=whole(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="of the rows held out and the starts (%(default)s)",
    )
    option("--out", metavar="PATH", help="the model (TABLE.nanonet, here)")
    option("--plot", metavar="PATH", help="the picture, .png (TABLE-loss.png, here)")
    option("--report", metavar="PATH", help="also write a report, .html, of one page")
    add_json(fit)


def run(arguments: argparse.Namespace) -> bool:
    """Read, train, score, write, show; whether Ctrl-C ended the training."""
    stem = Path(arguments.table).stem
    outputs = {
        "--out": arguments.out or f"{stem}.nanonet",
        "--plot": arguments.plot or f"{stem}-loss.png",
    }
    check_suffix("--plot", outputs["--plot"], ".png")
    if arguments.report is not None:
        outputs["--report"] = arguments.report
        check_suffix("--report", arguments.report, ".html")
    asked = {name: value for name, value in vars(arguments).items() if name in DEFAULTS}
    if "test_fraction" in arguments:
        warn("--test-fraction is now --test.")
        asked.setdefault("test", arguments.test_fraction)
    frame = read_table(arguments.table)
    check_outputs({"the table": arguments.table}, outputs | _checkpoint(asked))
    require("safetensors", extra="tables")
    require("matplotlib", extra="plot")
    try:
        key = jax.random.key(arguments.seed)
        fit = fit_table(frame, key=key, progress=True, **asked)
    except TableError as error:
        raise TableError(f"{arguments.table}: {error}") from error
    told = describe(arguments.table, frame, fit, asked, arguments.seed)
    axes = training(fit.result, title=f"{stem}: {arguments.target}")
    png = to_png(figure_of(axes))
    save_model(outputs["--out"], fit.model)
    write_whole(outputs["--plot"], png)
    if arguments.report is not None:
        page = fit_as_html(told, frame, fit)
        write_whole(arguments.report, page.encode("utf8"))
    if arguments.json:
        written = {option[2:]: path for option, path in outputs.items()}
        written["model"] = written.pop("out")
        print_json(told.as_json() | {"written": written})
    else:
        show_fit(told)
        print(f"written: {printable(', '.join(outputs.values()))}")
    return fit.status is Status.INTERRUPTED


def _checkpoint(asked: dict[str, Any]) -> dict[str, str]:
    path = asked.get("checkpoint")
    return {} if path is None else {"--checkpoint": path}


def _layers(text: str) -> tuple[int, ...]:
    return tuple(map(whole(1, 10_000), text.split(",")))


def _penalty(text: str) -> float | str:
    return text if text == "evidence" else number()(text)
