"""``nanonet export``: a model as source code, or as a graph."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nanonet._internal.files import write_whole
from nanonet.cli.arguments import add_command, check_outputs, print_json
from nanonet.model.export.c_source import export_c
from nanonet.model.export.numpy_source import export_numpy
from nanonet.model.export.onnx_graph import export_onnx
from nanonet.model.model import Model
from nanonet.model.storage import load_model


class Form(NamedTuple):
    """One way to write a model."""

    export: Callable[[Model], str | bytes]

    ending: str
    """Of the file's name; it can belong to no file that a person wrote."""

    use: str
    """How to go on."""


FORMS = {
    "numpy": Form(export_numpy, "_nanonet.py", "predict(x), x[i] a row of the inputs"),
    "c": Form(export_c, "_nanonet.c", "compile it with -std=c99, link it with -lm"),
    "onnx": Form(export_onnx, "_nanonet.onnx", "each input column is an input"),
}


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
        help="file to write (MODEL_nanonet.py, .c, .onnx, here)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write a model as NumPy source, C99 source or ONNX.

    Forms that run without nanonet: Python source that needs NumPy only, C99 source that
    needs math.h only, or an ONNX graph. Each reads the columns as the table has them,
    and computes in float64.
    """
    form = FORMS[arguments.to]
    out = arguments.out or Path(arguments.model).stem + form.ending
    model = load_model(arguments.model)
    check_outputs({"the model": arguments.model}, {"--out": out})
    content = form.export(model)
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
            }
        )
    else:
        print(f"written: {out} ({form.use})")
        print(f"inputs, in this order: {', '.join(map(repr, inputs))}")
