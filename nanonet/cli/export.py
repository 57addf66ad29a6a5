"""``nanonet export``: a model as source code, as a graph, or as an equation."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nanonet._internal.files import write_whole
from nanonet.cli.arguments import (
    add_command,
    check_outputs,
    number,
    print_json,
    told_of,
)
from nanonet.model.equation.equation import Equation
from nanonet.model.export.c_source import export_c
from nanonet.model.export.numpy_source import export_numpy
from nanonet.model.export.onnx_graph import export_onnx
from nanonet.model.matlab.writing import matlab_source
from nanonet.model.model import Model
from nanonet.model.storage import load_model
from nanonet.table.read import read_table


class Form(NamedTuple):
    """One way to write a model."""

    export: (
        Callable[[Model], str | bytes]
        | Callable[[Equation], str | bytes]
        | Callable[[Model, str], str]
    )
    """Of a model, of an equation, or of a model and the name of its function."""

    ending: str
    """Of the file's name; it can belong to no file that a person wrote."""

    use: str
    """How to go on."""


MODELS = {
    "numpy": Form(export_numpy, "_nanonet.py", "predict(x), x[i] a row of the inputs"),
    "c": Form(export_c, "_nanonet.c", "compile it with -std=c99, link it with -lm"),
    "onnx": Form(export_onnx, "_nanonet.onnx", "each input column is an input"),
}

FUNCTIONS = {
    "matlab": Form(matlab_source, "_nanonet.m", "of MATLAB or Octave, a column a row"),
}

EQUATIONS = {
    "text": Form(Equation.text, "_nanonet.txt", "a line for each unit"),
    "latex": Form(Equation.latex, "_nanonet.tex", "between \\[ and \\], with amsmath"),
    "excel": Form(Equation.workbook, "_nanonet.xlsx", "a cell for each unit"),
    "python": Form(Equation.python, "_nanonet_equation.py", "predict(…) of one row"),
    "javascript": Form(Equation.javascript, "_nanonet.js", "predict(…) of one row"),
}

FORMS = MODELS | FUNCTIONS | EQUATIONS


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    option = add_command(
        commands,
        run,
        example="export iris.nanonet --to c --out iris.c",
        shares="model json",
    )
    option("--to", required=True, choices=FORMS, help="form to write")
    option(
        "--out",
        metavar="PATH",
        help="file to write (MODEL_nanonet.py, .c, .onnx, .txt and so on, here)",
    )
    option(
        "--interval",
        metavar="LEVEL",
        type=number(below=1.0),
        help="of c, also a function of the bounds between which a new value lies with "
        "this probability",
    )
    option(
        "--table",
        metavar="TABLE",
        help="rows, for an equation with the fewest digits that move none of their "
        "predictions by more than the tolerance (all digits)",
    )
    option(
        "--tolerance",
        metavar="E",
        type=number(),
        help="in the target's unit, or of a probability (0.1%% of the predictions' "
        "standard deviation, or 0.001)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write a model as source code, as an ONNX graph, or as an equation.

    Forms that run without nanonet: Python source that needs NumPy only, C99 source that
    needs math.h only, or an ONNX graph. Each reads the columns as the table has them,
    and computes in float64. A function of MATLAB, named as its file. And the equation
    that the network is, in the table's own units: text, LaTeX, an Excel workbook, a
    function in Python or JavaScript.
    """
    form = FORMS[arguments.to]
    out = arguments.out or Path(arguments.model).stem + form.ending
    model = load_model(arguments.model)
    given = {"the model": arguments.model}
    if arguments.table is not None:
        given["the table"] = arguments.table
    check_outputs(given, {"--out": out})
    digits, found = {}, model
    if arguments.to in EQUATIONS:
        found = _equation(model, arguments.table, arguments.tolerance)
        if found.digits is not None:
            digits = {"digits": found.digits, "change": found.change.tolist()}
    elif (arguments.table, arguments.tolerance) != (None, None):
        raise ValueError(
            "--table and --tolerance are for equations; a program has all digits."
        )
    if arguments.interval is not None and arguments.to != "c":
        raise ValueError("--interval goes with --to c.")
    named = (Path(out).stem,) if arguments.to in FUNCTIONS else ()
    level = {"interval": arguments.interval} if arguments.to == "c" else {}
    content = form.export(found, *named, **level)  # type: ignore[call-arg, arg-type]
    write_whole(out, content.encode("utf8") if isinstance(content, str) else content)
    inputs = [column.name for column in model.inputs]
    if arguments.json:
        print_json(
            {
                "model": arguments.model,
                "to": arguments.to,
                "inputs": inputs,
                "targets": [column.name for column in model.targets],
                "written": out,
                **digits,
            }
        )
        return
    print(f"written: {out} ({form.use})")
    print(f"inputs, in this order: {', '.join(map(repr, inputs))}")
    if isinstance(found, Equation):
        print(found.told_digits())


def _equation(model: Model, table: str | None, tolerance: float | None) -> Equation:
    if table is None:
        if tolerance is not None:
            raise ValueError("--tolerance is of the rows of a table; give --table too.")
        return model.equation()
    frame = read_table(table)
    with told_of(table):
        return model.equation(frame, tolerance=tolerance)
