"""``nanonet fit``: a table becomes a model, with scores on rows held out."""

import argparse
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nanonet._internal.files import write_whole
from nanonet._internal.optional import require
from nanonet._internal.text import printable
from nanonet.cli.arguments import (
    add_command,
    check_outputs,
    check_suffix,
    number,
    print_json,
    told_of,
    warn,
    whole,
)
from nanonet.cli.fit_screen import show_fit
from nanonet.cli.fit_summary import describe
from nanonet.cli.report.fit_report import fit_as_html
from nanonet.fitting.fit_table import fit_table
from nanonet.model.storage import save_model
from nanonet.plot.curves import training
from nanonet.plot.style import figure_of, to_png
from nanonet.rules._parts.registry import NAMED
from nanonet.solve.result import Status
from nanonet.table.read import read_table


def _layers(text: str) -> tuple[int, ...]:
    units = text.split(",")
    return tuple(map(whole(0 if len(units) == 1 else 1, 10_000), units))


def _penalty(text: str) -> float | str:
    return text if text == "evidence" else number()(text)


def _folds(text: str) -> int | str:
    return text if text == "rows" else whole(2, 10**6)(text)


def _sign(text: str) -> tuple[str, int]:
    column, _, sign = text.rpartition("=")
    if not column or sign not in ("+1", "1", "-1"):
        raise argparse.ArgumentTypeError(f"{text!r} is not like age=+1, or age=-1.")
    return column, int(sign)


#: The arguments of `fit_table` that the command offers: what stands for a value, and
#: what reads it.
OFFERED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "ignore": ("COLUMN", str),
    "categorical": ("COLUMN", str),
    "rare": ("N", whole(0, 10**6)),
    "hidden": ("N[,N...]", _layers),
    "skip": ("", bool),
    "loss": ("NAME", str),
    "noise": ("NAME", str),
    "rule": ("NAME", str),
    "learning_rate": ("A", number()),
    "l2": ("L", _penalty),
    "starts": ("N", whole(1, 10_000)),
    "validation": ("F", number(0.0, 1.0)),
    "test": ("F", number(0.01, 1.0)),
    "folds": ("N", _folds),
    "max_steps": ("N", whole(1, 10**9)),
    "monotone": ("COLUMN=SIGN", _sign),
    "target_transform": ("T", str),
    "time_limit": ("S", number()),
    "checkpoint": ("PATH", str),
}


PARAMETERS = inspect.signature(fit_table).parameters

#: The first sentence that `fit_table` says of each.
SAYS = dict(re.findall(r"(?m)^  (\w+): ([^.]*)", inspect.getdoc(fit_table) or ""))


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command; its options and their defaults are those of `fit_table`."""
    option = add_command(
        commands,
        run,
        example="fit iris --target species --hidden 8 --seed 1",
        shares="table seed json",
    )
    option("--target", required=True, metavar="COLUMN", help="column to predict")
    for name, (metavar, read) in OFFERED.items():
        default, told = PARAMETERS[name].default, SAYS.get(name, "")
        several = default == () or name == "monotone"
        if several:
            told += "; may be repeated"
        elif read is bool:
            told += f" ({'yes' if default else 'no'})"
        elif default is not None:
            told += f" ({','.join(map(str, np.atleast_1d(default)))})"
        if name == "rule":
            told += f": {', '.join(NAMED)}"
        how: dict[str, Any] = {"action": "append" if several else "store"}
        how |= {"type": read, "metavar": metavar}
        if read is bool:
            how = {"action": argparse.BooleanOptionalAction}
        # Only what is asked for is passed on: the defaults are those of fit_table.
        option(
            "--" + name.replace("_", "-"),
            default=argparse.SUPPRESS,
            help=" ".join(told.split()),
            **how,
        )
    option("--test-fraction", type=OFFERED["test"][1], help=argparse.SUPPRESS)
    option("--out", metavar="PATH", help="the model (TABLE.nanonet, here)")
    option("--plot", metavar="PATH", help="the picture, .png (TABLE-loss.png, here)")
    option("--report", metavar="PATH", help="also write a report, .html, of one page")


def run(arguments: argparse.Namespace) -> bool:
    """Fit a network to a table and score it on rows held out.

    The table is CSV (a header line, then one line for each row) or Parquet; the model
    and a picture of the training are written. Numbers are standardised, text becomes
    categories. A target of text, or of two different numbers, is classified; any other
    numbers are regressed, unless --categorical names them.
    """
    stem = Path(arguments.table).stem
    outputs = {
        "--out": arguments.out or f"{stem}.nanonet",
        "--plot": arguments.plot or f"{stem}-loss.png",
    }
    check_suffix("--plot", outputs["--plot"], ".png")
    if arguments.report is not None:
        outputs["--report"] = arguments.report
        check_suffix("--report", arguments.report, ".html")
    asked = {name: value for name, value in vars(arguments).items() if name in OFFERED}
    if arguments.test_fraction is not None:
        warn("--test-fraction is now --test.")
        asked.setdefault("test", arguments.test_fraction)
    if "monotone" in asked:
        asked["monotone"] = dict(asked["monotone"])
    frame = read_table(arguments.table)
    kept = {"--checkpoint": asked["checkpoint"]} if "checkpoint" in asked else {}
    check_outputs({"the table": arguments.table}, outputs | kept)
    require("safetensors", extra="tables")
    require("matplotlib", extra="plot")
    key = jax.random.key(arguments.seed)
    with told_of(arguments.table):
        fit = fit_table(frame, arguments.target, key=key, progress=True, **asked)
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
