"""The command line: arguments in, files and tables out, mistakes in one line."""

import argparse
import functools
import os
import sys
import warnings
from collections.abc import Sequence

from nanonet._internal.program import INTERRUPTED
from nanonet._internal.text import printable
from nanonet._internal.version import version_of
from nanonet.cli import explain, export, fit, play, predict, race, xor
from nanonet.cli.arguments import Parser, warn
from nanonet.table.checks import DataWarning

FAILURE = 2

#: Options that belong to no command.
OWN = ("-h", "--help", "--version")

COMMANDS = (xor, explain, race, play, fit, predict, export)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    0: done; 2: a mistake in the input, told in one line on standard error; 130: Ctrl-C,
    after which what was learnt so far is still scored and written.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    once = functools.cache(warn)
    if not argv or (argv[0].startswith("-") and argv[0] not in OWN):
        argv = ["xor", *argv]
    try:
        arguments = _parser().parse_args(argv)
        with warnings.catch_warnings():
            warnings.simplefilter("always", DataWarning)
            warnings.showwarning = lambda message, *_, **__: once(str(message))
            interrupted = arguments.run(arguments)
        _deliver()
    except BrokenPipeError:  # whoever reads, like `head`, has seen enough
        _discard()
        return 0
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print("nanonet: error:", _sentence(error), file=sys.stderr)
        return FAILURE
    return INTERRUPTED if interrupted else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="nanonet",
        description="Small neural networks, trained exactly. Without a command: xor. "
        "Notebooks that teach all this, from the first slope on, and the notes page by "
        "page are in notebooks/ of the repository; nanonet.explore() in a notebook and "
        "the page that play writes, are a run under sliders.",
        epilog="example: nanonet fit iris --target species",
    )
    version = f"nanonet {version_of('nanonet')}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def _deliver() -> None:
    """Find out now whether what was printed has arrived, and not when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard()
        raise


def _discard() -> None:
    """Drop what could not be printed; Python would try once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        where = "standard output" if error.filename is None else error.filename
        return printable(f"{where} cannot be used: {error.strerror}.")
    return " ".join(printable(str(error)).split())
