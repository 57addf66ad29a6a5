"""``nanonet play``: the playground as one HTML page."""

import argparse

from nanonet._internal.files import write_whole
from nanonet.cli.arguments import add_command, check_outputs, print_json
from nanonet.explorer.playground.assemble import playground_page


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    option = add_command(commands, run, example="play --out xor.html", shares="json")
    option(
        "--out",
        metavar="PATH",
        default="playground.html",
        help="page to write (%(default)s, here)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the playground, one HTML page on which a small network learns.

    It opens in any browser, offline, and needs no Python: play, step, step back; change
    the rule's numbers while it runs; see every number of a step, contours of J with the
    path, and what the network answers; paste a table of your own; share a state by its
    address. Its numbers are nanonet's, in float64.
    """
    check_outputs({}, {"--out": arguments.out})
    write_whole(arguments.out, playground_page().encode("utf8"))
    if arguments.json:
        print_json({"written": arguments.out})
    else:
        print(f"written: {arguments.out} (open it in a browser)")
