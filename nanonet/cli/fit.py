"""``nanonet fit``: a table becomes a model, with scores on rows held out."""

import argparse
from pathlib import Path

import jax

from nanonet._internal.files import write_whole
from nanonet._internal.optional import require
from nanonet.cli.arguments import (
    TABLE_HELP,
    add_json,
    check_outputs,
    check_suffix,
    number,
    print_json,
    whole,
)
from nanonet.cli.html_report.report import fit_as_html
from nanonet.cli.tables import fit_as_json, show_fit
from nanonet.fitting.fit_table import fit_table
from nanonet.model.storage import save_model
from nanonet.plot.curves import training
from nanonet.plot.style import to_png
from nanonet.rules._parts.registry import NAMED
from nanonet.solve.result import Status
from nanonet.table.read import TableError, read_table


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
    option(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column to leave out; may be repeated",
    )
    option(
        "--categorical",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column whose numbers are names of categories; may be repeated",
    )
    option(
        "--hidden",
        type=whole(1, 10_000),
        default=10,
        metavar="N",
        help="hidden units (%(default)s)",
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
        type=number(),
        metavar="L",
        help="weight of the L2 penalty (by default found by evidence, or 1 / rows)",
    )
    option(
        "--max-steps",
        type=whole(1, 10**9),
        metavar="N",
        help="steps at the most, of each start",
    )
    option(
        "--time-limit",
        type=number(),
        metavar="S",
        help="seconds of training at the most",
    )
    option(
        "--test",
        "--test-fraction",
        type=number(0.01, 1.0),
        default=0.25,
        metavar="F",
        help="share of the rows held out (%(default)s)",
    )
    option(
        "--seed",
        type=whole(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="of the rows held out and the start (%(default)s)",
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
    frame = read_table(arguments.table)
    check_outputs({"the table": arguments.table}, outputs)
    require("safetensors", extra="tables")
    require("matplotlib", extra="plot")
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
            test=arguments.test,
            key=jax.random.key(arguments.seed),
            progress=True,
        )
    except TableError as error:
        raise TableError(f"{arguments.table}: {error}") from error
    settings = {
        "rule": arguments.rule or "by default",
        "l2": fit.l2,
        "seed": arguments.seed,
    }
    axes = training(fit.result, title=f"{stem}: {arguments.target}")
    png = to_png(axes.get_figure(root=True))
    save_model(outputs["--out"], fit.model)
    write_whole(outputs["--plot"], png)
    if arguments.report is not None:
        page = fit_as_html(arguments.table, frame, fit, settings)
        write_whole(arguments.report, page.encode("utf8"))
    if arguments.json:
        written = {option[2:]: path for option, path in outputs.items()}
        written["model"] = written.pop("out")
        print_json(fit_as_json(arguments.table, fit, settings, written))
    else:
        show_fit(arguments.table, fit, settings)
        print(f"written: {', '.join(outputs.values())}")
    return fit.result.status is Status.INTERRUPTED
