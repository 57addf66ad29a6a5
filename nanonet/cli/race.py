"""``nanonet race``: which rules solve XOR from many random starts, at what price.

The 2-2-1 network of the notes, float64, parameters standard normal, J = half the mean
squared error of the four rows. Each start runs alone in the loop of `minimize`, one
after the other inside one compiled program, until J ≤ 10⁻³, ‖∇J‖ ≤ 10⁻¹⁰, the rule says
that J cannot be made smaller, or its steps are spent.
"""

import argparse
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, Int, PyTree
from rich.live import Live
from rich.table import Table

from nanonet._internal.checks import check_choice
from nanonet.cli.arguments import add_command, console, print_json, whole
from nanonet.network.network import two_two_one
from nanonet.network.two_two_one import TwoTwoOne
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules._parts.registry import NAMED
from nanonet.solve.loop import run_to_end
from nanonet.solve.result import Status
from nanonet.solve.step import Tolerances
from nanonet.table.logic import X, Y

GOAL = 1e-3

MANY, FEW = 10_000, 1_000


class Racer(NamedTuple):
    """A rule, as it takes part."""

    label: str
    rule: optax.GradientTransformation
    max_steps: int


def _racer(name: str, *args: Any, called: str = "{}", **options: Any) -> Racer:
    """A rule by name; those that have a learning rate take many steps."""
    label, make, usual, _ = NAMED[name]
    steps = FEW if usual is None or name == "barzilai_borwein" else MANY
    return Racer(called.format(label), make(*args, **options), steps)


#: The rules that race, by the name one calls them by.
RACERS = {
    "gradient_descent": _racer("gradient_descent", 10.0, called="{}, α = 10"),
    "momentum": _racer("momentum", 1.0, called="{}, α = 1"),
    "rmsprop": _racer("rmsprop", 0.01, called="{}, α = 0.01"),
    "adam": _racer("adam", 0.05, called="{}, α = 0.05"),
    "barzilai_borwein": _racer("barzilai_borwein", 1.0, called="{} 1"),
    "barzilai_borwein_2": _racer("barzilai_borwein", 1.0, 2, called="{} 2"),
    **{name: _racer(name) for name in ("bfgs", "lbfgs", "newton_cg")},
    "newton_pure": _racer("newton", safeguard=False, called="{}, pure"),
    "newton": _racer("newton", called="{}, trust region"),
    "gauss_newton": _racer("gauss_newton"),
    "levenberg_marquardt": _racer("levenberg_marquardt"),
    "levenberg_marquardt_geodesic": _racer(
        "levenberg_marquardt", geodesic=True, called="the same, geodesic"
    ),
}

#: J where starts get stuck: two rows given ½, three rows given 1/3 or 2/3, all rows
#: given ½ (or one row wrong).
PLATEAUS = {"1/16": 1 / 16, "1/12": 1 / 12, "1/8": 1 / 8}

KEY = (
    "steps and calls (of J and ∇J): medians of the starts that solved it; ms: time of "
    "a start. The others, each counted once: NaN, no finite J; off, came to an "
    "infinite J; 1/16, 1/12, 1/8, stuck at that J; moving, steps spent; else, stuck "
    "elsewhere."
)


class Ends(NamedTuple):
    """Where the starts ended."""

    steps: Int[np.ndarray, " starts"]
    status: Int[np.ndarray, " starts"]

    evaluations: Int[np.ndarray, " starts"]
    """Of J and ∇J, or of the residuals."""

    values: Float[np.ndarray, " starts"]
    """The smallest J."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    option = add_command(
        commands,
        run,
        example="race --starts 50 --rule adam --rule bfgs",
        shares="seed json",
    )
    option(
        "--starts",
        metavar="N",
        type=whole(1, 100_000),
        default=200,
        help="random starts, standard normal (%(default)s)",
    )
    option(
        "--rule",
        action="append",
        metavar="NAME",
        help=f"rule that races, all by default; may be repeated: {', '.join(RACERS)}",
    )


def run(arguments: argparse.Namespace) -> None:
    """The rules race on XOR from many starts.

    Train the 2-2-1 network on XOR by every rule from the same random starts, until J,
    half the mean squared error, is at most 0.001, and show how often each solves it, in
    how many steps, and where the others got stuck. The times leave out compilation,
    which takes a second or two for each rule.
    """
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
                live.update(_table(results), refresh=True)
    if arguments.json:
        print_json({"starts": count, "seed": arguments.seed, "rules": results})
    else:
        show_race(results, count)


def draw_starts(count: int, *, seed: int) -> TwoTwoOne:
    """Draw standard normal parameters: each leaf with a leading axis of starts."""
    keys = jax.random.split(jax.random.key(seed), count)
    draw = two_two_one().init
    return jax.vmap(lambda key: draw(key=key, dtype=jnp.result_type(float)))(keys)


def race(
    rule: optax.GradientTransformation, starts: PyTree[Array], max_steps: int
) -> tuple[Ends, float]:
    """Run a rule from each start; the ends, and the seconds without compilation."""
    J = objective(two_two_one(), half_squared_error, jnp.array(X), jnp.array(Y))
    tolerances = Tolerances(gtol=1e-10, xtol=0.0, ftol=0.0, goal=GOAL)

    def run(params: PyTree) -> tuple[Array, ...]:
        end = run_to_end(J, rule, params, tolerances, max_steps)
        return end.step, end.status, end.evaluations, end.best.value

    program = jax.jit(lambda starts: lax.map(run, starts)).lower(starts).compile()
    began = time.perf_counter()
    ends = jax.device_get(program(starts))
    return Ends(*ends), time.perf_counter() - began


def summarize(ends: Ends, seconds: float) -> dict[str, Any]:
    """Count what came of the starts, as `KEY` tells; a median of no starts is None.

    Each start that does not solve XOR is counted by the first cause that holds; it is
    on a plateau if its best J is within 2 % of it.
    """
    solved = ends.values <= GOAL
    left, failures = ~solved, {}
    for name, holds in {
        "NaN": ~np.isfinite(ends.values),
        "off": ends.status == Status.NON_FINITE,
        **{
            name: np.abs(ends.values - height) < 0.02 * height
            for name, height in PLATEAUS.items()
        },
        "moving": ends.status == Status.RUNNING,
        "else": left,
    }.items():
        failures[name] = int(np.sum(left & holds))
        left = left & ~holds
    return {
        "starts": len(solved),
        "solved": int(solved.sum()),
        "steps": _median(ends.steps[solved]),
        "evaluations": _median(ends.evaluations[solved]),
        "milliseconds": 1e3 * seconds / len(solved),
        "failures": failures,
    }


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if values.size else None


def show_race(results: dict[str, dict[str, Any]], starts: int) -> None:
    """The table, and what its columns mean."""
    out = console()
    out.print(f"XOR, {starts:,} starts of the 2-2-1 network", style="bold")
    out.print(_table(results))
    out.print(KEY, style="dim")


def _table(results: dict[str, dict[str, Any]]) -> Table:
    """One row for each rule that raced; see `summarize`."""
    table = Table("rule", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    failures = list(next(iter(results.values()))["failures"])
    for heading in ("solved", "steps", "calls", "ms", *failures):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, result in results.items():
        medians = result["steps"], result["evaluations"]
        table.add_row(
            RACERS[name].label,
            f"{result['solved'] / result['starts']:.1%}",
            *("-" if median is None else f"{median:,.0f}" for median in medians),
            f"{result['milliseconds']:.2f}",
            *(f"{count:,}" for count in result["failures"].values()),
        )
    return table
