"""What the commands share: arguments read and checked, results printed."""

import argparse
import contextlib
import inspect
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from nanonet._internal.files import check_writable
from nanonet._internal.text import printable
from nanonet.table.read import BUNDLED, TableError


class Parser(argparse.ArgumentParser):
    """Mistakes become a `ValueError`, told like all others."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def whole(least: int, most: int) -> Callable[[str], int]:
    """Make a reader of whole numbers in that range."""
    wanted = f"a whole number from {least} to {most}"
    return _reader(int, lambda value: least <= value <= most, wanted)


def number(least: float = 0.0, below: float = math.inf) -> Callable[[str], float]:
    """Make a reader of numbers from ``least``, and below the other bound."""
    limit = f" and below {below:g}" if below < math.inf else ""
    wanted = f"a finite number of at least {least:g}{limit}"
    return _reader(float, lambda value: least <= value < below, wanted)


def _reader(read: type, allowed: Callable[[Any], bool], wanted: str) -> Callable:
    def checked(text: str) -> Any:
        with contextlib.suppress(ValueError):
            if allowed(value := read(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text} is not {wanted}")

    return checked


def add_command(
    commands: argparse._SubParsersAction,
    run: Callable[[argparse.Namespace], bool | None],
    *,
    example: str,
    shares: str = "",
) -> Callable[..., argparse.Action]:
    """Add the command that ``run`` is, by its module's name; its docstring is its help.

    Of what commands have alike, it gets those that ``shares`` names: model, table,
    seed, json. Returns what adds another argument.
    """
    description = inspect.getdoc(run) or ""
    summary = description.partition("\n")[0].rstrip(".")
    command = commands.add_parser(
        run.__module__.rpartition(".")[2],
        help=summary[:1].lower() + summary[1:],
        description=description,
        epilog=f"example: nanonet {example}",
    )
    command.set_defaults(run=run)
    for name in shares.split():
        flag, options = SHARED[name]
        command.add_argument(flag, **options)
    return command.add_argument


def console() -> Console:
    """Standard output; what users named is shown as it is, without markup or emoji."""
    return Console(markup=False, highlight=False, emoji=False)


def print_json(result: dict[str, Any]) -> None:
    """Print one object in one line; a number that is not finite becomes null."""
    print(json.dumps(_finite(result), allow_nan=False))


def _finite(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


#: Arguments that several commands have.
SHARED: dict[str, tuple[str, dict[str, Any]]] = {
    "model": ("model", {"metavar": "MODEL", "help": "file that nanonet fit wrote"}),
    "table": (
        "table",
        {
            "metavar": "TABLE",
            "help": f"CSV or Parquet file, or bundled: {', '.join(BUNDLED)}",
        },
    ),
    "seed": (
        "--seed",
        {
            "metavar": "N",
            "type": whole(0, 2**32 - 1),
            "default": 0,
            "help": "of all that is drawn at random (%(default)s)",
        },
    ),
    "json": (
        "--json",
        {"action": "store_true", "help": "print the result as one JSON object"},
    ),
}


def check_outputs(inputs: dict[str, str], outputs: dict[str, str]) -> None:
    """Find out, before the work, whether its results can be kept.

    Raises:
      ValueError: two of the files are one, or a name can be no file's.
      OSError: an output cannot be written; the message names it.
    """
    taken: dict[str, str] = {}
    for what, path in (inputs | outputs).items():
        if "\0" in path:
            raise ValueError(f"{what} {path!r}: no file's name may hold a NUL.")
        other = taken.setdefault(os.path.realpath(path), what)
        if other != what and what in outputs:
            raise ValueError(f"{what} ({path}) and {other} must be different files.")
    for path in outputs.values():
        check_writable(path)


@contextlib.contextmanager
def told_of(table: str) -> Iterator[None]:
    """Let what is wrong with a table begin with its name."""
    try:
        yield
    except TableError as error:
        raise TableError(f"{table}: {error}") from error


def warn(message: Warning | str) -> None:
    """Tell a warning in one line on standard error."""
    print(f"nanonet: warning: {printable(str(message))}", file=sys.stderr)


def check_suffix(option: str, path: str, suffix: str) -> None:
    """Raise `ValueError` unless the file's name ends in ``suffix``."""
    if Path(path).suffix.lower() != suffix:
        raise ValueError(f"{option} {path} must end in {suffix}.")
