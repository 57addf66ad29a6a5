"""``nanonet race``: the rules on XOR from many starts, as one table."""

import argparse

import jax
from rich.live import Live

from nanonet._internal.checks import check_choice
from nanonet.cli.arguments import add_json, print_json, whole
from nanonet.cli.tables import console, race_table, show_race
from nanonet.cli.xor_race import RACERS, draw_starts, race, summarize


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "race",
        help="the rules race on XOR from many starts",
        description="Train the 2-2-1 network on XOR by every rule from the same random "
        "starts, until J, half the mean squared error, is at most 0.001, and show how "
        "often each solves it, in how many steps, and where the others got stuck. The "
        "times leave out compilation, which takes a second or two for each rule.",
        epilog="example: nanonet race --starts 50 --rule adam --rule bfgs",
    )
    command.set_defaults(run=run)
    command.add_argument(
        "--starts",
        metavar="N",
        type=whole(1, 100_000),
        default=200,
        help="random starts, standard normal (%(default)s)",
    )
    command.add_argument(
        "--seed",
        metavar="N",
        type=whole(0, 2**32 - 1),
        default=0,
        help="of the starts (%(default)s)",
    )
    command.add_argument(
        "--rule",
        action="append",
        metavar="NAME",
        help=f"rule that races, all by default; may be repeated: {', '.join(RACERS)}",
    )
    add_json(command)


def run(arguments: argparse.Namespace) -> None:
    """Race, and show each rule as it comes in."""
    names = list(dict.fromkeys(arguments.rule or RACERS))
    for name in names:
        check_choice("--rule", name, RACERS)
    results, count = {}, arguments.starts
    screen = console()
    with (
        jax.enable_x64(True),
        Live(console=screen, auto_refresh=False, transient=True) as live,
    ):
        starts = draw_starts(count, seed=arguments.seed)
        for name in names:
            _, rule, max_steps = RACERS[name]
            results[name] = summarize(*race(rule, starts, max_steps))
            if screen.is_terminal and not arguments.json:
                live.update(race_table(results), refresh=True)
    if arguments.json:
        print_json({"starts": count, "seed": arguments.seed, "rules": results})
    else:
        show_race(results, count)
