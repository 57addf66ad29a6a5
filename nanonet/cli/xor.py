"""``nanonet xor``: the 2-2-1 network learns XOR from several starts."""

import argparse

from nanonet.cli.arguments import whole
from nanonet.cli.tables import show_xor
from nanonet.cli.xor_training import learn_xor
from nanonet.solve.result import Status


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    xor = commands.add_parser(
        "xor",
        help="the 2-2-1 network of the notes learns XOR from several starts",
        description="Train the 2-2-1 network on XOR from several random starts, by "
        "gradient descent, and show which of them solve it.",
        epilog="example: nanonet xor --starts 20 --seed 1",
    )
    xor.set_defaults(run=run)
    xor.add_argument("--starts", metavar="N", type=whole(1, 1000), default=10)
    xor.add_argument("--seed", metavar="N", type=whole(0, 2**32 - 1), default=0)


def run(arguments: argparse.Namespace) -> bool:
    """Learn and show; whether Ctrl-C ended it."""
    results = learn_xor(starts=arguments.starts, seed=arguments.seed)
    show_xor(results)
    return results[-1].status is Status.INTERRUPTED
